// An old backup of a node's disk is put back: its peers know more of what it
// said than it does. It takes that over before it writes: nothing that was
// published after the backup is lost, nothing that was taken back returns.

import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

/** Of one node; the others run on. */
export const restoredDisk: ClusterScenario = {
  name: "restored-disk",
  about: "A node starts from an old backup and rolls nothing back",
  nodesDefault: 4,
  nodesMin: 2,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const old = stage.any(members);
  const { ledger } = stage;
  await ledger.publish(old, "kept");
  await ledger.publish(old, "taken-back");
  await ledger.publish(old, "replaced");
  await stage.converged("it published three seeds");
  const backup = old.machine.disk.backUp();
  stage.tell(`A backup of ${old.name} is made`);
  await ledger.unpublish(old, "taken-back");
  await ledger.publish(old, "replaced");
  await ledger.publish(old, "new");
  const isRestarted = stage.random.integer(2) === 0;
  if (isRestarted) {
    await old.stop();
    await old.start();
    await ledger.publish(old, "newer");
  }
  await stage.converged("it changed them");
  if (stage.random.integer(2) === 0) await old.stop();
  const excuse = stage.invariants.excuse(old);
  old.restore(backup);
  stage.tell(`${old.name} gets its backup back`);
  await stage.pause(stage.random.integer(5_000));
  await old.start();
  await stage.linked();
  await stage.converged("it started again");
  excuse[Symbol.dispose]();
  // From here on its own view has to show what was acknowledged at any time.
  await stage.pause(1_000);
  await ledger.publish(old, "after");
  await stage.changeAll(members, { times: 3, everyMs: 500 });
  await stage.converged("everybody changed something");
}
