// What admins decide reaches every node of a cluster: denials at once, also
// those of admins that cannot be asked, and nobody gets past them through a
// peer that has not heard (SCENARIOS.md R11).

import assert from "node:assert/strict";
import {
  isLinked,
  type SimCluster,
  type SimMember,
  stateOf,
  unequalRights,
  unlinked,
} from "../../src/sim/mod.ts";
import { sampleTag } from "../fixtures/seeds/sample.ts";
import {
  call,
  clusterScenario,
  logged,
  meshed,
  publish,
} from "./cluster_lab.ts";

type Five = readonly [SimMember, SimMember, SimMember, SimMember, SimMember];

/** "ann" and four that joined by her. */
async function five(cluster: SimCluster): Promise<Five> {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann);
  const cleo = await cluster.admit("cleo", ann);
  const dan = await cluster.admit("dan", ann, { tier: "publisher" });
  const eve = await cluster.admit("eve", ann);
  const all = [ann, bob, cleo, dan, eve] as const;
  await meshed(cluster, all);
  return all;
}

/** Nobody of the others holds a link to it, nor it to them. */
function cutOff(
  member: SimMember,
  others: readonly SimMember[],
): string | undefined {
  for (const other of others) {
    if (isLinked(other, member)) return `${other.name} is linked to it`;
    if (member.isUp && isLinked(member, other)) {
      return `it is linked to ${other.name}`;
    }
    const state = stateOf(other, member);
    if (state !== "denied") return `at ${other.name} it is ${state}`;
  }
  return undefined;
}

clusterScenario(
  "a denial counts everywhere in a second, and can be lifted",
  async (cluster) => {
    const all = await five(cluster);
    const [ann, bob, cleo, dan, eve] = all;
    await publish(dan, "s", { number: 3 });
    await ann.node.members.deny("eve", { reason: "lost laptop" });
    const others = [ann, bob, cleo, dan];
    await cluster.until("eve is out", () => cutOff(eve, others), {
      withinMs: 1_000,
    });
    for (const other of others) {
      const { denial } = other.node.members.inspect(eve.peer);
      assert.equal(denial?.reason, "lost laptop");
      assert.equal(denial?.by, ann.peer);
    }
    assert.notEqual(await call(eve, "s/tag", { on: dan }), sampleTag(3));
    await cluster.pause(5_000);
    assert.equal(cutOff(eve, others), undefined);
    const [alarm] = eve.node.alarms;
    assert.match(alarm?.message ?? "", /denied/);
    await ann.node.members.allow("eve");
    await meshed(cluster, all, { withinMs: 90_000 });
    assert.equal(await call(eve, "s/tag", { on: dan }), sampleTag(3));
  },
);

clusterScenario(
  "R11: a node that slept through a denial hears of it with its first link",
  async (cluster) => {
    const [ann, bob, cleo, dan, eve] = await five(cluster);
    const others = [ann, bob, cleo, dan];
    await dan.stop();
    await eve.stop();
    await ann.node.members.deny("eve", {});
    // Both come back at once: they may meet before anybody tells dan.
    await Promise.all([dan.start(), eve.start()]);
    await cluster.until(
      "dan is linked",
      () => others.some((one) => one !== dan && isLinked(dan, one)),
    );
    await cluster.until("eve is out", () => cutOff(eve, others), {
      withinMs: 1_000,
    });
    await cluster.pause(5_000);
    assert.equal(cutOff(eve, others), undefined);
  },
);

clusterScenario(
  "R11: who brings the news of its own denial is not served",
  async (cluster) => {
    const [ann, bob, cleo, dan, eve] = await five(cluster);
    await publish(dan, "s", { number: 1 });
    await cluster.promote(eve, ann);
    const others = ["ann", "bob", "cleo", "eve"];
    cluster.network.partition(["dan"], others);
    const decision = await ann.node.members.deny("eve", {});
    // In her own document: she tells of it, whoever she meets.
    await cluster.rootSays(ann, decision, eve);
    await cluster.until("the others know", () => cutOff(eve, [ann, bob, cleo]));
    await cluster.pause(12_000);
    cluster.network.heal();
    cluster.network.partition(["dan"], others.slice(0, 3));
    const answer = await call(eve, "s/tag", { on: dan, timeoutMs: 10_000 });
    assert.notEqual(answer, sampleTag(1));
    await cluster.until("dan has heard it of eve", () => cutOff(eve, [dan]));
  },
  { stepMsMax: 40 }, // storing the news takes longer than asking
);

clusterScenario(
  "what a denied admin has decided counts no more",
  async (cluster) => {
    const [ann, bob, cleo, dan, eve] = await five(cluster);
    await cluster.promote(bob, ann);
    const fay = await cluster.admit("fay", bob);
    await bob.node.members.grant("cleo", { tier: "publisher" });
    await bob.node.members.deny("eve", {});
    const rest = [ann, bob, cleo, dan, fay];
    await meshed(cluster, rest);
    await cluster.until("eve is out", () => cutOff(eve, rest));
    const decision = await ann.node.members.deny("bob", {
      children: "cascade",
      dropDenies: true,
    });
    await cluster.rootSays(ann, decision);
    const left = [ann, cleo, dan];
    await cluster.until(
      "bob and fay are out",
      () =>
        cutOff(bob, left) ??
          (left.some((one) => isLinked(one, fay)) ? "fay" : undefined),
    );
    for (const member of left) {
      const { tier } = member.node.members.inspect(cleo.peer).row;
      assert.equal(tier, "leaf", "the grant went with its writer");
    }
    // So did the denial.
    await meshed(cluster, [ann, cleo, dan, eve], { withinMs: 90_000 });
    const gus = await cluster.admit("gus", bob);
    await cluster.pause(10_000);
    for (const member of left) assert.equal(isLinked(member, gus), false);
  },
);

clusterScenario(
  "a denied admin's denials and members can be kept",
  async (cluster) => {
    const [ann, bob, cleo, dan, eve] = await five(cluster);
    await cluster.promote(bob, ann);
    const fay = await cluster.admit("fay", bob);
    await bob.node.members.deny("eve", {});
    await meshed(cluster, [ann, bob, cleo, dan, fay]);
    const decision = await ann.node.members.deny("bob", { children: "keep" });
    await cluster.rootSays(ann, decision);
    const left = [ann, cleo, dan, fay];
    await cluster.until("bob is out", () => cutOff(bob, left));
    await cluster.pause(3_000);
    await meshed(cluster, left);
    assert.equal(cutOff(eve, left), undefined);
  },
);

clusterScenario(
  "two admins that the root denies in each other's name are both out",
  async (cluster) => {
    const [ann, bob, cleo, dan, eve] = await five(cluster);
    await cluster.promote(bob, ann);
    await cluster.promote(cleo, ann);
    await meshed(cluster, [ann, bob, cleo, dan, eve]);
    cluster.network.partition(["ann", "bob"], ["cleo", "dan", "eve"]);
    const ofCleo = await bob.node.members.deny("cleo", { children: "keep" });
    const ofBob = await cleo.node.members.deny("bob", { children: "keep" });
    await cluster.rootSays(ann, ofCleo, bob);
    await cluster.rootSays(ann, ofBob, cleo);
    await cluster.pause(12_000);
    cluster.network.heal();
    // Each statement counts, although its bearer is out.
    const left = [ann, dan, eve];
    await meshed(cluster, left);
    await cluster.until(
      "both are out",
      () => cutOff(bob, left) ?? cutOff(cleo, left),
    );
  },
);

clusterScenario(
  "S08: a denial that was acknowledged outlives a power loss",
  async (cluster) => {
    const all = await five(cluster);
    const [ann, bob, cleo, dan, eve] = all;
    await cluster.network.partition(["ann"], ["bob", "cleo", "dan", "eve"]);
    await ann.node.members.deny("eve", {});
    ann.losePower();
    await cluster.pause(1_000);
    await ann.start();
    assert.ok(ann.node.members.inspect(eve.peer).denial !== undefined);
    cluster.network.heal();
    await cluster.until("eve is out", () => cutOff(eve, [ann, bob, cleo, dan]));
  },
  { worlds: 3 },
);

clusterScenario(
  "a member that the root made an admin invites",
  async (cluster) => {
    const [ann, bob, cleo, dan, eve] = await five(cluster);
    const links = logged(dan, "link.closed").length;
    await assert.rejects(dan.node.members.invite({}), /admin/i);
    await cluster.promote(dan, ann);
    const fay = await cluster.admit("fay", dan, {
      properties: new Map([["zone", "home"]]),
    });
    const all = [ann, bob, cleo, dan, eve, fay];
    await meshed(cluster, all);
    for (const member of all) {
      const shown = member.node.members.inspect(fay.peer);
      assert.deepEqual([...shown.row.properties], [["zone", "home"]]);
      assert.equal(shown.grant?.by, dan.peer);
      assert.equal(member.node.members.inspect(dan.peer).row.tier, "admin");
    }
    assert.equal(logged(dan, "link.closed").length, links);
    assert.equal(unequalRights(all), undefined);
  },
);

clusterScenario(
  "an admin that the root makes a leaf decides nothing more",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    const cleo = await cluster.admit("cleo", ann);
    await meshed(cluster, [ann, bob, cleo]);
    await cluster.promote(bob, ann);
    await bob.node.members.deny("cleo", {});
    await cluster.until("cleo is out", () => !isLinked(ann, cleo));
    const decision = await ann.node.members.grant(bob.peer, { tier: "leaf" });
    await cluster.rootSays(ann, decision);
    await cluster.until("bob knows", () => {
      const { tier } = bob.node.members.inspect(bob.peer).row;
      return tier === "leaf";
    });
    await assert.rejects(bob.node.members.invite({}), /admin/);
    // What he denied stays so, in another admin's name.
    for (const member of [ann, bob]) {
      const { denial } = member.node.members.inspect(cleo.peer);
      assert.equal(denial?.by, ann.peer);
    }
    assert.equal(unlinked([ann, bob]), undefined);
  },
);
