// What peers' copies of an own document tell, as the engine decides it. In:
// batches of one key over several starts. Out: the newest row of earlier starts,
// and whether somebody else still signs. No disk, no clock.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import { encodeSignedBatch, type SignedBatch } from "../../src/state/mod.ts";
import { readBatchHead } from "../../src/state/batch_head.ts";
import { BatchRow, type StoredBatch } from "../../src/state/batch_row.ts";
import { type FoundRow, OwnCopies } from "../../src/state/own_copies.ts";
import { noPlace } from "../../src/state/places.ts";
import { type Forged, ownBatch } from "./own_lab.ts";

type Heard = { fresh: number[][]; clones: number };

function stored(signed: SignedBatch): StoredBatch {
  return { ...signed, bytes: encodeSignedBatch(signed) };
}

/** `operations` say where it is, so that all bodies differ. */
function batch(forged: Omit<Forged, "operations">): StoredBatch {
  const text = `"${forged.generation}.${forged.session}.${forged.seq}"`;
  const operations = [{ section: "blobs", key: "a", text }];
  return stored(ownBatch({ ...forged, operations }));
}

/** Batches of one generation, each after the other, from its base on. */
function rowOf(
  place: { generation: number; session: number; prev?: Bytes },
  count: number,
): readonly StoredBatch[] {
  const row: StoredBatch[] = [];
  for (let seq = 1; seq <= count; seq++) {
    const prev = row.at(-1)?.hash ?? place.prev;
    row.push(batch({ ...place, seq, base: seq === 1, ...(prev && { prev }) }));
  }
  return row;
}

function open(found: readonly StoredBatch[] = [], more?: Partial<FoundRow>) {
  const heard: Heard = { fresh: [], clones: 0 };
  const row = found.reduce((sum, one) => sum.with(one), BatchRow.empty);
  const copies = new OwnCopies(
    { row, rest: [], place: row.head ?? noPlace, ...more },
    {
      onAhead: (fresh) => void heard.fresh.push(fresh.map(seqOf)),
      onClone: () => void heard.clones++,
    },
  );
  return { copies, heard };
}

function seqOf({ batch }: StoredBatch): number {
  return batch.seq;
}

function session(value: number): Uint8Array {
  return new Uint8Array(16).fill(value);
}

Deno.test("own batches that the journal has are known", () => {
  const row = rowOf({ generation: 3, session: 1 }, 4);
  const { copies, heard } = open(row);
  for (const one of row) {
    assert.equal(copies.judgeHead(readBatchHead(one.bytes)), "known");
    assert.equal(copies.take(one), "known");
  }
  const old = rowOf({ generation: 2, session: 9 }, 3);
  assert.deepEqual(old.map((one) => copies.take(one)), Array(3).fill("known"));
  assert.deepEqual(heard, { fresh: [], clones: 0 });
  assert.equal(copies.nextGeneration, 4);
});

Deno.test("S13 the row of the journal goes on with what peers show", () => {
  const row = rowOf({ generation: 3, session: 1 }, 5);
  const { copies, heard } = open(row.slice(0, 2));
  assert.equal(copies.take(row[3] as StoredBatch), "gap");
  assert.deepEqual(row.slice(2).map((one) => copies.take(one)), [
    ...["new", "new", "new"],
  ]);
  assert.deepEqual(heard.fresh, [[3], [4], [5]]);
  assert.equal(copies.past.head?.seq, 5);
  assert.equal(copies.nextGeneration, 4);
});

Deno.test("S13 a newer generation replaces the row from its base on", () => {
  const { copies, heard } = open(rowOf({ generation: 3, session: 1 }, 2));
  const [base, next] = rowOf({ generation: 7, session: 2 }, 2);
  assert.ok(base && next);
  assert.equal(copies.take(next), "gap");
  assert.equal(copies.nextGeneration, 8, "a gap shows that there was one");
  assert.equal(copies.take(base), "new");
  assert.equal(copies.take(next), "new");
  assert.deepEqual(heard, { fresh: [[1], [2]], clones: 0 });
  assert.deepEqual(copies.past.batches, [base, next]);
});

Deno.test("what this start signs is no copy, whoever shows it", () => {
  const { copies, heard } = open();
  copies.open(1, session(1));
  const row = rowOf({ generation: 1, session: 1 }, 3);
  for (const one of row) copies.published(one);
  assert.deepEqual(row.map((one) => copies.take(one)), Array(3).fill("known"));
  assert.equal(copies.wants({ generation: 1, seq: 3 }), undefined);
  assert.deepEqual(heard, { fresh: [], clones: 0 });
});

Deno.test("batches of one foreign session are one adoption, in parts", () => {
  const { copies, heard } = open();
  copies.open(1, session(1));
  copies.published(batch({ generation: 1, session: 1, seq: 1 }));
  const row = rowOf({ generation: 4, session: 2 }, 5);
  for (const one of row.slice(0, 3)) assert.equal(copies.take(one), "new");
  assert.equal(copies.isOvertaken, true);
  copies.open(5, session(3));
  copies.published(batch({ generation: 5, session: 3, seq: 1 }));
  assert.equal(copies.isOvertaken, false);
  assert.deepEqual(copies.wants({ generation: 4, seq: 5 }), copies.past.head);
  for (const one of row.slice(3)) assert.equal(copies.take(one), "new");
  assert.equal(copies.isOvertaken, false, "an older generation");
  assert.deepEqual(heard, { fresh: [[1], [2], [3], [4], [5]], clones: 0 });
});

Deno.test("peers that show several old generations show no clone", () => {
  const { copies, heard } = open();
  copies.open(1, session(1));
  copies.published(batch({ generation: 1, session: 1, seq: 1 }));
  for (const generation of [3, 2, 6, 4]) {
    copies.take(batch({ generation, session: generation, seq: 1 }));
  }
  assert.equal(heard.clones, 0);
  assert.equal(copies.past.head?.generation, 6);
});

Deno.test("a second foreign session after an adoption is a clone", () => {
  const { copies, heard } = open();
  copies.open(1, session(1));
  copies.published(batch({ generation: 1, session: 1, seq: 1 }));
  copies.take(batch({ generation: 2, session: 2, seq: 1 }));
  copies.open(3, session(3));
  copies.published(batch({ generation: 3, session: 3, seq: 1 }));
  assert.equal(copies.isClone, false);
  copies.take(batch({ generation: 4, session: 4, seq: 1 }));
  copies.take(batch({ generation: 5, session: 5, seq: 1 }));
  assert.equal(copies.isClone, true);
  assert.equal(heard.clones, 1, "told once");
});

Deno.test("who builds on a batch of this start is a clone at once", () => {
  const { copies, heard } = open();
  copies.open(1, session(1));
  const own = batch({ generation: 1, session: 1, seq: 1 });
  copies.published(own);
  copies.take(batch({ generation: 2, session: 2, seq: 1, prev: own.hash }));
  assert.deepEqual([copies.isClone, heard.clones], [true, 1]);
});

Deno.test("a machine that was set back takes over its own session", () => {
  const row = rowOf({ generation: 1, session: 1 }, 5);
  const { copies, heard } = open();
  copies.open(1, session(1));
  for (const one of row.slice(0, 2)) copies.published(one);
  const [, , third, fourth] = row;
  assert.ok(third && fourth);
  assert.notEqual(copies.wants({ generation: 1, seq: 5 }), undefined);
  for (const one of row.slice(0, 2)) assert.equal(copies.take(one), "known");
  const rebased = batch({ generation: 1, session: 1, seq: 4, base: true });
  assert.equal(copies.take(rebased), "new");
  assert.equal(copies.isOvertaken, true);
  assert.deepEqual([copies.isClone, heard.fresh], [false, [[4]]]);
});

Deno.test("a fork of this start's generation shows what it can", () => {
  const { copies, heard } = open();
  copies.open(2, session(1));
  const own = batch({ generation: 2, session: 1, seq: 1 });
  const other = batch({ generation: 2, session: 2, seq: 1 });
  copies.published(own);
  assert.equal(copies.fork([own, other]), "new");
  assert.equal(copies.isOvertaken, true, "nobody takes a void generation");
  assert.deepEqual(copies.past.batches.map(({ hash }) => hash), [other.hash]);
  copies.open(copies.nextGeneration, session(3));
  assert.equal(copies.fork([own, other]), "known");
  assert.deepEqual([copies.isClone, heard.clones], [false, 0]);
});

Deno.test("S10 good records after a gap go on from what peers show", () => {
  const row = rowOf({ generation: 3, session: 1 }, 6);
  const rest = row.filter(({ batch }) => batch.seq !== 3 && batch.seq !== 4);
  const { copies, heard } = open([], {
    rest,
    place: { generation: 3, seq: 6 },
  });
  for (const one of row.slice(0, 3)) copies.take(one);
  assert.equal(copies.isWhole, false);
  copies.take(row[3] as StoredBatch);
  assert.equal(copies.isWhole, true);
  assert.deepEqual(heard.fresh, [[1, 2], [3], [4, 5, 6]]);
});
