// Written batches that are not durable yet, over the document that does not
// show them yet. In come operations, out go those that change something, and
// what the document would then hold. Never touches the document itself.

import { LimitError, limits } from "../kernel/mod.ts";
import {
  comparePlaces,
  operationBytes,
  operationsBytesMax,
} from "./batches.ts";
import type { Operation } from "./schema.ts";

function placeOf({ section, key }: Operation): string {
  return `${section} ${key}`; // neither may hold a space
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

  #current(operation: Operation): string | undefined {
    const changed = this.#changed.get(placeOf(operation));
    if (changed !== undefined) return changed.text;
    return this.#document.get(operation.section, operation.key);
  }

  /** The operations that change something, sorted; the last of a place wins. */
  effective(operations: readonly Operation[]): readonly Operation[] {
    const last = new Map<string, Operation>();
    for (const operation of operations) last.set(placeOf(operation), operation);
    return [...last.values()]
      .filter((operation) => this.#current(operation) !== operation.text)
      .sort(comparePlaces);
  }

  #growth(operations: readonly Operation[]) {
    let entries = 0;
    let sizeBytes = 0;
    for (const operation of operations) {
      const text = this.#current(operation);
      if (text !== undefined) {
        entries--;
        sizeBytes -= operationBytes({ ...operation, text });
      }
      if (operation.text !== undefined) {
        entries++;
        sizeBytes += operationBytes(operation);
      }
    }
    return { entries, sizeBytes };
  }

  /** What operations would make too large; undefined when nothing. */
  excess(operations: readonly Operation[]): Excess | undefined {
    const growth = this.#growth(operations);
    const entryCount = this.#entryCount + growth.entries;
    if (growth.entries > 0 && entryCount > limits.ownerEntriesMax) {
      return { entryCount };
    }
    const sizeBytes = this.#sizeBytes + growth.sizeBytes;
    const isLarge = growth.sizeBytes > 0 && sizeBytes > operationsBytesMax;
    return isLarge ? { sizeBytes } : undefined;
  }

  /** @throws {LimitError} This node's document would grow over a limit. */
  checkLimits(operations: readonly Operation[]): void {
    const excess = this.excess(operations);
    if (excess === undefined) return;
    const hint = 'Remove what is not needed with "pln unseed"';
    if ("entryCount" in excess) {
      throw new LimitError(
        `This node would own ${excess.entryCount} entries, more than ` +
          `${limits.ownerEntriesMax}`,
        { hint },
      );
    }
    throw new LimitError(
      `This node's entries would take ${excess.sizeBytes} bytes, more than ` +
        `${operationsBytesMax}`,
      { hint },
    );
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
