// Written batches that are not durable yet, over the document that does not
// show them yet. In come operations, out go those that change something, and
// what the document would then hold. Never touches the document itself.

import { limits } from "../kernel/mod.ts";
import type { Tier } from "../identity/mod.ts";
import {
  comparePlaces,
  operationBytes,
  operationsBytesMax,
} from "./batches.ts";
import type { Operation } from "./schema.ts";

function placeOf({ section, key }: Omit<Operation, "text">): string {
  return `${section} ${key}`; // neither may hold a space
}

/** What one document may hold. */
export type DocumentLimits = {
  readonly entriesMax: number;
  /** Of all entries as the operations of a base. */
  readonly bytesMax: number;
};

/** By the tier of an owner's own credential; without one the protocol's. */
export function documentLimits(tier: Tier | undefined): DocumentLimits {
  const entriesMax = limits.memberEntriesMax;
  switch (tier) {
    case "leaf":
      return { entriesMax, bytesMax: limits.leafDocumentBytesMax };
    case "publisher":
      return { entriesMax, bytesMax: limits.publisherDocumentBytesMax };
    case "admin":
    case undefined:
      return {
        entriesMax: limits.ownerEntriesMax,
        bytesMax: operationsBytesMax,
      };
  }
}

/** What a draft lies over: an owner's document, or nothing yet. */
export type DraftGround = {
  readonly entryCount: number;
  readonly sizeBytes: number;
  get(section: string, key: string): string | undefined;
  operations(): readonly Operation[];
};

/** A document that a base is about to open. */
export const noGround: DraftGround = {
  entryCount: 0,
  sizeBytes: 0,
  get: () => undefined,
  operations: () => [],
};

/** What a document would have too much of. */
export type Excess =
  | { readonly entryCount: number }
  | { readonly sizeBytes: number };

export class Draft {
  readonly #document: DraftGround;
  readonly #changed = new Map<string, Operation>();
  #entryCount: number;
  #sizeBytes: number;

  constructor(document: DraftGround) {
    this.#document = document;
    this.#entryCount = document.entryCount;
    this.#sizeBytes = document.sizeBytes;
  }

  /** What all entries take as the operations of a base. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /** The canonical text; undefined when absent or deleted. */
  textOf(operation: Omit<Operation, "text">): string | undefined {
    const changed = this.#changed.size === 0 // as with most batches of others
      ? undefined
      : this.#changed.get(placeOf(operation));
    if (changed !== undefined) return changed.text;
    return this.#document.get(operation.section, operation.key);
  }

  /** The operations that change something, sorted; the last of a place wins. */
  effective(operations: readonly Operation[]): readonly Operation[] {
    const last = new Map<string, Operation>();
    for (const operation of operations) last.set(placeOf(operation), operation);
    return [...last.values()]
      .filter((operation) => this.textOf(operation) !== operation.text)
      .sort(comparePlaces);
  }

  #growth(operations: readonly Operation[]) {
    let entries = 0;
    let sizeBytes = 0;
    for (const operation of operations) {
      const text = this.textOf(operation);
      if (text !== undefined) {
        entries--;
        const { section, key } = operation;
        sizeBytes -= operationBytes({ section, key, text });
      }
      if (operation.text !== undefined) {
        entries++;
        sizeBytes += operationBytes(operation);
      }
    }
    return { entries, sizeBytes };
  }

  /**
   * What operations would make too large; undefined when nothing. What only
   * shrinks is never too large.
   *
   * @param options.isWhole Counts also what was there before them: when the
   * limits themselves have changed.
   */
  excess(
    operations: readonly Operation[],
    { entriesMax, bytesMax }: DocumentLimits = documentLimits(undefined),
    { isWhole = false }: { readonly isWhole?: boolean } = {},
  ): Excess | undefined {
    const growth = this.#growth(operations);
    const entryCount = this.#entryCount + growth.entries;
    if ((isWhole || growth.entries > 0) && entryCount > entriesMax) {
      return { entryCount };
    }
    const sizeBytes = this.#sizeBytes + growth.sizeBytes;
    const isLarge = (isWhole || growth.sizeBytes > 0) && sizeBytes > bytesMax;
    return isLarge ? { sizeBytes } : undefined;
  }

  /** Takes effective operations. */
  add(operations: readonly Operation[]): void {
    const growth = this.#growth(operations);
    this.#entryCount += growth.entries;
    this.#sizeBytes += growth.sizeBytes;
    for (const operation of operations) {
      this.#changed.set(placeOf(operation), operation);
    }
  }

  /** Everything the document would hold after `operations`: a base's. */
  full(operations: readonly Operation[]): readonly Operation[] {
    const all = new Map<string, Operation>();
    const layers = [
      this.#document.operations(),
      this.#changed.values(),
      operations,
    ];
    for (const layer of layers) {
      for (const operation of layer) all.set(placeOf(operation), operation);
    }
    return [...all.values()]
      .filter((operation) => operation.text !== undefined)
      .sort(comparePlaces);
  }
}
