// Two nodes that get some of the same batches, in any order and more than once,
// hold the same after they have told each other: honest rows, forks, gaps,
// restarts, batches that nobody may take, forgets and other decisions, rights
// that come late. In: random histories of owners of every kind. Out: equal
// places, digests and views.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Bytes, JsonValue } from "../../src/kernel/mod.ts";
import type { Operation, OwnerState } from "../../src/state/mod.ts";
import { grantChange, LabClock, newAdminNode } from "./replicas_lab.ts";
import type { StateNode } from "./replicas_lab.ts";
import {
  newNode,
  note,
  Scribe,
  settle,
  shownOperations,
  sorted,
} from "./owners_lab.ts";
import { RightsLab } from "./rights_lab.ts";

const lab = new RightsLab();
const admins = [newAdminNode(lab), newAdminNode(lab)] as const;
const members = [newNode(lab), newNode(lab)] as const;
const stranger = newNode(lab);
const [first] = admins;
const owners = [...admins, ...members, stranger];

const deedTypes = [
  ...["add", "add", "add", "base", "fork", "start", "skip", "bad"] as const,
  ...["forget", "unname", "deny"] as const,
] as const;

/** One thing that an owner does next; the last three decide about others. */
type Deed = {
  readonly type: typeof deedTypes[number];
  readonly value: number;
};

const deeds = fc.array(
  fc.record({
    type: fc.constantFrom(...deedTypes),
    value: fc.nat(3),
  }),
  { maxLength: 14 },
);

/** What an admin says of another owner; of anybody else it counts nothing. */
function decision({ type, value }: Deed, number: number): Operation {
  const [one, other] = members;
  const { peer: key } = value % 2 === 0 ? one : other;
  const text = (json: JsonValue) => JSON.stringify(json);
  if (type === "unname") return { section: "grants", key, text: undefined };
  if (type === "deny") {
    const verdict = value > 1 ? "deny" : "allow";
    return { section: "denies", key, text: text({ atMs: 1, number, verdict }) };
  }
  const place = { generation: 1 + number % 3, number, seq: 1 + value };
  return { section: "forgets", key, text: text({ atMs: 1, ...place }) };
}

function isDecision(type: Deed["type"]): boolean {
  return type === "forget" || type === "unname" || type === "deny";
}

/** What one owner signs; of a fork both hands go on. */
function batchesOf(node: StateNode, all: readonly Deed[]): readonly Bytes[] {
  const shown = shownOperations(node, first);
  const grants: readonly Operation[] = node === first
    ? sorted(members.map(({ peer }) => grantChange(peer)))
    : [];
  let generation = 1;
  const made: Scribe[] = [];
  const open = () => {
    const scribe = new Scribe(node, generation);
    made.push(scribe);
    scribe.base([...grants, ...shown]);
    return scribe;
  };
  let hands = [open()];
  for (const { type, value } of all) {
    const hand = hands[value % hands.length];
    assert.ok(hand !== undefined);
    const entry = note(`k${value}`, `${type} ${hands.length}`);
    if (type === "add") hand.add(entry);
    else if (type === "base") hand.base([...grants, ...shown, entry]);
    else if (type === "skip") {
      hand.skipTo(value === 3 ? 70 : 7 + value).base([...grants, ...shown]);
    } else if (isDecision(type)) {
      hand.add(decision({ type, value }, 1 + hand.batches.length));
    } else if (type === "bad") hand.add(note("node", "x".repeat(9_000)));
    else if (type === "fork") {
      const other = hand.fork();
      other.add(note("fork", String(value)));
      made.push(other);
      hands.push(other);
    } else {
      generation++;
      hands = [open()];
    }
  }
  return made.flatMap(({ batches }) => batches);
}

const histories = fc.tuple(deeds, deeds, deeds, deeds, deeds);

/** Which batches a node gets at first, in which order. */
const delivery = fc.array(fc.nat(9_999), { maxLength: 60 });

async function deliver(
  state: OwnerState,
  pool: readonly Bytes[],
  { order, clock }: {
    readonly order: readonly number[];
    readonly clock: LabClock;
  },
): Promise<void> {
  for (const number of order) {
    const bytes = pool[number % pool.length];
    if (bytes !== undefined) await state.accept(bytes);
    clock.advance(number % 3_000);
  }
}

Deno.test("two nodes that told each other what they have hold the same", async () => {
  await fc.assert(
    fc.asyncProperty(histories, delivery, delivery, async (all, one, two) => {
      const pool = owners.flatMap((node, index) =>
        batchesOf(node, all[index] ?? [])
      );
      const nodes = [newNode(lab), newNode(lab)] as const;
      const clock = nodes[0].clock = nodes[1].clock = new LabClock();
      await using left = await nodes[0].open();
      await using right = await nodes[1].open();
      await deliver(left, pool, { order: one, clock });
      await deliver(right, pool, { order: two, clock });
      const onRound = () => clock.advance(600_000);
      await settle(left, right, { onRound });
      // And with all there is, nothing of it in order.
      for (const bytes of pool.toReversed()) {
        await right.accept(bytes);
        clock.advance(2_000);
      }
      await settle(left, right, { onRound });
      assert.equal(left.view().digest, right.view().digest);
      assert.equal(left.placeOf(stranger.peer), undefined);
    }),
    { seed: 4711, numRuns: 25 },
  );
});

Deno.test("what a node holds is there after a restart, proofs too", async () => {
  await fc.assert(
    fc.asyncProperty(histories, delivery, async (all, order) => {
      const pool = owners.flatMap((node, index) =>
        batchesOf(node, all[index] ?? [])
      );
      const node = newNode(lab);
      const clock = node.clock = new LabClock();
      const before = await node.open();
      await deliver(before, pool, { order, clock });
      const [places, { digest }] = [[...before.places()], before.view()];
      const proofs = places.map(({ owner }) => before.forksOf(owner));
      await before[Symbol.asyncDispose]();
      await using after = await node.open();
      const byOwner = (list: typeof places) =>
        new Map(list.map((place) => [place.owner, place]));
      assert.deepEqual(byOwner([...after.places()]), byOwner(places));
      assert.deepEqual(
        places.map(({ owner }) => after.forksOf(owner)),
        proofs,
      );
      assert.equal(after.view().digest, digest);
    }),
    { seed: 4711, numRuns: 20 },
  );
});
