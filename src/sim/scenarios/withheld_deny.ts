// A member is denied, and the only peer that a part of the cluster hears is
// that member: it will not pass its own denial on. When that part hears anybody
// else, the denial comes before all else; what the denied says shows nowhere.

import { isLinked } from "../cluster_checks.ts";
import type { ClusterScenario } from "../scenario.ts";
import { namesOf, type Stage } from "../stage.ts";

const toldMsMax = 2_000;

/** The denied stands between two parts. */
export const withheldDeny: ClusterScenario = {
  name: "withheld-deny",
  about: "A denied member is all that some nodes hear; it tells them nothing",
  nodesDefault: 6,
  nodesMin: 4,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const [founder, denied, ...rest] = members;
  if (founder === undefined || denied === undefined) return;
  const [told, untold] = stage.split(rest);
  const { network } = stage.cluster;
  const side = [founder, ...told];
  await stage.ledger.publish(denied, "evil");
  await stage.converged("it published");
  network.partition(namesOf(side), namesOf(untold));
  stage.tell(`${namesOf(untold)} hear only ${denied.name}`);
  await stage.pause(20_000);
  const { peer } = denied;
  await founder.node.members.deny(peer, {});
  await stage.cluster.until(
    "those who hear of it hold no link to the denied",
    () => side.every((one) => !isLinked(one, denied)),
    { withinMs: toldMsMax },
  );
  stage.tell(`${denied.name} is denied`);
  await stage.ledger.publish(denied, "more");
  await stage.pause(20_000);
  const isWithheld = untold.every((one) => isLinked(one, denied));
  stage.expect(isWithheld, "nobody told the others");
  network.heal();
  const honest = members.filter((member) => member !== denied);
  await stage.linked(honest);
  await stage.converged("the denial was told", { members: honest });
  for (const one of honest) {
    stage.expect(!isLinked(one, denied), `${one.name} let the denied go`);
    const shown = one.node.view.seedsOf(peer).length;
    stage.expect(shown === 0, `${one.name} shows nothing of the denied`);
  }
}
