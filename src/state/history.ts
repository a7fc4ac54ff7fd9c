// What changed in the cluster's state, and when this node heard of it: an undo
// log, bounded, for `pln history` and `pln status --at`. In come the changes of
// each applied batch, kept in memory for a second and then appended to files
// that nobody syncs; out come pages of records, and the entries as they were. A
// disk that refuses costs one warning and leaves a gap: never a publish.

import {
  asPlnError,
  InputError,
  limits,
  NotFoundError,
  type PeerId,
  Scope,
  Sequence,
  TokenBuckets,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { EntryChange } from "./changes.ts";
import { HistoryFiles } from "./history_files.ts";
import { type HistoryPage, HistoryPageMaker } from "./history_page.ts";
import { HistoryUndo, type PastDocument } from "./history_undo.ts";
import type { OwnerEntries } from "./views.ts";
import {
  type GapReason,
  type HistoryRecord,
  sizeOfChange,
  splitBatch,
  thinned,
} from "./history_record.ts";

/** `disk` is the node's own directory, with its lock held. */
export type HistoryNeeds = Pick<Ports, "clock" | "disk" | "log">;

/** What became of one document. */
export type NotedChange = {
  readonly owner: PeerId;
  /** Where it is now; undefined when it is held no more. */
  readonly place:
    | { readonly generation: number; readonly seq: number }
    | undefined;
  readonly changes: readonly EntryChange[];
};

/** What is asked of the history. */
export type HistoryQuery = {
  /** Wall clock; without it everything that is kept. */
  readonly sinceMs?: number | undefined;
  readonly owner?: PeerId | undefined;
  /** The newest so many batches: 1 to `historyAnswerMax`. */
  readonly limit: number;
};

/** The documents as they were. */
export type Past = {
  readonly documents: readonly PastDocument[];
  /** False when changes since then may be missing from the log. */
  readonly isExact: boolean;
};

/** One a directory. Disposing writes what waits. */
export class History implements AsyncDisposable {
  readonly #needs: HistoryNeeds;
  readonly #files: HistoryFiles;
  readonly #disk = new Sequence();
  readonly #scope: Scope;
  /** One owner who publishes much must not push out all others. */
  readonly #budgets = new TokenBuckets({
    burst: limits.historyOwnerBytesBurstMax,
    perSecond: limits.historyOwnerBytesPerSecondMax,
  }, { namesMax: limits.replicasMax });
  #queue: HistoryRecord[] = [];
  #queued = 0;
  #timer: Disposable | undefined;
  #isFlushing = false;
  #fault: string | undefined;
  /** Monotonic: no attempt before. */
  #retryAtMs = -Infinity;
  /** What is missing before the next record. */
  #gap: GapReason | undefined;
  #hasOpened = false;

  /** Opens nothing before something is noted or asked. */
  constructor(needs: HistoryNeeds) {
    this.#needs = needs;
    this.#files = new HistoryFiles(needs.disk);
    this.#scope = new Scope((_task, cause) => this.#failed(cause));
  }

  /** Why nothing can be kept at the moment; undefined: it can. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** A batch was applied, in this order. Never throws, and waits for nothing. */
  note({ owner, place, changes }: NotedChange): void {
    if (changes.length === 0 || this.#scope.isClosed) return;
    const { generation, seq } = place ?? { generation: 0, seq: 0 };
    const atMs = this.#needs.clock.wallMs();
    const whole = sizeOf(changes);
    const isWhole = this.#budgets.of(owner)
      .take(whole, this.#needs.clock.nowMs());
    const kept = isWhole ? changes : thinned(changes);
    const size = isWhole ? whole : sizeOf(kept);
    if (this.#queued + size > limits.historyQueueCharactersMax) {
      this.#drop(this.#fault === undefined ? "flood" : "disk");
    }
    this.#mark();
    this.#queue.push({
      type: "batch",
      ...{ atMs, owner, generation, seq, changes: kept },
    });
    this.#queued += size;
    this.#arm();
  }

  /**
   * The newest batches that fit, the newest last.
   *
   * @throws {DiskError | NewerFormatError} The files cannot be read.
   */
  async page({ sinceMs, owner, limit }: HistoryQuery): Promise<HistoryPage> {
    return await this.#disk.run(async () => {
      const maker = new HistoryPageMaker({ sinceMs, owner, limit });
      // What is noted while files are read is left to the next question.
      maker.take(this.#queue);
      for await (const records of this.#files.read()) {
        maker.take(records);
        if (maker.isFull) break;
      }
      return maker.page();
    });
  }

  /**
   * The documents as they were at a moment of this node's wall clock: those of
   * now, with everything undone that was noted since.
   *
   * @param present Called once, when nothing can change in between.
   * @throws {InputError} The moment is yet to come.
   * @throws {NotFoundError} The log does not reach that far back.
   * @throws {DiskError | NewerFormatError} The files cannot be read.
   */
  async at(
    wallMs: number,
    present: () => Iterable<OwnerEntries>,
  ): Promise<Past> {
    if (wallMs > this.#needs.clock.wallMs()) {
      throw new InputError("That moment is yet to come", {
        hint: 'See "pln status" for now',
      });
    }
    return await this.#disk.run(async () => {
      const undo = new HistoryUndo(wallMs);
      for await (const records of this.#files.read()) {
        if (undo.take(records)) break;
      }
      // From here on nothing waits: the queue and the present fit together.
      const whole = undo.withNewer(this.#queue);
      if (!whole.hasReached) throw tooOld(whole.beginsMs);
      const documents = whole.documents(present());
      return { documents, isExact: whole.isExact && this.#gap === undefined };
    });
  }

  #drop(why: GapReason): void {
    this.#queue = [];
    this.#queued = 0;
    this.#gap = why;
  }

  /** The gap goes before what is noted next. */
  #mark(): void {
    if (this.#gap === undefined) return;
    const atMs = this.#needs.clock.wallMs();
    this.#queue.push({ type: "gap", atMs, why: this.#gap });
    this.#gap = undefined;
  }

  #arm(): void {
    if (this.#isFlushing || this.#scope.isClosed) return;
    const isUrgent = this.#queued >= limits.historyFlushCharactersMin &&
      this.#fault === undefined;
    if (isUrgent) return this.#flushSoon();
    const { clock } = this.#needs;
    const waitMs = Math.max(
      limits.historyFlushMs,
      this.#retryAtMs - clock.nowMs(),
    );
    this.#timer ??= clock.after(waitMs, () => this.#flushSoon());
  }

  #flushSoon(): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
    if (this.#isFlushing || this.#scope.isClosed) return;
    this.#isFlushing = true;
    this.#scope.spawn("history.flush", async () => {
      try {
        await this.#disk.run(() => this.#flush());
      } finally {
        this.#isFlushing = false;
        if (this.#queue.length > 0) this.#arm();
      }
    });
  }

  /** What fails is tried again, behind what the disk took of it. */
  async #flush(): Promise<void> {
    const records = this.#queue;
    const size = this.#queued;
    this.#queue = [];
    this.#queued = 0;
    if (records.length === 0) return;
    try {
      const parts = records.flatMap(partsOf);
      await this.#files.append(
        this.#files.isOpen ? parts : await this.#open(parts),
      );
      if (this.#fault !== undefined) this.#needs.log.info("history.resumed");
      this.#fault = undefined;
    } catch (cause) {
      this.#failed(cause);
      this.#restore(records, size);
    }
  }

  /** Opens the files. Returns what is to be appended of `parts`. */
  async #open(
    parts: readonly HistoryRecord[],
  ): Promise<readonly HistoryRecord[]> {
    const last = await this.#files.open();
    const isFirst = !this.#hasOpened;
    this.#hasOpened = true;
    if (last === undefined) return parts;
    if (!isFirst) return parts.slice(indexOf(parts, last) + 1);
    // A node that was killed did not say that it stops.
    if (last.type === "gap" && last.why === "stopped") return parts;
    const atMs = parts[0]?.atMs ?? last.atMs;
    return [{ type: "gap", atMs, why: "killed" }, ...parts];
  }

  #restore(records: readonly HistoryRecord[], size: number): void {
    this.#queue = [...records, ...this.#queue];
    this.#queued += size;
    if (this.#queued > limits.historyQueueCharactersMax) this.#drop("disk");
  }

  #failed(cause: unknown): void {
    const reason = asPlnError(cause).message;
    this.#retryAtMs = this.#needs.clock.nowMs() + limits.historyRetryMs;
    if (this.#fault === undefined) {
      this.#needs.log.warn("history.failed", { reason });
    }
    this.#fault = reason;
  }

  /** Writes what waits, and that the node stops. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#scope.isClosed) return;
    this.#timer?.[Symbol.dispose]();
    const closing = this.#scope[Symbol.asyncDispose]();
    await closing;
    await this.#disk.run(async () => {
      if (this.#hasOpened || this.#queue.length > 0) {
        this.#mark();
        const atMs = this.#needs.clock.wallMs();
        this.#queue.push({ type: "gap", atMs, why: "stopped" });
        if (this.#fault === undefined) await this.#flush();
      }
      await this.#files.close();
    });
  }
}

function sizeOf(changes: readonly EntryChange[]): number {
  return changes.reduce((sum, change) => sum + sizeOfChange(change), 0);
}

function partsOf(record: HistoryRecord): readonly HistoryRecord[] {
  return record.type === "batch" ? splitBatch(record) : [record];
}

/** -1: none of `parts` is the very same record. */
function indexOf(
  parts: readonly HistoryRecord[],
  record: HistoryRecord,
): number {
  const text = JSON.stringify(record);
  return parts.findIndex((part) =>
    part.atMs === record.atMs && JSON.stringify(part) === text
  );
}

function tooOld(beginsMs: number | undefined): NotFoundError {
  if (beginsMs === undefined) {
    return new NotFoundError("The log of this node is empty", {
      hint: "It begins with the first change that the node hears of",
    });
  }
  const begin = new Date(beginsMs).toISOString();
  return new NotFoundError(`The log begins at ${begin}`, {
    hint: `Ask for a later moment: pln status --at ${begin}`,
  });
}
