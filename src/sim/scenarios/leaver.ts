// The owner of a seed leaves for good. What it published stays known to the
// others (someone may still serve it) until an admin forgets the owner; after
// that it does not return, not even by a node that was away meanwhile.

import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** One leaves, one is away, then the leaver is forgotten. */
export const leaver: ClusterScenario = {
  name: "leaver",
  about: "An owner leaves for good; its seeds stay until it is forgotten",
  nodesDefault: 5,
  nodesMin: 4,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const [founder, owner, away, ...rest] = members;
  if (founder === undefined || owner === undefined || away === undefined) {
    return;
  }
  const { peer } = owner;
  await stage.ledger.publish(owner, "left-behind");
  await stage.converged("it published");
  await owner.leave();
  const staying = [founder, away, ...rest];
  stage.tell(`${owner.name} has left`);
  await stage.changeAll(staying, { times: 2, everyMs: 500 });
  await stage.converged("it left", { members: staying });
  await stage.pause(60_000);
  for (const { name, node } of staying) {
    const isKnown = node.view.seedsOf(peer).length === 1;
    stage.expect(isKnown, `${name} still knows the seed of who left`);
  }
  away.kill();
  await founder.node.documents.forget(peer);
  const here = [founder, ...rest];
  await stage.cluster.until(
    "its seed is forgotten",
    () => here.every(({ node }) => node.view.seedsOf(peer).length === 0),
    { withinMs: 10_000 },
  );
  stage.tell(`${owner.name} is forgotten`);
  await away.start();
  await stage.linked(staying);
  await stage.converged("one who was away came back", { members: staying });
  await stage.pause(30_000);
  for (const { name, node } of staying) {
    const isGone = node.view.seedsOf(peer).length === 0;
    stage.expect(isGone, `${name} has forgotten who left`);
  }
}
