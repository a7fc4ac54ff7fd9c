// Everybody hears that there is something new, and nobody who lives has it: the
// owner and the one peer that took it are gone. The gap must not hold up what
// other owners say; when the two are back, it closes.

import type { ClusterScenario } from "../scenario.ts";
import { namesOf, type Stage } from "../stage.ts";

/** The owner and its only witness die. */
export const lostBatches: ClusterScenario = {
  name: "lost-batches",
  about: "What nobody alive has holds nobody up, and comes back later",
  nodesDefault: 6,
  nodesMin: 4,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const [, owner, witness, ...more] = members;
  if (owner === undefined || witness === undefined) return;
  const rest = members.filter((one) => one !== owner && one !== witness);
  const { network } = stage.cluster;
  network.partition([owner.name], namesOf(rest));
  stage.tell(`Only ${witness.name} hears ${owner.name}`);
  stage.spawn(() => stage.changeAll([owner], { times: 20, everyMs: 20 }));
  // Somewhere between its hearing of them and its passing them on.
  await stage.pause(20 + stage.random.integer(400));
  owner.kill();
  witness.kill();
  stage.tell("Both are killed");
  await stage.settled();
  await stage.changeAll([...more, ...rest.slice(0, 1)], {
    ...{ times: 5, everyMs: 500 },
  });
  await stage.converged("the others changed on", { members: rest });
  network.heal();
  await witness.start();
  await owner.start();
  await stage.linked();
  await stage.converged("the two came back");
}
