// A node is off for three weeks. Its certificate has expired, and all others
// but one have moved to other addresses. It finds its way back by that one, in
// half a minute, and hears all that happened.

import { isLinked } from "../cluster_checks.ts";
import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const dayMs = 86_400_000;
const backMsMax = 30_000;

/** Three weeks. */
export const longAbsence: ClusterScenario = {
  name: "long-absence",
  about: "A node is off for three weeks and all others but one have moved",
  nodesDefault: 4,
  nodesMin: 4,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const { cluster } = stage;
  const [founder, absent, ...rest] = members;
  if (founder === undefined || absent === undefined) return;
  await stage.changeAll(members, { times: 3, everyMs: 500 });
  await stage.converged("all changed something");
  await absent.stop();
  stage.tell(`${absent.name} is switched off`);
  const staying = [founder, ...rest];
  // Certificates live for seven days; who starts looks at its own.
  for (let days = 0; days < 21; days += 5) {
    cluster.skip(Math.min(5, 21 - days) * dayMs);
    for (const member of staying) {
      await member.stop();
      await member.start();
    }
    await stage.linked(staying);
    await stage.changeAll(staying, { times: 1, everyMs: 500 });
  }
  const stayed = stage.any(staying);
  const moved = staying.filter((member) => member !== stayed);
  for (const [index, member] of moved.entries()) {
    cluster.network.setIps(member.name, [`10.9.0.${index + 1}`]);
  }
  await stage.linked(staying);
  stage.tell(`Three weeks later; all but ${stayed.name} have moved`);
  await absent.start();
  const backMs = await cluster.until(
    "it is linked with who stayed",
    () => isLinked(absent, stayed) && isLinked(stayed, absent),
    { withinMs: backMsMax },
  );
  stage.measure("backMs", backMs);
  await stage.linked();
  await stage.converged("it was back");
}
