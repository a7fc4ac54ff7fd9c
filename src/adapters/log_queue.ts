// Log lines on their way out. In, records; out, batches of text to one slow
// writer. Bounded: a line that finds the queue full, or whose batch the writer
// refuses, is dropped and counted, and the next batch says how many. Never
// throws, never blocks, and never waits longer than a stated bound at the end.

import { jsonLine, type JsonValue, limits } from "../kernel/mod.ts";
import type { Clock, LogLevel } from "../ports/mod.ts";

export type LogRecord = {
  /** ISO 8601, UTC. */
  readonly t: string;
  readonly level: LogLevel;
  readonly event: string;
  readonly [field: string]: JsonValue;
};

/** What happened to lines so far; for status and its alarms. */
export type LogHealth = {
  readonly droppedRecords: number;
  /** Why the writer refused the newest batch; undefined when it took it. */
  readonly fault: unknown;
};

/** Where records go. */
export interface LogSink extends AsyncDisposable {
  readonly health: LogHealth;
  write(record: LogRecord): void;
  /** Resolves when all that was written before has been taken or dropped. */
  flush(): Promise<void>;
}

export type LogQueueOptions = {
  readonly clock: Clock;
  readonly format?: (record: LogRecord) => string;
  readonly recordsMax?: number;
};

type Batch = { readonly text: string; readonly records: number };

/** Lines between a log and one slow writer of text. */
export class LogQueue {
  readonly #take: (text: string) => Promise<void>;
  readonly #clock: Clock;
  readonly #format: (record: LogRecord) => string;
  readonly #recordsMax: number;
  #records: LogRecord[] = [];
  #working: Promise<void> | undefined;
  #unreported = 0;
  #dropped = 0;
  #fault: unknown;
  #isClosed = false;

  constructor(
    take: (text: string) => Promise<void>,
    options: LogQueueOptions,
  ) {
    this.#take = take;
    this.#clock = options.clock;
    this.#format = options.format ?? jsonLine;
    this.#recordsMax = options.recordsMax ?? limits.logQueueRecordsMax;
  }

  get health(): LogHealth {
    return { droppedRecords: this.#dropped, fault: this.#fault };
  }

  push(record: LogRecord): void {
    if (this.#isClosed || this.#records.length >= this.#recordsMax) {
      this.#drop(1);
      return;
    }
    this.#records.push(record);
    this.#working ??= this.#work();
  }

  async flush(): Promise<void> {
    while (this.#working !== undefined) await this.#working;
  }

  /** Refuses further records; waits for the rest, but not for ever. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const enough = new AbortController();
    const bound = this.#clock.sleep(limits.logDrainMsMax, enough.signal)
      .catch((cause: unknown) => {
        if (!enough.signal.aborted) throw cause;
      });
    await Promise.race([this.flush(), bound]);
    enough.abort();
    await bound;
    this.#drop(this.#records.length);
    this.#records = [];
  }

  #drop(records: number): void {
    this.#unreported += records;
    this.#dropped += records;
  }

  async #work(): Promise<void> {
    // One write for all that this turn logs.
    await Promise.resolve();
    while (this.#records.length > 0) {
      const reported = this.#unreported;
      const batch = this.#nextBatch();
      try {
        await this.#take(batch.text);
        this.#unreported -= reported;
        this.#fault = undefined;
      } catch (cause) {
        this.#fault = cause;
        this.#drop(batch.records);
      }
    }
    this.#working = undefined;
  }

  #nextBatch(): Batch {
    const first = this.#records[0];
    let text = "";
    if (this.#unreported > 0 && first !== undefined) {
      text = this.#line({
        t: first.t,
        level: "warn",
        event: "log.dropped",
        records: this.#unreported,
      });
    }
    let taken = 0;
    for (const record of this.#records) {
      if (taken > 0 && text.length >= limits.logBatchCharactersMax) break;
      text += this.#line(record);
      taken++;
    }
    this.#records = this.#records.slice(taken);
    return { text, records: taken };
  }

  #line(record: LogRecord): string {
    return `${this.#format(record)}\n`;
  }
}
