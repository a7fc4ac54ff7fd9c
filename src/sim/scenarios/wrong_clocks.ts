// Wall clocks that are an hour or ten years off, and that jump. What is newer
// is decided by owners' numbers, never by clocks: a node whose clock is far
// ahead cannot make its entries win for ever, nor stop those of others.

import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const hourMs = 3_600_000;
const yearMs = 365 * 24 * hourMs;

/** One hour for all, ten years for one, and jumps. */
export const wrongClocks: ClusterScenario = {
  name: "wrong-clocks",
  about: "Clocks are an hour or ten years off and jump; order holds",
  nodesDefault: 5,
  nodesMin: 3,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  for (const member of members) {
    shift(member, stage.random.integer(2 * hourMs) - hourMs);
  }
  stage.tell("All clocks are up to an hour off");
  await stage.changeAll(members, { times: 4, everyMs: 1_000 });
  await stage.converged("all changed with wrong clocks");
  for (const member of members) {
    shift(member, stage.random.integer(2 * hourMs) - hourMs);
  }
  stage.tell("All clocks jump");
  await stage.changeAll(members, { times: 4, everyMs: 1_000 });
  await stage.converged("all changed after the jump");
  const far = stage.any(members);
  shift(far, (stage.random.integer(2) === 0 ? 10 : -10) * yearMs);
  stage.tell(`The clock of ${far.name} is ten years off`);
  await stage.changeAll(members, { times: 4, everyMs: 2_000 });
  await stage.pause(30_000);
  for (const member of members) shift(member, 0);
  stage.tell("All clocks are right again");
  await stage.linked();
  await stage.changeAll(members, { times: 3, everyMs: 1_000 });
  await stage.converged("clocks were set right");
}

function shift(member: SimMember, offsetMs: number): void {
  member.setWallOffset(offsetMs);
}
