// What a command-line program touches: arguments, named environment variables,
// standard streams, the user's files, signals, and starting the daemon. In
// comes what the shell set up; out goes one object for main.ts to hand to the
// command line. It must stay cheap to open, and reads no variable not named.

import { launchDetached } from "./detached_process.ts";
import { openInput, openOutput } from "./terminal_streams.ts";
import type { TerminalInput, TerminalOutput } from "./terminal_streams.ts";
import { fileType, readFile, readHead, writeFile } from "./user_files.ts";

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

export interface Terminal {
  readonly args: readonly string[];
  readonly processId: number;
  readonly platform: {
    readonly os: string;
    readonly arch: string;
    readonly denoVersion: string;
  };
  readonly stdin: TerminalInput;
  readonly stdout: TerminalOutput;
  readonly stderr: TerminalOutput;
  /** Undefined when it is not set, or may not be read. */
  env(name: VariableName): string | undefined;
  /** Where the user typed the command: under `deno task` not our own. */
  cwd(): string;
  /** Replaces the default, which is to die at once. */
  onSignal(handle: (signal: EndSignal) => void): Disposable;
  readonly fileType: typeof fileType;
  readonly readFile: typeof readFile;
  readonly readHead: typeof readHead;
  readonly writeFile: typeof writeFile;
  readonly launchDetached: typeof launchDetached;
}

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
