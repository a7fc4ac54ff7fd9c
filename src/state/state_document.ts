// What an owner's document is to the rest of the state, whatever holds it: a
// LoroDoc, or plain maps where a million of documents have to fit (the
// simulation of 1000 nodes). Checked batches go in, in their order; entries come
// out, and what each batch changed of them. A contract suite keeps the two kinds
// equal.

import type { PeerId } from "../kernel/mod.ts";
import type { Batch } from "./batches.ts";
import type { EntryChange } from "./changes.ts";
import type { Operation } from "./schema.ts";

/** What a document reads of a batch. */
export type DocumentBatch = Pick<Batch, "base" | "session" | "operations">;

/** Of one owner; empty at first. Disposing frees what it holds. */
export interface StateDocument extends Disposable {
  /** Not compared with the batches' owner: the caller has done that. */
  readonly owner: PeerId;
  /** Over all sections; deleted entries do not count. */
  readonly entryCount: number;
  /** What all entries take as the operations of a base. */
  readonly sizeBytes: number;
  /** Replays a batch. @returns What it changed, by section and key. */
  apply(batch: DocumentBatch): readonly EntryChange[];
  /** Forgets everything. @returns What was there. */
  clear(): readonly EntryChange[];
  /** The canonical text; undefined when absent or deleted. */
  get(section: string, key: string): string | undefined;
  /** The entries of a section, sorted by key. */
  entries(section: string): readonly Operation[];
  /** All entries, sorted by section and key: the operations of a base. */
  operations(): readonly Operation[];
}

/** Makes an empty document of an owner. */
export type NewDocument = (owner: PeerId) => StateDocument;
