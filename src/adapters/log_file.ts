// The log as a file of JSON lines, rotated by size: pln.log, then pln.log.1 to
// .N, the newest first. On a full or failing disk lines are dropped and
// counted, never half written: a torn end is cut off, or at least ended. The
// file is opened by the first line, so that a full disk stops no start.

import { limits, utf8 } from "../kernel/mod.ts";
import type { AppendFile, Disk } from "../ports/mod.ts";
import {
  type LogHealth,
  LogQueue,
  type LogQueueOptions,
  type LogRecord,
  type LogSink,
} from "./log_queue.ts";

export type LogFileOptions = LogQueueOptions & {
  readonly disk: Disk;
  readonly path?: string;
  readonly fileBytesMax?: number;
  /** Rotated files beside the one that is written. */
  readonly filesKept?: number;
};

/** A sink that opens its file with the first record. */
export function openLogFile(options: LogFileOptions): LogSink {
  return new RotatedFile(options);
}

class RotatedFile implements LogSink {
  readonly #disk: Disk;
  readonly #path: string;
  readonly #fileBytesMax: number;
  readonly #filesKept: number;
  readonly #queue: LogQueue;
  #file: AppendFile | undefined;
  #hasTornEnd = false;
  #wasOpened = false;

  constructor(options: LogFileOptions) {
    this.#disk = options.disk;
    this.#path = options.path ?? "pln.log";
    this.#fileBytesMax = options.fileBytesMax ?? limits.logFileBytesMax;
    this.#filesKept = options.filesKept ?? limits.logFilesKept;
    this.#queue = new LogQueue((text) => this.#append(text), options);
  }

  get health(): LogHealth {
    return this.#queue.health;
  }

  write(record: LogRecord): void {
    this.#queue.push(record);
  }

  flush(): Promise<void> {
    return this.#queue.flush();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#queue.close();
    await this.#closeFile();
  }

  async #append(text: string): Promise<void> {
    let file = this.#file ?? await this.#open();
    const bytes = utf8(this.#hasTornEnd ? `\n${text}` : text);
    const sizeBytes = file.sizeBytes;
    if (sizeBytes > 0 && sizeBytes + bytes.length > this.#fileBytesMax) {
      await this.#rotate();
      file = await this.#open();
    }
    const before = file.sizeBytes;
    try {
      await file.append(bytes);
      this.#hasTornEnd = false;
    } catch (cause) {
      await this.#cutTornEnd(file, before);
      throw cause;
    }
  }

  async #open(): Promise<AppendFile> {
    const file = await this.#disk.openAppend(this.#path);
    this.#file = file;
    if (!this.#wasOpened && file.sizeBytes > 0) {
      // Whether the last run was killed within a line is not worth a read of
      // the whole file: an empty line is skipped by every reader.
      this.#hasTornEnd = true;
    }
    this.#wasOpened = true;
    return file;
  }

  async #cutTornEnd(file: AppendFile, sizeBytes: number): Promise<void> {
    if (file.sizeBytes === sizeBytes) return;
    this.#hasTornEnd = true;
    await file.truncate(sizeBytes);
    this.#hasTornEnd = false;
  }

  async #rotate(): Promise<void> {
    await this.#closeFile();
    const kept = (index: number) => `${this.#path}.${index}`;
    // Only up to the first gap: one that was cut short goes on where it was,
    // and a device that refuses to sync does not push every old file out.
    let gap = 1;
    while (
      gap < this.#filesKept && await this.#disk.stat(kept(gap)) !== undefined
    ) gap++;
    for (let index = gap; index > 1; index--) {
      await this.#disk.rename(kept(index - 1), kept(index));
    }
    await this.#disk.rename(this.#path, kept(1));
    this.#hasTornEnd = false;
  }

  async #closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.[Symbol.asyncDispose]();
  }
}
