// What the operating system refused, as a DiskError: which operation, on which
// file, and why. Errors that are no refusal of the file system (a closed file,
// a wrong argument) are bugs and pass through unchanged.

import { DiskError, type DiskFault } from "../ports/mod.ts";

const faults: Readonly<Record<string, DiskFault>> = {
  ENOENT: "not-found",
  EEXIST: "exists",
  EACCES: "denied",
  EPERM: "denied",
  EROFS: "read-only",
  ENOSPC: "full",
  EDQUOT: "full",
};

const reasons: Readonly<Partial<Record<DiskFault, string>>> = {
  "not-found": "it does not exist",
  "exists": "it is there already",
  "read-only": "the file system is read-only",
  "full": "no space is left",
};

// A few kinds of refusal are no sign of a broken device.
const hints: Readonly<Record<string, string>> = {
  EEXIST: "A file is where a directory should be; look with ls -l",
  EISDIR: "A directory is where a file should be; look with ls -l",
  ENOTDIR: "A file is where a directory should be; look with ls -l",
  ENOTEMPTY: "A directory is where a file should be; look with ls -l",
  ENAMETOOLONG: "Choose a shorter path with --dir",
  ELOOP: "A symbolic link leads to itself; look with ls -l",
  EMFILE: "Raise the limit of open files: ulimit -n",
};

/** The operation and the path, for messages. */
export type DiskAction = {
  readonly operation: string;
  readonly path: string;
  readonly label: string;
};

export function describeAction(action: DiskAction): string {
  const where = action.path === "" ? "" : `"${action.path}" in `;
  return `Cannot ${action.operation} ${where}"${action.label}"`;
}

/** The refusal as a DiskError; anything else unchanged. */
export function diskError(cause: unknown, action: DiskAction): unknown {
  // A failed clean-up after a failure: the first failure is what matters, and
  // the whole stays attached.
  const first = cause instanceof SuppressedError ? cause.suppressed : cause;
  if (first instanceof DiskError || !(first instanceof Error)) return first;
  const code = systemCode(first);
  if (first instanceof Deno.errors.NotCapable) {
    return new DiskError(
      "denied",
      `${describeAction(action)}: this process was started without the ` +
        "permission",
      { cause, hint: "Give the directory with --dir when starting" },
    );
  }
  const isRefusal = code !== undefined ||
    first instanceof Deno.errors.WriteZero ||
    /\(os error \d+\)/.test(first.message);
  if (!isRefusal) return first;
  const fault = faults[code ?? ""] ?? "io";
  const hint = hints[code ?? ""];
  return new DiskError(
    fault,
    `${describeAction(action)}: ${reasons[fault] ?? systemText(first)}`,
    hint === undefined ? { cause } : { cause, hint },
  );
}

/** Such as "ENOENT"; undefined for what is no refusal of the system. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const code: unknown = Reflect.get(error, "code");
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code)
    ? code
    : undefined;
}

/** The system's own words, without the absolute path Deno adds to them. */
function systemText(error: Error): string {
  return /^(.*?) \(os error \d+\)/.exec(error.message)?.[1] ?? error.message;
}

/** Runs one operation and speaks of its refusal as a DiskError. */
export async function attempt<T>(
  action: DiskAction,
  run: () => Promise<T>,
): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    throw diskError(cause, action);
  }
}
