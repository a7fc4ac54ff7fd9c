// What scenarios over whole clusters share: worlds that end with nothing left
// behind, calls between members as people make them, and what refused them.
// Every node in them is production's; only the ports are simulated.

import { openTurn } from "../../src/adapters/turn.ts";
import { PlnError, utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import {
  replay,
  SimCluster,
  type SimLogRecord,
  type SimMember,
  unequalRights,
  unlinked,
} from "../../src/sim/mod.ts";
import type { World } from "../../src/sim/mod.ts";
import { sampleModule } from "../fixtures/seeds/sample.ts";
import { signer } from "./lab.ts";
import { seedNumbers } from "./seeds.ts";

const turn = openTurn();
const withinMs = 60 * 86_400_000;
export const never = new AbortController().signal;
export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** Runs a scenario twice in each of several worlds, without any permission. */
export function clusterScenario(
  name: string,
  run: (cluster: SimCluster) => Promise<void>,
  options: {
    /** 2 unless told. */
    readonly worlds?: number;
    /** In their place: those that failed once, for example. */
    readonly seeds?: readonly number[];
    /** Of each step of a disk, at most. */
    readonly stepMsMax?: number;
  } = {},
): void {
  const { worlds = 2, stepMsMax } = options;
  const seeds = options.seeds ?? seedNumbers(worlds);
  const scenario = async (world: World) => {
    const cluster = new SimCluster(world, { signer, disk: { stepMsMax } });
    await run(cluster);
    await cluster.end();
  };
  const whole = (world: World) => world.complete(scenario(world), { withinMs });
  const fn = async () => {
    for (const seed of seeds) await replay(whole, { seed, turn });
  };
  Deno.test({ name, permissions: "none", fn });
}

/** Waits until all are linked and hold the same rights. */
export async function meshed(
  cluster: SimCluster,
  members: readonly SimMember[],
  options: { readonly withinMs?: number } = {},
): Promise<number> {
  return await cluster.until(
    "all are linked and agree",
    () => unlinked(members) ?? unequalRights(members),
    options,
  );
}

/** What a call of a member's seed answered: its text, or the error's code. */
export async function call(
  member: SimMember,
  target: string,
  options: {
    readonly on: SimMember;
    readonly input?: string;
    readonly timeoutMs?: number;
  },
): Promise<string> {
  const [seed = "", fn = ""] = target.split("/");
  const { on, input = "", timeoutMs } = options;
  try {
    const output = await member.node.call(
      { seed, function: fn },
      utf8(input),
      { on: on.peer, timeoutMs, signal: never },
    );
    return utf8TextLossy(output);
  } catch (cause) {
    if (cause instanceof PlnError) return cause.code;
    throw cause;
  }
}

/** Publishes the sample seed at a member; `next` is whom "around" asks. */
export async function publish(
  member: SimMember,
  name: string,
  options: {
    readonly number?: number;
    readonly next?: string;
    /** Others may have the name. */
    readonly isTakeover?: boolean;
  } = {},
): Promise<void> {
  const { number = 0, next, isTakeover } = options;
  const config: Record<string, string> = next === undefined ? {} : { next };
  const request = { config, isTakeover };
  await member.node.publishSeed(name, sampleModule(number), request);
}

/** What was logged at a member under a name, since the world began. */
export function logged(
  member: SimMember,
  event: string,
): readonly SimLogRecord[] {
  return member.machine.log.records.filter((one) => one.event === event);
}
