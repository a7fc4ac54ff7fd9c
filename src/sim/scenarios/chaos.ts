// Everything at once and at random: kills, power losses, cuts of both kinds,
// bad paths, stunned and slow machines, wrong clocks, full stops, while every
// member publishes and takes back. Then all is well again: all are linked, all
// views are equal, and what was acknowledged is there.

import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import { namesOf, type Stage } from "../stage.ts";

const steps = 40;
const stepMs = 3_000;
/** All that paths can be, as at the start. */
const clear = {
  ...{ lossPercent: 0, latencyMs: 1, jitterMs: 0, duplicatePercent: 0 },
};

/** Two minutes of it. */
export const chaos: ClusterScenario = {
  name: "chaos",
  about: "Kills, cuts, loss, wrong and slow clocks while everybody publishes",
  nodesDefault: 6,
  nodesMin: 3,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  for (let step = 0; step < steps; step++) {
    act(stage, members);
    stage.spawn(() => stage.change(stage.any(members)));
    stage.spawn(() => stage.change(stage.any(members)));
    await stage.pause(stage.random.integer(stepMs));
  }
  await stage.settled();
  const { network } = stage.cluster;
  // However it went, it ends with two sides that know different things.
  const [one, other] = stage.split(members);
  network.heal();
  network.partition(namesOf(one), namesOf(other));
  await stage.changeAll(members, { times: 2, everyMs: 1_000 });
  network.heal();
  network.setEverywhere(clear);
  for (const member of members) {
    member.setWallOffset(0);
    if (!member.isUp) await member.start();
  }
  stage.tell(`All is well after ${stage.ledger.acknowledged} changes`);
  await stage.linked(members, { withinMs: 150_000 });
  await stage.converged("all was well");
}

function act(stage: Stage, members: readonly SimMember[]): void {
  const { random } = stage;
  const { network } = stage.cluster;
  const member = stage.any(members);
  switch (random.integer(9)) {
    case 0:
    case 1:
      return stage.spawn(() => restart(stage, member));
    case 2: {
      const [one, other] = stage.split(members);
      if (random.integer(3) === 0) {
        return network.cutOneWay(namesOf(one), namesOf(other));
      }
      return network.partition(namesOf(one), namesOf(other));
    }
    case 3:
    case 4:
      return network.heal();
    case 5:
      return network.setPath(member.name, stage.any(members).name, {
        lossPercent: random.integer(40),
        latencyMs: random.integer(200),
        jitterMs: random.integer(100),
        duplicatePercent: random.integer(20),
      });
    case 6:
      return member.setWallOffset((random.integer(60) - 30) * 60_000);
    case 7:
      return stage.spawn(() => slow(stage, member));
    default:
      return stage.spawn(() => stun(stage, member));
  }
}

async function restart(stage: Stage, member: SimMember): Promise<void> {
  if (!member.isUp) return;
  const way = stage.random.integer(3);
  if (way === 0) member.kill();
  else if (way === 1) member.losePower();
  else await member.stop();
  await stage.pause(stage.random.integer(20_000));
  if (!member.isUp) await member.start();
}

/** As SIGSTOP, or a machine that is too busy. */
async function stun(stage: Stage, { isUp, process }: SimMember): Promise<void> {
  if (!isUp) return;
  process.clock.freeze();
  await stage.pause(stage.random.integer(15_000));
  process.clock.thaw();
}

/** Its time runs differently for a while. */
async function slow(stage: Stage, { isUp, process }: SimMember): Promise<void> {
  if (!isUp) return;
  process.clock.setRate(stage.any([0.5, 0.8, 1.25, 2]));
  await stage.pause(stage.random.integer(20_000));
  process.clock.setRate(1);
}
