// The world as the CLI sees it: the terminal, and ports that open only when a
// command asks for them, so that a quick command pays for nothing else. main.ts
// hands the real one in, tests their own. What is missing here no command can
// do.

import type {
  Clock,
  Disk,
  LogLevel,
  Network,
  Random,
  Signer,
  Web,
} from "../ports/mod.ts";
import type { DaemonNeeds } from "../daemon/mod.ts";
import type { Terminal } from "./terminal.ts";

/** `directory` is absolute; all that the daemon keeps lies in it. */
export type DaemonPortsOptions = {
  readonly directory: string;
  readonly logLevel: LogLevel;
  /** What goes to stderr beside the log file. */
  readonly echo: "none" | "json" | "text";
};

/** What a daemon runs on; `crashed` rejects when a bug went uncaught. */
export type DaemonPorts = DaemonNeeds & AsyncDisposable & {
  readonly crashed: Promise<never>;
};

/** Ports that open only when asked for; what opens disposable, dispose. */
export interface Platform {
  /** The one part that every command gets opened. */
  readonly terminal: Terminal;
  /** This program's own executable when it was compiled into one. */
  readonly executable: string | undefined;
  /** Undefined when it may not be asked. */
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
  /** Disposing flushes the log. */
  openDaemonPorts(
    options: DaemonPortsOptions,
  ): Promise<DaemonPorts>;
}
