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
import { type Disk, DiskError } from "../ports/mod.ts";
import { alreadyRuns } from "./directory.ts";
import { StartError } from "./failure.ts";
import type { Invocation } from "./invocation.ts";
import { printable } from "./render.ts";
import { type SettingFlags, settingWords } from "./settings.ts";
import type { Launch, Launched } from "./terminal.ts";

const readyMsMax = 30_000;
const pollMs = 25;
/** Of the daemon that runs, which writes on; each start has one of its own. */
const errorFile = "pln.err";
const errorBytesMax = 1024 * 1024;

/** Variables that the launcher and the daemon read; they get no other. */
const passedOn = [
  ...["HOME", "PATH", "TMPDIR", "XDG_CACHE_HOME", "DENO_DIR", "NO_COLOR"],
  ...["DENO_TLS_CA_STORE", "LD_LIBRARY_PATH", "INIT_CWD"],
  ...["PLN_DENO", "PLN_DIR", "PLN_SOCK"],
  ...["PLN_NAME", "PLN_PORT", "PLN_PUBLIC", "PLN_IPS"],
  ...["PLN_HTTP", "PLN_STATIC_HTTP", "PLN_LOG_LEVEL"],
] as const;

/**
 * Of two starts at once one gets the directory: only the process that was
 * started here counts as success.
 *
 * @throws {ReportedError} The daemon's own reason.
 * @throws {ConflictError} Another start was faster.
 * @throws {StartError} It ended, or was not ready in time, without a reason.
 */
export async function startDaemon(
  invocation: Invocation,
  flags: SettingFlags,
): Promise<StatusReport> {
  const disk = await invocation.openDisk();
  const ownFile = `${errorFile}.${invocation.terminal.processId}`;
  await disk.remove(ownFile); // of an earlier process with our id
  const launch = launchOf(invocation, { flags, errorFile: ownFile });
  const child = await invocation.terminal.launchDetached(launch);
  let end: End | undefined;
  const watch = async () => {
    end = await child.exited;
  };
  void watch();
  const clock = await invocation.platform.openClock();
  const lateMs = clock.nowMs() + readyMsMax;
  const { signal } = new AbortController();
  while (clock.nowMs() < lateMs) {
    if (end !== undefined) {
      throw await endedEarly(invocation, { disk, end, ownFile });
    }
    const report = await invocation.findDaemon();
    if (report?.node.processId === child.pid) {
      await keepErrorFile(disk, ownFile);
      return report;
    }
    await clock.sleep(pollMs, signal);
  }
  throw new StartError(
    `Process ${child.pid} does not answer after ${readyMsMax / 1_000} s`,
    { exitCode: 1, hint: 'See "pln logs"; it may still come up' },
  );
}

type End = Awaited<Launched["exited"]>;

/**
 * Gives the file of the daemon that runs its lasting name, and removes those
 * of starts that failed: whoever still wants to read one was refused by us.
 */
async function keepErrorFile(disk: Disk, ownFile: string): Promise<void> {
  try {
    await disk.rename(ownFile, errorFile);
  } catch (cause) {
    // A start that was faster, and whose daemon has gone since, removed it.
    if (!(cause instanceof DiskError && cause.fault === "not-found")) {
      throw cause;
    }
  }
  for (const { name } of await disk.list("")) {
    if (/^pln\.err\.\d+$/.test(name)) await disk.remove(name);
  }
}

function launchOf(
  invocation: Invocation,
  { flags, errorFile }: {
    readonly flags: SettingFlags;
    readonly errorFile: string;
  },
): Launch {
  const { directory } = invocation;
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
    args: [
      ...["up", "--quiet", "--json", "--dir", directory],
      ...settingWords(flags),
    ],
    env: Object.fromEntries(pairs),
    logPath: `${directory}/${errorFile}`,
  };
}

/** The daemon's last words: its error as JSON, or else its last line. */
async function endedEarly(
  invocation: Invocation,
  { disk, end, ownFile }: {
    readonly disk: Disk;
    readonly end: End;
    readonly ownFile: string;
  },
): Promise<Error> {
  const lines = await readLines(disk, ownFile);
  if (lines === undefined) return await displaced(invocation, end);
  for (const line of lines.toReversed()) {
    const report = reportOf(line);
    if (report === undefined) continue;
    await disk.remove(ownFile);
    return new ReportedError(report);
  }
  const last = lines.at(-1);
  const said = last === undefined
    ? ""
    : `: ${printable(last.trim().slice(0, 400))}`;
  return new StartError(`The daemon ${howEnded(end)}${said}`, {
    exitCode: exitCodeAfter(end),
    hint: `See ${disk.label}/${ownFile} and "pln logs"`,
  });
}

/** Undefined: another start cleaned the file up. */
async function readLines(
  disk: Disk,
  path: string,
): Promise<readonly string[] | undefined> {
  try {
    const bytes = await disk.read(path, { bytesMax: errorBytesMax });
    return (utf8Text(bytes) ?? "").split("\n")
      .filter((line) => line.trim() !== "");
  } catch (cause) {
    const isGone = cause instanceof DiskError && cause.fault === "not-found";
    if (isGone) return undefined;
    throw cause;
  }
}

/** Only a start that succeeded removes another's file. */
async function displaced(invocation: Invocation, end: End): Promise<Error> {
  const running = await invocation.findDaemon();
  if (running === undefined) {
    return new StartError(`The daemon ${howEnded(end)}`, {
      exitCode: exitCodeAfter(end),
      hint: 'See "pln logs"',
    });
  }
  return alreadyRuns(invocation, running.node);
}

function howEnded({ code, signal }: End): string {
  return code === undefined
    ? `was ended by ${signal}`
    : `ended with exit code ${code}`;
}

function exitCodeAfter({ code }: End): number {
  return code === undefined || code === 0 ? 1 : code;
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
