// Clocks that are wrong, certificates that age, and nodes that were away:
// SCENARIOS.md S15, S16 and R09. Days pass by setting the wall clocks of all
// machines forward: links and timers live on, as they would.

import assert from "node:assert/strict";
import {
  isLinked,
  type SimCluster,
  type SimMember,
  unlinked,
} from "../../src/sim/mod.ts";
import { sampleTag } from "../fixtures/seeds/sample.ts";
import {
  call,
  clusterScenario,
  dayMs,
  hourMs,
  logged,
  meshed,
  publish,
} from "./cluster_lab.ts";

/** Lets days pass on all clocks; a renewer looks once an hour. */
async function pass(cluster: SimCluster, days: number): Promise<void> {
  cluster.skip(days * dayMs);
  await cluster.pause(hourMs + 60_000);
}

/**
 * As `pass`, and news of rights make renewers look at once; what else looks at
 * the clock does so every 10 minutes.
 */
async function passAndTell(
  cluster: SimCluster,
  days: number,
  admin: SimMember,
): Promise<void> {
  cluster.skip(days * dayMs);
  await admin.node.members.invite({});
  await cluster.pause(610_000);
}

/** Links that this member has lost since the world began. */
function lostLinks(member: SimMember): number {
  return logged(member, "link.closed").length;
}

function certificateOf({ node }: SimMember): string {
  return node.identity.credential.member.der.toHex();
}

function endOfAuthority({ node }: SimMember): number {
  return node.identity.authority?.certificate.notAfterMs ?? 0;
}

function alarmsOf({ node }: SimMember): string {
  return node.alarms.map(({ message, hint }) => `${message} ${hint}`)
    .join("\n");
}

for (const offMs of [hourMs, -hourMs]) {
  const which = offMs > 0 ? "ahead" : "behind";
  clusterScenario(
    `S15: a node whose clock is 1 h ${which} is a full member`,
    async (cluster) => {
      const ann = await cluster.found("ann");
      const bob = cluster.machine("bob");
      bob.setWallOffset(offMs);
      const { token } = await ann.node.members.invite({ tier: "publisher" });
      await bob.join(token);
      await bob.start();
      await meshed(cluster, [ann, bob]);
      await cluster.promote(bob, ann);
      const cleo = await cluster.admit("cleo", bob);
      const all = [ann, bob, cleo];
      await meshed(cluster, all);
      await publish(bob, "s", {
        number: 2,
        next: "pln://seed/s/caller?on=ann",
      });
      await publish(ann, "s", { number: 1 });
      for (const member of [ann, cleo]) {
        assert.equal(await call(member, "s/tag", { on: bob }), sampleTag(2));
      }
      assert.equal(await call(bob, "s/tag", { on: ann }), sampleTag(1));
      const seen = JSON.parse(await call(cleo, "s/around", { on: bob }));
      assert.equal(seen.peerKey, cleo.peer);
      await bob.node.members.deny("cleo", {});
      await cluster.until("ann obeys", () => !isLinked(ann, cleo));
      await bob.node.members.allow("cleo");
      await meshed(cluster, all, { withinMs: 90_000 });
    },
  );
}

for (const years of [10, -10]) {
  const which = years > 0 ? "ahead" : "behind";
  clusterScenario(
    `S15: a clock 10 years ${which} is named as the reason`,
    async (cluster) => {
      const ann = await cluster.found("ann");
      const bob = await cluster.admit("bob", ann);
      await meshed(cluster, [ann, bob]);
      const cleo = cluster.machine("cleo");
      cleo.setWallOffset(years * 365 * dayMs);
      const { token } = await ann.node.members.invite({});
      await assert.rejects(cleo.join(token), (cause: Error) => {
        assert.match(`${cause.message} ${Reflect.get(cause, "hint")}`, /clock/);
        return true;
      });
      // One that runs is told, too, and comes back when the clock is right.
      bob.setWallOffset(years * 365 * dayMs);
      await cluster.pause(700_000); // links are judged again in 10 minutes
      assert.match(alarmsOf(bob), /clock/);
      bob.setWallOffset(0);
      await meshed(cluster, [ann, bob], { withinMs: 700_000 });
      assert.doesNotMatch(alarmsOf(bob), /clock/);
    },
    { worlds: 1 },
  );
}

clusterScenario(
  "S15: a clock that jumps back an hour costs no link",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const others = await cluster.admitAll(["bob", "cleo"], ann);
    const all = [ann, ...others];
    await meshed(cluster, all);
    for (const member of all) member.setWallOffset(2 * hourMs);
    await cluster.pause(60_000);
    const before = all.map(lostLinks);
    for (const member of all) {
      member.setWallOffset(hourMs);
      await cluster.pause(601_000); // links are judged again in 10 minutes
    }
    assert.deepEqual(all.map(lostLinks), before);
    const dan = await cluster.admit("dan", ann);
    await meshed(cluster, [...all, dan]);
  },
  { worlds: 1 },
);

clusterScenario(
  "S16: certificates renew at 2/3 of their life, links stay",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    const all = [ann, bob];
    await meshed(cluster, all);
    const [links, first] = [all.map(lostLinks), all.map(certificateOf)];
    await passAndTell(cluster, 4.5, ann);
    assert.deepEqual(all.map(certificateOf), first, "not before their time");
    await pass(cluster, 0.5);
    for (const [at, certificate] of all.map(certificateOf).entries()) {
      assert.notEqual(certificate, first[at]);
    }
    await passAndTell(cluster, 3, ann); // the first ones have expired
    assert.equal(unlinked(all), undefined);
    assert.deepEqual(all.map(lostLinks), links);
    for (const member of all) {
      for (const other of all) {
        const shown = member.node.members.inspect(other.peer).credential;
        assert.equal(shown?.member.der.toHex(), certificateOf(other));
      }
    }
  },
  { worlds: 1 },
);

clusterScenario(
  "S16: a node that was off until after expiry comes back, in its time",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    const cleo = await cluster.admit("cleo", ann, { accessMs: 6 * dayMs });
    await meshed(cluster, [ann, bob, cleo]);
    await bob.stop();
    await cleo.stop();
    await passAndTell(cluster, 5, ann);
    await passAndTell(cluster, 4, ann);
    await bob.start();
    await cleo.start();
    await meshed(cluster, [ann, bob], { withinMs: 30_000 });
    await cluster.pause(30_000);
    for (const member of [ann, bob]) {
      assert.equal(isLinked(member, cleo), false);
    }
    assert.match(alarmsOf(cleo), /access of .* ended/);
    await ann.node.members.grant(cleo.peer, { accessMs: 30 * dayMs });
    // It asks every 5 minutes by now, and is dialled once a minute.
    await meshed(cluster, [ann, bob, cleo], { withinMs: 400_000 });
    assert.equal(alarmsOf(cleo), "");
  },
  { worlds: 1 },
);

clusterScenario(
  "S16: an admin's authority is warned about, and renewed by the root",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    await meshed(cluster, [ann, bob]);
    await cluster.promote(bob, ann);
    assert.equal(alarmsOf(bob), "");
    const first = endOfAuthority(bob);
    await passAndTell(cluster, 310, ann);
    await meshed(cluster, [ann, bob], { withinMs: 300_000 });
    for (const { node, peer } of [ann, bob]) {
      assert.match(node.alarms[0]?.message ?? "", /authority ends in/);
      const decision = await ann.node.members.grant(peer, { tier: "admin" });
      await cluster.rootSays(ann, decision);
    }
    await cluster.until(
      "the authorities are new",
      () => alarmsOf(ann) + alarmsOf(bob) === "",
      { withinMs: 30_000 },
    );
    assert.ok(endOfAuthority(bob) > first);
    await passAndTell(cluster, 100, ann); // the first authorities have ended
    await meshed(cluster, [ann, bob], { withinMs: 300_000 });
    await cluster.admit("cleo", bob);
  },
  { worlds: 1 },
);

clusterScenario(
  "S16: a cluster whose only admin was away for too long recovers",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const others = await cluster.admitAll(["bob", "cleo"], ann);
    const all = [ann, ...others];
    await meshed(cluster, all);
    await ann.stop();
    cluster.skip(9 * dayMs);
    await cluster.pause(610_000);
    const [bob, cleo] = others;
    assert.ok(bob !== undefined && cleo !== undefined);
    assert.equal(isLinked(bob, cleo), false, "nobody believes an expired one");
    assert.match(alarmsOf(bob), /certificate expired/);
    await ann.start();
    await meshed(cluster, all, { withinMs: 900_000 });
    await cluster.until(
      "no alarm is left",
      () => all.every((one) => alarmsOf(one) === ""),
    );
  },
  { worlds: 1 },
);

clusterScenario(
  "access ends at its deadline, also of links in use",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    const cleo = await cluster.admit("cleo", ann, { accessMs: 400_000 });
    await meshed(cluster, [ann, bob, cleo]);
    await cluster.pause(380_000);
    assert.ok(isLinked(bob, cleo));
    await cluster.pause(25_000);
    for (const member of [ann, bob]) {
      assert.equal(isLinked(member, cleo), false);
    }
    assert.match(alarmsOf(cleo), /access of .* ended/);
    await ann.node.members.grant(cleo.peer, { accessMs: dayMs });
    // Nobody lets it in: it asks by itself.
    await meshed(cluster, [ann, bob, cleo], { withinMs: 60_000 });
  },
  { worlds: 1 },
);

/** An admin, whose access ends in 30 s, beside another one without an end. */
async function endingAdmin(cluster: SimCluster) {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann);
  const all = [ann, bob, await cluster.admit("cleo", ann)];
  await meshed(cluster, all);
  const ending = () => ann.node.members.grant(ann.peer, { accessMs: 30_000 });
  await assert.rejects(ending(), /This node is the cluster's only admin/);
  await cluster.promote(bob, ann);
  const areTwo = () => ann.node.view.rights.admins.length === 2;
  await cluster.until("ann knows bob as one", areTwo);
  // Asked for before: it would be refused from now on.
  const demoted = await ann.node.members.grant(bob.peer, { tier: "leaf" });
  await cluster.rootSays(ann, await ending());
  return { ann, bob, all, demoted };
}

clusterScenario(
  "the access of the last admin does not end",
  async (cluster) => {
    const { ann, all, demoted } = await endingAdmin(cluster);
    await cluster.rootSays(ann, demoted);
    await cluster.pause(60_000);
    await meshed(cluster, all, { withinMs: 1 });
    await cluster.admit("dan", ann);
  },
  { worlds: 1 },
);

clusterScenario(
  "the last admin, whose access has ended, brings the grant that prolongs it",
  async (cluster) => {
    const { ann, bob, all, demoted } = await endingAdmin(cluster);
    await cluster.pause(60_000);
    for (const member of all.slice(1)) {
      assert.equal(isLinked(member, ann), false);
    }
    await cluster.rootSays(ann, demoted, bob);
    const lifted = await ann.node.members.grant(ann.peer, { accessMs: 0 });
    await cluster.rootSays(ann, lifted);
    await meshed(cluster, all, { withinMs: 120_000 });
    await cluster.admit("dan", ann);
  },
  { worlds: 1 },
);
