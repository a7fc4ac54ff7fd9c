// A minute of 50 simulated nodes, production code over simulated ports, in real
// time: what a scenario costs. Once with nothing to do, and once with a change
// a second somewhere.

import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  openWorld,
  SimCluster,
  type SimMember,
  unlinked,
} from "../../src/sim/mod.ts";
import { sampleModule } from "../fixtures/seeds/sample.ts";
import type { Figures } from "./figures.ts";

const nodes = 50;
const minuteMs = 60_000;
/** What joining leaves behind is no part of an idle minute. */
const settleMs = 10_000;
const withinMs = 3_600_000;

export async function benchSimulated(figures: Figures): Promise<void> {
  const world = openWorld(1, { turn: openTurn() });
  const cluster = new SimCluster(world, { signer: openSigner() });
  const complete = <T>(work: Promise<T>) => world.complete(work, { withinMs });
  const realMs = async (work: () => Promise<unknown>) => {
    const startMs = performance.now();
    await complete(work());
    return performance.now() - startMs;
  };
  const raisedMs = await realMs(async () => {
    const founder = await cluster.found("n1");
    const names = Array.from({ length: nodes - 1 }, (_, at) => `n${at + 2}`);
    await cluster.admitAll(names, founder, { tier: "publisher" });
    await cluster.until(
      "all are linked",
      () => unlinked(cluster.members),
      { withinMs },
    );
  });
  await complete(cluster.pause(settleMs));
  figures.tell("50 simulated nodes join", raisedMs, { unit: "ms" });
  const target = [10_000, "ms"] as const;
  const idleMs = await realMs(() => cluster.pause(minuteMs));
  figures.atMost("60 virtual seconds of 50 nodes, idle", idleMs, target);
  const busyMs = await realMs(() => changeEachSecond(cluster));
  figures.atMost("60 virtual seconds, a change a second", busyMs, target);
  await complete(cluster.end());
}

async function changeEachSecond(cluster: SimCluster): Promise<void> {
  for (let second = 0; second < minuteMs / 1_000; second++) {
    const member = cluster.members[second * 7 % nodes] as SimMember;
    const publishing = member.node.publishSeed(
      `seed-${member.name}`, // nobody else's: names are the cluster's
      sampleModule(second),
      { config: {} },
    );
    await Promise.all([publishing, cluster.pause(1_000)]);
  }
}
