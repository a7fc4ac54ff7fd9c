// Rights about admins: only the root decides, what a denied admin wrote counts
// for nothing whenever it was written, and statements of the root count in any
// document. In: documents of the lab. Out: rights in both orders of them.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { ignoredBy, LabAdmin, RightsLab } from "./rights_lab.ts";

function world() {
  const lab = new RightsLab();
  const [low, high] = lab.newAdmins(2);
  assert.ok(low instanceof LabAdmin && high instanceof LabAdmin);
  return { lab, low, high, subject: lab.newPeer().peer };
}

Deno.test("only the root denies admins: mutual denies change nothing", () => {
  const { lab, low, high, subject } = world();
  low.deny(high.owner).grant(subject);
  high.deny(low.owner).deny(subject);
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(low.owner), undefined);
  assert.equal(rights.denialOf(high.owner), undefined);
  assert.equal(rights.grantOf(subject)?.by, low.owner);
  assert.equal(rights.denialOf(subject)?.by, high.owner);
  assert.deepEqual(rights.denials.map((one) => one.subject), [subject]);
});

Deno.test("when the root denies both admins, both are out", () => {
  const { lab, low, high, subject } = world();
  low.say("denies", high.owner, lab.rootDeny(high.owner)).grant(subject);
  high.say("denies", low.owner, lab.rootDeny(low.owner)).deny(subject);
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(low.owner)?.by, "root");
  assert.equal(rights.denialOf(high.owner)?.by, "root");
  assert.equal(rights.grantOf(subject), undefined);
  assert.equal(rights.denialOf(subject), undefined);
  assert.deepEqual(rights.admins.map((one) => one.isDenied), [true, true]);
});

Deno.test("a denied admin's earlier entries are void, all of them", () => {
  const { lab, low, high, subject } = world();
  const [granted, denied, joiner] = lab.newPeers(3);
  assert.ok(granted && denied && joiner);
  const invite = lab.invite(low);
  lab.redeem(low, invite, { joiner, changes: { atMs: 1 } });
  low.grant(granted.peer, { atMs: 1 }).deny(denied.peer, { atMs: 1 })
    .say("invites", invite.terms.id, {
      ...{ state: "revoked", tier: "leaf", expiresMs: 5, uses: 1, atMs: 1 },
    });
  const before = lab.rights(low, high);
  assert.ok(before.grantOf(granted.peer) && before.denialOf(denied.peer));
  assert.equal(before.usesOf(invite.terms.id), 1);
  assert.equal(before.isRevoked(invite.terms.id), true);
  high.say("denies", low.owner, lab.rootDeny(low.owner)).grant(subject);
  const rights = lab.rights(low, high);
  assert.equal(rights.grantOf(granted.peer), undefined);
  assert.equal(rights.denialOf(denied.peer), undefined);
  assert.equal(rights.grantOf(joiner.peer), undefined);
  assert.equal(rights.usesOf(invite.terms.id), 0);
  assert.deepEqual(rights.invites, []);
  assert.equal(rights.isRevoked(invite.terms.id), false);
  assert.deepEqual(rights.grants.map((one) => one.subject), [subject]);
});

Deno.test("a denied admin that is allowed again counts again", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject);
  high.say("denies", low.owner, lab.rootDeny(low.owner, 1));
  assert.equal(lab.rights(low, high).denialOf(subject), undefined);
  high.say("denies", low.owner, lab.rootAllow(low.owner, 2));
  assert.equal(lab.rights(low, high).denialOf(subject)?.by, low.owner);
});

Deno.test("the root's statements count in a denied admin's document", () => {
  const { lab, low, high, subject } = world();
  low.say("denies", subject, lab.rootDeny(subject))
    .say("grants", subject, lab.rootGrant(subject, "leaf"))
    .say("denies", low.owner, lab.rootDeny(low.owner));
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(low.owner)?.by, "root");
  assert.equal(rights.denialOf(subject)?.by, "root");
  assert.equal(rights.grantOf(subject)?.by, "root");
  assert.equal(rights.rootStatements.length, 3);
});

Deno.test("an admin cannot shrug off its denial with a later allow", () => {
  const { lab, low, high } = world();
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  low.deny(low.owner, { verdict: "allow", number: limits.stateIntegerMax });
  assert.equal(lab.rights(low, high).denialOf(low.owner)?.by, "root");
});

Deno.test("a grant for an admin counts only from the root", () => {
  const { lab, low, high } = world();
  low.grant(high.owner, { tier: "leaf", number: 9 });
  assert.equal(lab.rights(low, high).grantOf(high.owner), undefined);
  low.say("grants", high.owner, lab.rootGrant(high.owner, "admin"));
  const grant = lab.rights(low, high).grantOf(high.owner);
  assert.equal(grant?.tier, "admin");
  assert.equal(grant?.by, "root");
});

Deno.test("whom the root certified is an admin without a document", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject).grant(subject, { number: 5 });
  high.say("grants", subject, lab.rootGrant(subject, "admin"));
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(subject), undefined);
  assert.equal(rights.grantOf(subject)?.tier, "admin");
  assert.ok(rights.grantOf(subject)?.authority);
  assert.equal(rights.nextNumber("grants", subject), 2);
});

Deno.test("an admin whom the root made publisher decides no more", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject);
  high.say("grants", low.owner, lab.rootGrant(low.owner, "publisher"));
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(subject), undefined);
  assert.equal(rights.denialOf(low.owner), undefined);
  assert.equal(rights.grantOf(low.owner)?.tier, "publisher");
  assert.deepEqual(
    rights.admins.map(({ isDenied, isDemoted }) => [isDenied, isDemoted]),
    [[false, true], [false, false]],
  );
});

Deno.test("a property named root makes no statement of the root", () => {
  const { lab, low, high, subject } = world();
  const properties = { root: "pln-root-statement:" };
  low.grant(subject, { properties, tier: "publisher" })
    .grant(high.owner, { properties });
  assert.equal(lab.rights(low, high).grantOf(subject)?.by, low.owner);
  assert.equal(lab.rights(low, high).grantOf(high.owner), undefined);
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  const rights = lab.rights(low, high);
  assert.equal(rights.grantOf(subject), undefined, "its writer was denied");
  assert.deepEqual(rights.rootStatements.map(({ section }) => section), [
    "denies",
  ]);
});

Deno.test("a statement of another cluster's root counts for nothing", () => {
  const { lab, low, high, subject } = world();
  const foreign = new RightsLab("another");
  low.say("denies", subject, foreign.rootDeny(subject));
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(subject), undefined);
  assert.equal(ignoredBy(rights).length, 1);
});

Deno.test("a child is who has nothing but from that admin", () => {
  const { lab, low, high } = world();
  const [only, both, denied, joined] = lab.newPeers(4);
  assert.ok(only && both && denied && joined);
  low.grant(only.peer, { tier: "publisher" }).grant(both.peer)
    .grant(denied.peer).grant(high.owner);
  high.grant(both.peer).deny(denied.peer);
  lab.redeem(high, lab.invite(low), { joiner: joined });
  const children = [only.peer, joined.peer].toSorted();
  const before = lab.rights(low, high).childrenOf(low.owner);
  assert.deepEqual(before.map((one) => one.subject), children);
  assert.deepEqual(
    before.map((one) => one.tier).toSorted(),
    ["leaf", "publisher"],
  );
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  const after = lab.rights(low, high).childrenOf(low.owner);
  assert.deepEqual(after, before);
});
