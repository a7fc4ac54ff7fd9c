// A node that hears everybody and that nobody hears. The others may hold it for
// lost, but must not lose each other because of it, and it must not be able to
// make them. When the way back opens, all is as before.

import { isLinked } from "../cluster_checks.ts";
import type { ClusterScenario } from "../scenario.ts";
import { namesOf, type Stage } from "../stage.ts";

const cutMs = 60_000;
const lookMs = 1_000;

/** For one minute. */
export const oneWay: ClusterScenario = {
  name: "one-way",
  about: "A node hears and is not heard; the others keep each other",
  nodesDefault: 5,
  nodesMin: 3,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const mute = stage.any(members);
  const others = members.filter((member) => member !== mute);
  stage.cluster.network.cutOneWay([mute.name], namesOf(others));
  stage.tell(`Nobody hears ${mute.name}`);
  stage.spawn(() =>
    stage.changeAll(members, { times: 10, everyMs: cutMs / 12 })
  );
  for (let passedMs = 0; passedMs < cutMs; passedMs += lookMs) {
    await stage.pause(lookMs);
    for (const one of others) {
      for (const other of others) {
        if (one === other) continue;
        const holds = isLinked(one, other);
        stage.expect(holds, `${one.name} keeps its link to ${other.name}`);
      }
    }
  }
  await stage.converged("the others change on", { members: others });
  await stage.settled();
  stage.cluster.network.heal();
  await stage.linked();
  await stage.converged("it is heard again");
}
