// A node whose program stands still, as on a machine that is too busy or by
// SIGSTOP, and then goes on. After five seconds nobody has lost it; after more
// the others may show it lost, once. It holds nobody for lost because it slept
// itself, and is soon back.

import { isLinked, lostAt } from "../cluster_checks.ts";
import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import { convergedMsMax, seconds, type Stage } from "../stage.ts";

const shortMs = 5_000;
const longMs = 30_000;
const stoppedMs = 60_000;
const backMsMax = 5_000;
/** Whoever would be lost falsely, or again, is so by then. */
const calmMs = 60_000;

/** Five seconds, then thirty. */
export const starved: ClusterScenario = {
  name: "starved",
  about: "A node stands still for 5 s, then 30 s; it makes nobody else lost",
  nodesDefault: 6,
  nodesMin: 3,
  run: async (stage) => {
    await stage.raise();
    await stage.allAlive();
    const short = stage.any(stage.running);
    await standStill(stage, short, { durationMs: shortMs, isLost: false });
    const long = stage.any(stage.running);
    const far = stage.any(stage.running.filter((one) => one !== long));
    await partLinks(stage, [long, far]);
    await standStill(stage, long, { durationMs: longMs, isLost: true });
    stage.cluster.network.heal();
    await stage.linked();
  },
};

/** A minute, as by SIGSTOP and SIGCONT. */
export const stopped: ClusterScenario = {
  name: "stopped",
  about: "A node is stopped for 60 s and goes on, soon known to be back",
  nodesDefault: 5,
  nodesMin: 3,
  run: async (stage) => {
    await stage.raise();
    await stage.allAlive();
    const member = stage.any(stage.running);
    await standStill(stage, member, { durationMs: stoppedMs, isLost: true });
  },
};

/** From now on the two know each other by what others pass on. */
async function partLinks(
  stage: Stage,
  [one, other]: readonly [SimMember, SimMember],
): Promise<void> {
  stage.cluster.network.partition([one.name], [other.name]);
  await stage.cluster.until(
    `${one.name} and ${other.name} have no link`,
    () => !isLinked(one, other) && !isLinked(other, one),
  );
  await stage.allAlive();
  stage.tell(`${one.name} and ${other.name} have no link to each other`);
}

async function standStill(
  stage: Stage,
  member: SimMember,
  { durationMs, isLost }: {
    readonly durationMs: number;
    readonly isLost: boolean;
  },
): Promise<void> {
  const others = stage.running.filter((one) => one !== member);
  const before = new Map(others.map((one) => [one, lostAt(one).length]));
  const ownBefore = lostAt(member).length;
  stage.tell(`${member.name} stands still for ${seconds(durationMs)}`);
  // What it is about to say then comes later, and is no less true.
  stage.spawn(() => stage.ledger.publish(member, `still-${durationMs}`));
  stage.spawn(() => stage.changeAll(others, { times: 3, everyMs: 1_000 }));
  await stage.starve(member, durationMs);
  const backMs = await stage.allAlive(stage.running, { withinMs: backMsMax });
  stage.measure("backMs", backMs);
  await stage.settled();
  await stage.converged("it went on", { withinMs: convergedMsMax });
  await stage.pause(calmMs);
  const isKind = lostAt(member).length === ownBefore;
  stage.expect(isKind, `${member.name} holds nobody for lost`);
  for (const one of others) {
    const lost = lostAt(one).slice(before.get(one));
    const mayBe = isLost ? [member.peer] : [];
    const isRight = lost.length <= mayBe.length &&
      lost.every((peer) => peer === member.peer);
    stage.expect(isRight, `${one.name} lost nobody else, and nobody twice`);
  }
}
