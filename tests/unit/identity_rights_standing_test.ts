// What one member may do now, by its credential and the cluster's rights. In:
// documents of the lab and facts of a verified credential. Out: its standing,
// or the error that its peers show.

import assert from "node:assert/strict";
import type { PeerId } from "../../src/kernel/mod.ts";
import { startMs } from "./identity_world.ts";
import { LabAdmin, RightsLab } from "./rights_lab.ts";

function world() {
  const lab = new RightsLab();
  const [low, high] = lab.newAdmins(2);
  assert.ok(low instanceof LabAdmin && high instanceof LabAdmin);
  return { lab, low, high, subject: lab.newPeer().peer };
}

function shortly(peer: PeerId): string {
  return peer.slice(0, 8);
}

Deno.test("who has no grant has what its certificate says", () => {
  const { lab, low, high, subject } = world();
  const rights = lab.rights(low, high);
  const facts = lab.facts(subject, low.owner, { tier: "publisher" });
  assert.deepEqual(rights.standing(facts, startMs), {
    tier: "publisher",
    properties: facts.properties,
    source: "certificate",
  });
  const ending = { ...facts, accessDeadlineMs: startMs + 1 };
  const { accessDeadlineMs } = rights.standing(ending, startMs);
  assert.equal(accessDeadlineMs, startMs + 1);
  assert.throws(() => rights.standing(ending, startMs + 1), {
    code: "PLN_DENIED",
    message: `The access of ${shortly(subject)} ended at ` +
      new Date(startMs + 1).toISOString(),
  });
});

Deno.test("a grant counts before an older certificate", () => {
  const { lab, low, high, subject } = world();
  low.grant(subject, { tier: "leaf", properties: { zone: "south" } });
  const rights = lab.rights(low, high);
  const facts = lab.facts(subject, low.owner, { tier: "publisher" });
  const ended = { ...facts, accessDeadlineMs: startMs };
  assert.deepEqual(rights.standing(ended, startMs), {
    tier: "leaf",
    properties: new Map([["zone", "south"]]),
    source: "grant",
  });
});

Deno.test("a grant's access ends at its deadline, not after", () => {
  const { lab, low, high, subject } = world();
  low.grant(subject, { accessDeadlineMs: startMs });
  const rights = lab.rights(low, high);
  const facts = lab.facts(subject, low.owner);
  assert.equal(rights.standing(facts, startMs - 1).tier, "leaf");
  assert.throws(() => rights.standing(facts, startMs), { name: "DeniedError" });
  assert.throws(() => rights.standing(facts, NaN), { name: "DeniedError" });
});

Deno.test("who was denied is told by whom, when and why", () => {
  const { lab, low, high, subject } = world();
  high.deny(subject, { reason: "lost laptop" });
  const facts = lab.facts(subject, low.owner);
  assert.throws(() => lab.rights(low, high).standing(facts, startMs), {
    name: "DeniedError",
    message: `${shortly(subject)} was denied by admin ` +
      `${shortly(high.owner)} at ${new Date(startMs).toISOString()}` +
      ": lost laptop",
    hint: `An admin can allow it again: pln allow ${subject.slice(0, 12)}`,
  });
});

Deno.test("a void join is told apart from a denial", () => {
  const { lab, low, high } = world();
  const [one, two] = lab.newPeers(2);
  assert.ok(one && two);
  const invite = lab.invite(high);
  lab.redeem(high, invite, { joiner: one });
  lab.redeem(low, invite, { joiner: two });
  const facts = lab.facts(two.peer, low.owner);
  assert.throws(() => lab.rights(low, high).standing(facts, startMs), {
    name: "DeniedError",
    message: /^The join of .{8} is void: invite .{8} was used up by others$/,
    hint: "Ask an admin for a grant, or for another invite",
  });
});

Deno.test("a chain through a denied admin needs another's grant", () => {
  const { lab, low, high, subject } = world();
  const facts = lab.facts(subject, low.owner);
  low.grant(subject);
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  assert.throws(() => lab.rights(low, high).standing(facts, startMs), {
    name: "DeniedError",
    message: `The certificate of ${shortly(subject)} comes from ` +
      `${shortly(low.owner)}, who is no admin any more`,
  });
  const renewed = lab.facts(subject, high.owner);
  assert.equal(lab.rights(low, high).standing(renewed, startMs).tier, "leaf");
  high.grant(subject, { tier: "publisher" });
  const { tier } = lab.rights(low, high).standing(facts, startMs);
  assert.equal(tier, "publisher");
});

Deno.test("a chain through a denied admin is out before its document is here", () => {
  const { lab, low, high, subject } = world();
  const facts = lab.facts(subject, low.owner);
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  const denied = lab.rights(high);
  assert.throws(() => denied.standing(facts, startMs), { name: "DeniedError" });
  high.said.clear();
  high.say("grants", low.owner, lab.rootGrant(low.owner, "leaf"));
  const demoted = lab.rights(high);
  assert.throws(() => demoted.standing(facts, startMs), {
    name: "DeniedError",
  });
});

Deno.test("a redemption at another admin keeps a chain alive", () => {
  const { lab, low, high } = world();
  const joiner = lab.newPeer();
  lab.redeem(high, lab.invite(high), { joiner });
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  const facts = lab.facts(joiner.peer, low.owner);
  assert.equal(lab.rights(low, high).standing(facts, startMs).tier, "leaf");
});

Deno.test("a granted admin is one with its own authority only", () => {
  const { lab, low, high, subject } = world();
  low.say("grants", subject, lab.rootGrant(subject, "admin"));
  const rights = lab.rights(low, high);
  const candidate = lab.facts(subject, low.owner, { tier: "publisher" });
  assert.equal(rights.standing(candidate, startMs).tier, "publisher");
  const certified = lab.facts(subject, low.owner, { tier: "admin" });
  assert.equal(rights.standing(certified, startMs).tier, "admin");
});

Deno.test("a demoted admin is what the root made it", () => {
  const { lab, low, high } = world();
  high.say("grants", low.owner, lab.rootGrant(low.owner, "publisher"));
  const facts = lab.facts(low.owner, low.owner, { tier: "admin" });
  const { tier } = lab.rights(low, high).standing(facts, startMs);
  assert.equal(tier, "publisher");
});

Deno.test("an admin without a document is the root's to judge too", () => {
  const { lab, low, high } = world();
  const other = lab.newAdmin();
  low.deny(other.owner).grant(other.owner, { tier: "leaf" });
  const rights = lab.rights(low, high);
  const facts = lab.facts(other.owner, other.owner, { tier: "admin" });
  assert.equal(rights.standing(facts, startMs).tier, "admin");
  high.say("denies", other.owner, lab.rootDeny(other.owner));
  const denied = lab.rights(low, high);
  assert.throws(() => denied.standing(facts, startMs), {
    message: /was denied by the root/,
    hint: "An admin with the root key can allow it again: pln allow " +
      other.owner.slice(0, 12),
  });
});

Deno.test("an admin's access ends while another admin's does not", () => {
  const { lab, low, high } = world();
  const facts = lab.facts(low.owner, low.owner, { tier: "admin" });
  const ended = { accessDeadlineMs: startMs };
  low.say("grants", low.owner, lab.rootGrant(low.owner, "admin", ended));
  const both = lab.rights(low, high);
  assert.throws(() => both.standing(facts, startMs), { name: "DeniedError" });
  assert.equal(
    both.standing(facts, startMs - 1).accessDeadlineMs,
    startMs,
  );
  const kept = { tier: "admin", properties: new Map(), source: "grant" };
  low.say("denies", high.owner, lab.rootDeny(high.owner));
  assert.deepEqual(lab.rights(low, high).standing(facts, startMs), kept);
  low.said.clear();
  low.say("grants", low.owner, lab.rootGrant(low.owner, "admin", ended));
  low.say("grants", high.owner, lab.rootGrant(high.owner, "admin", ended));
  assert.deepEqual(lab.rights(low, high).standing(facts, startMs), kept);
});

Deno.test("the end of access of the last admin counts once the root demotes it", () => {
  const { lab, low } = world();
  const facts = lab.facts(low.owner, low.owner, { tier: "admin" });
  const ended = { accessDeadlineMs: startMs };
  low.say("grants", low.owner, lab.rootGrant(low.owner, "leaf", ended));
  assert.throws(() => lab.rights(low).standing(facts, startMs), {
    name: "DeniedError",
  });
});
