// The files of the history: `history/<8 digits>.log`, in the record form of the
// journal, the oldest removed when a new one begins. In come records, out come
// the records of all files, the newest file first. Nothing is ever synced: what
// a crash tears off is cut at the next opening, and what is damaged is passed
// over and shown as a gap.

import { concatBytes, limits } from "../kernel/mod.ts";
import { type AppendFile, DiskError, type Ports } from "../ports/mod.ts";
import {
  encodeJournalHeader,
  encodeJournalRecord,
  journalContents,
  type JournalScan,
  scanJournal,
} from "./journal_file.ts";
import {
  decodeHistoryRecord,
  encodeHistoryRecord,
  type HistoryGap,
  type HistoryRecord,
  isHistoryRecordStart,
} from "./history_record.ts";

const directory = "history";
const fileName = /^(\d{8})\.log$/;
const content = journalContents.history;
const fileBytesMax = limits.historyBytesMax / limits.historyFilesMax;
/** A file of our own is smaller; a little more is no harm. */
const readBytesMax = 2 * fileBytesMax;

/** One writer; calls do not overlap. Disposing closes the newest file. */
export class HistoryFiles implements AsyncDisposable {
  readonly #disk: Ports["disk"];
  #file: AppendFile | undefined;
  #number = 0;

  constructor(disk: Ports["disk"]) {
    this.#disk = disk;
  }

  /** Whether `append` may be called: after `open`, until something failed. */
  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  /**
   * Opens the newest file, and cuts its torn end.
   *
   * @returns The newest record; undefined when there is none.
   * @throws {DiskError} Safe to retry.
   * @throws {NewerFormatError} A later program wrote it; it is left alone.
   */
  async open(): Promise<HistoryRecord | undefined> {
    const number = (await this.#numbers()).at(-1);
    if (number === undefined) return void await this.#start(1);
    const scan = await this.#scan(number);
    const last = recordsOf(scan).at(-1);
    if (scan.header === undefined && last === undefined) {
      // One that the disk did not let begin.
      return void await this.#start(number);
    }
    if (scan.header === undefined || scan.endBytes >= fileBytesMax) {
      await this.#start(number + 1);
      return last;
    }
    await this.#take(number, async (file) => {
      if (scan.tailBytes > 0) await file.truncate(scan.endBytes);
    });
    return last;
  }

  /**
   * After `open`. A failure closes the file: `open` it again.
   *
   * @throws {DiskError} Some of it may be on the disk.
   */
  async append(records: readonly HistoryRecord[]): Promise<void> {
    if (this.#file === undefined) await this.open();
    let goodBytes = 0;
    try {
      for (const group of groupsOf(records.map(encodeHistoryRecord))) {
        const sizeBytes = group.reduce((sum, { length }) => sum + length, 0);
        const file = await this.#withRoom(sizeBytes);
        goodBytes = file.sizeBytes;
        let offset = goodBytes;
        const parts = group.map((bytes) => {
          // A hole before a good record is one: nothing orders these writes.
          const part = encodeJournalRecord(bytes, { durableBytes: offset });
          offset += part.length;
          return part;
        });
        await file.append(concatBytes(...parts));
      }
    } catch (cause) {
      await this.#cut(goodBytes);
      throw cause;
    }
  }

  /**
   * All records of one file after the other, the newest file first; within a
   * file the oldest first.
   *
   * @throws {DiskError | NewerFormatError}
   */
  async *read(): AsyncGenerator<readonly HistoryRecord[]> {
    const numbers = await this.#numbers();
    for (const number of numbers.reverse()) {
      yield recordsOf(await this.#scan(number));
    }
  }

  /** Harmless twice. */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Takes a torn end off; what stays is found at the next opening. */
  async #cut(sizeBytes: number): Promise<void> {
    try {
      const file = this.#file;
      if (sizeBytes < (file?.sizeBytes ?? 0)) await file?.truncate(sizeBytes);
    } catch (cause) {
      if (!(cause instanceof DiskError)) throw cause;
    } finally {
      await this.close();
    }
  }

  /** The newest file, or a new one when that would get too large. */
  async #withRoom(sizeBytes: number): Promise<AppendFile> {
    const file = this.#file;
    if (file !== undefined && file.sizeBytes + sizeBytes < fileBytesMax) {
      return file;
    }
    await this.close();
    return await this.#start(this.#number + 1);
  }

  async #start(number: number): Promise<AppendFile> {
    for (const old of await this.#numbers()) {
      if (old <= number - limits.historyFilesMax) {
        await this.#disk.remove(path(old));
      }
    }
    return await this.#take(number, async (file) => {
      if (file.sizeBytes > 0) await file.truncate(0);
      await file.append(
        encodeJournalHeader({ number, generation: 0 }, content),
      );
    });
  }

  /** Opens a file, and keeps it when `prepare` succeeds. */
  async #take(
    number: number,
    prepare: (file: AppendFile) => Promise<void>,
  ): Promise<AppendFile> {
    const file = await this.#disk.openAppend(path(number));
    try {
      await prepare(file);
    } catch (cause) {
      await file[Symbol.asyncDispose]();
      throw cause;
    }
    this.#file = file;
    this.#number = number;
    return file;
  }

  async #scan(number: number): Promise<JournalScan> {
    const bytes = await this.#read(number);
    return scanJournal(bytes, { isRecordStart: isHistoryRecordStart, content });
  }

  /** One that grew beyond its limit is no history; nor is one that is gone. */
  async #read(number: number): Promise<Uint8Array> {
    try {
      return await this.#disk.read(path(number), { bytesMax: readBytesMax });
    } catch (cause) {
      const isNone = cause instanceof DiskError &&
        (cause.fault === "not-found" || cause.fault === "too-large");
      if (!isNone) throw cause;
      return new Uint8Array(0);
    }
  }

  /** Sorted. */
  async #numbers(): Promise<number[]> {
    const entries = await this.#disk.list(directory);
    return entries
      .map(({ name }) => Number(fileName.exec(name)?.[1] ?? 0))
      .filter((number) => number > 0)
      .sort((left, right) => left - right);
  }
}

function path(number: number): string {
  return `${directory}/${String(number).padStart(8, "0")}.log`;
}

/** In groups that are small against a file. */
function* groupsOf<T extends Uint8Array>(
  encoded: readonly T[],
): Generator<readonly T[]> {
  let group: T[] = [];
  let bytes = 0;
  for (const one of encoded) {
    group.push(one);
    bytes += one.length;
    if (bytes < fileBytesMax / 8) continue;
    yield group;
    group = [];
    bytes = 0;
  }
  if (group.length > 0) yield group;
}

/** With a gap at the end of a file that is damaged anywhere. */
function recordsOf(scan: JournalScan): readonly HistoryRecord[] {
  const records = scan.records.map(decodeHistoryRecord)
    .filter((record) => record !== undefined);
  const isDamaged = scan.header === undefined || scan.badRegions > 0;
  const atMs = records.at(-1)?.atMs;
  if (!isDamaged || atMs === undefined) return records;
  const gap: HistoryGap = { type: "gap", atMs, why: "damage" };
  return [...records, gap];
}
