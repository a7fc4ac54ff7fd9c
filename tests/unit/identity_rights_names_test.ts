// Which names admins give to whom, and whose documents they let go. In: entries
// of sections names and forgets in several admins' documents. Out: bindings and
// forgets that count, the same in every order of the documents.

import assert from "node:assert/strict";
import fc from "fast-check";
import { LimitError, limits, type PeerId } from "../../src/kernel/mod.ts";
import { RightsProjector } from "../../src/identity/mod.ts";
import { startMs } from "./identity_world.ts";
import { ignoredBy, LabAdmin, RightsLab, shown } from "./rights_lab.ts";

function bind(admin: LabAdmin, key: string, owner: PeerId, number = 1) {
  return admin.say("names", key, { number, owner, atMs: startMs });
}

function forget(
  admin: LabAdmin,
  subject: PeerId,
  place: readonly [generation: number, seq: number],
  number = 1,
) {
  const [generation, seq] = place;
  return admin.say("forgets", subject, {
    ...{ number, generation, seq, atMs: startMs },
  });
}

function newLab() {
  const lab = new RightsLab("names");
  const [first, second] = lab.newAdmins(2);
  const [one, two] = lab.newPeers(2).map(({ peer }) => peer);
  assert.ok(first && second && one && two);
  return { lab, first, second, one, two };
}

Deno.test("a name is bound to whom the higher number names", () => {
  const { lab, first, second, one, two } = newLab();
  bind(first, "seeds/hello", one);
  assert.equal(lab.rights(first).bindingOf("seeds", "hello"), one);
  bind(second, "seeds/hello", two, 2);
  const rights = lab.rights(first, second);
  assert.equal(rights.bindingOf("seeds", "hello"), two);
  assert.equal(rights.bindingOf("sites", "hello"), undefined);
  assert.equal(rights.bindingOf("seeds", "other"), undefined);
  assert.deepEqual(
    rights.names.map(({ section, name, owner, by }) => [
      ...[section, name, owner, by],
    ]),
    [["seeds", "hello", two, second.owner]],
  );
});

Deno.test("of two bindings with one number the lowest admin's counts", () => {
  const { lab, first, second, one, two } = newLab();
  bind(first, "seeds/hello", two);
  bind(second, "seeds/hello", one);
  const rights = lab.rights(second, first);
  assert.equal(rights.bindingOf("seeds", "hello"), two);
});

Deno.test("a binding of a denied admin counts for nothing", () => {
  const { lab, first, second, one, two } = newLab();
  bind(first, "seeds/hello", one, 9);
  bind(second, "seeds/hello", two)
    .say("denies", first.owner, lab.rootDeny(first.owner));
  const rights = lab.rights(first, second);
  assert.equal(rights.bindingOf("seeds", "hello"), two);
  assert.equal(rights.nextNumber("names", "seeds/hello"), 2);
});

Deno.test("a binding that does not fit is ignored, and said to be", () => {
  const { lab, first, one } = newLab();
  bind(first, "seeds/hello", one);
  for (const key of ["seeds", "seeds/", "seeds/a/b", "Seeds/a", "seeds/A.."]) {
    bind(first, key, one);
  }
  first.say("names", "seeds/other", { number: 0, owner: one, atMs: 1 })
    .say("names", "seeds/third", { number: 1, owner: "x", atMs: 1 })
    .say("forgets", "nobody", { number: 1, generation: 1, seq: 1, atMs: 1 });
  const rights = lab.rights(first);
  assert.deepEqual(rights.names.map(({ name }) => name), ["hello"]);
  assert.deepEqual(rights.forgets, []);
  assert.equal(ignoredBy(rights).length, 8);
});

Deno.test("the next number of a name is above all that count", () => {
  const { lab, first, second, one } = newLab();
  bind(first, "seeds/hello", one, 4);
  const rights = lab.rights(first, second);
  assert.equal(rights.nextNumber("names", "seeds/hello"), 5);
  assert.equal(rights.nextNumber("names", "seeds/new"), 1);
  assert.equal(rights.nextNumber("forgets", one), 1);
  bind(second, "seeds/hello", one, limits.stateIntegerMax);
  const last = lab.rights(first, second);
  assert.throws(() => last.nextNumber("names", "seeds/hello"), LimitError);
});

Deno.test("a member is forgotten up to the place of the highest number", () => {
  const { lab, first, second, one, two } = newLab();
  forget(first, one, [7, 9]);
  forget(second, one, [3, 2], 2);
  const rights = lab.rights(first, second);
  assert.deepEqual(
    [rights.forgetOf(one)?.generation, rights.forgetOf(one)?.seq],
    [3, 2],
  );
  assert.equal(rights.forgetOf(two), undefined);
  assert.deepEqual(rights.forgets.map(({ subject }) => subject), [one]);
});

Deno.test("an admin is forgotten only while the root denies it", () => {
  const { lab, first, second } = newLab();
  const { owner } = second;
  forget(first, owner, [1, 5]);
  assert.equal(lab.rights(first, second).forgetOf(owner), undefined);
  // A node without its document learns of its authority with the first batch.
  assert.ok(lab.rights(first).forgetOf(owner));
  assert.equal(
    lab.rights(first).forgetOf(owner, { isAdmin: true }),
    undefined,
  );
  first.say("denies", owner, lab.rootDeny(owner));
  assert.equal(lab.rights(first, second).forgetOf(owner)?.seq, 5);
  assert.equal(lab.rights(first).forgetOf(owner, { isAdmin: true })?.seq, 5);
  first.say("denies", owner, lab.rootAllow(owner, 2));
  for (const rights of [lab.rights(first, second), lab.rights(first)]) {
    assert.equal(rights.forgetOf(owner), undefined);
  }
});

Deno.test("the tier of a member needs no clock: its access may have ended", () => {
  const { lab, first, one } = newLab();
  const facts = lab.facts(one, first.owner);
  assert.equal(lab.rights(first).tierOf(facts), "leaf");
  first.grant(one, { tier: "publisher", accessDeadlineMs: 1 });
  const granted = lab.rights(first);
  assert.equal(granted.tierOf(facts), "publisher");
  assert.deepEqual(granted.propertiesOf(facts), new Map());
  first.deny(one);
  assert.equal(lab.rights(first).tierOf(facts), undefined);
});

Deno.test("who is certified by a denied admin has no tier, unless granted", () => {
  const { lab, first, second, one } = newLab();
  first.say("denies", second.owner, lab.rootDeny(second.owner));
  const facts = lab.facts(one, second.owner, { tier: "publisher" });
  assert.equal(lab.rights(first, second).tierOf(facts), undefined);
  first.grant(one);
  assert.equal(lab.rights(first, second).tierOf(facts), "leaf");
});

Deno.test("an admin whom the root demoted is a publisher", () => {
  const { lab, first, second } = newLab();
  const { owner } = second;
  const facts = lab.facts(owner, first.owner, { tier: "admin" });
  assert.equal(lab.rights(first, second).tierOf(facts), "admin");
  first.say("grants", owner, lab.rootGrant(owner, "publisher"));
  assert.equal(lab.rights(first, second).tierOf(facts), "publisher");
});

Deno.test("a member is one since its first join; a founder always was", () => {
  const { lab, first, second } = newLab();
  const joiner = lab.newPeer();
  const at = (atMs: number) => ({ joiner, changes: { atMs } });
  lab.redeem(first, lab.invite(first), at(startMs + 9));
  lab.redeem(second, lab.invite(first), at(startMs + 5));
  const rights = lab.rights(first, second);
  assert.equal(rights.memberSinceMs(joiner.peer), startMs + 5);
  assert.equal(rights.memberSinceMs(first.owner), 0);
  assert.equal(
    rights.memberSinceMs(lab.newPeer().peer),
    limits.stateIntegerMax,
  );
});

Deno.test("names and forgets count alike in any order, step by step or at once", () => {
  const { lab, first, second, one, two } = newLab();
  const step = fc.record({
    admin: fc.constantFrom(first, second),
    key: fc.constantFrom("seeds/a", "seeds/b", "sites/a", "seeds/..", one, two),
    number: fc.nat(3),
    owner: fc.constantFrom(one, two, second.owner),
  });
  const property = fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
    const copies = [first, second].map((admin) =>
      new LabAdmin(admin.key, admin.authorityKey, admin.ownAuthority)
    );
    const projector = new RightsProjector(lab.needs, { root: lab.root });
    for (const { admin, key, number, owner } of steps) {
      const copy = copies.find((one) => one.owner === admin.owner);
      assert.ok(copy);
      if (key.includes("/")) bind(copy, key, owner, number);
      else forget(copy, key as PeerId, [number, 1], number);
      projector.project(copies.toReversed());
    }
    assert.deepEqual(
      shown(projector.project(copies)),
      shown(lab.rights(...copies)),
    );
  });
  fc.assert(property, { seed: 4711, numRuns: 200 });
});
