// Calls over several nodes whose clocks disagree (SCENARIOS.md S15): when a
// call was made is judged by the origin's own clock, as its newest record tells
// it. In: a cluster of three. Out: answers, and why there is none.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import type { SimCluster, SimMember } from "../../src/sim/mod.ts";
import {
  call,
  clusterScenario,
  hourMs,
  logged,
  publish,
} from "./cluster_lab.ts";
import { liveness, raise, rowOf } from "./members_lab.ts";

type Three = readonly [SimMember, SimMember, SimMember];

/** `n3` calls a seed of `n1`, which asks a seed of `n2`. */
async function three(cluster: SimCluster): Promise<Three> {
  const [one, two, origin] = await raise(cluster, 3);
  assert.ok(one !== undefined && two !== undefined && origin !== undefined);
  await publish(two, "inner", { number: 2 });
  await publish(one, "outer", { next: "pln://seed/inner/caller?on=n2" });
  return [one, two, origin];
}

async function answersOrigin([one, , origin]: Three): Promise<void> {
  const text = await call(origin, "outer/around", { on: one });
  assert.equal(JSON.parse(text)["peerKey"], origin.peer);
}

function refusals(member: SimMember): readonly unknown[] {
  return logged(member, "calls.denied").map(({ fields }) => fields["why"]);
}

for (const offHours of [-5, 5]) {
  clusterScenario(
    `S15: a call over three nodes passes though a clock is ${offHours} h off`,
    async (cluster) => {
      const all = await three(cluster);
      await answersOrigin(all);
      const [, , origin] = all;
      origin.setWallOffset(offHours * hourMs);
      await cluster.pause(2 * limits.recordPeriodMsMin); // a new record
      await answersOrigin(all);
      origin.setWallOffset(0);
      await cluster.pause(2 * limits.recordPeriodMsMin);
      await answersOrigin(all);
    },
  );
}

clusterScenario(
  "S15: an executor whose own clock is wrong judges others rightly",
  async (cluster) => {
    const all = await three(cluster);
    const [, two, origin] = all;
    await cluster.until(
      "it has the origin's record",
      () => rowOf(two, origin).load !== undefined,
      { withinMs: 2 * limits.recordPeriodMsMin },
    );
    two.setWallOffset(-5 * hourMs);
    await answersOrigin(all);
  },
);

clusterScenario(
  "a call of an origin without a link passes while its records do",
  async (cluster) => {
    const all = await three(cluster);
    const [, two, origin] = all;
    cluster.network.partition([two.name], [origin.name]);
    await cluster.pause(20_000);
    assert.equal(liveness(two, origin), "alive");
    await answersOrigin(all);
    assert.deepEqual(refusals(two), []);
  },
);
