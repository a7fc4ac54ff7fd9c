// Which of several admins' entries about one subject counts: every step of the
// order, each decided by that step alone, with the documents in both orders.
// In: documents of the lab. Out: who is denied, and what is granted.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { LabAdmin, RightsLab } from "./rights_lab.ts";

function world() {
  const lab = new RightsLab();
  const [low, high] = lab.newAdmins(2);
  assert.ok(low instanceof LabAdmin && high instanceof LabAdmin);
  return { lab, low, high, subject: lab.newPeer().peer };
}

Deno.test("a higher number counts, whoever wrote it", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject, { number: 2, verdict: "allow" });
  high.deny(subject, { number: 1 });
  assert.equal(lab.rights(low, high).denialOf(subject), undefined);
  high.deny(subject, { number: 3, reason: "lost laptop" });
  assert.deepEqual(lab.rights(low, high).denialOf(subject), {
    ...{ subject, by: high.owner, number: 3, because: "denied" },
    ...{ reason: "lost laptop", atMs: low.key && lab.clock.timeMs },
  });
});

Deno.test("of one number a deny counts before an allow", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject, { verdict: "allow" });
  high.deny(subject);
  assert.equal(lab.rights(low, high).denialOf(subject)?.by, high.owner);
});

Deno.test("of one number the lower tier counts", () => {
  const { lab, low, high, subject } = world();
  low.grant(subject, { tier: "publisher" });
  high.grant(subject, { tier: "leaf" });
  const grant = lab.rights(low, high).grantOf(subject);
  assert.equal(grant?.tier, "leaf");
  assert.equal(grant?.by, high.owner);
});

Deno.test("of equal grants the lowest writer's counts", () => {
  const { lab, low, high, subject } = world();
  low.grant(subject, { properties: { zone: "north" } });
  high.grant(subject, { properties: { zone: "south" } });
  const grant = lab.rights(low, high).grantOf(subject);
  assert.equal(grant?.by, low.owner);
  assert.deepEqual([...grant?.properties ?? []], [["zone", "north"]]);
});

Deno.test("what the root signed counts before any number", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject, { number: limits.stateIntegerMax });
  high.say("denies", subject, lab.rootAllow(subject));
  low.grant(subject, { number: 9, tier: "leaf" });
  high.say("grants", subject, lab.rootGrant(subject, "publisher"));
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(subject), undefined);
  assert.equal(rights.grantOf(subject)?.tier, "publisher");
  assert.equal(rights.grantOf(subject)?.by, "root");
});

Deno.test("of the root's statements the higher number counts", () => {
  const { lab, low, high, subject } = world();
  low.say("denies", subject, lab.rootDeny(subject, 1));
  high.say("denies", subject, lab.rootAllow(subject, 2));
  assert.equal(lab.rights(low, high).denialOf(subject), undefined);
  low.say("denies", subject, lab.rootDeny(subject, 3));
  assert.equal(lab.rights(low, high).denialOf(subject)?.by, "root");
});

Deno.test("who carries one of two equal statements decides nothing", () => {
  const { lab, low, high, subject } = world();
  const grants = ["north", "south"].map((zone) =>
    lab.statement(subject, 1, {
      verdict: {
        ...{ kind: "grant", tier: "leaf" },
        properties: new Map([["zone", zone]]),
      },
    })
  );
  const [one = null, other = null] = grants;
  const zoneOf = () =>
    lab.rights(low, high).grantOf(subject)?.properties.get("zone");
  low.say("grants", subject, one);
  high.say("grants", subject, other);
  const zone = zoneOf();
  low.say("grants", subject, other);
  high.say("grants", subject, one);
  assert.equal(zoneOf(), zone);
});

Deno.test("a grant does not lift a denial, an allow does", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject);
  high.grant(subject, { number: 5, tier: "publisher" });
  assert.equal(lab.rights(low, high).denialOf(subject)?.by, low.owner);
  high.deny(subject, { number: 2, verdict: "allow" });
  const rights = lab.rights(low, high);
  assert.equal(rights.denialOf(subject), undefined);
  assert.equal(rights.grantOf(subject)?.tier, "publisher");
});

Deno.test("the next number is above all that count", () => {
  const { lab, low, high, subject } = world();
  const none = lab.rights(low, high);
  assert.equal(none.nextNumber("grants", subject), 1);
  low.grant(subject, { number: 4 });
  high.deny(subject, { number: 7 });
  low.deny(subject, { number: 2 });
  const rights = lab.rights(low, high);
  assert.equal(rights.nextNumber("grants", subject), 5);
  assert.equal(rights.nextNumber("denies", subject), 8);
  assert.equal(rights.nextNumber("denies", subject, { isRoot: true }), 1);
  high.say("denies", subject, lab.rootDeny(subject, 3));
  const denied = lab.rights(low, high);
  assert.equal(denied.nextNumber("denies", subject), 4);
  assert.equal(denied.nextNumber("denies", subject, { isRoot: true }), 4);
});

Deno.test("R03 after the last number only the root is left", () => {
  const { lab, low, high, subject } = world();
  low.deny(subject, { number: limits.stateIntegerMax });
  const rights = lab.rights(low, high);
  assert.throws(() => rights.nextNumber("denies", subject), {
    code: "PLN_LIMIT",
    hint: "Only the root key can still decide about it",
  });
  assert.equal(rights.nextNumber("denies", subject, { isRoot: true }), 1);
  high.say("denies", low.owner, lab.rootDeny(low.owner));
  assert.equal(lab.rights(low, high).nextNumber("denies", subject), 1);
});

Deno.test("lists name each subject once, with what is in force", () => {
  const { lab, low, high } = world();
  const [one, two, three] = lab.newPeers(3).map(({ peer }) => peer);
  assert.ok(one && two && three);
  low.grant(two).grant(one, { number: 2 }).deny(three);
  high.grant(one, { tier: "publisher", number: 3 }).deny(three, { number: 4 });
  low.say("invites", "0".repeat(32), {
    ...{ state: "open", tier: "leaf", expiresMs: 5, uses: 3, atMs: 1 },
    subject: one,
  });
  const rights = lab.rights(low, high);
  assert.deepEqual(
    rights.grants.map(({ subject, number }) => [subject, number]),
    [[one, 3], [two, 1]],
  );
  assert.deepEqual(
    rights.denials.map(({ subject, by }) => [subject, by]),
    [[three, high.owner]],
  );
  assert.deepEqual(rights.invites, [{
    ...{ invite: "0".repeat(32), by: low.owner, state: "open", tier: "leaf" },
    ...{ expiresMs: 5, uses: 3, atMs: 1, subject: one },
  }]);
  assert.equal(rights.isRevoked("0".repeat(32)), false);
  high.say("invites", "0".repeat(32), {
    ...{ state: "revoked", tier: "leaf", expiresMs: 5, uses: 3, atMs: 2 },
  });
  assert.equal(lab.rights(low, high).isRevoked("0".repeat(32)), true);
});
