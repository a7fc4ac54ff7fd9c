// Foreign bytes at the doors of the replicas: batches, proofs of forks, and the
// file that holds them all. In: good bytes with some of them changed. Out: an
// answer and never an exception, nothing stored that its owner did not sign,
// and a start whatever the file looks like.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Bytes } from "../../src/kernel/mod.ts";
import { decodeCbor, PlnError } from "../../src/kernel/mod.ts";
import { limits } from "../../src/kernel/mod.ts";
import { NewerFormatError, parseBatch } from "../../src/state/mod.ts";
import {
  newNode,
  note,
  placesOf,
  Scribe,
  shownOperations,
  sorted,
} from "../unit/owners_lab.ts";
import { grantChange, LabClock, newAdminNode } from "../unit/replicas_lab.ts";
import { RightsLab } from "../unit/rights_lab.ts";

const lab = new RightsLab();
const admin = newAdminNode(lab);
const member = newNode(lab);

const rights = new Scribe(admin, 1);
rights.base([
  ...sorted([grantChange(member.peer)]),
  ...shownOperations(admin, admin),
]);
const row = new Scribe(member, 1);
row.base(shownOperations(member, admin));
row.add(note("a", "1"));
const [left, right] = [row.fork(), row.fork()];
const first = left.add(note("left", "1"));
const second = right.add(note("right", "1"));
const good = [...rights.batches, ...row.batches, first];

/** A change of some bytes: flipped, cut off, put in. */
type Change = {
  readonly type: "flip" | "cut" | "insert";
  readonly at: number;
  readonly byte: number;
};

const changes = fc.array(
  fc.record({
    type: fc.constantFrom<Change["type"]>("flip", "flip", "cut", "insert"),
    at: fc.nat(100_000),
    byte: fc.integer({ min: 1, max: 255 }),
  }),
  { minLength: 1, maxLength: 4 },
);

function changed(bytes: Bytes, all: readonly Change[]): Bytes {
  let result = [...bytes];
  for (const { type, at, byte } of all) {
    const place = at % (result.length + 1);
    if (type === "flip") result[place] = (result[place] ?? 0) ^ byte;
    else if (type === "insert") result.splice(place, 0, byte);
    else result = result.slice(0, place);
  }
  return new Uint8Array(result);
}

function isGood(bytes: Bytes): boolean {
  return good.some((one) => one.toHex() === bytes.toHex());
}

Deno.test("fuzz: changed batches and proofs are refused, and store nothing", async () => {
  const node = newNode(lab);
  const clock = node.clock = new LabClock();
  await using state = await node.open();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(good.length - 1),
      changes,
      async (index, all) => {
        const bytes = changed(good[index] ?? first, all);
        clock.advance(60_000);
        const before = placesOf(state);
        const outcomes = [
          isGood(bytes) ? "refused" : await state.accept(bytes),
          await state.acceptFork({ first: bytes, second }),
          await state.acceptFork({ first, second: bytes }),
        ];
        for (const outcome of outcomes) {
          assert.notEqual(outcome, "new");
        }
        assert.deepEqual(placesOf(state), before);
      },
    ),
    { seed: 4711, numRuns: 400 },
  );
  for (const bytes of good) assert.equal(await state.accept(bytes), "new");
  await fc.assert(
    fc.asyncProperty(fc.nat(good.length - 1), changes, async (index, all) => {
      const bytes = changed(good[index] ?? first, all);
      if (isGood(bytes)) return;
      clock.advance(60_000);
      const before = placesOf(state);
      await state.accept(bytes);
      await state.acceptFork({ first, second: bytes });
      assert.deepEqual(placesOf(state), before);
    }),
    { seed: 4711, numRuns: 400 },
  );
});

Deno.test("fuzz: a changed file of replicas never stops a start", async () => {
  const from = newNode(lab);
  {
    await using state = await from.open();
    for (const bytes of good) await state.accept(bytes);
    await state.accept(second);
  }
  const whole = from.disk.bytes(from.logPath);
  await fc.assert(
    fc.asyncProperty(changes, async (all) => {
      const node = newNode(lab);
      node.disk.put(from.logPath, changed(whole, all));
      try {
        await using state = await node.open();
        for (const { owner } of state.places()) {
          assert.ok([admin.peer, member.peer].includes(owner));
        }
        for (const bytes of good) await state.accept(bytes);
        await state.accept(second);
        assert.equal(state.placeOf(member.peer)?.seq, limits.stateIntegerMax);
      } catch (cause) {
        assert.ok(cause instanceof NewerFormatError, String(cause));
      }
    }),
    { seed: 4711, numRuns: 60 },
  );
});

Deno.test("fuzz: what is read as a body is deterministic CBOR", () => {
  fc.assert(
    fc.property(fc.nat(good.length - 1), changes, (index, all) => {
      const body = changed((good[index] ?? first).slice(64), all);
      let isRead = false;
      try {
        parseBatch(body);
        isRead = true;
      } catch (cause) {
        assert.ok(cause instanceof PlnError, String(cause));
      }
      if (isRead) decodeCbor(body, { bytesMax: limits.stateBatchBytesMax });
    }),
    { seed: 4711, numRuns: 2_000 },
  );
});
