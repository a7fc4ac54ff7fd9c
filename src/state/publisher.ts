// The one writer of an owner's document. In come checked operations, out go
// signed batches: journalled, synced, and only then applied and acknowledged.
// Publishes that wait at the same time share one sync (group commit). Never
// shows or acknowledges what a power loss could still take back.

import {
  asPlnError,
  type Bytes,
  ClosedError,
  type ClusterId,
  LimitError,
  limits,
  type PlnError,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import { encodeSignedBatch, signBatch, type SignedBatch } from "./batches.ts";
import type { StoredBatch } from "./batch_row.ts";
import type { OwnerDocument } from "./document.ts";
import { Draft } from "./draft.ts";
import type { HybridClock } from "./hybrid_clock.ts";
import type { Journal } from "./journal.ts";
import { type Operation, rightsSections } from "./schema.ts";
import { isOwnAuthority } from "./admin_entries.ts";

/** Where the owner's row of batches stands. */
type Head = {
  readonly seq: number;
  readonly hash: Bytes;
  readonly rev: number;
};

export type PublisherConfig = {
  readonly key: PrivateKey;
  readonly cluster: ClusterId;
  readonly generation: number;
  readonly session: Bytes;
  /** The hash of the newest batch of earlier generations. */
  readonly hash: Bytes;
  /** Whether a restart would find exactly what the document shows. */
  readonly isSettled: boolean;
};

export type PublisherParts = {
  readonly signer: Ports["signer"];
  readonly log: Ports["log"];
  readonly document: OwnerDocument;
  readonly journal: Journal;
  readonly clock: HybridClock;
  /** Asked once for each batch; the size is a base's. */
  readonly wantsBase: (sizeBytes: number) => boolean;
  /** Called once for each group that changed the document. */
  readonly onApplied: (fresh: readonly StoredBatch[]) => void;
};

type Pending = {
  readonly operations: readonly Operation[];
  /** Whether a base is wanted even if nothing changes. */
  readonly isBaseWanted: boolean;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
};

type Written = { readonly pending: Pending; readonly stored?: StoredBatch };

export class Publisher implements AsyncDisposable {
  readonly #parts: PublisherParts;
  readonly #config: PublisherConfig;
  #queue: Pending[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;
  /** Whether a restart would find exactly what the document shows. */
  #isSettled: boolean;
  #fault: string | undefined;
  #bug: PlnError | undefined;
  /** What the last record in the journal was. */
  #head: Head;
  /** What the last acknowledged record was. */
  #durable: Head;

  constructor(parts: PublisherParts, config: PublisherConfig) {
    this.#parts = parts;
    this.#config = config;
    this.#isSettled = config.isSettled;
    this.#head = { seq: 0, hash: config.hash, rev: 0 };
    this.#durable = this.#head;
  }

  /** Of the newest acknowledged batch of this start; 0 before there is one. */
  get seq(): number {
    return this.#durable.seq;
  }

  /** Why the newest write failed; undefined when it did not. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Resolves when the operations are durable and applied. */
  publish(
    operations: readonly Operation[],
    options: { readonly isBaseWanted?: boolean } = {},
  ): Promise<void> {
    if (this.#isClosed) {
      return Promise.reject(new ClosedError("Cannot publish: closing"));
    }
    if (this.#bug !== undefined) return Promise.reject(this.#bug);
    if (this.#queue.length >= limits.statePublishesQueuedMax) {
      return Promise.reject(
        new LimitError(`${this.#queue.length} publishes are waiting already`, {
          hint: "Try again in a moment",
        }),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const { isBaseWanted = false } = options;
    this.#queue.push({ operations, isBaseWanted, resolve, reject });
    this.#running ??= this.#drain();
    return promise;
  }

  async #drain(): Promise<void> {
    await Promise.resolve(); // lets publishes of the same turn join the group
    while (this.#queue.length > 0) {
      const group = this.#queue;
      this.#queue = [];
      if (this.#bug !== undefined) {
        for (const pending of group) pending.reject(this.#bug);
        continue;
      }
      try {
        await this.#commit(group);
      } catch (cause) {
        // A bug: the document may lack what the journal has. No base may be
        // made of it, so nothing is published until the next start.
        this.#bug = asPlnError(cause);
        this.#fail(cause);
        for (const pending of group) pending.reject(this.#bug);
      }
    }
    this.#running = undefined;
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const draft = new Draft(this.#parts.document);
    const written = await this.#writeAll(draft, group);
    try {
      await this.#parts.journal.sync();
    } catch (cause) {
      this.#fail(cause);
      // Its numbers are used up: the records may still be found by a restart.
      this.#head = { ...this.#durable, seq: this.#head.seq };
      for (const { pending } of written) pending.reject(cause);
      return;
    }
    this.#durable = this.#head;
    const fresh = written.map(({ stored }) => stored)
      .filter((stored) => stored !== undefined);
    for (const { batch } of fresh) this.#parts.document.apply(batch);
    if (fresh.length > 0) {
      // A base that failed may be found by a restart, with what it refused.
      this.#isSettled = !this.#parts.journal.isBroken;
      this.#parts.onApplied(fresh);
    }
    for (const { pending } of written) pending.resolve();
  }

  /** A refusal concerns one publish; a broken journal all behind it too. */
  async #writeAll(
    draft: Draft,
    group: readonly Pending[],
  ): Promise<readonly Written[]> {
    const { journal } = this.#parts;
    const written: Written[] = [];
    let failure: { readonly cause: unknown } | undefined;
    for (const pending of group) {
      if (failure !== undefined) {
        pending.reject(failure.cause);
        continue;
      }
      try {
        const stored = await this.#write(draft, pending);
        written.push(stored === undefined ? { pending } : { pending, stored });
      } catch (cause) {
        pending.reject(cause);
        if (journal.isBroken) failure = { cause };
      }
    }
    return written;
  }

  /**
   * The batch in the journal; undefined when nothing had to be written. Peers
   * take a document from its base on, and only an admin's: so the base has to
   * show an authority that is new.
   */
  async #write(
    draft: Draft,
    pending: Pending,
  ): Promise<StoredBatch | undefined> {
    const operations = draft.effective(pending.operations);
    const isIdle = operations.length === 0;
    if (isIdle && this.#isSettled && !pending.isBaseWanted) return undefined;
    draft.checkLimits(operations);
    const { journal, wantsBase } = this.#parts;
    const isBaseBetter = wantsBase(draft.sizeBytes);
    const base = isIdle || pending.isBaseWanted || isBaseBetter ||
      operations.some(isOwnAuthority) || journal.needsBase(draft.sizeBytes);
    const signed = this.#sign(
      base ? draft.full(operations) : operations,
      { base, touched: operations },
    );
    const stored = { ...signed, bytes: encodeSignedBatch(signed) };
    await this.#store(stored);
    draft.add(operations);
    return stored;
  }

  #sign(
    operations: readonly Operation[],
    options: { readonly base: boolean; readonly touched: readonly Operation[] },
  ): SignedBatch {
    const { key, cluster, generation, session } = this.#config;
    const { seq, hash, rev } = this.#head;
    const isNewRev = this.#durable.seq === 0 ||
      options.touched.some(({ section }) => rightsSections.has(section));
    const signed = signBatch({
      owner: this.#parts.document.owner,
      generation,
      session,
      seq: seq + 1,
      prev: hash,
      base: options.base,
      rev: isNewRev ? seq + 1 : rev,
      operations,
      hlc: this.#parts.clock.next(),
    }, { signer: this.#parts.signer, key, cluster });
    if (signed.body.length <= limits.stateBatchBytesMax) return signed;
    throw new LimitError(
      `A publish of ${signed.body.length} bytes is over ` +
        `${limits.stateBatchBytesMax}`,
      { hint: "Publish it in several steps" },
    );
  }

  async #store(signed: StoredBatch): Promise<void> {
    const { journal } = this.#parts;
    const { bytes: record } = signed;
    const { seq, rev } = signed.batch;
    try {
      if (signed.batch.base) {
        await journal.startFile(record, this.#config);
      } else await journal.append(record);
    } catch (cause) {
      this.#fail(cause);
      // A base that failed may be on the disk: its number is used up.
      if (signed.batch.base) this.#head = { ...this.#head, seq };
      throw cause;
    }
    if (signed.batch.base) this.#isSettled = true;
    this.#head = { seq, hash: signed.hash, rev };
    this.#fault = undefined;
  }

  /** Afterwards the disk may hold more than the document shows. */
  #fail(cause: unknown): void {
    this.#isSettled = false;
    this.#fault = asPlnError(cause).message;
    this.#parts.log.error("state.publish_failed", { reason: this.#fault });
  }

  /** Ends the publishes that wait, then refuses more. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#running;
  }
}
