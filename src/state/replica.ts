// The replica of one foreign owner's document. In come signed batches, in any
// order and from anybody; out go the document and its row, which hold only what
// is durable here. Whether a batch is taken depends on permanent facts alone:
// signature, sequence, form, limits, and an authority signed by the root. Never
// on the clock or on who was denied, or nodes would differ for ever.

import {
  ClosedError,
  equalBytes,
  limits,
  type PeerId,
  PlnError,
} from "../kernel/mod.ts";
import type { AdminDocument } from "../identity/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { AdminEntries } from "./admin_entries.ts";
import type { BatchHead } from "./batch_head.ts";
import {
  BatchRow,
  type Judgement,
  type RowPlace,
  type StoredBatch,
} from "./batch_row.ts";
import { OwnerDocument } from "./document.ts";
import { Intake, type IntakeConfig } from "./intake.ts";
import type { NodeRecord } from "./node_entries.ts";
import { OwnerRate } from "./owner_rate.ts";
import { ReplicaFile } from "./replica_file.ts";

/** What a replica takes of the world. */
export type ReplicaNeeds = Pick<Ports, "clock" | "disk" | "log" | "signer">;

/** Whose it is, and who hears of it. */
export type ReplicaConfig = IntakeConfig & {
  /** Called with batches that are durable and applied. */
  readonly onApplied: (fresh: readonly StoredBatch[]) => void;
};

type Pending = PromiseWithResolvers<Judgement> & {
  readonly stored: StoredBatch;
};

/** Of a batch that is being stored when it comes again. */
async function judgementOfTwin({ promise }: Pending): Promise<HeadJudgement> {
  const judgement = await promise;
  return judgement === "new" ? "known" : judgement;
}

/** What a head tells: "later" when its owner sends more than is taken. */
export type HeadJudgement = Exclude<Judgement, "new"> | "later";

/** Of one owner. Disposing ends what is being stored first. */
export class Replica implements AsyncDisposable {
  readonly owner: PeerId;
  readonly #config: ReplicaConfig;
  readonly #needs: ReplicaNeeds;
  readonly #document: OwnerDocument;
  readonly #entries: AdminEntries;
  readonly #file: ReplicaFile;
  readonly #rate = new OwnerRate();
  #row = BatchRow.empty;
  #storing: readonly Pending[] = [];
  #queue: Pending[] = [];
  #running: Promise<void> | undefined;
  #isClosed = false;

  /** Empty until it is loaded or a base is accepted. */
  constructor(needs: ReplicaNeeds, config: ReplicaConfig) {
    this.owner = config.owner;
    this.#needs = needs;
    this.#config = config;
    this.#document = new OwnerDocument(config.owner, needs.signer);
    this.#entries = new AdminEntries(config.trust, config.owner);
    this.#file = new ReplicaFile(needs, config.owner);
  }

  get row(): BatchRow {
    return this.#row;
  }

  get entryCount(): number {
    return this.#document.entryCount;
  }

  /** Undefined while it is empty. */
  get adminDocument(): AdminDocument | undefined {
    return this.#entries.document;
  }

  /** What its owner says of itself; undefined: nothing that fits. */
  get record(): NodeRecord | undefined {
    return this.#entries.record;
  }

  /**
   * Takes what is good of the file: records in order, up to the first that is
   * none. False when nothing is; then the file is gone.
   *
   * @param read Reads and verifies a record; undefined when it is bad.
   * @throws {NewerFormatError} A later program wrote it.
   */
  async load(
    read: (record: Uint8Array) => StoredBatch | undefined,
  ): Promise<boolean> {
    const { log } = this.#needs;
    const { owner } = this;
    const { records, endBytes, isDamaged } = await this.#file.read();
    const intake = this.#intake();
    for (const record of records) {
      const stored = read(record);
      if (stored?.batch.owner !== owner || intake.take(stored) !== "new") break;
    }
    this.#apply(intake);
    const kept = intake.fresh.length;
    const isWhole = !isDamaged && kept === records.length && kept > 0;
    if (isWhole) await this.#file.resume(endBytes);
    else {
      const lost = records.length - kept;
      log.error("state.replica_damaged", { owner, kept, lost });
      await this.#keepGood(intake);
    }
    return kept > 0;
  }

  /** What is left is worth more than nothing: it may hold denials. */
  async #keepGood({ row, fresh }: Intake): Promise<void> {
    if (fresh.length === 0) return await this.#file.remove();
    try {
      await this.#file.store(row, fresh);
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      const reason = cause.message;
      const { owner } = this;
      this.#needs.log.warn("state.replica_not_settled", { owner, reason });
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
    if (this.#row.isKnown(head)) return "known";
    const twin = this.#pending.find(({ stored }) =>
      equalBytes(stored.signature, head.signature)
    );
    if (twin !== undefined) return judgementOfTwin(twin);
    if (this.#row.reaches(head)) return undefined; // a fork, if it is signed
    const nowMs = this.#needs.clock.nowMs();
    if (!this.#rate.has(sizeBytes, nowMs)) return "later";
    return head.base || this.#isNext(head) ? undefined : "gap";
  }

  get #pending(): readonly Pending[] {
    return [...this.#storing, ...this.#queue];
  }

  /** After what is stored, or about to be. */
  #isNext({ generation, seq }: RowPlace): boolean {
    const last = this.#pending.at(-1)?.stored.batch ?? this.#row.head;
    return last?.generation === generation && last.seq + 1 === seq;
  }

  /** Its owner has signed this much that is new here. */
  charge(head: BatchHead, sizeBytes: number): void {
    if (this.#row.reaches(head)) return;
    this.#rate.take(sizeBytes, this.#needs.clock.nowMs());
  }

  /**
   * Takes a batch of this owner whose signature was verified. Those that come
   * together share a sync. "gap" also when too many wait.
   *
   * @throws {DiskError} Not stored; safe to retry.
   */
  accept(stored: StoredBatch): Promise<Judgement> {
    if (this.#isClosed) {
      return Promise.reject(new ClosedError("Cannot store: closing"));
    }
    if (this.#queue.length >= limits.replicaQueueMax) {
      return Promise.resolve("gap");
    }
    const pending = { stored, ...Promise.withResolvers<Judgement>() };
    this.#queue.push(pending);
    this.#running ??= this.#drain();
    return pending.promise;
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
    const judged = group.map((pending) => ({
      pending,
      judgement: intake.take(pending.stored),
    }));
    try {
      const { row, fresh } = intake;
      if (fresh.length > 0) await this.#file.store(row, fresh);
      this.#apply(intake);
    } catch (cause) {
      for (const { pending } of judged) pending.reject(cause);
      return;
    }
    for (const { pending, judgement } of judged) pending.resolve(judgement);
    if (intake.fresh.length > 0) this.#config.onApplied(intake.fresh);
  }

  #intake(): Intake {
    return new Intake(this.#row, this.#document, { config: this.#config });
  }

  #apply({ row, fresh }: Intake): void {
    for (const { batch } of fresh) {
      this.#document.apply(batch);
      this.#entries.apply(batch);
    }
    this.#row = row;
  }

  /** Resolves when nothing is being stored. */
  async idle(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  /** Ends what is being stored, then closes; what it holds stays readable. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    await this.idle();
    await this.#file[Symbol.asyncDispose]();
    this.#document[Symbol.dispose]();
  }
}
