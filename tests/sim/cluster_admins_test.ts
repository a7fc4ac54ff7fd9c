// Nodes that others have never been linked to: the names of admins that nobody
// invited, and who becomes an admin while it is away. The keys of new admins are
// their own, whoever asks the root for them.

import assert from "node:assert/strict";
import { NotFoundError } from "../../src/kernel/mod.ts";
import { clusterScenario, meshed } from "./cluster_lab.ts";

clusterScenario(
  "a node knows the name of the first one, which it has never met",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    await meshed(cluster, [ann, bob]);
    await cluster.promote(bob, ann);
    await ann.stop();
    const cleo = await cluster.admit("cleo", bob);
    await meshed(cluster, [bob, cleo]);
    const { members } = cleo.node;
    assert.equal(members.resolve("ann"), ann.peer);
    assert.equal(members.inspect("ann").row.name, "ann");
    await cleo.stop();
    await bob.stop();
    await cleo.start(); // it has nobody to ask
    assert.equal(cleo.node.members.resolve("ann"), ann.peer);
    assert.throws(() => cleo.node.members.resolve("dan"), NotFoundError);
  },
);

clusterScenario(
  "a node that has joined becomes an admin before it is ever up",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    await meshed(cluster, [ann, bob]);
    await cluster.promote(bob, ann);
    const cleo = cluster.machine("cleo");
    const { token } = await ann.node.members.invite({});
    await cleo.join(token);
    // Another admin than the one that has met it.
    const decision = await bob.node.members.grant("cleo", { tier: "admin" });
    await cluster.rootSays(ann, decision, bob);
    await cleo.start();
    await cluster.until(
      "cleo is an admin",
      () => cleo.node.identity.authority !== undefined,
    );
    await meshed(cluster, [ann, bob, cleo]);
    const { token: later } = await cleo.node.members.invite({});
    // Its first publish of this start, by which the others know it.
    await cluster.until(
      "all know the new admin",
      () =>
        [ann, bob].every(({ node }) =>
          node.view.rights.admins.some(({ peer }) => peer === cleo.peer)
        ),
    );
    const dan = cluster.machine("dan");
    await dan.join(later);
  },
);

clusterScenario(
  "the first node's authority is asked for where it has been met",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    await meshed(cluster, [ann, bob]);
    await cluster.promote(bob, ann);
    await ann.stop();
    const change = { properties: new Map([["zone", "north"]]) };
    const known = await bob.node.members.grant("ann", change);
    assert.equal(known.type, "needs-root", "it was linked just now");
    await bob.stop();
    await bob.start();
    await assert.rejects(bob.node.members.grant("ann", change), {
      message: /has not proven here which authority key is its own$/,
      hint: /^Run this again while that node is connected, or on that node$/,
    });
    await ann.start();
    await meshed(cluster, [ann, bob]);
    await cluster.pause(1_000); // what ann says of itself comes after the link
    const decision = await bob.node.members.grant("ann", change);
    await cluster.rootSays(ann, decision, bob);
    await meshed(cluster, [ann, bob]);
    const { tier, properties } = ann.node.members.standing;
    assert.deepEqual([tier, properties.get("zone")], ["admin", "north"]);
  },
);
