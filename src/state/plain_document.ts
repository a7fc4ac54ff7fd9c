// One owner's document in plain maps: what a LoroDoc would hold after the same
// batches, for a fraction of the memory. In come checked batches, out go entries
// as canonical texts. It knows no history, and needs none: an owner is the only
// writer of its document.

import type { PeerId } from "../kernel/mod.ts";
import { comparePlaces, operationBytes } from "./batches.ts";
import { type EntryChange, replacedBy } from "./changes.ts";
import type { Operation } from "./schema.ts";
import type { DocumentBatch, StateDocument } from "./state_document.ts";

export class PlainDocument implements StateDocument {
  readonly owner: PeerId;
  readonly #sections = new Map<string, Map<string, string>>();
  #entryCount = 0;
  #sizeBytes = 0;

  constructor(owner: PeerId) {
    this.owner = owner;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  apply({ base, operations }: DocumentBatch): readonly EntryChange[] {
    if (base) return replacedBy(this.clear(), this.#setAll(operations));
    return this.#setAll(operations);
  }

  #setAll(operations: readonly Operation[]): readonly EntryChange[] {
    const changes: EntryChange[] = [];
    for (const operation of operations) {
      const { section, key, text: after } = operation;
      const before = this.get(section, key);
      if (before === after) continue;
      this.#set(operation, before);
      changes.push({ section, key, before, after });
    }
    return changes;
  }

  #set(operation: Operation, before: string | undefined): void {
    const { section, key, text } = operation;
    const entries = this.#entriesOf(section);
    if (before !== undefined) {
      this.#entryCount--;
      this.#sizeBytes -= operationBytes({ section, key, text: before });
    }
    if (text === undefined) entries.delete(key);
    else {
      entries.set(key, text);
      this.#entryCount++;
      this.#sizeBytes += operationBytes(operation);
    }
    if (entries.size === 0) this.#sections.delete(section);
  }

  #entriesOf(section: string): Map<string, string> {
    const known = this.#sections.get(section);
    if (known !== undefined) return known;
    const entries = new Map<string, string>();
    this.#sections.set(section, entries);
    return entries;
  }

  clear(): readonly EntryChange[] {
    const gone = this.operations().map(({ section, key, text }) => ({
      ...{ section, key, before: text, after: undefined },
    }));
    this.#sections.clear();
    this.#entryCount = 0;
    this.#sizeBytes = 0;
    return gone;
  }

  get(section: string, key: string): string | undefined {
    return this.#sections.get(section)?.get(key);
  }

  entries(section: string): readonly Operation[] {
    return [...this.#sections.get(section) ?? []]
      .map(([key, text]) => ({ section, key, text }))
      .sort(comparePlaces);
  }

  operations(): readonly Operation[] {
    return [...this.#sections.keys()].sort()
      .flatMap((section) => this.entries(section));
  }

  /** There is nothing to free. */
  [Symbol.dispose](): void {}
}
