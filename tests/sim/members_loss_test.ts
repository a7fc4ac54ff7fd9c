// An hour in a bad network: one packet in five is lost, one node after the
// other is starved for 5 s, and nobody may be shown lost who is not. A small
// cluster of production nodes; 50 engines do the same in
// members_engine_test.ts. In: one seed a world. Out: who lost whom.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import type { SimCluster, SimMember } from "../../src/sim/mod.ts";
import { clusterScenario, hourMs, meshed } from "./cluster_lab.ts";
import { allAlive, lostAt, raise, starve } from "./members_lab.ts";

async function lossyHour(
  cluster: SimCluster,
  all: readonly SimMember[],
): Promise<void> {
  const random = cluster.world.random.fork("starved");
  const endMs = cluster.world.nowMs + hourMs;
  while (cluster.world.nowMs < endMs) {
    const starved = all[random.integer(all.length)];
    assert.ok(starved !== undefined);
    await starve(cluster, starved, 5_000);
    await cluster.pause(1 + random.integer(10_000));
    for (const one of all) {
      assert.deepEqual(lostAt(one), [], `${one.name} lost somebody`);
    }
  }
}

clusterScenario(
  "S32: nobody is lost in an hour of 20 % loss with one node starved at a time",
  async (cluster) => {
    const all = await raise(cluster, 4);
    cluster.network.setEverywhere({
      latencyMs: 10,
      jitterMs: 20,
      lossPercent: 20,
    });
    await lossyHour(cluster, all);
    cluster.network.setEverywhere({ lossPercent: 0 });
    await meshed(cluster, all);
    await allAlive(cluster, all, { withinMs: limits.memberLostMsMin });
    for (const one of all) assert.deepEqual(lostAt(one), []);
  },
  { worlds: 1 },
);
