// A node that was away brings old documents back: seeds that their owners took
// back long ago, from before restarts and compactions. It must learn, and teach
// nobody what is no more.

import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** More changes than fit between two bases. */
const changes = 70;

/** One is away while the others forget. */
export const oldDocument: ClusterScenario = {
  name: "old-document",
  about: "A node returns with documents from before everything was taken back",
  nodesDefault: 4,
  nodesMin: 3,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const { ledger } = stage;
  const away = stage.any(members.slice(1));
  const staying = members.filter((member) => member !== away);
  for (const member of members) await ledger.publish(member, "old");
  await stage.converged("each published a seed");
  if (stage.random.integer(2) === 0) away.kill();
  else away.losePower();
  stage.tell(`${away.name} is gone`);
  for (const member of staying) await ledger.unpublish(member, "old");
  const busy = stage.any(staying);
  for (let time = 0; time < changes; time++) {
    await stage.pause(20);
    await stage.change(busy);
  }
  for (const member of staying) {
    if (stage.random.integer(2) === 0) continue;
    await member.stop();
    await member.start();
  }
  await stage.linked(staying);
  await stage.converged("all was taken back", { members: staying });
  await away.start();
  await stage.linked();
  await stage.converged("it returned");
  await stage.pause(30_000);
  for (const { name, node } of members) {
    for (const { peer } of staying) {
      const isGone = node.view.seedsOf(peer).every(({ name }) =>
        name !== "old"
      );
      stage.expect(isGone, `${name} shows nothing that was taken back`);
    }
  }
}
