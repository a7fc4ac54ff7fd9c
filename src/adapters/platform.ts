// The whole world of one process, opened part by part: the terminal at once,
// every port when it is asked for, by an import of its own, so that a quick
// command loads nothing it does not use. In comes the address of main.ts; out
// go adapters. It must never decide anything: which parts, the command knows.

import type {
  Clock,
  Disk,
  Network,
  Random,
  Signer,
  Web,
} from "../ports/mod.ts";
import type { DaemonPorts, DaemonPortsOptions } from "./daemon_ports.ts";
import { openTerminal, type Terminal } from "./terminal.ts";

/** What only main.ts knows: where the code lies. */
export type PlatformOptions = {
  /** main.ts, which is also the entry of every thread. */
  readonly mainUrl: string;
};

/** The world of a process: what it does not open costs nothing. */
export interface Platform {
  /** Open from the start: it is cheap. */
  readonly terminal: Terminal;
  /** This program's own executable when it was compiled into one. */
  readonly executable: string | undefined;
  /** The machine's name; undefined without the right to ask. */
  hostname(): string | undefined;
  /** Of this process: its start is arbitrary. */
  openClock(): Promise<Clock>;
  /** `root` is absolute and need not exist: opening touches no file. */
  openDisk(root: string): Promise<Disk>;
  /** One endpoint a process: a closed one keeps its port busy. */
  openNetwork(): Promise<Network>;
  /** Cryptographic, for keys. */
  openRandom(): Promise<Random>;
  /** Keys of one signer work with every other of this process. */
  openSigner(): Promise<Signer>;
  /** Resolves once all promise work that was ready has run. */
  openTurn(): Promise<() => Promise<void>>;
  /** For requests: it serves nothing. */
  openWeb(): Promise<Web & AsyncDisposable>;
  /** Opens the log's file with its first record. */
  openDaemonPorts(options: DaemonPortsOptions): Promise<DaemonPorts>;
}

/** Opens the terminal only; ports open when they are asked for. */
export function openPlatform({ mainUrl }: PlatformOptions): Platform {
  return {
    terminal: openTerminal(),
    get executable(): string | undefined {
      return Deno.build.standalone ? Deno.execPath() : undefined;
    },
    hostname,
    openClock: async () => (await import("./clock.ts")).openClock(),
    openDisk: async (root: string) =>
      (await import("./disk.ts")).openDisk(root),
    openNetwork: async () => (await import("./network.ts")).openNetwork(),
    openRandom: async () => (await import("./random.ts")).openRandom(),
    openSigner: async () => (await import("./signer.ts")).openSigner(),
    openTurn: async () => (await import("./turn.ts")).openTurn(),
    openWeb: openClientWeb,
    openDaemonPorts: async (options: DaemonPortsOptions) =>
      (await import("./daemon_ports.ts")).openDaemonPorts(options, { mainUrl }),
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
