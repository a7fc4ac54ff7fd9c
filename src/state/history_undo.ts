// The entries of all documents as they once were: those of now, with every
// change undone that was noted since. In come records, the newest file first,
// and the documents of now; out come documents. The moment is found by the
// place of records, so that a wall clock that jumps orders nothing.

import type { PeerId } from "../kernel/mod.ts";
import { type HistoryRecord, isLossy, isThin } from "./history_record.ts";
import type { Operation } from "./schema.ts";
import type { OwnerEntries } from "./views.ts";

/** What one owner said; those that said nothing are left out. */
export type PastDocument = {
  readonly owner: PeerId;
  readonly entries: readonly Operation[];
};

type BeforeByPlace = Map<string, Operation>;

/** Of one moment; a maker of one answer. */
export class HistoryUndo {
  readonly #atMs: number;
  readonly #owners = new Map<PeerId, BeforeByPlace>();
  #isExact = true;
  #hasReached = false;
  #beginsMs: number | undefined;

  constructor(atMs: number) {
    this.#atMs = atMs;
  }

  /** False: changes may be missing. */
  get isExact(): boolean {
    return this.#isExact;
  }

  /** Whether the records reach back to the moment. */
  get hasReached(): boolean {
    return this.#hasReached;
  }

  /** Wall clock of the oldest record. */
  get beginsMs(): number | undefined {
    return this.#beginsMs;
  }

  /**
   * Undoes the next older records, the oldest of them first in the list.
   *
   * @returns True when the moment is reached.
   */
  take(records: readonly HistoryRecord[]): boolean {
    for (let at = records.length - 1; at >= 0 && !this.#hasReached; at--) {
      const record = records[at];
      if (record !== undefined) this.#undo(record);
    }
    return this.#hasReached;
  }

  /** The same with records before it that are newer than all it has taken. */
  withNewer(records: readonly HistoryRecord[]): HistoryUndo {
    const whole = new HistoryUndo(this.#atMs);
    if (whole.take(records)) return whole;
    for (const [owner, places] of this.#owners) {
      const known = whole.#placesOf(owner);
      for (const [place, before] of places) known.set(place, before);
    }
    whole.#isExact &&= this.#isExact;
    whole.#hasReached = this.#hasReached;
    whole.#beginsMs = this.#beginsMs ?? whole.#beginsMs;
    return whole;
  }

  /** What each owner said, by id. */
  documents(present: Iterable<OwnerEntries>): readonly PastDocument[] {
    const documents: PastDocument[] = [];
    const unseen = new Map(this.#owners);
    for (const document of present) {
      const { owner } = document;
      const places = unseen.get(owner);
      unseen.delete(owner);
      const entries = undone(document.operations(), places);
      documents.push({ owner, entries });
    }
    for (const [owner, places] of unseen) {
      documents.push({ owner, entries: undone([], places) });
    }
    return documents
      .filter(({ entries }) => entries.length > 0)
      .sort((left, right) => left.owner < right.owner ? -1 : 1);
  }

  #undo(record: HistoryRecord): void {
    this.#beginsMs = record.atMs;
    if (record.atMs <= this.#atMs) {
      this.#hasReached = true;
      return;
    }
    if (record.type === "gap") {
      if (isLossy(record)) this.#isExact = false;
      return;
    }
    const places = this.#placesOf(record.owner);
    for (let at = record.changes.length - 1; at >= 0; at--) {
      const change = record.changes[at];
      if (change === undefined) continue;
      if (isThin(change)) {
        this.#isExact = false;
        continue;
      }
      const { section, key, before: text } = change;
      places.set(`${section} ${key}`, { section, key, text });
    }
  }

  #placesOf(owner: PeerId): BeforeByPlace {
    const places = this.#owners.get(owner) ?? new Map<string, Operation>();
    this.#owners.set(owner, places);
    return places;
  }
}

function undone(
  entries: readonly Operation[],
  places: BeforeByPlace | undefined,
): readonly Operation[] {
  const kept = entries.filter(({ section, key }) =>
    places?.has(`${section} ${key}`) !== true
  );
  const before = [...places?.values() ?? []];
  return [...kept, ...before.filter(({ text }) => text !== undefined)];
}
