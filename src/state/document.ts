// One owner's document: a LoroDoc that replays the owner's batches in order.
// In come checked batches, out go entries as canonical texts. Never imports
// Loro bytes, never stores a Loro peer id, never sets what is set already, and
// frees every container handle (each pins wasm memory until it is freed).

import { LoroDoc, type LoroMap } from "loro-crdt";
import { assert, type Digest, type PeerId } from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import { type Batch, comparePlaces, operationBytes } from "./batches.ts";
import { EntryDigest } from "./entry_digest.ts";
import type { Operation } from "./schema.ts";

/** Loro keeps the largest peer id for itself. */
const loroPeersMax = 2n ** 64n - 1n;

/** The Loro peer id of a session: its first 8 bytes, big-endian. */
function loroPeerOf(session: Uint8Array): bigint {
  const view = new DataView(session.buffer, session.byteOffset);
  return view.getBigUint64(0) % loroPeersMax;
}

/** Holds wasm memory that only disposal frees. */
export class OwnerDocument implements Disposable {
  /** Not compared with the batches' owner: the caller has done that. */
  readonly owner: PeerId;
  readonly #signer: Signer;
  #doc = new LoroDoc();
  #loroPeer: bigint | undefined;
  #operationCount = 0;
  #sections = new Set<string>();
  #entryCount = 0;
  #sizeBytes = 0;
  /** The newest base and what came after: the document's own source. */
  #batches: Batch[] = [];
  #digest: EntryDigest;
  #isDisposed = false;

  /** Empty until batches are applied. */
  constructor(owner: PeerId, signer: Signer) {
    this.owner = owner;
    this.#signer = signer;
    this.#digest = new EntryDigest(signer);
  }

  /** Over all sections; deleted entries do not count. */
  get entryCount(): number {
    return this.#entryCount;
  }

  /** What all entries take as the operations of a base. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  /**
   * Replays a batch. After a panic of the engine, or when it did not count what
   * was set, the document is built anew from its batches.
   *
   * @throws {AssertionError} The engine fails on a fresh document too.
   */
  apply(batch: Batch): void {
    if (batch.base) this.#batches = [];
    this.#batches.push(batch);
    if (this.#tryReplay(batch)) return;
    // A panicked document may refuse to be freed: it is left to the collector.
    this.#open();
    for (const retained of this.#batches) {
      assert(this.#tryReplay(retained), "Loro replays a checked batch");
    }
  }

  #open(): void {
    this.#doc = new LoroDoc();
    this.#loroPeer = undefined;
    this.#operationCount = 0;
    this.#sections = new Set();
    this.#entryCount = 0;
    this.#sizeBytes = 0;
    this.#digest = new EntryDigest(this.#signer);
  }

  #tryReplay(batch: Batch): boolean {
    try {
      if (batch.base) {
        this.#doc.free();
        this.#open();
      }
      return this.#replay(batch);
    } catch (cause) {
      if (cause instanceof WebAssembly.RuntimeError) return false;
      throw cause;
    }
  }

  #replay(batch: Batch): boolean {
    const loroPeer = loroPeerOf(batch.session);
    if (loroPeer !== this.#loroPeer) {
      this.#doc.setPeerId(loroPeer);
      this.#loroPeer = loroPeer;
    }
    for (const operation of batch.operations) {
      this.#withMap(operation.section, (map) => this.#set(map, operation));
    }
    this.#doc.commit();
    return this.#doc.opCount() === this.#operationCount;
  }

  #set(map: LoroMap, operation: Operation): void {
    const { section, key, text } = operation;
    const old = textOf(map.get(key));
    if (old === text) return; // a no-op: skipped alike by every replica
    if (text === undefined) map.delete(key);
    else map.set(key, text);
    this.#operationCount++;
    this.#digest.set(operation);
    this.#sections.add(section);
    if (old !== undefined) {
      this.#entryCount--;
      this.#sizeBytes -= operationBytes({ section, key, text: old });
    }
    if (text !== undefined) {
      this.#entryCount++;
      this.#sizeBytes += operationBytes(operation);
    }
  }

  #withMap<T>(section: string, use: (map: LoroMap) => T): T {
    const map = this.#doc.getMap(section);
    try {
      return use(map);
    } finally {
      map.free();
    }
  }

  /** The canonical text; undefined when absent or deleted. */
  get(section: string, key: string): string | undefined {
    if (!this.#sections.has(section)) return undefined;
    return this.#withMap(section, (map) => textOf(map.get(key)));
  }

  /** The entries of a section, sorted by key. */
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

  /** All entries, sorted by section and key: the operations of a base. */
  operations(): readonly Operation[] {
    return [...this.#sections].sort()
      .flatMap((section) => this.entries(section));
  }

  /** Over all entries; equal entries give equal digests. */
  digest(): Digest {
    return this.#digest.get();
  }

  /** Afterwards nothing else may be called. */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#doc.free();
  }
}

function textOf(value: unknown): string | undefined {
  assert(
    value === undefined || typeof value === "string",
    "a document holds texts only",
  );
  return value;
}
