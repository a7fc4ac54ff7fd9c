// The one writer of an owner's document. In come checked operations, out go
// signed batches: journalled, synced, and only then applied and acknowledged.
// Publishes that wait at the same time share one sync (group commit). When the
// document has to be another one, its base is written before anything else.
// Never shows or acknowledges what a power loss could still take back.

import {
  asPlnError,
  ClosedError,
  LimitError,
  limits,
  PlnError,
} from "../kernel/mod.ts";
import type { Log } from "../ports/mod.ts";
import { isOwnAuthority } from "./admin_entries.ts";
import type { StoredBatch } from "./batch_row.ts";
import type { BatchForm, BatchWriter, Opened } from "./batch_writer.ts";
import { Draft } from "./draft.ts";
import type { Journal } from "./journal.ts";
import type { OwnLimits } from "./own_limits.ts";
import { type Operation, rightsSections } from "./schema.ts";
import type { StateDocument } from "./state_document.ts";

/** What the document has to hold in the place of what it does. */
export type Replacement = {
  readonly operations: readonly Operation[];
  /** Undefined: the generation goes on. */
  readonly opened: Opened | undefined;
};

/** What decides how a start begins, and whether it goes on. */
export type PublisherCourse = {
  /** Waited for before the first batch. Never rejects. */
  readonly ready: () => Promise<void>;
  /** Asked once, for the first batch. */
  readonly open: () => Opened;
  /** Asked before each group; undefined: the document stays as it is. */
  readonly replacement: () => Promise<Replacement | undefined>;
  /** It is durable, and the document. */
  readonly onReplaced: () => void;
};

export type PublisherParts = {
  readonly log: Log;
  readonly document: StateDocument;
  readonly journal: Journal;
  readonly writer: BatchWriter;
  readonly limits: OwnLimits;
  readonly course: PublisherCourse;
  /** Asked once for each batch; the size is a base's. */
  readonly wantsBase: (sizeBytes: number) => boolean;
  /** Called with each batch that is durable, to be applied. */
  readonly onApplied: (fresh: readonly StoredBatch[]) => void;
  /** Operations that are acknowledged now, and applied. */
  readonly onAcknowledged: (operations: readonly Operation[]) => void;
};

type Pending = {
  readonly operations: readonly Operation[];
  /** Whether a base is wanted even if nothing changes. */
  readonly isBaseWanted: boolean;
  readonly resolve: () => void;
  readonly reject: (cause: unknown) => void;
};

function isOfRights({ section }: Operation): boolean {
  return rightsSections.has(section);
}

type Written = { readonly pending: Pending; readonly stored?: StoredBatch };

export class Publisher implements AsyncDisposable {
  readonly #parts: PublisherParts;
  #queue: Pending[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;
  /** Whether a restart would find exactly what the document shows. */
  #isSettled: boolean;
  #fault: string | undefined;
  #bug: PlnError | undefined;
  #isReplacementDue = false;

  /** @param isSettled Whether a restart would find what the document shows. */
  constructor(parts: PublisherParts, isSettled: boolean) {
    this.#parts = parts;
    this.#isSettled = isSettled;
  }

  /** Why the newest write failed; undefined when it did not. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** The document is no longer what the journal says. */
  unsettle(): void {
    this.#isSettled = false;
  }

  /** There may be a replacement: it is written at once. */
  replace(): void {
    if (this.#isClosed || this.#bug !== undefined) return;
    this.#isReplacementDue = true;
    this.#running ??= this.#drain();
  }

  /** Refuses everything from now on, what waits included. */
  stop(reason: PlnError): void {
    this.#bug ??= reason;
    this.#fault = reason.message;
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
    while (this.#queue.length > 0 || this.#isReplacementDue) {
      if (this.#parts.writer.generation === undefined) await this.#begin();
      const isReplaced = await this.#replaceFirst();
      const group = this.#queue;
      this.#queue = [];
      if (this.#bug !== undefined) {
        for (const pending of group) pending.reject(this.#bug);
        continue;
      }
      if (isReplaced !== true) {
        for (const pending of group) pending.reject(isReplaced.cause);
        continue;
      }
      try {
        await this.#commit(group);
      } catch (cause) {
        this.#failForGood(cause);
        for (const pending of group) pending.reject(this.#bug);
      }
    }
    this.#running = undefined;
  }

  async #begin(): Promise<void> {
    const { course, writer } = this.#parts;
    await course.ready();
    if (this.#bug === undefined) writer.open(course.open());
  }

  /**
   * Before anything else: what is published on top of another document could
   * be acknowledged and lost. After a failure the next publish tries again.
   */
  async #replaceFirst(): Promise<true | { readonly cause: unknown }> {
    this.#isReplacementDue = false;
    if (this.#bug !== undefined) return true;
    try {
      const replacement = await this.#parts.course.replacement();
      const isWanted = replacement !== undefined && this.#bug === undefined;
      if (isWanted) await this.#replace(replacement);
      return true;
    } catch (cause) {
      if (cause instanceof PlnError) this.#fail(cause);
      else this.#failForGood(cause);
      return { cause };
    }
  }

  async #replace({ operations, opened }: Replacement): Promise<void> {
    const { writer, course, onApplied } = this.#parts;
    if (opened !== undefined) writer.open(opened);
    const form = { base: true, isRights: true };
    const stored = await writer.write(operations, form);
    writer.synced();
    this.#stored(stored);
    onApplied([stored]);
    course.onReplaced();
  }

  /**
   * A bug: the document may lack what the journal has. No base may be made of
   * it, so nothing is published until the next start.
   */
  #failForGood(cause: unknown): void {
    this.#bug = asPlnError(cause);
    this.#fail(cause);
  }

  async #commit(group: readonly Pending[]): Promise<void> {
    const { document, journal, writer } = this.#parts;
    const draft = new Draft(document);
    const written = await this.#writeAll(draft, group);
    try {
      await journal.sync();
    } catch (cause) {
      this.#fail(cause);
      writer.failed();
      for (const { pending } of written) pending.reject(cause);
      return;
    }
    writer.synced();
    const fresh = written.map(({ stored }) => stored)
      .filter((stored) => stored !== undefined);
    if (fresh.length > 0) {
      // A base that failed may be found by a restart, with what it refused.
      this.#isSettled = !journal.isBroken;
      this.#parts.onApplied(fresh);
    }
    for (const { pending } of written) {
      this.#parts.onAcknowledged(pending.operations);
      pending.resolve();
    }
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
    const { journal, wantsBase, writer } = this.#parts;
    this.#parts.limits.check(draft, operations);
    const isBaseBetter = wantsBase(draft.sizeBytes);
    const base = isIdle || pending.isBaseWanted || isBaseBetter ||
      writer.needsBase ||
      operations.some(isOwnAuthority) || journal.needsBase(draft.sizeBytes);
    const stored = await this.#store(
      base ? draft.full(operations) : operations,
      { base, isRights: operations.some(isOfRights) },
    );
    draft.add(operations);
    return stored;
  }

  async #store(
    operations: readonly Operation[],
    form: BatchForm,
  ): Promise<StoredBatch> {
    try {
      const stored = await this.#parts.writer.write(operations, form);
      this.#stored(stored);
      return stored;
    } catch (cause) {
      const isRefused = cause instanceof LimitError &&
        !this.#parts.journal.isBroken;
      if (!isRefused) this.#fail(cause);
      throw cause;
    }
  }

  #stored({ batch }: StoredBatch): void {
    if (batch.base) this.#isSettled = true;
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
