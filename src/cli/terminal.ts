// What the CLI needs of the process it runs in: streams, variables, signals,
// the user's files, and starting another process. Data goes to stdout, messages
// to stderr, questions only where a person can answer. The adapter and the
// tests' in-memory terminal fit it by their form; nothing here acts.

import type { Bytes } from "../kernel/mod.ts";

export interface Output {
  readonly isTerminal: boolean;
  /** The reader went away: writes do nothing any more. */
  readonly closed: boolean;
  write(data: Uint8Array | string): Promise<void>;
}

export interface Input {
  readonly isTerminal: boolean;
  /** All of it. @throws {LimitError} Over `bytesMax`. */
  read(bytesMax: number): Promise<Bytes>;
  /** Undefined at the end of the input. `secret` shows nothing. */
  readLine(
    prompt: string,
    options?: { readonly secret?: boolean },
  ): Promise<string | undefined>;
}

export type Launch = {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Gets its standard output and error, appended. */
  readonly logPath: string;
};

/** A process that outlives this one. */
export type Launched = {
  readonly pid: number;
  readonly exited: Promise<{
    readonly code: number | undefined;
    readonly signal: string | undefined;
  }>;
};

export interface Terminal {
  readonly processId: number;
  readonly platform: {
    readonly os: string;
    readonly arch: string;
    readonly denoVersion: string;
  };
  readonly stdin: Input;
  readonly stdout: Output;
  readonly stderr: Output;
  env(name: string): string | undefined;
  /** Where the user typed the command. */
  cwd(): string;
  /** Takes SIGINT, SIGTERM and SIGHUP over until disposed. */
  onSignal(handle: (signal: string) => void): Disposable;
  /** Undefined when nothing is there. */
  fileType(
    path: string,
  ): Promise<"file" | "directory" | "other" | undefined>;
  /** @throws {LimitError} Over `bytesMax`, before it is read. */
  readFile(
    path: string,
    options: { readonly bytesMax: number },
  ): Promise<Bytes>;
  /** The first bytes of a file. */
  readHead(path: string, bytesMax: number): Promise<Bytes>;
  launchDetached(launch: Launch): Promise<Launched>;
}
