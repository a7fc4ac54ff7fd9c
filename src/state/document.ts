// One owner's document: a LoroDoc that replays the owner's batches in order.
// In come checked batches, out go entries as canonical texts. Never imports
// Loro bytes, never stores a Loro peer id, never sets what is set already, and
// frees every container handle (each pins wasm memory until it is freed).

import { LoroDoc, type LoroMap } from "./loro.ts";
import { assert, type PeerId } from "../kernel/mod.ts";
import { comparePlaces, operationBytes } from "./batches.ts";
import { type EntryChange, replacedBy } from "./changes.ts";
import type { Operation } from "./schema.ts";
import type { DocumentBatch, StateDocument } from "./state_document.ts";

/** Loro keeps the largest peer id for itself. */
const loroPeersMax = 2n ** 64n - 1n;

/** The Loro peer id of a session: its first 8 bytes, big-endian. */
function loroPeerOf(session: Uint8Array): bigint {
  const view = new DataView(session.buffer, session.byteOffset);
  return view.getBigUint64(0) % loroPeersMax;
}

/** Holds wasm memory that only disposal frees. */
export class OwnerDocument implements StateDocument {
  readonly owner: PeerId;
  /** Undefined while it is empty, and after a panic. */
  #doc: LoroDoc | undefined;
  #loroPeer: bigint | undefined;
  #operationCount = 0;
  #sections = new Set<string>();
  #entryCount = 0;
  #sizeBytes = 0;
  /** The newest base and what came after: the document's own source. */
  #batches: DocumentBatch[] = [];
  #isDisposed = false;

  /** Empty until batches are applied. */
  constructor(owner: PeerId) {
    this.owner = owner;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Replays a batch. After a panic of the engine, or when it did not count what
   * was set, the document is built anew from its batches.
   *
   * @throws {AssertionError} The engine fails on a fresh document too.
   */
  apply(batch: DocumentBatch): readonly EntryChange[] {
    const gone = batch.base ? this.clear() : undefined;
    this.#batches.push(batch);
    const come = this.#tryReplay(batch) ?? this.#rebuild();
    return gone === undefined || gone.length === 0
      ? come
      : replacedBy(gone, come);
  }

  /** A panicked document may refuse to be freed: the collector has it. */
  #rebuild(): readonly EntryChange[] {
    this.#reset();
    let last: readonly EntryChange[] | undefined;
    for (const retained of this.#batches) {
      last = this.#tryReplay(retained);
      assert(last !== undefined, "Loro replays a checked batch");
    }
    return last ?? [];
  }

  clear(): readonly EntryChange[] {
    const gone = this.operations().map(({ section, key, text }) => ({
      ...{ section, key, before: text, after: undefined },
    }));
    this.#batches = [];
    this.#free();
    this.#reset();
    return gone;
  }

  #reset(): void {
    this.#doc = undefined;
    this.#loroPeer = undefined;
    this.#operationCount = 0;
    this.#sections = new Set();
    this.#entryCount = 0;
    this.#sizeBytes = 0;
  }

  #free(): void {
    try {
      this.#doc?.free();
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
    }
  }

  /** Undefined after a panic, and when the engine did not count right. */
  #tryReplay(batch: DocumentBatch): readonly EntryChange[] | undefined {
    try {
      return this.#replay(batch);
    } catch (cause) {
      if (cause instanceof WebAssembly.RuntimeError) return undefined;
      throw cause;
    }
  }

  #replay(batch: DocumentBatch): readonly EntryChange[] | undefined {
    this.#doc ??= new LoroDoc();
    const loroPeer = loroPeerOf(batch.session);
    if (loroPeer !== this.#loroPeer) {
      this.#doc.setPeerId(loroPeer);
      this.#loroPeer = loroPeer;
    }
    const changes: EntryChange[] = [];
    let section: string | undefined;
    let map: LoroMap | undefined;
    try {
      for (const operation of batch.operations) {
        if (map === undefined || operation.section !== section) {
          map?.free();
          section = operation.section;
          map = this.#doc.getMap(section);
        }
        const change = this.#set(map, operation);
        if (change !== undefined) changes.push(change);
      }
    } finally {
      map?.free();
    }
    this.#doc.commit();
    return this.#doc.opCount() === this.#operationCount ? changes : undefined;
  }

  #set(map: LoroMap, operation: Operation): EntryChange | undefined {
    const { section, key, text } = operation;
    const old = textOf(map.get(key));
    if (old === text) return undefined; // skipped alike by every replica
    if (text === undefined) map.delete(key);
    else map.set(key, text);
    this.#operationCount++;
    this.#sections.add(section);
    if (old !== undefined) {
      this.#entryCount--;
      this.#sizeBytes -= operationBytes({ section, key, text: old });
    }
    if (text !== undefined) {
      this.#entryCount++;
      this.#sizeBytes += operationBytes(operation);
    }
    return { section, key, before: old, after: text };
  }

  #withMap<T>(section: string, use: (map: LoroMap) => T): T {
    assert(this.#doc !== undefined, "a section that has entries");
    const map = this.#doc.getMap(section);
    try {
      return use(map);
    } finally {
      map.free();
    }
  }

  get(section: string, key: string): string | undefined {
    if (!this.#sections.has(section)) return undefined;
    return this.#withMap(section, (map) => textOf(map.get(key)));
  }

  entries(section: string): readonly Operation[] {
    if (!this.#sections.has(section)) return [];
    return this.#withMap(
      section,
      (map) =>
        map.entries()
          .map(([key, value]) => ({ section, key, text: textOf(value) }))
          .sort(comparePlaces),
    );
  }

  operations(): readonly Operation[] {
    return [...this.#sections].sort()
      .flatMap((section) => this.entries(section));
  }

  /** Afterwards nothing else may be called. */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#free();
  }
}

function textOf(value: unknown): string | undefined {
  assert(
    value === undefined || typeof value === "string",
    "a document holds texts only",
  );
  return value;
}
