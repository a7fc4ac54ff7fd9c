// Structured logging. In, an event name and fields of any kind; out, one plain
// record to every sink. Fields cannot overwrite time, level or event. Never
// throws and never blocks: sinks queue, drop and count.

import { type JsonValue, plainFields } from "../kernel/mod.ts";
import {
  type Clock,
  type Log,
  type LogFields,
  type LogLevel,
  logLevels,
} from "../ports/mod.ts";
import type { LogRecord, LogSink } from "./log_queue.ts";

/** What a log is opened with. */
export type LogOptions = {
  readonly level: LogLevel;
  readonly sinks: readonly LogSink[];
  readonly clock: Clock;
  /** In every record. */
  readonly fields?: LogFields;
};

/** A log and its switch. Disposing flushes and disposes the sinks. */
export interface LogControl extends Log, AsyncDisposable {
  readonly level: LogLevel;
  /** Drops what is below `level` from now on. */
  setLevel(level: LogLevel): void;
  /** Resolves when all records so far have been taken or dropped. */
  flush(): Promise<void>;
}

/** A log over its sinks, which it owns from now on. */
export function openLog(options: LogOptions): LogControl {
  let level = options.level;
  const base = ownFields(options.fields ?? {});
  const emit = (of: LogLevel, event: string, fields: LogFields = {}) => {
    if (logLevels.indexOf(of) < logLevels.indexOf(level)) return;
    const record: LogRecord = {
      t: timeText(options.clock.wallMs()),
      level: of,
      event,
      ...base,
      ...ownFields(fields),
    };
    for (const sink of options.sinks) sink.write(record);
  };
  return {
    debug: (event, fields) => emit("debug", event, fields),
    info: (event, fields) => emit("info", event, fields),
    warn: (event, fields) => emit("warn", event, fields),
    error: (event, fields) => emit("error", event, fields),
    get level() {
      return level;
    },
    setLevel: (next) => {
      level = next;
    },
    flush: async () => {
      await Promise.all(options.sinks.map((sink) => sink.flush()));
    },
    [Symbol.asyncDispose]: async () => {
      await using scope = new AsyncDisposableStack();
      for (const sink of options.sinks) scope.use(sink);
    },
  };
}

const ownKeys = new Set(["t", "level", "event"]);

/** Plain fields, with other names for those that a record itself has. */
function ownFields(fields: LogFields): Record<string, JsonValue> {
  const members = Object.entries(plainFields(fields, { stacks: true }));
  return Object.fromEntries(
    members.map(([key, value]) => [ownKeys.has(key) ? `${key}_` : key, value]),
  );
}

/** A clock may be wrong by any amount, also beyond what a date can say. */
function timeText(wallMs: number): string {
  const date = new Date(wallMs);
  return Number.isNaN(date.getTime()) ? String(wallMs) : date.toISOString();
}
