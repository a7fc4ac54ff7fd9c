// Owners that sign two batches of one number, and what a node keeps of the
// generation before for that case. In: rows of one owner and forks of them. Out:
// a void generation, the last good state instead of it, and a proof that
// convinces others; nobody else's document is touched.

import assert from "node:assert/strict";
import { type Bytes, limits } from "../../src/kernel/mod.ts";
import type { ForkProof, OwnerState } from "../../src/state/mod.ts";
import {
  allOf,
  denyChange,
  grantChange,
  LabClock,
  newAdminNode,
} from "./replicas_lab.ts";
import {
  newNode,
  note,
  Scribe,
  shownOperations,
  sorted,
} from "./owners_lab.ts";
import { RightsLab } from "./rights_lab.ts";

/** A node that knows an admin and two members whom it named. */
async function world() {
  const lab = new RightsLab();
  const admin = newAdminNode(lab);
  const [node, member, other] = [newNode(lab), newNode(lab), newNode(lab)];
  const clock = node.clock = new LabClock();
  const rights = new Scribe(admin, 1);
  rights.base([
    ...sorted([member, other].map(({ peer }) => grantChange(peer))),
    ...shownOperations(admin, admin),
  ]);
  const state = await node.open();
  await give(state, rights.batches);
  const start = (generation: number, value: string) => {
    const scribe = new Scribe(member, generation);
    scribe.base([...shownOperations(member, admin), note("a", value)]);
    return scribe;
  };
  return { lab, admin, node, member, other, clock, state, start, rights };
}

async function give(state: OwnerState, batches: readonly Bytes[]) {
  const outcomes: string[] = [];
  for (const bytes of batches) outcomes.push(await state.accept(bytes));
  return outcomes;
}

/** Two hands that both write the batch after the last one. */
function forkOf(scribe: Scribe): readonly [ForkProof, Scribe, Scribe] {
  const [left, right] = [scribe.fork(), scribe.fork()];
  const first = left.add(note("left", "1"));
  const second = right.add(note("right", "1"));
  return [{ first, second }, left, right];
}

/** What a node shows of an owner, by the digest of its view. */
function digestOf(state: OwnerState): string {
  return state.view().digest;
}

Deno.test("R01 a fork voids its generation, and the one before counts", async () => {
  const { state, start, member, node } = await world();
  await using _ = state;
  const [one, two] = [start(1, "old"), start(2, "new")];
  await give(state, one.batches);
  const old = digestOf(state);
  await give(state, two.batches);
  assert.notEqual(digestOf(state), old);
  const heard: string[] = [];
  using _listening = state.onFork((owner) => void heard.push(owner));
  const [{ first, second }, left] = forkOf(two);
  assert.deepEqual(await give(state, [first, second]), ["new", "known"]);
  assert.deepEqual(heard, [member.peer]);
  assert.equal(digestOf(state), old);
  const place = state.placeOf(member.peer);
  assert.deepEqual(
    [place?.generation, place?.seq],
    [2, limits.stateIntegerMax],
  );
  assert.equal(await state.accept(left.add(note("b", "1"))), "known");
  assert.deepEqual(heard, [member.peer], "once");
  assert.deepEqual(allOf(state, member.peer), one.batches);
  assert.deepEqual(state.forkOf(member.peer), { first, second });
  const { forks, refusedBatches } = state.report();
  assert.deepEqual([forks, refusedBatches], [1, 0]);
  assert.ok(node.log.events.includes("state.fork"));
});

Deno.test("a void generation without one before it shows nothing", async () => {
  const { state, start, member } = await world();
  await using _ = state;
  const empty = digestOf(state);
  const one = start(1, "a");
  await give(state, one.batches);
  const [{ first, second }] = forkOf(one);
  await give(state, [first, second]);
  assert.equal(digestOf(state), empty);
  assert.ok(!state.view().nodes.has(member.peer));
  const two = start(2, "b");
  assert.deepEqual(await give(state, two.batches), ["new"]);
  assert.ok(state.view().nodes.has(member.peer));
});

Deno.test("a fork voids nobody else's generation", async () => {
  const { state, start, admin, other } = await world();
  await using _ = state;
  const honest = new Scribe(other, 1);
  honest.base(shownOperations(other, admin));
  await give(state, honest.batches);
  const before = [state.placeOf(other.peer), state.placeOf(admin.peer)];
  const one = start(1, "a");
  await give(state, one.batches);
  const [{ first, second }] = forkOf(one);
  await give(state, [first, second]);
  const after = [state.placeOf(other.peer), state.placeOf(admin.peer)];
  assert.deepEqual(after, before);
  assert.equal(await state.accept(honest.add(note("b", "1"))), "new");
});

Deno.test("a proof convinces a node that has seen one hand only", async () => {
  const { state, start, member, node } = await world();
  const [one, two] = [start(1, "old"), start(2, "new")];
  await give(state, one.batches);
  const old = digestOf(state);
  await give(state, two.batches);
  const [proof, left] = forkOf(two);
  await give(state, left.batches);
  assert.equal(await state.acceptFork(proof), "new");
  assert.equal(await state.acceptFork(proof), "known");
  assert.equal(digestOf(state), old);
  const place = state.placeOf(member.peer);
  await state[Symbol.asyncDispose]();
  await using again = await node.open();
  assert.equal(digestOf(again), old);
  assert.deepEqual(again.placeOf(member.peer), place);
  assert.deepEqual(again.forkOf(member.peer), proof);
  assert.deepEqual(await give(again, left.batches), ["known"]);
});

Deno.test("a batch that skips nothing and builds on nothing is a proof", async () => {
  const { state, start, member } = await world();
  await using _ = state;
  const one = start(1, "a");
  const next = one.add(note("b", "1"));
  await give(state, one.batches);
  const foreign = new Scribe(member, 1).skipTo(2);
  const onNothing = foreign.base([note("c", "1")]);
  assert.equal(await state.accept(onNothing), "known");
  const proof = { first: next, second: onNothing };
  assert.deepEqual(state.forkOf(member.peer), proof);
});

Deno.test("R01 what proves no fork is refused", async () => {
  const { state, start, admin, other } = await world();
  await using _ = state;
  const [one, two] = [start(1, "a"), start(2, "a")];
  one.add(note("b", "1"));
  one.add(note("b", "2"));
  await give(state, [...one.batches, ...two.batches]);
  const [{ first, second }] = forkOf(two);
  const otherOne = new Scribe(other, 2);
  otherOne.base(shownOperations(other, admin));
  const broken: Bytes = second.map((byte, at) => at === 9 ? byte ^ 1 : byte);
  const [a, b, c] = one.batches;
  const [foreign] = otherOne.batches;
  assert.ok(a && b && c && foreign);
  const proofs: readonly ForkProof[] = [
    { first, second: first },
    { first, second: broken },
    { first, second: foreign },
    { first, second: new Uint8Array(3) },
    { first, second: two.batches[0] ?? first },
  ];
  for (const proof of proofs) {
    assert.equal(await state.acceptFork(proof), "refused");
  }
  for (const proof of [{ first: a, second: b }, { first: a, second: c }]) {
    assert.equal(await state.acceptFork(proof), "refused", "of the one before");
  }
  assert.equal(state.report().forks, 0);
  assert.equal(
    await state.acceptFork({ first, second }, other.peer),
    "refused",
  );
  assert.equal(await state.acceptFork({ first, second }), "new");
});

Deno.test("the generation before is kept until the next one passes 64", async () => {
  const { state, start, member, admin, clock } = await world();
  await using _ = state;
  const [one, two] = [start(1, "old"), start(2, "new")];
  await give(state, one.batches);
  await give(state, two.batches);
  const none = { generation: 0, seq: 0 };
  const kept = () => state.batchesSince(member.peer, none).length;
  assert.equal(kept(), 2);
  two.skipTo(limits.generationKeptSeqMax - 1);
  const shown = shownOperations(member, admin);
  assert.equal(await state.accept(two.base(shown)), "new");
  assert.equal(kept(), 2);
  const { digest } = state.placeOf(member.peer) ?? {};
  assert.equal(await state.accept(two.base(shown)), "new");
  assert.equal(kept(), 1);
  assert.notDeepEqual(state.placeOf(member.peer)?.digest, digest);
  clock.advance(1_000);
  assert.deepEqual(await give(state, one.batches), ["known"]);
  assert.equal(kept(), 1);
  // Once it is void, whoever still has the one before brings it back.
  const [{ first, second }] = forkOf(two);
  await give(state, [first, second]);
  assert.equal(kept(), 1, "a witness");
  assert.deepEqual(await give(state, one.batches), ["new"]);
  assert.deepEqual(allOf(state, member.peer), one.batches);
});

Deno.test("who forks again and again loses its last good state", async () => {
  const { state, start, member, clock } = await world();
  await using _ = state;
  const good = start(1, "good");
  await give(state, good.batches);
  const digest = digestOf(state);
  for (let count = 0; count < limits.ownerForksMax; count++) {
    assert.equal(digestOf(state), digest, `after ${count}`);
    const scribe = start(2 + count, "bad");
    await give(state, scribe.batches);
    const [{ first, second }] = forkOf(scribe);
    await give(state, [first, second]);
    clock.advance(60_000);
  }
  assert.notEqual(digestOf(state), digest);
  assert.deepEqual(await give(state, good.batches), ["known"]);
  assert.equal(state.forksOf(member.peer).length, limits.ownerForksMax);
  assert.deepEqual(await give(state, start(9, "good").batches), ["new"]);
});

Deno.test("an admin's fork takes its word back, and the one before counts", async () => {
  const { state, admin, rights, lab, node, member } = await world();
  const subject = lab.newPeer().peer;
  const next = new Scribe(admin, 2);
  next.base([
    ...sorted([
      denyChange(subject),
      ...[member].map(({ peer }) => grantChange(peer)),
    ]),
    ...shownOperations(admin, admin),
  ].sort((left, right) => left.section < right.section ? -1 : 1));
  await give(state, next.batches);
  assert.ok(state.view().rights.denialOf(subject));
  const [{ first, second }] = forkOf(next);
  node.disk.counts = {};
  await give(state, [first, second]);
  assert.equal(node.disk.counts.sync, 1, "durable before anybody is shown it");
  assert.equal(state.view().rights.denialOf(subject), undefined);
  assert.ok(state.view().rights.grantOf(member.peer));
  assert.equal(state.heads()[0]?.seq, limits.stateIntegerMax);
  await state[Symbol.asyncDispose]();
  await using again = await node.open();
  assert.equal(again.view().rights.denialOf(subject), undefined);
  assert.deepEqual(allOf(again, admin.peer), rights.batches);
});
