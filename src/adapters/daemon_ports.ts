// Every port of a daemon at once, on one directory: what `pln up` runs on. Only
// the command that needs it imports this file, and with it all adapters. In
// comes where the directory and the threads' entry lie; out go ports that end
// together, the log last.

import type { LogLevel, Ports } from "../ports/mod.ts";
import { openClock } from "./clock.ts";
import { watchCrashes } from "./crash.ts";
import { openDisk } from "./disk.ts";
import { sweepTemporaryFiles } from "./disk_durable.ts";
import { openHost } from "./host.ts";
import { openLog } from "./log.ts";
import { openLogFile } from "./log_file.ts";
import { openLogStderr } from "./log_stderr.ts";
import { openNetwork } from "./network.ts";
import { openOutbound } from "./outbound.ts";
import { openRandom } from "./random.ts";
import { openSandbox } from "./sandbox.ts";
import { openSigner } from "./signer.ts";
import { openWeb } from "./web.ts";

/** Younger ones may be those of a command that is writing right now. */
const sweptAgeMsMin = 600_000;

/** `directory` is absolute; all that the daemon keeps lies in it. */
export type DaemonPortsOptions = {
  readonly directory: string;
  readonly logLevel: LogLevel;
  /** What goes to stderr beside the log file. */
  readonly echo: "none" | "json" | "text";
};

/** Every port of a daemon. Disposing flushes the log last. */
export type DaemonPorts = Ports & AsyncDisposable & {
  /** Rejects once a bug that nobody caught is in the log. */
  readonly crashed: Promise<never>;
  /** Resident memory of this process. */
  residentBytes(): number;
  /** Drops what is below `level` from now on. */
  setLogLevel(level: LogLevel): void;
  /** Removes crashes' half-written files of 10 minutes or older: how many. */
  sweepDirectory(): Promise<number>;
};

/** @param options.mainUrl main.ts, which is also the entry of threads. */
export function openDaemonPorts(
  { directory, logLevel, echo }: DaemonPortsOptions,
  { mainUrl }: { readonly mainUrl: string },
): DaemonPorts {
  const clock = openClock();
  const disk = openDisk(directory);
  const scope = new AsyncDisposableStack();
  const sinks = [openLogFile({ disk, clock })];
  if (echo !== "none") sinks.push(openLogStderr({ clock, format: echo }));
  const log = scope.use(openLog({ level: logLevel, sinks, clock }));
  const { crashed } = scope.use(watchCrashes(log));
  const onError = (cause: unknown) => log.error("web.failed", { cause });
  return {
    clock,
    crashed,
    disk,
    host: openHost({ log }),
    log,
    network: openNetwork(),
    outbound: scope.use(openOutbound()),
    random: openRandom(),
    sandbox: openSandbox({ mainUrl, probePath: directory }),
    signer: openSigner(),
    web: scope.use(openWeb({ onError })),
    residentBytes: () => Deno.memoryUsage().rss,
    setLogLevel: (level) => log.setLevel(level),
    sweepDirectory: () =>
      sweepTemporaryFiles(directory, { ageMsMin: sweptAgeMsMin }),
    [Symbol.asyncDispose]: () => scope.disposeAsync(),
  };
}
