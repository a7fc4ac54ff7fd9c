// The whole world of one process, opened part by part: the terminal at once,
// every port when it is asked for, by an import of its own, so that a quick
// command loads nothing it does not use. In comes the address of main.ts; out
// go adapters. It must never decide anything: which parts, the command knows.

import type { LogLevel, Web } from "../ports/mod.ts";
import { openTerminal } from "./terminal.ts";

export type PlatformOptions = {
  /** main.ts, which is also the entry of every thread. */
  readonly mainUrl: string;
};

/** Younger ones may be those of a command that is writing right now. */
const sweptAgeMsMin = 600_000;

type DaemonPortsOptions = {
  readonly directory: string;
  readonly logLevel: LogLevel;
  /** What goes to stderr beside the log file. */
  readonly echo: "none" | "json" | "text";
};

/** The real platform of the command line. */
export function openPlatform({ mainUrl }: PlatformOptions) {
  return {
    terminal: openTerminal(),
    get executable(): string | undefined {
      return Deno.build.standalone ? Deno.execPath() : undefined;
    },
    hostname,
    openClock: async () => (await import("./clock.ts")).openClock(),
    openDisk: async (root: string) =>
      (await import("./disk.ts")).openDisk(root),
    openRandom: async () => (await import("./random.ts")).openRandom(),
    openSigner: async () => (await import("./signer.ts")).openSigner(),
    openWeb: openClientWeb,
    openDaemonPorts: (options: DaemonPortsOptions) =>
      openDaemonPorts(options, { mainUrl }),
  };
}

/** The machine's name; undefined without the right to ask. */
function hostname(): string | undefined {
  try {
    return Deno.hostname();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) return undefined;
    throw cause;
  }
}

/** It serves nothing, so no handler of it can fail. */
async function openClientWeb(): Promise<Web & AsyncDisposable> {
  const { openWeb } = await import("./web.ts");
  return openWeb({ onError: () => undefined });
}

/** Every port of a daemon. Disposing flushes the log last. */
async function openDaemonPorts(
  { directory, logLevel, echo }: DaemonPortsOptions,
  { mainUrl }: PlatformOptions,
) {
  const [
    clocks,
    crashes,
    disks,
    durable,
    logs,
    files,
    streams,
    random,
    ...more
  ] = await Promise.all([
    import("./clock.ts"),
    import("./crash.ts"),
    import("./disk.ts"),
    import("./disk_durable.ts"),
    import("./log.ts"),
    import("./log_file.ts"),
    import("./log_stderr.ts"),
    import("./random.ts"),
    import("./sandbox.ts"),
    import("./signer.ts"),
    import("./web.ts"),
  ]);
  const [sandbox, signer, web] = more;
  const clock = clocks.openClock();
  const disk = disks.openDisk(directory);
  const scope = new AsyncDisposableStack();
  const sinks = [files.openLogFile({ disk, clock })];
  if (echo !== "none") {
    sinks.push(streams.openLogStderr({ clock, format: echo }));
  }
  const log = scope.use(logs.openLog({ level: logLevel, sinks, clock }));
  const { crashed } = scope.use(crashes.watchCrashes(log));
  return {
    clock,
    crashed,
    disk,
    log,
    random: random.openRandom(),
    sandbox: sandbox.openSandbox({ mainUrl }),
    signer: signer.openSigner(),
    web: scope.use(web.openWeb({
      onError: (cause) => log.error("web.failed", { cause }),
    })),
    residentBytes: () => Deno.memoryUsage().rss,
    setLogLevel: (level: LogLevel) => log.setLevel(level),
    sweepDirectory: () =>
      durable.sweepTemporaryFiles(directory, { ageMsMin: sweptAgeMsMin }),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}
