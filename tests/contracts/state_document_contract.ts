// What every kind of owner's document has to do alike. In: an empty document of
// some kind, and random batches. Out: the entries that a plain model says, the
// changes that lead from one state to the next, and counts that fit. Two kinds
// that pass this tell their readers the same.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { EntryChange, Operation } from "../../src/state/mod.ts";
import { operationBytes } from "../../src/state/batches.ts";
import type {
  DocumentBatch,
  StateDocument,
} from "../../src/state/state_document.ts";

const section = fc.constantFrom("node", "seeds", "zzz");
const key = fc.constantFrom("__proto__", "a", "b", "constructor", "z/1");
const text = fc.constantFrom('"1"', '"2"', '{"a":1}', `"${"é".repeat(40)}"`);

function placeOf({ section, key }: Pick<Operation, "section" | "key">): string {
  return `${section} ${key}`;
}

function byPlace(left: Operation, right: Operation): number {
  if (left.section !== right.section) {
    return left.section < right.section ? -1 : 1;
  }
  return left.key < right.key ? -1 : 1;
}

const operations = fc.uniqueArray(
  fc.record(
    { section, key, text: fc.option(text, { nil: undefined }) },
    { noNullPrototype: true },
  ),
  { selector: placeOf, maxLength: 8 },
).map((all) => all.toSorted(byPlace));

/** As a row has them: the first one is a base, and a base deletes nothing. */
export const rows = fc.array(
  fc.record({
    base: fc.boolean(),
    operations,
    session: fc.constantFrom(1, 2, 255),
  }),
  { minLength: 1, maxLength: 12 },
).map((all) =>
  all.map(({ base, operations, session }, index): DocumentBatch => {
    const isBase = base || index === 0;
    return {
      base: isBase,
      session: new Uint8Array(16).fill(session),
      operations: isBase
        ? operations.filter(({ text }) => text !== undefined)
        : operations,
    };
  })
);

/** Everything that readers of a document see. */
export function shownBy(document: StateDocument) {
  const all = document.operations();
  return {
    operations: all,
    entryCount: document.entryCount,
    sizeBytes: document.sizeBytes,
    sections: ["node", "seeds", "zzz", "none"].map((one) =>
      document.entries(one)
    ),
    texts: ["a", "b", "__proto__", "toString"].map((one) =>
      document.get("seeds", one)
    ),
  };
}

type Model = ReadonlyMap<string, Operation>;

function replayed(model: Model, { base, operations }: DocumentBatch): Model {
  const next = new Map(base ? [] : model);
  for (const operation of operations) {
    if (operation.text === undefined) next.delete(placeOf(operation));
    else next.set(placeOf(operation), operation);
  }
  return next;
}

function changesBetween(before: Model, after: Model): readonly EntryChange[] {
  const places = new Map([...before, ...after]);
  return [...places.values()]
    .map(({ section, key }) => ({
      ...{ section, key },
      before: before.get(placeOf({ section, key }))?.text,
      after: after.get(placeOf({ section, key }))?.text,
    }))
    .filter(({ before, after }) => before !== after);
}

/** By place, so that the order of changes is nobody's matter. */
function changesByPlace(changes: readonly EntryChange[]) {
  const byPlace = new Map(changes.map((one) => [placeOf(one), one]));
  assert.equal(byPlace.size, changes.length, "each entry changes once");
  return new Map([...byPlace].sort(([left], [right]) => left < right ? -1 : 1));
}

/** Adds the suite for one kind of documents. */
export function testStateDocument(
  kind: string,
  open: () => StateDocument,
): void {
  Deno.test(`${kind}: a document is what its batches say`, () => {
    fc.assert(
      fc.property(rows, (row) => {
        using document = open();
        let model: Model = new Map();
        for (const batch of row) {
          const changes = document.apply(batch);
          const next = replayed(model, batch);
          assert.deepEqual(
            changesByPlace(changes),
            changesByPlace(changesBetween(model, next)),
          );
          model = next;
          const entries = [...model.values()].sort(byPlace);
          assert.deepEqual(document.operations(), entries);
          assert.equal(document.entryCount, model.size);
          assert.equal(
            document.sizeBytes,
            entries.reduce((sum, one) => sum + operationBytes(one), 0),
          );
        }
        assert.equal(shownBy(document).sections[3]?.length, 0);
      }),
      { numRuns: 60 },
    );
  });

  Deno.test(`${kind}: a document that was cleared starts anew`, () => {
    fc.assert(
      fc.property(rows, rows, (first, second) => {
        using document = open();
        for (const batch of first) document.apply(batch);
        const before = document.operations();
        const gone = document.clear();
        assert.deepEqual(
          gone.map(({ section, key, before }) => ({
            ...{ section, key, text: before },
          })),
          before,
        );
        assert.ok(gone.every(({ after }) => after === undefined));
        assert.deepEqual([document.operations(), document.clear()], [[], []]);
        using fresh = open();
        for (const batch of second) {
          assert.deepEqual(document.apply(batch), fresh.apply(batch));
        }
        assert.deepEqual(shownBy(document), shownBy(fresh));
      }),
      { numRuns: 30 },
    );
  });

  Deno.test(`${kind}: disposing a document twice is harmless`, () => {
    const document = open();
    document[Symbol.dispose]();
    document[Symbol.dispose]();
  });
}
