// Invites in whole clusters: passed on by nodes that are no admins, used twice
// on two sides of a partition, revoked, and once more for a node that is one.

import assert from "node:assert/strict";
import { PlnError } from "../../src/kernel/mod.ts";
import {
  isLinked,
  type SimCluster,
  type SimMember,
  stateOf,
} from "../../src/sim/mod.ts";
import { clusterScenario, dayMs, meshed } from "./cluster_lab.ts";

type Three = readonly [SimMember, SimMember, SimMember];

/** "ann", an admin "bob" and a leaf "cleo". */
async function three(cluster: SimCluster): Promise<Three> {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann);
  const cleo = await cluster.admit("cleo", ann);
  await meshed(cluster, [ann, bob, cleo]);
  await cluster.promote(bob, ann);
  await meshed(cluster, [ann, bob, cleo]);
  return [ann, bob, cleo];
}

/** What refused a join. */
async function refusal(join: Promise<unknown>): Promise<string> {
  try {
    await join;
  } catch (cause) {
    assert.ok(cause instanceof PlnError, String(cause));
    return cause.message;
  }
  return "none";
}

clusterScenario(
  "a token works once, and only until it is revoked",
  async (cluster) => {
    const [ann, bob, cleo] = await three(cluster);
    const used = await ann.node.members.invite({});
    const xia = cluster.machine("xia");
    await xia.join(used.token);
    await xia.start();
    await meshed(cluster, [ann, bob, cleo, xia]);
    const late = cluster.machine("late");
    assert.match(await refusal(late.join(used.token)), /was used already/);
    const revoked = await ann.node.members.invite({});
    await meshed(cluster, [ann, bob, cleo, xia]);
    await bob.node.members.revokeInvite(revoked.id);
    await meshed(cluster, [ann, bob, cleo, xia]);
    assert.match(await refusal(late.join(revoked.token)), /was revoked/);
    const named = await ann.node.members.invite({ subject: xia.peer });
    assert.match(await refusal(late.join(named.token)), /is for node/);
    const short = await ann.node.members.invite({ ttlMs: 60_000 });
    cluster.skip(dayMs / 2);
    assert.match(await refusal(late.join(short.token)), /expired/);
  },
);

clusterScenario(
  "a leaf passes joins on to an admin that it reaches",
  async (cluster) => {
    const [ann, bob, cleo] = await three(cluster);
    const { token } = await ann.node.members.invite({});
    const { token: second } = await ann.node.members.invite({});
    // The joiner reaches none of the admins.
    const xia = cluster.machine("xia");
    cluster.network.partition(["xia"], ["ann", "bob"]);
    await xia.join(token, { through: cleo });
    await xia.start();
    await cluster.until("xia is in", () => isLinked(xia, cleo));
    cluster.network.heal();
    await meshed(cluster, [ann, bob, cleo, xia]);
    // The issuer is away, another admin redeems.
    await ann.stop();
    const yul = cluster.machine("yul");
    cluster.network.partition(["yul"], ["bob"]);
    await yul.join(second, { through: cleo });
    await yul.start();
    cluster.network.heal();
    await meshed(cluster, [bob, cleo, xia, yul]);
  },
);

clusterScenario(
  "a token that two sides have taken lets one in",
  async (cluster) => {
    const [ann, bob, cleo] = await three(cluster);
    const { token } = await ann.node.members.invite({});
    await meshed(cluster, [ann, bob, cleo]);
    const xia = cluster.machine("xia");
    const yul = cluster.machine("yul");
    cluster.network.partition(["ann", "xia"], ["bob", "cleo", "yul"]);
    await cluster.until("the sides part", () => !isLinked(ann, bob));
    await yul.join(token);
    await yul.start();
    await xia.join(token);
    await xia.start();
    await meshed(cluster, [bob, cleo, yul]);
    cluster.network.heal();
    // The issuer's own redemption wins.
    const all = [ann, bob, cleo, xia];
    await meshed(cluster, all, { withinMs: 30_000 });
    await cluster.until(
      "yul is out",
      () => all.every((one) => stateOf(one, yul) === "denied"),
    );
    await ann.node.members.grant(yul.peer, {});
    await meshed(cluster, [...all, yul], { withinMs: 90_000 });
  },
);

clusterScenario(
  "S16: an expired node that knows nobody joins again as itself",
  async (cluster) => {
    const [ann, bob, cleo] = await three(cluster);
    const { peer } = cleo;
    await cleo.stop();
    cluster.skip(9 * dayMs);
    await ann.node.members.invite({});
    await cluster.pause(610_000);
    await cleo.once(({ ports }) => ports.disk.remove("peers.json"));
    for (const [index, member] of [ann, bob].entries()) {
      cluster.network.setIps(member.name, [`10.5.0.${index + 1}`]);
    }
    const { token } = await ann.node.members.invite({ subject: peer });
    await cleo.join(token);
    await cleo.start();
    assert.equal(cleo.peer, peer);
    await meshed(cluster, [ann, bob, cleo]);
  },
  { worlds: 1 },
);
