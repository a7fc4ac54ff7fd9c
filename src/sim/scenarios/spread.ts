// How long a change takes to reach everybody: on a good network, where 99 of
// 100 nodes have to show it in a second, and with 30 % loss, where all have to
// in ten. The times are printed.

import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const rounds = 10;
const lookMs = 10;
const goodMsMax = 1_000;
const badMsMax = 10_000;
const goodPercent = 99;

/** On 50 nodes. */
export const spread: ClusterScenario = {
  name: "spread",
  about: "A change reaches 99 % in 1 s, and all in 10 s at 30 % loss",
  nodesDefault: 50,
  nodesMin: 2,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const times = await spreadTimes(stage, members, { withinMs: badMsMax });
  const soon = times.filter((timeMs) => timeMs <= goodMsMax).length;
  stage.measure("spreadMsMax", times.at(-1) ?? 0);
  stage.measure("spreadMs99", times[Math.floor(times.length * 0.99)] ?? 0);
  stage.measure("spreadMs50", times[times.length >> 1] ?? 0);
  const isSoon = soon * 100 >= goodPercent * times.length;
  stage.expect(isSoon, `${goodPercent} % show a change in ${goodMsMax} ms`);
  stage.cluster.network.setEverywhere({ lossPercent: 30 });
  const late = await spreadTimes(stage, members, { withinMs: badMsMax });
  stage.measure("lossySpreadMsMax", late.at(-1) ?? 0);
  stage.measure("lossySpreadMs99", late[Math.floor(late.length * 0.99)] ?? 0);
  stage.cluster.network.setEverywhere({ lossPercent: 0 });
  await stage.linked();
  await stage.converged("the network is good again");
}

/** Each time that a node needed to show a change, the shortest first. */
async function spreadTimes(
  stage: Stage,
  members: readonly SimMember[],
  options: { readonly withinMs: number },
): Promise<readonly number[]> {
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await stage.pause(500 + stage.random.integer(3_000));
    const owner = stage.any(members);
    const name = `spread-${round}`;
    await stage.ledger.publish(owner, name);
    const digest = stage.ledger.acknowledgedOf(owner, name);
    const left = new Set(members);
    for (let tookMs = 0; left.size > 0; tookMs += lookMs) {
      const isLate = tookMs > options.withinMs;
      stage.expect(!isLate, `${left.size} nodes miss a change in time`);
      for (const member of left) {
        const shown = member.node.view.seedsOf(owner.peer)
          .find((seed) => seed.name === name);
        if (shown?.spec.digest !== digest) continue;
        left.delete(member);
        times.push(tookMs);
      }
      await stage.pause(lookMs);
    }
  }
  return times.sort((one, other) => one - other);
}
