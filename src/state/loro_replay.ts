// A LoroDoc that follows one owner's batches. In come checked batches, in order;
// the document holds what they say, with its history since the newest base.
// Never imports Loro bytes, never stores a Loro peer id, never sets what is set
// already, and frees every container handle (each pins wasm memory until it is
// freed).

import { LoroDoc, type LoroMap } from "./loro.ts";
import { assert } from "../kernel/mod.ts";
import type { Operation } from "./schema.ts";
import type { DocumentBatch } from "./state_document.ts";

/** Loro keeps the largest peer id for itself. */
const loroPeersMax = 2n ** 64n - 1n;

/** The Loro peer id of a session: its first 8 bytes, big-endian. */
function loroPeerOf(session: Uint8Array): bigint {
  const view = new DataView(session.buffer, session.byteOffset);
  return view.getBigUint64(0) % loroPeersMax;
}

/** Holds wasm memory that only disposal frees. */
export class LoroReplay implements Disposable {
  #doc = new LoroDoc();
  #loroPeer: bigint | undefined;
  #operationCount = 0;
  #isDisposed = false;

  /** To be read only; a base, or a panic, makes another one. */
  get document(): LoroDoc {
    return this.#doc;
  }

  /**
   * Replays all of `batches` on the empty document.
   *
   * @throws {AssertionError} The engine fails on a second one too.
   */
  open(batches: readonly DocumentBatch[]): void {
    if (!batches.every((batch) => this.#tryReplay(batch))) this.#anew(batches);
  }

  /**
   * Replays the last of `batches`: all since the newest base, which is the
   * first of them. After a panic of the engine, or when it did not count what
   * was set, all are replayed on a fresh document.
   *
   * @throws {AssertionError} The engine fails on that too.
   */
  follow(batches: readonly DocumentBatch[]): void {
    const last = batches.at(-1);
    if (last === undefined) return;
    if (last.base) {
      this.#free();
      this.#reset();
    }
    if (!this.#tryReplay(last)) this.#anew(batches);
  }

  /** What panicked may refuse to be freed: the collector has it. */
  #anew(batches: readonly DocumentBatch[]): void {
    this.#reset();
    for (const batch of batches) {
      assert(this.#tryReplay(batch), "Loro replays a checked batch");
    }
  }

  #reset(): void {
    this.#doc = new LoroDoc();
    this.#loroPeer = undefined;
    this.#operationCount = 0;
  }

  /** False after a panic, and when the engine did not count right. */
  #tryReplay(batch: DocumentBatch): boolean {
    try {
      return this.#replay(batch);
    } catch (cause) {
      if (cause instanceof WebAssembly.RuntimeError) return false;
      throw cause;
    }
  }

  #replay(batch: DocumentBatch): boolean {
    const loroPeer = loroPeerOf(batch.session);
    if (loroPeer !== this.#loroPeer) {
      this.#doc.setPeerId(loroPeer);
      this.#loroPeer = loroPeer;
    }
    let section: string | undefined;
    let map: LoroMap | undefined;
    try {
      for (const operation of batch.operations) {
        if (map === undefined || operation.section !== section) {
          map?.free();
          section = operation.section;
          map = this.#doc.getMap(section);
        }
        this.#set(map, operation);
      }
    } finally {
      map?.free();
    }
    this.#doc.commit();
    return this.#doc.opCount() === this.#operationCount;
  }

  #set(map: LoroMap, { key, text }: Operation): void {
    if (map.get(key) === text) return; // skipped alike by every replica
    if (text === undefined) map.delete(key);
    else map.set(key, text);
    this.#operationCount++;
  }

  #free(): void {
    try {
      this.#doc.free();
    } catch (cause) {
      if (!(cause instanceof WebAssembly.RuntimeError)) throw cause;
    }
  }

  /** Harmless twice. */
  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#free();
  }
}
