// Whose documents a node stores: admins by the root's word, members whom an
// admin names; others wait unseen. In: batches of nodes with and without
// credentials, and rights that come before or after them. Out: what became of
// each, what others may see, and what the view makes of it.

import assert from "node:assert/strict";
import { type Bytes, limits } from "../../src/kernel/mod.ts";
import { certificateKeys, type OwnerState } from "../../src/state/mod.ts";
import {
  allOf,
  grantChange,
  LabClock,
  memberChanges,
  newAdminNode,
  type StateNode,
} from "./replicas_lab.ts";
import {
  newNode,
  note,
  placesOf,
  Scribe,
  shownOperations,
  sorted,
} from "./owners_lab.ts";
import { RightsLab } from "./rights_lab.ts";
import { seedChange } from "./state_lab.ts";

function world() {
  const lab = new RightsLab();
  const admin = newAdminNode(lab);
  const [node, member] = [newNode(lab), newNode(lab)];
  const clock = node.clock = new LabClock();
  /** The admin's batches: a base, then one that names the member. */
  const scribe = new Scribe(admin, 1);
  scribe.base(shownOperations(admin, admin));
  const rights = (...named: readonly StateNode[]) =>
    scribe.add(...sorted(named.map(({ peer }) => grantChange(peer))));
  return { lab, admin, node, member, clock, scribe, rights };
}

async function give(state: OwnerState, batches: readonly Bytes[]) {
  const outcomes: string[] = [];
  for (const bytes of batches) outcomes.push(await state.accept(bytes));
  return outcomes;
}

/** A member's row: a base with its credential, then a note. */
function rowOfMember(member: StateNode, by: StateNode): Scribe {
  const scribe = new Scribe(member, 1);
  scribe.base(shownOperations(member, by));
  scribe.add(note("a", "1"));
  return scribe;
}

Deno.test("a member's document is stored when an admin names it", async () => {
  const { admin, node, member, scribe, rights } = world();
  rights(member);
  const row = rowOfMember(member, admin);
  const state = await node.open();
  assert.deepEqual(await give(state, scribe.batches), ["new", "new"]);
  assert.deepEqual(await give(state, row.batches), ["new", "new"]);
  assert.equal(state.placeOf(member.peer)?.seq, 2);
  assert.equal(state.ownerOf(member.peer.slice(0, 16)), member.peer);
  assert.deepEqual(allOf(state, member.peer), row.batches);
  assert.equal(state.view().nodes.get(member.peer)?.tier, "publisher");
  const [places, { digest }] = [placesOf(state), state.view()];
  await state[Symbol.asyncDispose]();
  await using again = await node.open();
  assert.deepEqual(placesOf(again), places);
  assert.equal(again.view().digest, digest);
});

Deno.test("who is not named yet waits unseen, and shows when it is", async () => {
  const { admin, node, member, scribe, rights } = world();
  const row = rowOfMember(member, admin);
  await using state = await node.open();
  const told: string[] = [];
  using _ = state.onBatch((_, owner) => void told.push(owner));
  assert.deepEqual(await give(state, row.batches), ["waiting", "waiting"]);
  assert.deepEqual(await give(state, row.batches), ["known", "known"]);
  await give(state, scribe.batches);
  assert.equal(state.placeOf(member.peer), undefined);
  assert.deepEqual(allOf(state, member.peer), []);
  assert.deepEqual([...placesOf(state).keys()], [admin.peer]);
  assert.equal(state.view().nodes.size, 1);
  assert.deepEqual(told, [admin.peer]);
  assert.equal(await state.accept(rights(member)), "new");
  assert.equal(state.placeOf(member.peer)?.seq, 2);
  assert.deepEqual(told.slice(2), [member.peer, member.peer]);
  assert.ok(state.view().nodes.has(member.peer));
});

Deno.test("what waits has a limit, and the newest stays", async () => {
  const { lab, admin, node, clock, scribe, rights } = world();
  const others = Array.from(
    { length: limits.replicasWaitingMax + 6 },
    () => newNode(lab),
  );
  await using state = await node.open();
  for (const other of others) {
    const row = rowOfMember(other, admin);
    assert.deepEqual(await give(state, row.batches), ["waiting", "waiting"]);
    clock.advance(1_000);
  }
  assert.equal(state.report().waiting, limits.replicasWaitingMax);
  await give(state, scribe.batches);
  await give(state, [rights(...others)]);
  const stored = others.filter(({ peer }) => state.placeOf(peer));
  assert.deepEqual(stored, others.slice(6));
});

Deno.test("a flood of strangers is put off, and members are not", async () => {
  const { lab, admin, node, member, scribe, rights } = world();
  rights(member);
  await using state = await node.open();
  await give(state, scribe.batches);
  const outcomes = new Map<string, number>();
  for (let count = 0; count < limits.strangersBurstMax + 10; count++) {
    const stranger = new Scribe(newNode(lab), 1);
    const base = stranger.base(shownOperations(stranger.node, admin));
    const outcome = await state.accept(base);
    outcomes.set(outcome, 1 + (outcomes.get(outcome) ?? 0));
  }
  // The admin was a stranger too, before its base was read.
  assert.deepEqual([...outcomes], [
    ["waiting", limits.strangersBurstMax - 1],
    ["later", 11],
  ]);
  const row = rowOfMember(member, admin);
  assert.deepEqual(await give(state, row.batches), ["new", "new"]);
});

Deno.test("R01 a base without a credential of the cluster is refused", async () => {
  const { admin, node, member, scribe, rights, lab } = world();
  rights(member);
  await using state = await node.open();
  await give(state, scribe.batches);
  const foreign = newAdminNode(new RightsLab("another"));
  const own = shownOperations(member, admin);
  const bases = [
    [note("a", "1")],
    own.filter(({ key }) => key !== certificateKeys.member),
    own.filter(({ key }) => key !== certificateKeys.authority),
    shownOperations(member, foreign),
    shownOperations(newNode(lab), admin),
    shownOperations(admin, admin),
    own.map((one) => ({ ...one, text: '"not base64"' })),
  ].map((operations) => new Scribe(member, 1).base(operations));
  for (const base of bases) assert.equal(await state.accept(base), "refused");
  assert.equal(state.placeOf(member.peer), undefined);
  assert.equal(await state.accept(new Scribe(member, 1).base(own)), "new");
});

Deno.test("a credential is renewed by a batch, and never removed", async () => {
  const { lab, admin, node, member, scribe, rights } = world();
  rights(member);
  await using state = await node.open();
  await give(state, scribe.batches);
  const row = new Scribe(member, 1);
  await give(state, [row.base(shownOperations(member, admin))]);
  const gone = row.fork().add({
    ...{ section: "node", key: certificateKeys.member, text: undefined },
  });
  assert.equal(await state.accept(gone), "refused");
  const foreign = row.fork().add(...sorted(
    memberChanges(lab, newNode(lab), { by: admin }),
  ));
  assert.equal(await state.accept(foreign), "refused");
  const own = row.fork().add(...shownOperations(admin, admin));
  assert.equal(await state.accept(own), "refused");
  const changes = memberChanges(lab, member, {
    ...{ by: admin, tier: "leaf", issue: 2 },
  });
  assert.equal(await state.accept(row.add(...sorted(changes))), "new");
  assert.equal(state.placeOf(member.peer)?.seq, 2);
});

for (
  const [tier, bytesMax] of [
    ["leaf", limits.leafDocumentBytesMax],
    ["publisher", limits.publisherDocumentBytesMax],
  ] as const
) {
  Deno.test(`a ${tier}'s document has the limits of its credential`, async () => {
    const { admin, node, member, scribe, rights } = world();
    rights(member);
    await using state = await node.open();
    await give(state, scribe.batches);
    const shown = shownOperations(member, admin, { tier });
    const notes = Array.from(
      { length: Math.ceil(bytesMax / 1_000) },
      (_, at) => note(`k${String(at).padStart(4, "0")}`, "x".repeat(1_000)),
    );
    const row = new Scribe(member, 1);
    const full = row.fork().base([...shown, ...notes]);
    assert.equal(await state.accept(full), "refused");
    const half = notes.slice(0, notes.length / 2);
    assert.equal(await state.accept(row.base([...shown, ...half])), "new");
    const over = row.fork().add(...notes.slice(half.length));
    assert.equal(await state.accept(over), "refused");
    const empty = row.add(...half.map(({ key }) => note(key, undefined)));
    assert.equal(await state.accept(empty), "new");
    assert.equal(await state.accept(row.add(...half)), "new");
    const entries = Array.from(
      { length: limits.memberEntriesMax },
      (_, at) => note(`k${String(at).padStart(5, "0")}`, ""),
    );
    const many = row.fork().base([...shown, ...entries]);
    assert.equal(await state.accept(many), "refused");
  });
}

Deno.test("who is not named any more is hidden, and back when it is again", async () => {
  const { admin, node, member, scribe, rights } = world();
  rights(member);
  const row = rowOfMember(member, admin);
  const state = await node.open();
  await give(state, scribe.batches);
  await give(state, row.batches);
  const before = placesOf(state).get(member.peer);
  const gone = { section: "grants", key: member.peer, text: undefined };
  assert.equal(await state.accept(scribe.add(gone)), "new");
  assert.equal(state.placeOf(member.peer), undefined);
  assert.ok(!state.view().nodes.has(member.peer));
  assert.equal(await state.accept(row.add(note("b", "2"))), "waiting");
  await state[Symbol.asyncDispose]();
  await using again = await node.open();
  assert.equal(again.placeOf(member.peer), undefined);
  assert.equal(await again.accept(rights(member)), "new");
  assert.equal(again.placeOf(member.peer)?.seq, 3);
  assert.notEqual(placesOf(again).get(member.peer), before);
  assert.ok(again.view().nodes.has(member.peer));
});

Deno.test("what is forgotten is gone, and comes back with a newer base", async () => {
  const { admin, node, member, scribe, rights } = world();
  rights(member);
  const row = rowOfMember(member, admin);
  const state = await node.open();
  await give(state, scribe.batches);
  await give(state, row.batches);
  const text = JSON.stringify({ atMs: 1, generation: 1, number: 1, seq: 2 });
  const forget = { section: "forgets", key: member.peer, text };
  assert.equal(await state.accept(scribe.add(forget)), "new");
  assert.equal(state.placeOf(member.peer), undefined);
  assert.deepEqual(await give(state, row.batches), ["known", "known"]);
  await state[Symbol.asyncDispose]();
  await using again = await node.open();
  assert.equal(again.placeOf(member.peer), undefined);
  assert.deepEqual(await give(again, row.batches), ["known", "known"]);
  const later = new Scribe(member, 2);
  later.base(shownOperations(member, admin));
  assert.deepEqual(await give(again, later.batches), ["new"]);
  assert.equal(again.placeOf(member.peer)?.generation, 2);
});

Deno.test("a member's batch that touches no rights leaves them as they were", async () => {
  const { admin, node, member, scribe, rights } = world();
  rights(member);
  const row = rowOfMember(member, admin);
  await using state = await node.open();
  await give(state, scribe.batches);
  const { rights: before } = state.view();
  const urgent: boolean[] = [];
  using _ = state.onBatch((_bytes, _owner, { isUrgent }) =>
    void urgent.push(isUrgent)
  );
  await give(state, row.batches);
  assert.equal(state.view().rights, before, "the very same");
  assert.deepEqual(urgent, [false, false]);
  const inDisguise = row.add({
    ...{ section: "grants", key: member.peer, text: "{}" },
  });
  assert.equal(await state.accept(inDisguise), "new");
  assert.equal(state.view().rights, before, "it is no admin");
  assert.deepEqual(urgent, [false, false, false]);
});

Deno.test("a member's own document is there for others once it was published", async () => {
  const { admin, member, lab } = world();
  await using state = await member.open();
  assert.equal(state.placeOf(member.peer), undefined);
  assert.deepEqual([...state.places()], []);
  await state.publish([
    ...memberChanges(lab, member, { by: admin }),
    seedChange("hello", 1),
  ]);
  const place = state.placeOf(member.peer);
  assert.deepEqual([place?.generation, place?.seq], [1, 1]);
  assert.equal(allOf(state, member.peer).length, 1);
  assert.equal(state.ownerOf(member.peer.slice(0, 16)), member.peer);
  const index = Number.parseInt(member.peer.slice(0, 2), 16) >> 2;
  assert.deepEqual(state.placesOfBucket(index), [place]);
  assert.deepEqual(state.placesOfBucket(limits.stateBuckets), []);
});
