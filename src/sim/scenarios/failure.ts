// One node after the other dies. All that live know it in twenty seconds, and
// hold nobody else for lost; when it starts again, they know that as well. In: a
// stage. Out: how long the slowest needed.

import { livenessOf, lostAt } from "../cluster_checks.ts";
import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const rounds = 2;
const knownMsMax = 20_000;

/** On fifty nodes. */
export const failure: ClusterScenario = {
  name: "failure",
  about: "A node dies; all that live know it in 20 s, and lose nobody else",
  nodesDefault: 50,
  nodesMin: 2,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  await stage.allAlive();
  const dead: SimMember[] = [];
  for (let round = 0; round < rounds; round++) {
    await stage.pause(stage.random.integer(5_000));
    const member = stage.any(members);
    dead.push(member);
    if (stage.random.integer(2) === 0) member.kill();
    else member.losePower();
    const knownMs = await stage.cluster.until(
      `all know that ${member.name} is dead`,
      () => whoHopes(stage.running, member),
      { withinMs: knownMsMax },
    );
    stage.tell(`All know that ${member.name} is dead`);
    stage.measure("knownMs", knownMs);
    judge(stage, dead);
    await member.start();
    await stage.linked();
    await stage.allAlive();
  }
  judge(stage, dead);
  await stage.converged("all were back");
}

function whoHopes(
  living: readonly SimMember[],
  dead: SimMember,
): string | undefined {
  const hopeful = living.find((one) => livenessOf(one, dead) !== "lost");
  return hopeful === undefined ? undefined : `${hopeful.name} does not`;
}

/** @throws {SimulationError} Somebody was lost who was not dead. */
function judge(stage: Stage, dead: readonly SimMember[]): void {
  const peers = new Set<string>(dead.map(({ peer }) => peer));
  for (const one of stage.running) {
    const isRight = lostAt(one).every((peer) => peers.has(peer)) &&
      lostAt(one).length <= dead.length;
    stage.expect(isRight, `${one.name} lost the dead only, and once`);
  }
}
