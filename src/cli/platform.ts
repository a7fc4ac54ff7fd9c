// The world as the CLI sees it: the terminal, and ports that open only when a
// command asks for them, so that a quick command pays for nothing else. main.ts
// hands the real one in, tests their own. What is missing here no command can
// do.

import type {
  Clock,
  Disk,
  LogLevel,
  Random,
  Signer,
  Web,
} from "../ports/mod.ts";
import type { DaemonNeeds } from "../daemon.ts";
import type { Terminal } from "./terminal.ts";

export type DaemonPortsOptions = {
  readonly directory: string;
  readonly logLevel: LogLevel;
  /** What goes to stderr beside the log file. */
  readonly echo: "none" | "json" | "text";
};

export interface Platform {
  readonly terminal: Terminal;
  /** This program's own executable when it was compiled into one. */
  readonly executable: string | undefined;
  /** Undefined when it may not be asked. */
  hostname(): string | undefined;
  openClock(): Promise<Clock>;
  openDisk(root: string): Promise<Disk>;
  openRandom(): Promise<Random>;
  openSigner(): Promise<Signer>;
  openWeb(): Promise<Web & AsyncDisposable>;
  /** Disposing flushes the log. */
  openDaemonPorts(
    options: DaemonPortsOptions,
  ): Promise<DaemonNeeds & AsyncDisposable>;
}
