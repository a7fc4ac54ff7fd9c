// The log on standard error: JSON lines, or short lines for people. Lines wait
// in a bounded queue, so that a reader that stalls (a full pipe) costs dropped
// lines and no blocked daemon. Texts of strangers cannot steer the terminal.

import { jsonLine, type JsonValue, utf8 } from "../kernel/mod.ts";
import { writeAll } from "./disk_append.ts";
import {
  LogQueue,
  type LogQueueOptions,
  type LogRecord,
  type LogSink,
} from "./log_queue.ts";

export type LogStderrOptions = Pick<LogQueueOptions, "clock"> & {
  readonly format: "json" | "text";
};

/** Disposing leaves standard error itself open. */
export function openLogStderr(options: LogStderrOptions): LogSink {
  const format = options.format === "json" ? jsonLine : textLine;
  const queue = new LogQueue(
    (text) => writeAll(Deno.stderr, utf8(text)),
    { clock: options.clock, format },
  );
  return {
    get health() {
      return queue.health;
    },
    write: (record) => queue.push(record),
    flush: () => queue.flush(),
    [Symbol.asyncDispose]: () => queue.close(),
  };
}

/** "12:03:04.123 INFO  peer.lost peer=ab12 afterMs=3". */
export function textLine(record: LogRecord): string {
  const { t, level, event, ...fields } = record;
  const time = t.slice(t.indexOf("T") + 1).replace("Z", "");
  const head = `${time} ${level.toUpperCase().padEnd(5)} ${shown(event)}`;
  const tail = Object.entries(fields).map(([key, value]) =>
    ` ${shown(key)}=${shown(value)}`
  );
  return head + tail.join("");
}

function shown(value: JsonValue): string {
  return typeof value === "string" && /^[\w.:\/@+-]+$/.test(value)
    ? value
    : jsonLine(value);
}
