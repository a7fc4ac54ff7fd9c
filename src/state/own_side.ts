// This node's own document with all that writes it: journal, publisher, and
// the copies of it that peers have. Operations and own batches go in; a
// document goes out that holds what was acknowledged since this start, over the
// newest state that this owner ever signed. It decides when nothing may be
// written: after a loss that no peer has made good, and when the key has two
// users.

import {
  type Bytes,
  ConflictError,
  CorruptError,
  limits,
  type PeerId,
  PlnError,
} from "../kernel/mod.ts";
import type { ClusterRoot } from "../identity/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import { Acknowledged } from "./acknowledged.ts";
import type { BatchRow, StoredBatch } from "./batch_row.ts";
import { noHash, sessionBytes } from "./batches.ts";
import { type EntryChange, mergedChanges } from "./changes.ts";
import { HybridClock } from "./hybrid_clock.ts";
import { Journal } from "./journal.ts";
import { OwnCopies } from "./own_copies.ts";
import { BatchWriter } from "./batch_writer.ts";
import { OwnLimits } from "./own_limits.ts";
import {
  Publisher,
  type PublisherParts,
  type Replacement,
} from "./publisher.ts";
import type { Recovered } from "./recovery.ts";
import type { Operation } from "./schema.ts";
import type { StateDocument } from "./state_document.ts";

export type OwnSideNeeds = Pick<
  Ports,
  "clock" | "disk" | "log" | "random" | "signer"
>;

export type OwnSideConfig = {
  readonly key: PrivateKey;
  readonly root: ClusterRoot;
  /** Taken over, and disposed. */
  readonly recovered: Recovered;
  /** As `StateConfig.askCopies`. */
  readonly askCopies: (() => Promise<void>) | undefined;
};

/** Who hears of what was written. None of it throws. */
export type OwnSideHooks = {
  /** The document has changed; others may have the batches. */
  readonly onApplied: (
    fresh: readonly StoredBatch[],
    changes: readonly EntryChange[],
  ) => void;
  /** Whether the next batch should be a base, of that size. */
  readonly wantsBase: (sizeBytes: number) => boolean;
  readonly onClone: () => void;
};

/** What an operator has to know. */
export type OwnFault = { readonly text: string; readonly hint?: string };

const loss: OwnFault = {
  text: "Own state records are damaged and missing",
  hint: 'Connect a node that has a copy, or run "pln recover --accept-loss"',
};
const clone: OwnFault = {
  text: "Another node publishes with this node's key",
  hint: "Stop the other copy of this directory; to keep both, run " +
    '"pln purge --include-keys" in one of them and join it anew',
};
const unsynced: OwnFault = {
  text: "The journal could not be made durable at the start",
};

/** Disposing ends the publishes under way first. */
export class OwnSide implements AsyncDisposable {
  readonly copies: OwnCopies;
  readonly #needs: OwnSideNeeds;
  readonly #config: OwnSideConfig;
  readonly #journal: Journal;
  readonly #writer: BatchWriter;
  readonly #publisher: Publisher;
  readonly #clock: HybridClock;
  readonly #acknowledged = new Acknowledged();
  readonly #scope = new AsyncDisposableStack();
  readonly #closed = Promise.withResolvers<void>();
  #hooks: OwnSideHooks | undefined;
  #asked: Promise<void> | undefined;
  #isLossy: boolean;
  /** Counts what was shown, and what of it the document holds. */
  #shown = 0;
  #taken = 0;
  #beingTaken = 0;

  constructor(needs: OwnSideNeeds, config: OwnSideConfig) {
    const { key, root, recovered } = config;
    const { document, row, rest, place } = recovered;
    this.#needs = needs;
    this.#config = config;
    this.#isLossy = recovered.isLossy;
    this.#scope.use(document);
    const { signer } = needs;
    this.copies = new OwnCopies({ row, rest, place }, {
      onAhead: (fresh) => this.#ahead(fresh),
      onClone: () => this.#cloned(),
    });
    this.#clock = new HybridClock(needs.clock, recovered.time);
    this.#journal = this.#scope.use(
      new Journal(needs, {
        ...recovered.newest,
        isDamaged: recovered.isLossy,
      }),
    );
    const owner = document.owner;
    this.#writer = new BatchWriter({
      ...{ signer, owner, key, cluster: root.cluster },
      journal: this.#journal,
      clock: this.#clock,
    });
    const trust = { signer, root };
    // After a failed sync before a kill, a sync of the same file now can say
    // yes without the bytes: only a new file settles an old one.
    const isSettled = recovered.newest.number === 0;
    this.#publisher = this.#scope.use(
      new Publisher(this.#parts(new OwnLimits({ owner, trust })), isSettled),
    );
  }

  #parts(limits: OwnLimits): PublisherParts {
    return {
      limits,
      log: this.#needs.log,
      writer: this.#writer,
      document: this.document,
      journal: this.#journal,
      course: {
        ready: () => this.#ready(),
        open: () => this.#open(),
        replacement: () => this.#replacement(),
        onReplaced: () => this.#replaced(),
      },
      wantsBase: (sizeBytes: number) =>
        this.#hooks?.wantsBase(sizeBytes) ?? false,
      onApplied: (fresh: readonly StoredBatch[]) => this.#published(fresh),
      onAcknowledged: (operations: readonly Operation[]) =>
        this.#acknowledged.note(operations, this.document),
    };
  }

  /** Whoever is told before this is called is told nothing. */
  connect(hooks: OwnSideHooks): void {
    this.#hooks = hooks;
  }

  get document(): StateDocument {
    return this.#config.recovered.document;
  }

  /** Of the batches that are written; before the first: most likely. */
  get generation(): number {
    return this.#writer.generation ?? this.copies.nextGeneration;
  }

  /** Of the newest acknowledged batch of this start. */
  get seq(): number {
    return this.#writer.seq;
  }

  get journalBytes(): number {
    return this.#journal.sizeBytes;
  }

  /** The worst that is wrong; undefined: nothing. */
  get fault(): OwnFault | undefined {
    if (this.copies.isClone) return clone;
    if (this.#isLossy) return loss;
    const text = this.#publisher.fault;
    if (text !== undefined) return { text };
    const isSynced = this.#config.recovered.isSynced || this.seq > 0;
    return isSynced ? undefined : unsynced;
  }

  /** As `OwnerState.publish`. */
  async publish(operations: readonly Operation[]): Promise<void> {
    if (this.#isLossy) await this.#ready();
    if (this.#isLossy) {
      throw new CorruptError(`Cannot publish: ${loss.text}`, loss);
    }
    await this.#publisher.publish(operations);
  }

  /** As `OwnerState.acceptLoss`. */
  async acceptLoss(): Promise<void> {
    if (!this.#isLossy) return;
    await this.#publisher.publish([], { isBaseWanted: true });
    this.#isLossy = false;
    this.#needs.log.warn("state.loss_accepted", {
      entries: this.document.entryCount,
    });
  }

  /** Somebody else's time was seen. */
  observe(time: Parameters<HybridClock["observe"]>[0]): void {
    this.#clock.observe(time);
  }

  /** Peers are asked once, before anything is written. */
  #ready(): Promise<void> {
    this.#asked ??= Promise.race([this.#ask(), this.#closed.promise]);
    return this.#asked;
  }

  async #ask(): Promise<void> {
    try {
      await this.#config.askCopies?.();
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      const reason = cause.message;
      this.#needs.log.warn("state.copies_not_asked", { reason });
    }
  }

  #open() {
    const { random } = this.#needs;
    const session: Bytes = random.bytes(sessionBytes);
    const generation = this.copies.nextGeneration;
    const hash = this.copies.newestHash ?? this.#config.recovered.hash;
    this.copies.open(generation, session);
    return { generation, session, hash: hash ?? noHash };
  }

  /**
   * Peers have shown more of this owner than is known here. What is less than
   * the damaged journal speaks of stays aside: the rest of that may be newer.
   */
  #ahead(fresh: readonly StoredBatch[]): void {
    for (const { batch } of fresh) this.#clock.observe(batch.hlc);
    const isNewer = !this.#config.recovered.isLossy || this.copies.isWhole;
    if (fresh.length > 0 && isNewer) this.#shown++;
    if (this.#writer.generation === undefined) this.#takeOver(fresh);
    else this.#publisher.replace();
  }

  /** Nothing was written yet: the document is simply what peers have. */
  #takeOver(fresh: readonly StoredBatch[]): void {
    const { copies } = this;
    if (this.#taken === this.#shown) return;
    const batches = this.#isLossy ? copies.past.batches : fresh;
    this.#taken = this.#shown;
    this.#publisher.unsettle();
    this.#tell(batches);
    this.#settled(copies.past);
  }

  async #replacement(): Promise<Replacement | undefined> {
    const { copies } = this;
    if (this.#taken === this.#shown && !copies.isOvertaken) return undefined;
    await this.#quiet();
    const isTaken = this.#taken === this.#shown;
    this.#beingTaken = this.#shown;
    const operations = isTaken
      ? this.document.operations()
      : this.#acknowledged.over(copies.past, this.document);
    const opened = copies.isOvertaken ? this.#open() : undefined;
    return { operations, opened };
  }

  /** A peer shows a row in parts: they are adopted together. */
  async #quiet(): Promise<void> {
    const { clock } = this.#needs;
    const endMs = clock.nowMs() + limits.ownCopiesAskMsMax;
    let shown;
    do {
      shown = this.#shown;
      const { promise, resolve } = Promise.withResolvers<void>();
      using _timer = clock.after(limits.ownCopiesQuietMs, resolve);
      await Promise.race([promise, this.#closed.promise]);
    } while (shown !== this.#shown && clock.nowMs() < endMs);
  }

  #replaced(): void {
    this.#taken = this.#beingTaken;
    this.#settled(this.copies.past);
  }

  #settled({ head }: BatchRow): void {
    const { entryCount } = this.document;
    const { log } = this.#needs;
    const found = { generation: head?.generation, seq: head?.seq };
    const reapplied = this.#acknowledged.count;
    log.warn("state.adopted", { ...found, entries: entryCount, reapplied });
    if (!this.#isLossy || !this.copies.isWhole) return;
    this.#isLossy = false;
    log.warn("state.loss_made_good", found);
  }

  #published(fresh: readonly StoredBatch[]): void {
    for (const stored of fresh) this.copies.published(stored);
    this.#tell(fresh);
  }

  #tell(fresh: readonly StoredBatch[]): void {
    const steps = fresh.map(({ batch }) => this.document.apply(batch));
    this.#hooks?.onApplied(fresh, mergedChanges(steps));
  }

  #cloned(): void {
    const { text, hint } = clone;
    this.#needs.log.error("state.cloned", { reason: text });
    this.#publisher.stop(new ConflictError(text, { hint }));
    this.#hooks?.onClone();
  }

  /** Whose document it is. */
  get owner(): PeerId {
    return this.document.owner;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.resolve();
    await this.#scope.disposeAsync();
  }
}
