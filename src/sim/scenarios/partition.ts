// Two sides that do not hear each other, for a minute, ten minutes or a day (of
// which wall clocks skip the most). Both publish and take back meanwhile. After
// the cut heals, both show the same, and nothing that was acknowledged is lost.

import { unequalViews } from "../cluster_checks.ts";
import type { ClusterScenario } from "../scenario.ts";
import { namesOf, type Stage } from "../stage.ts";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** For one minute. */
export const partition: ClusterScenario = {
  name: "partition",
  about: "Cut in two for a minute; both sides publish, then views are equal",
  nodesDefault: 6,
  nodesMin: 2,
  run: (stage) => cutInTwo(stage, () => stage.pause(minuteMs)),
};

/** Long enough for all that expires in memory. */
export const longPartition: ClusterScenario = {
  name: "long-partition",
  about: "Cut in two for ten minutes, while both sides publish",
  nodesDefault: 5,
  nodesMin: 2,
  run: (stage) => cutInTwo(stage, () => stage.pause(10 * minuteMs)),
};

/** Long enough for certificates of connections. */
export const dayPartition: ClusterScenario = {
  name: "day-partition",
  about: "Cut in two for a day, most of which wall clocks skip",
  nodesDefault: 4,
  nodesMin: 2,
  run: (stage) =>
    cutInTwo(stage, async () => {
      stage.cluster.skip(23 * hourMs);
      await stage.pause(hourMs + minuteMs); // renewers look once an hour
    }),
};

async function cutInTwo(
  stage: Stage,
  wait: () => Promise<void>,
): Promise<void> {
  const members = await stage.raise();
  await stage.changeAll(members, { times: 2, everyMs: 500 });
  const [one, other] = stage.split(members);
  stage.cluster.network.partition(namesOf(one), namesOf(other));
  stage.tell(`${namesOf(one)} and ${namesOf(other)} are cut off`);
  await stage.changeAll(members, { times: 4, everyMs: 1_000 });
  await wait();
  await stage.changeAll(members, { times: 2, everyMs: 500 });
  const areUnequal = unequalViews([...one, ...other]) !== undefined;
  stage.expect(areUnequal, "sides that hear nothing show other views");
  for (const side of [one, other]) {
    await stage.converged("each side for itself", { members: side });
  }
  stage.cluster.network.heal();
  await stage.linked();
  await stage.converged("the two sides were linked again");
}
