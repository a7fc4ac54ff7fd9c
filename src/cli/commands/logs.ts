// `pln logs`: the node's log, with the daemon or without it. JSON lines come
// from the files; they go out as they are into a pipe, and as short lines to a
// terminal. What a stranger put into a log line cannot steer the terminal.

import {
  jsonLine,
  type JsonValue,
  NotFoundError,
  utf8,
} from "../../kernel/mod.ts";
import type { Invocation } from "../invocation.ts";
import type { Run } from "../loaders.ts";
import { LogTail } from "../log_tail.ts";
import { parseCount } from "../numbers.ts";
import { printable } from "../render.ts";

const linesMax = 1_000_000;

export const run: Run<"logs"> = async (invocation, { flags }) => {
  const count = parseCount(flags.lines ?? "100", "--lines", { max: linesMax });
  const disk = await invocation.openDisk();
  const clock = await invocation.platform.openClock();
  const tail = new LogTail({ disk, clock });
  const lines = await tail.last(count);
  if (lines === undefined && !flags.follow) {
    throw new NotFoundError(`There is no log in ${invocation.directory}`, {
      hint: 'The node writes it: "pln up -d"',
    });
  }
  await show(invocation, lines ?? []);
  if (!flags.follow) return;
  // Ends with the reader of our output, or by a signal.
  const { signal } = new AbortController();
  for await (const added of tail.follow(signal)) await show(invocation, added);
};

async function show(
  invocation: Invocation,
  lines: readonly string[],
): Promise<void> {
  const isText = invocation.terminal.stdout.isTerminal && !invocation.isJson;
  const shown = lines.map((line) => `${isText ? textLine(line) : line}\n`);
  if (shown.length > 0) await invocation.write(utf8(shown.join("")));
}

/** "12:03:04.123 INFO  peer.lost peer=ab12 afterMs=3". */
function textLine(line: string): string {
  const record = recordOf(line);
  if (record === undefined) return printable(line);
  const { t, level, event, ...fields } = record;
  const time = `${t}`.slice(`${t}`.indexOf("T") + 1).replace(/Z$/, "");
  const name = `${level}`.toUpperCase().padEnd(5);
  const tail = Object.entries(fields)
    .map(([key, value]) => ` ${key}=${shownValue(value)}`);
  return printable(`${time} ${name} ${event}${tail.join("")}`);
}

function recordOf(
  line: string,
): Readonly<Record<string, JsonValue>> | undefined {
  try {
    const value = JSON.parse(line);
    return typeof value?.event === "string" ? value : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

function shownValue(value: JsonValue): string {
  return typeof value === "string" && /^[\w.:\/@+-]+$/.test(value)
    ? value
    : jsonLine(value);
}
