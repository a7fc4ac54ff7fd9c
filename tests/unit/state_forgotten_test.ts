// What an owner makes of having been forgotten while it lives, or before it
// starts from an old disk: all that it has acknowledged is with the others again,
// in a generation that they take. In: an admin's forgets and a member's
// publishes. Out: the places that both nodes end at.

import assert from "node:assert/strict";
import type { PeerId } from "../../src/kernel/mod.ts";
import type { Operation, OwnerState } from "../../src/state/mod.ts";
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
  placesOf,
  Scribe,
  settle,
  shownOperations,
  sorted,
} from "./owners_lab.ts";
import { RightsLab } from "./rights_lab.ts";
import { seedChange, seedsOf } from "./state_lab.ts";

function forget(
  peer: PeerId,
  { generation, seq }: { readonly generation: number; readonly seq: number },
): Operation {
  const text = JSON.stringify({ atMs: 1, generation, number: 1, seq });
  return { section: "forgets", key: peer, text };
}

function world() {
  const lab = new RightsLab();
  const admin = newAdminNode(lab);
  const [other, member] = [newNode(lab), newNode(lab)];
  const clock = new LabClock();
  member.clock = other.clock = clock;
  const scribe = new Scribe(admin, 1);
  scribe.base(shownOperations(admin, admin));
  scribe.add(...sorted([grantChange(member.peer)]));
  const credential = memberChanges(lab, member, { by: admin });
  return { admin, other, member, clock, scribe, credential };
}

async function give(state: OwnerState, scribe: Scribe): Promise<void> {
  for (const bytes of scribe.batches) await state.accept(bytes);
}

/** Whatever waits for the clock or the disk has happened. */
async function later(clock: LabClock): Promise<void> {
  for (let turn = 0; turn < 200; turn++) {
    clock.advance(10);
    await Promise.resolve();
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}

function generationOf(state: OwnerState, { peer }: StateNode): number {
  return state.placeOf(peer)?.generation ?? 0;
}

Deno.test("S22: what a node publishes that was forgotten alive reaches the others", async () => {
  const { clock, credential, member, other, scribe } = world();
  await using own = await member.open();
  await using peer = await other.open();
  await give(own, scribe);
  await give(peer, scribe);
  await own.publish([...credential, seedChange("before", 1)]);
  const onRound = () => clock.advance(1_000);
  await settle(own, peer, { onRound });
  assert.equal(peer.view().seedsOf(member.peer).length, 1);
  const place = own.placeOf(member.peer);
  assert.ok(place !== undefined);
  const gone = scribe.add(forget(member.peer, place));
  assert.equal(await peer.accept(gone), "new");
  assert.equal(peer.placeOf(member.peer), undefined);
  await own.publish([seedChange("meanwhile", 2)]);
  assert.equal(await own.accept(gone), "new");
  const after = own.publish([seedChange("after", 3)]);
  await later(clock);
  await after;
  await settle(own, peer, { onRound });
  assert.ok(generationOf(peer, member) > place.generation);
  assert.deepEqual(
    [...seedsOf(peer).keys()],
    ["after", "before", "meanwhile"],
  );
  assert.equal(peer.view().digest, own.view().digest);
  assert.deepEqual(placesOf(peer), placesOf(own));
});

Deno.test("S13: a start from an old disk writes on after what was forgotten", async () => {
  const { clock, credential, member, other, scribe } = world();
  const first = await member.open();
  await first.publish([...credential, seedChange("old", 1)]);
  const old = allOf(first, member.peer);
  await first[Symbol.asyncDispose]();
  // Its newer generations are forgotten, and its disk knows none of them.
  scribe.add(forget(member.peer, { generation: 9, seq: 4 }));
  await using own = await member.open();
  await using peer = await other.open();
  await give(own, scribe);
  await give(peer, scribe);
  await own.publish([seedChange("new", 2)]);
  await later(clock);
  assert.ok(generationOf(own, member) > 9);
  for (const bytes of allOf(own, member.peer)) await peer.accept(bytes);
  assert.deepEqual([...seedsOf(peer).keys()], ["new", "old"]);
  assert.deepEqual(placesOf(peer), placesOf(own));
  // Somebody who has not heard of the forget shows what it had.
  for (const bytes of old) assert.equal(await own.accept(bytes), "known");
  assert.deepEqual(placesOf(peer), placesOf(own));
});

Deno.test("a forget that comes after the first publish opens a generation, once", async () => {
  const { clock, credential, member, other, scribe } = world();
  await using own = await member.open();
  await give(own, scribe);
  await own.publish([...credential, seedChange("one", 1)]);
  scribe.add(forget(member.peer, { generation: 9, seq: 4 }));
  await give(own, scribe);
  await later(clock);
  assert.equal(generationOf(own, member), 10);
  await own.publish([seedChange("two", 2)]);
  await later(clock);
  assert.equal(generationOf(own, member), 10);
  await using peer = await other.open();
  await give(peer, scribe);
  await settle(own, peer, { onRound: () => clock.advance(1_000) });
  assert.deepEqual([...seedsOf(peer).keys()], ["one", "two"]);
});
