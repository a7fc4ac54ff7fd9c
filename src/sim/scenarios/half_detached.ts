// A node that loses nine packets of ten both ways, and later so many that no
// link lasts. It comes and goes; nobody else is shown lost because of it,
// healthy nodes keep their links and go on agreeing, and what it costs them to
// try again and again has a limit.

import { isLinked, lostAt, unequallyAlive } from "../cluster_checks.ts";
import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import { namesOf, type Stage } from "../stage.ts";

const losses = [90, 97];
const minutesEach = 5;
const lookMs = 1_000;
const looksPerMinute = 60_000 / lookMs;
/** With one peer, in one minute, made by either side. */
const linksPerMinuteMax = 7;

/** For ten minutes. */
export const halfDetached: ClusterScenario = {
  name: "half-detached",
  about: "A node has 90 to 97 % loss for 10 min; others are none the worse",
  nodesDefault: 5,
  nodesMin: 3,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  await stage.allAlive();
  const torn = stage.any(members);
  const healthy = members.filter((member) => member !== torn);
  for (const lossPercent of losses) {
    lose(stage, torn, { lossPercent, healthy });
    stage.tell(`${torn.name} loses ${lossPercent} packets of 100`);
    const before = linksMade(healthy);
    for (let minute = 0; minute < minutesEach; minute++) {
      await passMinute(stage, healthy);
    }
    const made = linksMade(healthy) - before;
    stage.measure(`linksMadeAt${lossPercent}`, made);
    const isBounded = made <=
      minutesEach * linksPerMinuteMax * healthy.length;
    stage.expect(isBounded, "trying again has a limit");
  }
  for (const one of healthy) {
    const isAlone = lostAt(one).every((peer) => peer === torn.peer);
    stage.expect(isAlone, `${one.name} lost nobody else`);
  }
  lose(stage, torn, { lossPercent: 0, healthy });
  stage.tell(`${torn.name} loses nothing any more`);
  await stage.linked();
  await stage.allAlive();
  await stage.converged("it was heard again");
}

async function passMinute(
  stage: Stage,
  healthy: readonly SimMember[],
): Promise<void> {
  stage.spawn(() => stage.changeAll(healthy, { times: 2, everyMs: 5_000 }));
  for (let look = 0; look < looksPerMinute; look++) {
    await stage.pause(lookMs);
    judge(stage, healthy);
  }
  await stage.settled();
  await stage.converged("another minute", { members: healthy });
}

function lose(
  stage: Stage,
  { name }: SimMember,
  { lossPercent, healthy }: {
    readonly lossPercent: number;
    readonly healthy: readonly SimMember[];
  },
): void {
  for (const other of namesOf(healthy)) {
    stage.cluster.network.setPath(name, other, { lossPercent });
  }
}

/** @throws {SimulationError} Somebody healthy suffers. */
function judge(stage: Stage, healthy: readonly SimMember[]): void {
  const fault = unequallyAlive(healthy);
  stage.expect(fault === undefined, `all that are well live: ${fault}`);
  for (const one of healthy) {
    for (const other of healthy) {
      if (one === other) continue;
      const holds = isLinked(one, other);
      stage.expect(holds, `${one.name} keeps its link to ${other.name}`);
    }
  }
}

function linksMade(members: readonly SimMember[]): number {
  return members.reduce(
    (sum, { machine: { log } }) =>
      sum + log.records.filter(({ event }) => event === "link.open").length,
    0,
  );
}
