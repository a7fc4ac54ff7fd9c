// What this node has acknowledged since its start: the places of entries whose
// newest value survives when the document is taken over from peers. Published
// operations come in, the operations of a document that holds both come out.
// It keeps places only: the values are those that the document has.

import { limits } from "../kernel/mod.ts";
import { comparePlaces } from "./batches.ts";
import type { BatchRow } from "./batch_row.ts";
import type { DraftGround } from "./draft.ts";
import type { Operation } from "./schema.ts";

type Entries = Pick<DraftGround, "get">;
type Place = Omit<Operation, "text">;

/** Neither part may hold a space. */
function nameOf({ section, key }: Place): string {
  return `${section} ${key}`;
}

/** All that a row of batches adds up to. */
function entriesOf({ batches }: BatchRow): Map<string, Operation> {
  const entries = new Map<string, Operation>();
  for (const { batch: { base, operations } } of batches) {
    if (base) entries.clear();
    for (const operation of operations) {
      if (operation.text === undefined) entries.delete(nameOf(operation));
      else entries.set(nameOf(operation), operation);
    }
  }
  return entries;
}

/** Of one start. */
export class Acknowledged {
  readonly #places = new Map<string, Place>();

  get count(): number {
    return this.#places.size;
  }

  /** They are durable, and `document` shows them. */
  note(operations: readonly Place[], document: Entries): void {
    for (const { section, key } of operations) {
      this.#places.set(nameOf({ section, key }), { section, key });
    }
    if (this.#places.size <= limits.ownPlacesMax) return;
    // There are never so many entries: what is gone goes first.
    for (const [name, { section, key }] of this.#places) {
      if (document.get(section, key) === undefined) this.#places.delete(name);
    }
  }

  /**
   * The operations of a base that says what `row` says, and over that what was
   * acknowledged here, as `document` has it.
   */
  over(row: BatchRow, document: Entries): readonly Operation[] {
    const entries = entriesOf(row);
    for (const [name, { section, key }] of this.#places) {
      const text = document.get(section, key);
      if (text === undefined) entries.delete(name);
      else entries.set(name, { section, key, text });
    }
    return [...entries.values()].sort(comparePlaces);
  }
}
