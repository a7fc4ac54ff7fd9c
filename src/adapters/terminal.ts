// What a command-line program touches: arguments, named environment variables,
// standard streams, the user's files, signals, and starting the daemon. In
// comes what the shell set up; out goes one object for main.ts to hand to the
// command line. It must stay cheap to open, and reads no variable not named.

import {
  launchDetached,
  type LaunchedProcess,
  type LaunchOptions,
} from "./detached_process.ts";
import { openInput, openOutput } from "./terminal_streams.ts";
import type { TerminalInput, TerminalOutput } from "./terminal_streams.ts";
import {
  type FileType,
  fileType,
  readFile,
  readHead,
  writeFile,
} from "./user_files.ts";

/** Every variable that Pollen reads. */
export type VariableName =
  | "HOME"
  | "PLN_DIR"
  | "PLN_SOCK"
  | "PLN_CONTEXT"
  | "PLN_NAME"
  | "PLN_HTTP"
  | "PLN_STATIC_HTTP"
  | "PLN_LOG_LEVEL"
  | "PLN_LAUNCHER"
  | "PLN_DENO"
  | "NO_COLOR"
  | "INIT_CWD"
  | "TERM"
  | "COLUMNS"
  | "CI";

/** Signals that ask a process to end. */
export type EndSignal = "SIGINT" | "SIGTERM" | "SIGHUP";

const endSignals: readonly EndSignal[] = ["SIGINT", "SIGTERM", "SIGHUP"];

/** What a command-line program touches; opening it reads no variable. */
export interface Terminal {
  /** Without the program itself. */
  readonly args: readonly string[];
  /** Of this process. */
  readonly processId: number;
  /** What this process runs on, as Deno names it. */
  readonly platform: {
    readonly os: string;
    readonly arch: string;
    readonly denoVersion: string;
  };
  /** Prompts go to `stderr`. */
  readonly stdin: TerminalInput;
  /** Data. */
  readonly stdout: TerminalOutput;
  /** Messages. */
  readonly stderr: TerminalOutput;
  /** Undefined when it is not set, or may not be read. */
  env(name: VariableName): string | undefined;
  /** Where the user typed the command: under `deno task` not our own. */
  cwd(): string;
  /** Replaces the default, which is to die at once. */
  onSignal(handle: (signal: EndSignal) => void): Disposable;
  /** Undefined when nothing is there. @throws {DeniedError} */
  fileType(path: string): Promise<FileType | undefined>;
  /**
   * The whole file; links are followed.
   *
   * @throws {NotFoundError | InputError | DeniedError} Missing, no regular
   * file, or not readable.
   * @throws {LimitError} Over `bytesMax`, before it is read.
   */
  readFile(
    path: string,
    options: { readonly bytesMax: number },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /** The first bytes, fewer when the file is shorter. Throws as `readFile`. */
  readHead(path: string, bytesMax: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Replaces or makes the file, whole or not at all where the rights allow.
   *
   * @throws {NotFoundError} Its directory is missing.
   * @throws {InputError | DeniedError | DiskError} Not to be written.
   */
  writeFile(path: string, bytes: Uint8Array): Promise<void>;
  /**
   * Starts a process that outlives this one.
   *
   * @throws {NotFoundError | DeniedError | DiskError} It did not start.
   */
  launchDetached(options: LaunchOptions): Promise<LaunchedProcess>;
}

/** Of this process. Holds nothing to dispose. */
export function openTerminal(): Terminal {
  const columns = readVariable("COLUMNS");
  const stderr = openOutput(Deno.stderr, { columns });
  return {
    args: Deno.args,
    processId: Deno.pid,
    platform: {
      os: Deno.build.os,
      arch: Deno.build.arch,
      denoVersion: Deno.version.deno,
    },
    stdin: openInput(Deno.stdin, { prompt: stderr }),
    stdout: openOutput(Deno.stdout, { columns }),
    stderr,
    env: readVariable,
    cwd: () => readVariable("INIT_CWD") ?? Deno.cwd(),
    onSignal,
    fileType,
    readFile,
    readHead,
    writeFile,
    launchDetached,
  };
}

function readVariable(name: VariableName): string | undefined {
  try {
    return Deno.env.get(name);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) return undefined;
    throw cause;
  }
}

function onSignal(handle: (signal: EndSignal) => void): Disposable {
  const stack = new DisposableStack();
  for (const signal of endSignals) {
    const listener = () => handle(signal);
    Deno.addSignalListener(signal, listener);
    stack.defer(() => Deno.removeSignalListener(signal, listener));
  }
  return stack;
}
