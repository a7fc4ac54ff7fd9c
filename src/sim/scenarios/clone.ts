// Two machines with one identity, as after a copied disk. Where both are heard,
// peers keep the one they know and refuse the other; so each of them has a part
// of the cluster for itself first, and both sign as the same owner. When the
// parts meet, one of the two has to notice, and to refuse to write on.

import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import { namesOf, type Stage } from "../stage.ts";

const noticedMsMax = 120_000;

/** A twin of one member runs with a part of the others. */
export const clone: ClusterScenario = {
  name: "clone",
  about: "Two machines with one identity; one of them refuses to go on",
  nodesDefault: 5,
  nodesMin: 3,
  run,
};

async function run(stage: Stage): Promise<void> {
  const members = await stage.raise();
  const { network, expectedErrors } = stage.cluster;
  expectedErrors.add("state.cloned");
  const original = stage.any(members.slice(1));
  const others = members.filter((one) => one !== original);
  await stage.ledger.publish(original, "before");
  await stage.converged("it published");
  const [with1, with2] = stage.split(others);
  stage.invariants.excuse(original);
  const twinName = "twin";
  network.partition(
    [original.name, ...namesOf(with1)],
    [twinName, ...namesOf(with2)],
  );
  await stage.pause(15_000); // until they hold each other for lost
  const twin = await stage.cluster.clone(twinName, original);
  stage.invariants.excuse(twin);
  stage.tell(`A copy of ${original.name} runs with ${namesOf(with2)}`);
  for (const one of [original, twin]) await write(stage, one);
  await stage.pause(stage.random.integer(10_000));
  network.heal();
  stage.tell("All hear each other");
  const refused = await firstRefused(stage, [original, twin]);
  stage.tell(`${refused.name} refuses to write on`);
  const isKept = await stage.ledger.publish(refused, "too-late") === "unknown";
  stage.expect(isKept, "it publishes nothing any more");
  await refused.stop();
  await stage.changeAll(others, { times: 2, everyMs: 500 });
  await stage.linked();
  await stage.converged("one of the two was stopped");
}

/** Under a name of its own: what the other says is not its matter. */
async function write(stage: Stage, one: SimMember): Promise<void> {
  await stage.ledger.publish(one, `by-${one.name}`);
}

/** Both write on until one of them does not any more. */
async function firstRefused(
  stage: Stage,
  twins: readonly SimMember[],
): Promise<SimMember> {
  const { world } = stage.cluster;
  const startMs = world.nowMs;
  while (true) {
    for (const one of twins) await write(stage, one);
    const refused = twins.find(({ node }) =>
      node.stateReport().fault !== undefined
    );
    const tookMs = world.nowMs - startMs;
    stage.measure("noticedMs", tookMs);
    if (refused !== undefined) return refused;
    stage.expect(tookMs < noticedMsMax, "a twin is noticed in two minutes");
    await stage.pause(200 + stage.random.integer(2_000));
  }
}
