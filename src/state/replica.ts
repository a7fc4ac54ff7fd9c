// The replica of one foreign owner's document. In come signed batches and proofs
// of forks, in any order and from anybody; out go the document and what is kept
// of its batches. Whether a batch is taken depends on permanent facts alone:
// signature, sequence, form, limits, and a credential that chains to the root.
// Never on the clock or on who was denied, or nodes would differ for ever. What
// decides rights is durable before anybody is shown it.

import { ClosedError, equalBytes, limits, type PeerId } from "../kernel/mod.ts";
import type { AdminDocument, MemberFacts } from "../identity/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { AdminEntries, isOwnAuthority } from "./admin_entries.ts";
import type { BatchHead } from "./batch_head.ts";
import type { Judgement, RowPlace, StoredBatch } from "./batch_row.ts";
import { type EntryChange, mergedChanges } from "./changes.ts";
import type { Fork } from "./fork.ts";
import { Generations } from "./generations.ts";
import {
  Intake,
  type IntakeConfig,
  noShowing,
  type Showing,
  showingOf,
} from "./intake.ts";
import { certificateKeys } from "./node_entries.ts";
import { OwnerRate } from "./owner_rate.ts";
import { rightsSections } from "./schema.ts";
import type { NewDocument, StateDocument } from "./state_document.ts";

/** What a replica takes of the world. */
export type ReplicaNeeds = Pick<Ports, "clock" | "disk" | "log" | "signer">;

/** What came of one step. */
export type ReplicaStep = {
  readonly fresh: readonly StoredBatch[];
  readonly forks: readonly Fork[];
  /** Of the effective document. */
  readonly changes: readonly EntryChange[];
  /** Whether rights may differ. */
  readonly isRights: boolean;
};

/** A batch, or a proof: what is stored. */
export type ReplicaItem = StoredBatch | Fork;

/** Whose it is, where it is stored, and who hears of it. */
export type ReplicaConfig = IntakeConfig & {
  readonly newDocument: NewDocument;
  /** Keeps items soon; they are copies, and may be lost in between. */
  readonly note: (items: readonly ReplicaItem[]) => void;
  /**
   * Makes items durable.
   *
   * @throws {DiskError} They are not.
   */
  readonly write: (items: readonly ReplicaItem[]) => Promise<void>;
  /** Called with what was taken and applied. */
  readonly onApplied: (replica: Replica, step: ReplicaStep) => void;
};

type Pending = PromiseWithResolvers<Judgement> & {
  readonly item: ReplicaItem;
};

/** What a head tells: "later" when its owner sends more than is taken. */
export type HeadJudgement = Exclude<Judgement, "new"> | "later";

function isBatch(item: ReplicaItem): item is StoredBatch {
  return "batch" in item;
}

/** Of a batch that is being stored when it comes again. */
async function judgementOfTwin({ promise }: Pending): Promise<HeadJudgement> {
  const judgement = await promise;
  return judgement === "new" ? "known" : judgement;
}

/** Of one owner. Disposing ends what is being stored first. */
export class Replica implements AsyncDisposable {
  readonly owner: PeerId;
  /** Whether it is kept beyond this start; else it waits for a name. */
  isStored = false;
  /** Whether rights name its owner. */
  isNamed = false;
  /** Whether others see and get it: it is stored, and named or an admin's. */
  isShown = false;
  /** How far rights have forgotten it. */
  forgotten: RowPlace | undefined;
  readonly #config: ReplicaConfig;
  readonly #needs: ReplicaNeeds;
  readonly #document: StateDocument;
  readonly #rate = new OwnerRate();
  #generations = Generations.empty;
  #showing: Showing = noShowing;
  #isShowingOld = false;
  #admin: AdminEntries | undefined;
  #storing: readonly Pending[] = [];
  #queue: Pending[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;

  /** Empty until it is loaded or something is taken. */
  constructor(needs: ReplicaNeeds, config: ReplicaConfig) {
    this.owner = config.owner;
    this.#needs = needs;
    this.#config = config;
    this.#document = config.newDocument(config.owner);
  }

  get generations(): Generations {
    return this.#generations;
  }

  /** Of what counts: the newest generation that is not void. */
  get document(): StateDocument {
    return this.#document;
  }

  /** Whether it shows an authority of the root; nobody has to name it then. */
  get isAdmin(): boolean {
    return this.#admin?.document !== undefined;
  }

  /** Whether nothing is left of it but the proof that an admin forked. */
  get isVoidAdmin(): boolean {
    const { witness } = this.#generations;
    if (witness === undefined) return false;
    const texts = new Map(
      witness.batch.operations.filter(({ section }) => section === "node")
        .map(({ key, text }) => [key, text]),
    );
    const textOf = (key: string) => texts.get(key);
    return showingOf(this.#config, textOf, { known: noShowing }).isAdmin;
  }

  /** Undefined while its owner shows no authority. */
  get adminDocument(): AdminDocument | undefined {
    return this.#admin?.document;
  }

  /** What the credential in it proves. */
  get facts(): MemberFacts | undefined {
    return this.#shown().facts;
  }

  /** Of the effective document. */
  #shown(): Showing {
    if (this.#isShowingOld) {
      const known = this.#showing;
      const textOf = (key: string) => this.#document.get("node", key);
      this.#showing = showingOf(this.#config, textOf, { known });
      this.#isShowingOld = false;
    }
    return this.#showing;
  }

  /** What a start finds: it was judged when it was stored. */
  load(generations: Generations): void {
    this.#generations = generations;
    this.#isShowingOld = true;
    const document = this.#document;
    for (const { batch } of generations.effective.batches) {
      document.apply(batch);
    }
    if (document.get("node", certificateKeys.ownAuthority) !== undefined) {
      this.#noteRights(allAdded(document));
    }
  }

  /**
   * What a batch of this owner is, when its head tells; undefined: it has to be
   * read. Nothing is paid for what is known, whoever sends it how often.
   *
   * @param sizeBytes Of the whole batch.
   */
  judgeHead(
    head: BatchHead,
    sizeBytes: number,
  ): HeadJudgement | Promise<HeadJudgement> | undefined {
    const twin = this.#pending.find(({ item }) =>
      isBatch(item) && equalBytes(item.signature, head.signature)
    );
    if (twin !== undefined) return judgementOfTwin(twin);
    const answer = this.#generations.judgeHead(head);
    if (answer === "known") return "known";
    if (!this.hasRoom(head, sizeBytes)) return "later";
    return answer === "gap" && !this.#isNext(head) ? "gap" : undefined;
  }

  /** Whether its owner has not sent more than is taken. */
  hasRoom(place: Pick<RowPlace, "generation">, sizeBytes: number): boolean {
    const isPast = this.#isPast(place);
    return this.#rate.has({ sizeBytes, isPast }, this.#needs.clock.nowMs());
  }

  #isPast({ generation }: Pick<RowPlace, "generation">): boolean {
    return generation < (this.#generations.place?.generation ?? 0);
  }

  get #pending(): readonly Pending[] {
    return this.#running === undefined
      ? []
      : [...this.#storing, ...this.#queue];
  }

  /** After what is about to be stored. */
  #isNext({ generation, seq }: BatchHead): boolean {
    const last = this.#pending.findLast(({ item }) => isBatch(item))?.item;
    return last !== undefined && isBatch(last) &&
      last.batch.generation === generation && last.batch.seq + 1 === seq;
  }

  /** Its owner has signed this much that is new here. */
  charge(place: Pick<RowPlace, "generation">, sizeBytes: number): void {
    const isPast = this.#isPast(place);
    this.#rate.take({ sizeBytes, isPast }, this.#needs.clock.nowMs());
  }

  /**
   * Takes a batch of this owner whose signature was verified, or a verified
   * proof. "gap" also when too many wait.
   *
   * @throws {DiskError} Not stored; safe to retry.
   */
  take(item: ReplicaItem): Judgement | Promise<Judgement> {
    if (this.#isClosed) throw new ClosedError("Cannot store: closing");
    if (this.#running === undefined && !this.#isUrgent(item)) {
      return this.#takeNow(item);
    }
    if (this.#queue.length >= limits.replicaQueueMax) return "gap";
    const pending = { item, ...Promise.withResolvers<Judgement>() };
    this.#queue.push(pending);
    this.#running ??= this.#drain();
    return pending.promise;
  }

  /** Whether it may change what somebody may do. */
  #isUrgent(item: ReplicaItem): boolean {
    if (!isBatch(item)) return this.isAdmin;
    const { base, operations } = item.batch;
    if (!this.isAdmin) return base && operations.some(isOwnAuthority);
    return base || this.#isFork(item) ||
      operations.some(({ section }) => rightsSections.has(section));
  }

  #isFork(stored: StoredBatch): boolean {
    const judgement = this.#generations.judge(stored);
    return typeof judgement !== "string" && judgement.isFork;
  }

  #takeNow(item: ReplicaItem): Judgement {
    const intake = this.#intake();
    const judgement = isBatch(item) ? intake.take(item) : intake.takeFork(item);
    const { fresh, forks } = intake;
    if (fresh.length + forks.length === 0) return judgement;
    if (this.isStored) this.#config.note([...fresh, ...forks]);
    this.#apply(intake);
    return judgement;
  }

  async #drain(): Promise<void> {
    await Promise.resolve(); // lets batches of the same turn join the group
    while (this.#queue.length > 0) {
      this.#storing = this.#queue;
      this.#queue = [];
      await this.#store(this.#storing);
      this.#storing = [];
    }
    this.#running = undefined;
  }

  async #store(group: readonly Pending[]): Promise<void> {
    const intake = this.#intake();
    try {
      const judged = group.map(({ item }) =>
        isBatch(item) ? intake.take(item) : intake.takeFork(item)
      );
      const { fresh, forks } = intake;
      if (fresh.length + forks.length > 0) {
        if (this.isStored) await this.#config.write([...fresh, ...forks]);
        if (this.#isClosed) throw new ClosedError("Cannot store: closing");
        this.#apply(intake);
      }
      for (const [index, judgement] of judged.entries()) {
        group[index]?.resolve(judgement);
      }
    } catch (cause) {
      for (const { reject } of group) reject(cause);
    }
  }

  #intake(): Intake {
    const showing = this.#generations.isVoid ? noShowing : this.#shown();
    return new Intake(this.#generations, this.#document, {
      ...{ config: this.#config, showing },
    });
  }

  #apply({ generations, fresh, forks, showing }: Intake): void {
    // It may have been forgotten while it was written.
    const kept = generations.after(this.forgotten);
    const step = this.#follow(kept);
    if (kept === generations && !kept.isVoid) {
      this.#showing = showing;
      this.#isShowingOld = false;
    }
    this.#config.onApplied(this, { fresh, forks, ...step });
  }

  /** Brings the document to what counts of `generations`. */
  #follow(
    generations: Generations,
  ): Pick<ReplicaStep, "changes" | "isRights"> {
    const [old, next] = [this.#generations.effective, generations.effective];
    this.#generations = generations;
    const isSameBase = old.batches[0] === next.batches[0];
    const added = isSameBase
      ? next.batches.slice(old.batches.length)
      : next.batches;
    const isGone = next.batches.length === 0 && !isSameBase;
    if (added.length > 0 || isGone) this.#isShowingOld = true;
    const changes = isGone
      ? this.#document.clear()
      : mergedChanges(added.map(({ batch }) => this.#document.apply(batch)));
    return { changes, isRights: this.#noteRights(changes) };
  }

  #noteRights(changes: readonly EntryChange[]): boolean {
    if (this.#admin !== undefined) return this.#admin.apply(changes);
    if (!changes.some(isOwnAuthority)) return false;
    const { owner, trust } = this.#config;
    this.#admin = new AdminEntries(trust, owner);
    return this.#admin.apply(allAdded(this.#document));
  }

  /** Drops what is at or before `place`. @returns Undefined: nothing was. */
  keepAfter(place: RowPlace | undefined): ReplicaStep | undefined {
    const generations = this.#generations.after(place);
    if (generations === this.#generations) return undefined;
    return { fresh: [], forks: [], ...this.#follow(generations) };
  }

  /** Resolves when nothing is being stored. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends what is being stored, then closes. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.idle();
    this.#document[Symbol.dispose]();
  }
}

/** All entries of a document, as if they had just come. */
export function allAdded(document: StateDocument): readonly EntryChange[] {
  return document.operations().map(({ section, key, text }) => ({
    ...{ section, key, before: undefined, after: text },
  }));
}

/** All entries of a document, as if they had just gone. */
export function allRemoved(document: StateDocument): readonly EntryChange[] {
  return document.operations().map(({ section, key, text }) => ({
    ...{ section, key, before: text, after: undefined },
  }));
}
