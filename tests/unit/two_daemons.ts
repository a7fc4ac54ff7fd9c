// Two daemons of one cluster over simulated ports, in virtual time: Ann founded
// it, Bob joined it. In: what a test does with their control APIs. Out: the test,
// which ends with both of them stopped.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import type { PeerStatus } from "../../src/control/mod.ts";
import { openWorld, SimCluster, type SimMember } from "../../src/sim/mod.ts";
import {
  type RunningDaemon,
  settings,
  startDaemon,
  stopDaemon,
} from "./daemon_lab.ts";

const signer = openSigner();

export type TwoDaemons = {
  readonly ann: RunningDaemon;
  readonly bob: RunningDaemon;
  /** Waits until `from` shows the other one so. */
  shows(
    from: RunningDaemon,
    state: PeerStatus["state"],
  ): Promise<PeerStatus>;
  /** Waits until the condition holds. */
  until(isTrue: () => Promise<boolean>): Promise<void>;
};

/** Ann made the cluster; bob joined it and has a link to her. */
export function twoDaemons(
  name: string,
  run: (lab: TwoDaemons) => Promise<void>,
): void {
  const fn = async () => {
    const world = openWorld(1, { turn: openTurn() });
    const cluster = new SimCluster(world, { signer });
    const start = ({ machine, name }: SimMember) =>
      startDaemon({ world, machine }, { settings: { ...settings, name } });
    const otherOf = async (daemon: RunningDaemon) =>
      (await daemon.status()).nodes[1];
    const shows: TwoDaemons["shows"] = async (from, state) => {
      for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 50) {
        const other = await otherOf(from);
        if (other?.state === state) return other;
        await cluster.pause(50);
      }
      return assert.fail(
        `never ${state}: ${JSON.stringify(await otherOf(from))}`,
      );
    };
    const until: TwoDaemons["until"] = async (isTrue) => {
      for (let waitedMs = 0; waitedMs < 60_000; waitedMs += 50) {
        if (await isTrue()) return;
        await cluster.pause(50);
      }
      assert.fail("it never came true");
    };
    const scenario = async () => {
      const [first, second] = [cluster.machine("ann"), cluster.machine("bob")];
      await first.found();
      await first.stop();
      const ann = await start(first);
      const { token } = await ann.client.members.invite({ tier: "publisher" });
      await second.join(token);
      const bob = await start(second);
      await shows(ann, "connected");
      await run({ ann, bob, shows, until });
      for (const daemon of [bob, ann]) await stopDaemon(daemon);
    };
    await world.complete(scenario(), { withinMs: 86_400_000 });
  };
  Deno.test({ name, permissions: "none", fn });
}
