// Many nodes join within five seconds, by one invite, and publish as soon as
// they can. Then all of them restart at once. Each time everybody is linked and
// views are equal fifteen seconds after the last, and no node ever carries more
// than its share: what fills memory is counted, since memory itself differs
// from machine to machine.

import { type Burdens, BurdenWatch } from "../burdens.ts";
import type { SimMember } from "../member.ts";
import type { ClusterScenario } from "../scenario.ts";
import type { Stage } from "../stage.ts";

const stormMs = 5_000;
const calmMsMax = 15_000;
/** While both dial each other there are two between them. */
const sessionsPerPeerMax = 2;
const streamsPerPeerMax = 8;
const heldBytesMax = 8 * 2 ** 20;
const journalBytesMax = 2 ** 20;

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
  using watch = new BurdenWatch(cluster);
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
  judge(stage, watch.most);
}

/** @throws {SimulationError} One node carried too much. */
function judge(stage: Stage, most: Burdens): void {
  stage.measure("sessionsMax", most.sessions);
  stage.measure("streamsMax", most.streams);
  stage.measure("heldBytesMax", most.heldBytes);
  stage.measure("documentsMax", most.documents);
  stage.measure("journalBytesMax", most.journalBytes);
  const peers = stage.nodes - 1;
  const areFew = most.sessions <= sessionsPerPeerMax * peers &&
    most.streams <= streamsPerPeerMax * peers;
  stage.expect(areFew, "nobody holds more connections than it has peers for");
  const areSmall = most.heldBytes <= heldBytesMax &&
    most.journalBytes <= journalBytesMax;
  stage.expect(areSmall, "nobody keeps megabytes that nobody has read");
  stage.expect(most.documents <= peers, "one document for each peer");
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
