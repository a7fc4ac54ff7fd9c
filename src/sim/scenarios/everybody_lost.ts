// A network that falls to pieces: no node hears any other, so long that each
// has given up all the others. When the network is back, nobody has to type
// anything: known addresses are dialled for ever.

import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const cutMs = 10 * 60_000;

/** For ten minutes. */
export const everybodyLost: ClusterScenario = {
  name: "everybody-lost",
  about: "Every node is alone for ten minutes, then all find each other",
  nodesDefault: 5,
  nodesMin: 2,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  for (const { name } of members) {
    const others = members.filter((one) => one.name !== name);
    stage.cluster.network.cutOneWay([name], others.map(({ name }) => name));
  }
  stage.tell("No node hears any other");
  await stage.changeAll(members, { times: 3, everyMs: 1_000 });
  await stage.pause(cutMs);
  for (const { node, name } of members) {
    const isAlone = node.members.peers().every(({ state }) =>
      state !== "connected"
    );
    stage.expect(isAlone, `${name} has lost everybody`);
  }
  stage.cluster.network.heal();
  await stage.linked();
  await stage.converged("the network came back");
}
