// What comes at once, and what ends while it is being written: first batches of
// several admins, forgets of documents whose next batch is on its way to the
// disk, proofs of owners of whom nothing is left. In: batches of owners who sign
// by hand. Out: nodes that hold the same as one that got all of it in turn.

import assert from "node:assert/strict";
import type { Bytes, PeerId } from "../../src/kernel/mod.ts";
import type { Operation } from "../../src/state/mod.ts";
import {
  grantChange,
  LabClock,
  newAdminNode,
  type StateNode,
} from "./replicas_lab.ts";
import {
  newNode,
  note,
  placesOf,
  Scribe,
  settle,
  shownOperations,
  sorted,
} from "./owners_lab.ts";
import { RightsLab } from "./rights_lab.ts";

const lab = new RightsLab();

function reader(): StateNode {
  const node = newNode(lab);
  node.clock = new LabClock();
  return node;
}

function forget(
  peer: PeerId,
  { generation, seq }: { readonly generation: number; readonly seq: number },
): Operation {
  const text = JSON.stringify({ atMs: 1, generation, number: 1, seq });
  return { section: "forgets", key: peer, text };
}

/** Documents of admins, each in two batches. */
function admins(count: number): readonly Scribe[] {
  return Array.from({ length: count }, (_, index) => {
    const node = newAdminNode(lab);
    const scribe = new Scribe(node, 1);
    scribe.base(shownOperations(node, node));
    scribe.add(note("n", String(index)));
    return scribe;
  });
}

Deno.test("S21: first batches of several admins at once are all kept", async () => {
  const scribes = admins(4);
  const [one, other] = [reader(), reader()];
  await using atOnce = await one.open();
  await using inTurn = await other.open();
  const all = scribes.flatMap(({ batches }) => batches);
  await Promise.all(all.map((bytes) => atOnce.accept(bytes)));
  for (const bytes of all) await inTurn.accept(bytes);
  for (const bytes of all) await atOnce.accept(bytes);
  assert.deepEqual(placesOf(atOnce), placesOf(inTurn));
  assert.equal(atOnce.view().digest, inTurn.view().digest);
  assert.equal(
    atOnce.view().rights.admins.length,
    inTurn.view().rights.admins.length,
  );
});

Deno.test("a proof of a fork is kept of a named owner of whom nothing is left", async () => {
  const [admin] = admins(1);
  assert.ok(admin !== undefined);
  const member = newNode(lab);
  admin.add(...sorted([grantChange(member.peer)]));
  const row = new Scribe(member, 5);
  row.base(shownOperations(member, admin.node));
  row.add(note("a", "1"));
  const other = row.fork();
  const [left, right] = [row.add(note("b", "1")), other.add(note("b", "2"))];
  const nodes = [reader(), reader()] as const;
  await using one = await nodes[0].open();
  await using two = await nodes[1].open();
  const give = async (state: typeof one, all: readonly Bytes[]) => {
    for (const bytes of all) await state.accept(bytes);
  };
  await give(one, [...admin.batches, ...row.batches, right]);
  await give(two, [...admin.batches, ...row.batches]);
  assert.equal(one.forksOf(member.peer).length, 1);
  assert.equal(two.forksOf(member.peer).length, 0);
  assert.ok(left.length > 0);
  // Whoever forgets it has not heard of the fork.
  const gone = admin.add(forget(member.peer, { generation: 5, seq: 3 }));
  await give(one, [gone]);
  await give(two, [gone]);
  await settle(one, two, { onRound: () => {} });
  assert.equal(one.view().digest, two.view().digest);
});
