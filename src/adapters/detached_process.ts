// Starts a process that outlives this one: `pln up -d`. In come a command, its
// environment and a log file; out go its id and, while we live, its end. The
// child shares no terminal and no standard input with us, and gets no variable
// of the environment that the caller did not name.

import { DeniedError, NotFoundError } from "../kernel/mod.ts";
import { isDenied } from "./denied.ts";
import { diskError } from "./disk_fault.ts";

/** No shell reads `args`; the environment is exactly `env`. */
export type LaunchOptions = {
  readonly command: string;
  readonly args: readonly string[];
  /** The child's whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Gets its standard output and error, appended; made with mode 0600. */
  readonly logPath: string;
};

/** `pid` is the child's own: it leads its session. */
export type LaunchedProcess = {
  readonly pid: number;
  /** Does not keep this process alive. */
  readonly exited: Promise<ProcessEnd>;
};

/** A process ends with a code or by a signal. */
export type ProcessEnd = {
  readonly code: number | undefined;
  readonly signal: string | undefined;
};

/**
 * @throws {NotFoundError} No such command.
 * @throws {DeniedError} Not executable, or no right to run it.
 * @throws {DiskError} The log file does not open.
 */
export async function launchDetached(
  options: LaunchOptions,
): Promise<LaunchedProcess> {
  const { spawn } = await import("node:child_process");
  const { closeSync, openSync } = await import("node:fs");
  let log: number;
  try {
    log = openSync(options.logPath, "a", 0o600);
  } catch (cause) {
    throw diskError(cause, {
      operation: "open the log",
      path: "",
      label: options.logPath,
    });
  }
  const started = Promise.withResolvers<void>();
  const exited = Promise.withResolvers<ProcessEnd>();
  try {
    const child = spawn(options.command, options.args, {
      detached: true,
      stdio: ["ignore", log, log],
      env: options.env,
    });
    child.once("spawn", started.resolve);
    child.once("error", started.reject);
    child.once("exit", (code, signal) => {
      exited.resolve({
        code: code ?? undefined,
        signal: signal ?? undefined,
      });
    });
    await started.promise;
    child.unref();
    const { pid } = child;
    if (pid === undefined) throw new Error("The process has no id");
    return { pid, exited: exited.promise };
  } catch (cause) {
    throw launchError(options.command, cause);
  } finally {
    closeSync(log);
  }
}

function launchError(command: string, cause: unknown): unknown {
  const code = cause instanceof Error && "code" in cause ? cause.code : "";
  if (code === "ENOENT" || cause instanceof Deno.errors.NotFound) {
    return new NotFoundError(`${command} does not exist`, { cause });
  }
  if (isDenied(cause)) {
    return new DeniedError(`May not run ${command}`, {
      cause,
      hint: `Check that it is executable: ls -l ${command}`,
    });
  }
  return cause;
}
