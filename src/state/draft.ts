// Written batches that are not durable yet, over the document that does not
// show them yet. In come operations, out go those that change something, and
// what the document would then hold. Never touches the document itself.

import { LimitError, limits } from "../kernel/mod.ts";
import {
  comparePlaces,
  operationBytes,
  operationsBytesMax,
} from "./batches.ts";
import type { OwnerDocument } from "./document.ts";
import type { Operation } from "./schema.ts";

function placeOf({ section, key }: Operation): string {
  return `${section} ${key}`; // neither may hold a space
}

export class Draft {
  readonly #document: OwnerDocument;
  readonly #changed = new Map<string, Operation>();
  #entryCount: number;
  #sizeBytes: number;

  constructor(document: OwnerDocument) {
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

  /** @throws {LimitError} The document would grow over a limit. */
  checkLimits(operations: readonly Operation[]): void {
    const growth = this.#growth(operations);
    const entryCount = this.#entryCount + growth.entries;
    if (growth.entries > 0 && entryCount > limits.ownerEntriesMax) {
      throw new LimitError(
        `This node would own ${entryCount} entries, more than ` +
          `${limits.ownerEntriesMax}`,
        { hint: 'Remove what is not needed with "pln unseed"' },
      );
    }
    const sizeBytes = this.#sizeBytes + growth.sizeBytes;
    if (growth.sizeBytes > 0 && sizeBytes > operationsBytesMax) {
      throw new LimitError(
        `This node's entries would take ${sizeBytes} bytes, more than ` +
          `${operationsBytesMax}`,
        { hint: 'Remove what is not needed with "pln unseed"' },
      );
    }
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
