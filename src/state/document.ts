// One owner's document: what the owner's batches say, in order. In come checked
// batches, out go entries as canonical texts. The texts lie in plain maps, where
// a reader finds them without crossing into wasm; the LoroDoc behind them has
// their history, and takes four times their memory: it is there at once, or
// when somebody asks for it. Both always say the same.

import type { LoroDoc } from "./loro.ts";
import { LoroReplay } from "./loro_replay.ts";
import type { PeerId } from "../kernel/mod.ts";
import type { EntryChange } from "./changes.ts";
import { PlainDocument } from "./plain_document.ts";
import type { Operation } from "./schema.ts";
import type { DocumentBatch, StateDocument } from "./state_document.ts";

/** Holds wasm memory that only disposal frees. */
export class OwnerDocument implements StateDocument {
  readonly owner: PeerId;
  readonly #texts: PlainDocument;
  readonly #isLazy: boolean;
  /** The newest base and what came after: the LoroDoc's source. */
  #batches: DocumentBatch[] = [];
  /** Undefined while it is empty, and until somebody asks. */
  #replay: LoroReplay | undefined;

  /**
   * Empty until batches are applied.
   *
   * @param options.isLazy Opens the LoroDoc when it is first asked for.
   */
  constructor(owner: PeerId, options: { readonly isLazy?: boolean } = {}) {
    this.owner = owner;
    this.#texts = new PlainDocument(owner);
    this.#isLazy = options.isLazy ?? false;
  }

  get entryCount(): number {
    return this.#texts.entryCount;
  }

  get sizeBytes(): number {
    return this.#texts.sizeBytes;
  }

  /**
   * With the history since the newest base. To be read only, and not to be
   * kept: the next batch may open another one.
   */
  get loro(): LoroDoc {
    if (this.#replay === undefined) {
      this.#replay = new LoroReplay();
      this.#replay.open(this.#batches);
    }
    return this.#replay.document;
  }

  /**
   * Replays a batch.
   *
   * @throws {AssertionError} The engine fails on a fresh LoroDoc too.
   */
  apply(batch: DocumentBatch): readonly EntryChange[] {
    if (batch.base) this.#batches = [];
    this.#batches.push(batch);
    if (this.#replay !== undefined) this.#replay.follow(this.#batches);
    else if (!this.#isLazy) void this.loro;
    return this.#texts.apply(batch);
  }

  clear(): readonly EntryChange[] {
    this.#batches = [];
    this.#close();
    return this.#texts.clear();
  }

  #close(): void {
    this.#replay?.[Symbol.dispose]();
    this.#replay = undefined;
  }

  get(section: string, key: string): string | undefined {
    return this.#texts.get(section, key);
  }

  entries(section: string): readonly Operation[] {
    return this.#texts.entries(section);
  }

  operations(): readonly Operation[] {
    return this.#texts.operations();
  }

  /** Afterwards nothing else may be called. */
  [Symbol.dispose](): void {
    this.#close();
  }
}
