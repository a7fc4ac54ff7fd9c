// Many nodes join within five seconds, by one invite, and publish as soon as
// they can. Then all of them restart at once. Each time everybody is linked and
// views are equal fifteen seconds after the last.

import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const stormMs = 5_000;
const calmMsMax = 15_000;

/** Fifty nodes. */
export const joinStorm: ClusterScenario = {
  name: "join-storm",
  about: "50 nodes join in 5 s, then all restart; equal 15 s later",
  nodesDefault: 50,
  nodesMin: 3,
  run,
};

async function run(stage: Stage): Promise<void> {
  const { cluster, nodes, random } = stage;
  const founder = await cluster.found("n1");
  const { token } = await founder.node.members.invite({
    ...{ tier: "publisher", uses: nodes },
  });
  const joins = Array.from({ length: nodes - 1 }, (_, index) => {
    const member = cluster.machine(`n${index + 2}`);
    return join(stage, member, { token });
  });
  await Promise.all(joins);
  stage.tell(`${nodes - 1} nodes joined`);
  await stage.linked(cluster.members, { withinMs: calmMsMax });
  await stage.converged("the joins", { withinMs: calmMsMax });
  await Promise.all(cluster.members.map(async (member) => {
    await stage.pause(random.integer(1_000));
    if (random.integer(2) === 0) member.kill();
    else await member.stop();
    await stage.pause(random.integer(1_000));
    await member.start();
  }));
  stage.tell("All restarted");
  await stage.linked(cluster.members, { withinMs: calmMsMax });
  await stage.converged("the restarts", { withinMs: calmMsMax });
}

async function join(
  stage: Stage,
  member: SimMember,
  { token }: { readonly token: string },
): Promise<void> {
  await stage.pause(stage.random.integer(stormMs));
  await member.join(token);
  await member.start();
  await stage.ledger.publish(member, "hello");
}
