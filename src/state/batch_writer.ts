// The row of batches that this start writes: operations come in, signed batches
// go to the journal, each with the next number and the hash of the one before.
// It knows what of that is durable: after a failure the next batch continues
// from there, under a number that was never used. Applies and acknowledges
// nothing.

import {
  assert,
  type Bytes,
  type ClusterId,
  LimitError,
  limits,
  type PeerId,
} from "../kernel/mod.ts";
import type { PrivateKey, Signer } from "../ports/mod.ts";
import {
  encodeSignedBatch,
  noHash,
  signBatch,
  type SignedBatch,
} from "./batches.ts";
import type { StoredBatch } from "./batch_row.ts";
import type { HybridClock } from "./hybrid_clock.ts";
import type { Journal } from "./journal.ts";
import type { Operation } from "./schema.ts";

/** Where the row stands. */
type Head = {
  readonly seq: number;
  readonly hash: Bytes;
  readonly rev: number;
};

/** A generation that nobody has written yet. */
export type Opened = {
  readonly generation: number;
  readonly session: Bytes;
  /** The hash of the newest batch of earlier generations. */
  readonly hash: Bytes;
};

export type BatchWriterParts = {
  readonly signer: Signer;
  readonly owner: PeerId;
  readonly journal: Journal;
  readonly clock: HybridClock;
  readonly key: PrivateKey;
  readonly cluster: ClusterId;
};

/** What a batch is to be. */
export type BatchForm = {
  readonly base: boolean;
  /** Whether it may change rights. */
  readonly isRights: boolean;
};

export class BatchWriter {
  readonly #parts: BatchWriterParts;
  #opened: Opened | undefined;
  #needsBase = true;
  /** What the last record in the journal was. */
  #head: Head = { seq: 0, hash: noHash, rev: 0 };
  /** What the last durable record was. */
  #durable: Head = this.#head;

  constructor(parts: BatchWriterParts) {
    this.#parts = parts;
  }

  /** Undefined before the first is opened. */
  get generation(): number | undefined {
    return this.#opened?.generation;
  }

  /** Of the newest durable batch of the generation; 0 before there is one. */
  get seq(): number {
    return this.#durable.seq;
  }

  /** Whether the generation has no base yet. */
  get needsBase(): boolean {
    return this.#needsBase;
  }

  /** The next batch begins a generation. */
  open(opened: Opened): void {
    this.#opened = opened;
    this.#needsBase = true;
    this.#head = { seq: 0, hash: opened.hash, rev: 0 };
    this.#durable = this.#head;
  }

  /**
   * Signs a batch and puts it in the journal; `synced` or `failed` follows.
   *
   * @throws {LimitError} It is too large; nothing was written.
   * @throws {DiskError} It may be on the disk, or not.
   */
  async write(
    operations: readonly Operation[],
    form: BatchForm,
  ): Promise<StoredBatch> {
    const signed = this.#sign(operations, form);
    const stored = { ...signed, bytes: encodeSignedBatch(signed) };
    await this.#store(stored);
    return stored;
  }

  /** The journal has made all durable. */
  synced(): void {
    this.#durable = this.#head;
  }

  /** Numbers are used up: a restart may still find the records. */
  failed(): void {
    this.#head = { ...this.#durable, seq: this.#head.seq };
  }

  #sign(operations: readonly Operation[], form: BatchForm): SignedBatch {
    const { key, cluster, signer, owner, clock } = this.#parts;
    const { seq, hash, rev } = this.#head;
    const opened = this.#opened;
    assert(opened !== undefined, "a generation is open before a batch");
    const { generation, session } = opened;
    const isNewRev = this.#durable.seq === 0 || form.isRights;
    const signed = signBatch({
      owner,
      generation,
      session,
      seq: seq + 1,
      prev: hash,
      base: form.base,
      rev: isNewRev ? seq + 1 : rev,
      operations,
      hlc: clock.next(),
    }, { signer, key, cluster });
    if (signed.body.length <= limits.stateBatchBytesMax) return signed;
    throw new LimitError(
      `A publish of ${signed.body.length} bytes is over ` +
        `${limits.stateBatchBytesMax}`,
      { hint: "Publish it in several steps" },
    );
  }

  async #store({ batch, bytes, hash }: StoredBatch): Promise<void> {
    const { journal } = this.#parts;
    const { generation, seq, rev, base } = batch;
    try {
      if (base) await journal.startFile(bytes, { generation });
      else await journal.append(bytes);
    } catch (cause) {
      // A base that failed may be on the disk: its number is used up.
      if (base) this.#head = { ...this.#head, seq };
      throw cause;
    }
    if (base) this.#needsBase = false;
    this.#head = { seq, hash, rev };
  }
}
