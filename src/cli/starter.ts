// Starts the daemon in the background and waits until it answers, or says why
// it does not. Flags come in; the daemon's status or its own failure comes out.
// The starter never becomes the daemon: the rights to run a program end with
// this short process.

import { errorReportShape, type StatusReport } from "../control/mod.ts";
import {
  type ErrorReport,
  InternalError,
  ReportedError,
  shape,
  utf8Text,
} from "../kernel/mod.ts";
import type { Disk } from "../ports/mod.ts";
import { StartError } from "./failure.ts";
import type { Invocation } from "./invocation.ts";
import { printable } from "./render.ts";
import type { SettingFlags } from "./settings.ts";
import type { Launch, Launched } from "./terminal.ts";

const readyMsMax = 30_000;
const pollMs = 25;
const errorFile = "pln.err";
const errorBytesMax = 1024 * 1024;

/** Variables that the launcher and the daemon read; they get no other. */
const passedOn = [
  ...["HOME", "PATH", "TMPDIR", "XDG_CACHE_HOME", "DENO_DIR", "NO_COLOR"],
  ...["DENO_TLS_CA_STORE", "LD_LIBRARY_PATH", "INIT_CWD"],
  ...["PLN_DENO", "PLN_DIR", "PLN_SOCK"],
  ...["PLN_NAME", "PLN_HTTP", "PLN_STATIC_HTTP", "PLN_LOG_LEVEL"],
] as const;

/**
 * @throws {ReportedError} The daemon's own reason.
 * @throws {StartError} It ended, or was not ready in time, without one.
 */
export async function startDaemon(
  invocation: Invocation,
  flags: SettingFlags,
): Promise<StatusReport> {
  const disk = await invocation.openDisk();
  await disk.remove(errorFile);
  const launch = launchOf(invocation, flags);
  const child = await invocation.terminal.launchDetached(launch);
  let end: Awaited<Launched["exited"]> | undefined;
  const watch = async () => {
    end = await child.exited;
  };
  void watch();
  const clock = await invocation.platform.openClock();
  const lateMs = clock.nowMs() + readyMsMax;
  const { signal } = new AbortController();
  while (clock.nowMs() < lateMs) {
    const report = await invocation.findDaemon();
    if (report !== undefined) return report;
    if (end !== undefined) throw await endedEarly(disk, end);
    await clock.sleep(pollMs, signal);
  }
  throw new StartError(
    `Process ${child.pid} does not answer after ${readyMsMax / 1_000} s`,
    { exitCode: 1, hint: 'See "pln logs"; it may still come up' },
  );
}

function launchOf(invocation: Invocation, flags: SettingFlags): Launch {
  const { directory } = invocation;
  const settings = Object.entries(flags).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}`, value]
  );
  const command = invocation.variable("PLN_LAUNCHER") ??
    invocation.platform.executable;
  if (command === undefined) {
    throw new InternalError("Nothing is known that could start the daemon", {
      hint: "Run pln by its launcher, or set PLN_LAUNCHER to it",
    });
  }
  const pairs = passedOn.flatMap((name) => {
    const value = invocation.variable(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    command,
    args: ["up", "--quiet", "--json", "--dir", directory, ...settings],
    env: Object.fromEntries(pairs),
    logPath: `${directory}/${errorFile}`,
  };
}

/** The daemon's last words: its error as JSON, or else its last line. */
async function endedEarly(
  disk: Disk,
  end: Awaited<Launched["exited"]>,
): Promise<Error> {
  const bytes = await disk.read(errorFile, { bytesMax: errorBytesMax });
  const lines = (utf8Text(bytes) ?? "").split("\n")
    .filter((line) => line.trim() !== "");
  for (const line of lines.toReversed()) {
    const report = reportOf(line);
    if (report !== undefined) return new ReportedError(report);
  }
  const how = end.code === undefined
    ? `was ended by ${end.signal}`
    : `ended with exit code ${end.code}`;
  const last = lines.at(-1);
  const said = last === undefined
    ? ""
    : `: ${printable(last.trim().slice(0, 400))}`;
  return new StartError(`The daemon ${how}${said}`, {
    exitCode: end.code === undefined || end.code === 0 ? 1 : end.code,
    hint: `See ${disk.label}/${errorFile} and "pln logs"`,
  });
}

function reportOf(line: string): ErrorReport | undefined {
  if (!line.startsWith('{"error":')) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined; // cut off by its end
    throw cause;
  }
  const outer = shape.checkShape(
    shape.object({ error: shape.unknown() }),
    value,
  );
  if (!("value" in outer)) return undefined;
  const checked = shape.checkShape(errorReportShape, outer.value.error);
  return "value" in checked ? checked.value : undefined;
}
