// All replicas on the disk: one file `replicas/<8 digits>.log` in the record
// form of the journal, the newest of which counts. It is born whole with all
// that is kept, then grows. Items come in, out goes the promise that they are
// durable, or will be in a second: these are copies, which peers have too. What
// is damaged is cut or skipped and fetched again. Never appends to a file after
// a failure: then all that is kept is written anew.

import { asPlnError, type Bytes, concatBytes, limits } from "../kernel/mod.ts";
import { type AppendFile, DiskError, type Ports } from "../ports/mod.ts";
import { isBatchStart } from "./batches.ts";
import { settleJournal } from "./journal.ts";
import {
  encodeJournalHeader,
  encodeJournalRecord,
  encodeWholeFile,
  journalContents,
  type JournalScan,
  scanJournal,
} from "./journal_file.ts";

export type ReplicaLogNeeds = Pick<Ports, "clock" | "disk" | "log">;

export const replicaDirectory = "replicas";
const fileName = /^\d{8}\.log$/;
const firstNumber = 1;

/** What a record is, by its first byte; append only. */
export const recordKinds = {
  /** A signed batch. */
  batch: 1,
  /** Half of a fork's proof: a signed batch; the other half follows. */
  forkHalf: 2,
} as const;

/** A record with its kind; `bytes` are a signed batch. */
export type ReplicaRecord = {
  readonly kind: number;
  readonly bytes: Bytes;
};

function pathOf(number: number): string {
  return `${replicaDirectory}/${String(number).padStart(8, "0")}.log`;
}

function isRecordStart(bytes: Uint8Array, offset: number): boolean {
  const kind = bytes[offset];
  const isKnown = kind === recordKinds.batch || kind === recordKinds.forkHalf;
  return isKnown && isBatchStart(bytes, offset + 1);
}

function encodeRecord({ kind, bytes }: ReplicaRecord): Bytes {
  const record = new Uint8Array(1 + bytes.length);
  record[0] = kind;
  record.set(bytes, 1);
  return record;
}

function decodeRecord(record: Uint8Array): ReplicaRecord {
  return { kind: record[0] ?? 0, bytes: new Uint8Array(record.subarray(1)) };
}

/** What a start finds. */
export type FoundRecords = {
  readonly records: readonly ReplicaRecord[];
  readonly isDamaged: boolean;
};

type Write = PromiseWithResolvers<void> & {
  readonly records: readonly ReplicaRecord[];
};

/** One of a node; whoever opens it disposes it. */
export class ReplicaLog implements AsyncDisposable {
  readonly #needs: ReplicaLogNeeds;
  /** All that is kept now, of which what was noted is part. */
  readonly #snapshot: () => Iterable<ReplicaRecord>;
  #file: AppendFile | undefined;
  #number = 0;
  #durableBytes = 0;
  #liveBytes = 0;
  #noted: ReplicaRecord[] = [];
  #writes: Write[] = [];
  #timer: Disposable | undefined;
  #running: Promise<void> | undefined;
  #isClosed = false;
  #delayMs: number = limits.replicaSyncMs;
  /** Whether something that was noted is not on the disk. */
  #isBehind = false;

  constructor(
    needs: ReplicaLogNeeds,
    options: { readonly snapshot: () => Iterable<ReplicaRecord> },
  ) {
    this.#needs = needs;
    this.#snapshot = options.snapshot;
  }

  /**
   * Reads what is good, the oldest first. A file is whole by itself: older ones
   * count only when it is damaged.
   *
   * @throws {NewerFormatError | DiskError} The directory cannot be read.
   */
  async load(): Promise<FoundRecords> {
    const numbers = await this.#numbers();
    this.#number = numbers.at(-1) ?? 0;
    const found: ReplicaRecord[][] = [];
    for (const number of numbers.toReversed()) {
      const scan = await this.#read(number);
      found.unshift((scan?.records ?? []).map(decodeRecord));
      const isWhole = scan?.header !== undefined && scan.badRegions === 0;
      if (!isWhole) continue;
      if (number === this.#number) await this.#resume(scan.endBytes);
      break;
    }
    const isDamaged = found.length > 1 ||
      (numbers.length > 0 && this.#file === undefined);
    if (isDamaged) this.#isBehind = true;
    return { records: found.flat(), isDamaged };
  }

  async #numbers(): Promise<readonly number[]> {
    const entries = await this.#needs.disk.list(replicaDirectory);
    return entries
      .filter(({ type, name }) => type === "file" && fileName.test(name))
      .map(({ name }) => Number.parseInt(name, 10))
      .sort((left, right) => left - right);
  }

  /** A disk that refuses counts as damage. */
  async #read(number: number): Promise<JournalScan | undefined> {
    const { disk, log } = this.#needs;
    try {
      const bytes = await disk.read(pathOf(number), {
        bytesMax: limits.replicaLogBytesMax,
      });
      return scanJournal(bytes, {
        isRecordStart,
        content: journalContents.replica,
      });
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      log.error("state.replicas_unread", { number, reason: cause.message });
      return undefined;
    }
  }

  /** Cuts a torn end and appends from there on; a failure means a new file. */
  async #resume(endBytes: number): Promise<void> {
    const path = pathOf(this.#number);
    try {
      await settleJournal(this.#needs, { path, endBytes });
      this.#file = await this.#needs.disk.openAppend(path);
      this.#durableBytes = endBytes;
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
      this.#warn("state.replicas_not_settled", cause);
    }
  }

  /** Keeps records that apply already; durable in `replicaSyncMs`, or later. */
  note(records: readonly ReplicaRecord[]): void {
    if (this.#isClosed) return;
    // A new file has all that is kept, and this with it.
    const isNewNext = this.#file === undefined && this.#running === undefined;
    if (!isNewNext) this.#noted.push(...records);
    this.#isBehind = true;
    this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= this.#needs.clock.after(this.#delayMs, () => {
      this.#timer = undefined;
      this.#start();
    });
  }

  /**
   * Makes records durable that do not apply yet, with all noted before.
   *
   * @throws {DiskError} They are not.
   */
  write(records: readonly ReplicaRecord[]): Promise<void> {
    const write = { records, ...Promise.withResolvers<void>() };
    this.#writes.push(write);
    this.#start();
    return write.promise;
  }

  #start(): void {
    this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    await Promise.resolve(); // lets writes of the same turn share a sync
    do await this.#flush(); while (this.#writes.length > 0);
    this.#running = undefined;
    if (this.#isBehind && !this.#isClosed) this.#schedule();
  }

  async #flush(): Promise<void> {
    const writes = this.#writes;
    this.#writes = [];
    const records = writes.flatMap(({ records }) => records);
    try {
      await this.#store(records);
      this.#delayMs = limits.replicaSyncMs;
      for (const { resolve } of writes) resolve();
    } catch (cause) {
      this.#isBehind = true;
      this.#delayMs = Math.min(2 * this.#delayMs, limits.replicaRetryMsMax);
      this.#warn("state.replicas_unwritten", cause);
      for (const { reject } of writes) reject(cause);
    }
  }

  async #store(records: readonly ReplicaRecord[]): Promise<void> {
    if (this.#file === undefined || this.#isLarge()) await this.#startFile();
    const noted = this.#noted;
    this.#noted = [];
    if (noted.length + records.length === 0) {
      this.#isBehind = false;
      return;
    }
    const file = this.#file;
    if (file === undefined) return;
    this.#file = undefined;
    this.#isBehind = true;
    try {
      const durableBytes = this.#durableBytes;
      await file.append(concatBytes(
        ...[...noted, ...records].map((record) =>
          encodeJournalRecord(encodeRecord(record), { durableBytes })
        ),
      ));
      await file.sync();
    } catch (cause) {
      await this.#close(file);
      throw cause;
    }
    this.#durableBytes = file.sizeBytes;
    this.#file = file;
    this.#isBehind = this.#noted.length > 0;
  }

  #isLarge(): boolean {
    const sizeBytesMax = Math.max(
      limits.replicaLogRewriteBytesMin,
      2 * this.#liveBytes,
    );
    return this.#durableBytes > sizeBytesMax;
  }

  /** Older files are removed when the new one is there. */
  async #startFile(): Promise<void> {
    const old = this.#file;
    this.#file = undefined;
    if (old !== undefined) await this.#close(old);
    const number = Math.max(firstNumber, this.#number + 1);
    this.#number = number;
    const header = encodeJournalHeader(
      { number, generation: 0 },
      journalContents.replica,
    );
    this.#noted = []; // the snapshot has them
    const bytes = encodeWholeFile(
      header,
      [...this.#snapshot()].map(encodeRecord),
    );
    await this.#needs.disk.writeAtomic(pathOf(number), bytes);
    this.#file = await this.#needs.disk.openAppend(pathOf(number));
    this.#durableBytes = bytes.length;
    this.#liveBytes = bytes.length;
    await this.#removeOlder();
  }

  /** They only take room: a failure is tried again with the next file. */
  async #removeOlder(): Promise<void> {
    try {
      for (const number of await this.#numbers()) {
        if (number < this.#number) {
          await this.#needs.disk.remove(pathOf(number));
        }
      }
    } catch (cause) {
      this.#warn("state.old_replicas_stay", cause);
    }
  }

  async #close(file: AppendFile): Promise<void> {
    try {
      await file[Symbol.asyncDispose]();
    } catch (cause) {
      this.#warn("state.replicas_close_failed", cause);
    }
  }

  #warn(event: string, cause: unknown): void {
    this.#needs.log.warn(event, { reason: asPlnError(cause).message });
  }

  /** Writes what was noted, then closes; a failure is logged. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#timer?.[Symbol.dispose]();
    while (this.#running !== undefined) await this.#running;
    if (this.#isBehind) await this.#flush();
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await this.#close(file);
  }
}
