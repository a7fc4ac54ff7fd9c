// What the CLI needs of the process it runs in: streams, variables, signals,
// the user's files, and starting another process. Data goes to stdout, messages
// to stderr, questions only where a person can answer. The adapter and the
// tests' in-memory terminal fit it by their form; nothing here acts.

import type { Bytes } from "../kernel/mod.ts";

/** Standard output or standard error. */
export interface Output {
  /** False in a pipe or a file: then no colour, width or progress. */
  readonly isTerminal: boolean;
  /** The reader went away: writes do nothing any more. */
  readonly closed: boolean;
  /** Resolves when all was written; text as UTF-8. */
  write(data: Uint8Array | string): Promise<void>;
}

/** Standard input; one reader. */
export interface Input {
  /** Only then may a question be asked. */
  readonly isTerminal: boolean;
  /** All of it. @throws {LimitError} Over `bytesMax`. */
  read(bytesMax: number): Promise<Bytes>;
  /**
   * Undefined at the end of the input. `secret` shows nothing; `bytesMax` is
   * 1024 by default, and a line that is shown never has more than 4095.
   */
  readLine(
    prompt: string,
    options?: { readonly secret?: boolean; readonly bytesMax?: number },
  ): Promise<string | undefined>;
}

/** No shell reads it: `args` reach the command as they are. */
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

/** What a command may ask of its process, and no more. */
export interface Terminal {
  /** Of this process; the daemon's comes from its status. */
  readonly processId: number;
  /** What this process runs on, for `pln version`. */
  readonly platform: {
    readonly os: string;
    readonly arch: string;
    readonly denoVersion: string;
  };
  /** Not read until asked: a command may leave it to its child. */
  readonly stdin: Input;
  /** Data only: what a script reads. */
  readonly stdout: Output;
  /** Messages, questions and progress. */
  readonly stderr: Output;
  /** Undefined when it is not set, or may not be read. */
  env(name: string): string | undefined;
  /** Where the user typed the command. */
  cwd(): string;
  /** Takes SIGINT, SIGTERM and SIGHUP over until disposed. */
  onSignal(handle: (signal: string) => void): Disposable;
  /** Undefined when nothing is there. */
  fileType(
    path: string,
  ): Promise<"file" | "directory" | "other" | undefined>;
  /**
   * The whole file; links are followed.
   *
   * @throws {NotFoundError} Nothing is there.
   * @throws {LimitError} Over `bytesMax`, before it is read.
   */
  readFile(
    path: string,
    options: { readonly bytesMax: number },
  ): Promise<Bytes>;
  /** The first bytes of a file. */
  readHead(path: string, bytesMax: number): Promise<Bytes>;
  /** Resolves when it runs. @throws {NotFoundError} No such command. */
  launchDetached(launch: Launch): Promise<Launched>;
}
