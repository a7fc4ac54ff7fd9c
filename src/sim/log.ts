// A log that a test can read and that the trace remembers. In, events and
// fields; out, records in order. It keeps the newest and counts the rest. Field
// values are the production log's, without stacks: they name source lines.

import { type JsonValue, plainFields } from "../kernel/mod.ts";
import type { Log, LogFields, LogLevel } from "../ports/mod.ts";
import type { World } from "./world.ts";

/** `atMs` is virtual milliseconds since the world was opened. */
export type SimLogRecord = {
  readonly atMs: number;
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: Readonly<Record<string, JsonValue>>;
};

/** One a machine: it outlives the machine's processes. */
export interface SimLog extends Log {
  /** The newest 10,000 at least. */
  readonly records: readonly SimLogRecord[];
  /** Forgotten, because there were too many. */
  readonly droppedRecords: number;
}

const recordsKeptMin = 10_000;

/**
 * A log into the world's trace.
 *
 * @param options.name Of the machine, in the trace.
 */
export function openSimLog(
  world: World,
  options: { readonly name?: string } = {},
): SimLog {
  let records: SimLogRecord[] = [];
  let droppedRecords = 0;
  const host = options.name ?? "log";
  const emit = (level: LogLevel, event: string, given: LogFields = {}) => {
    const fields = plainFields(given, { stacks: false });
    world.trace.note("log", { host, level, event, fields });
    records.push({ atMs: world.nowMs, level, event, fields });
    if (records.length < 2 * recordsKeptMin) return;
    droppedRecords += records.length - recordsKeptMin;
    records = records.slice(-recordsKeptMin);
  };
  return {
    debug: (event, fields) => emit("debug", event, fields),
    info: (event, fields) => emit("info", event, fields),
    warn: (event, fields) => emit("warn", event, fields),
    error: (event, fields) => emit("error", event, fields),
    get records() {
      return records;
    },
    get droppedRecords() {
      return droppedRecords;
    },
  };
}
