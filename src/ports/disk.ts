// One directory as a port. Paths are relative, with "/" between parts, and can
// not leave the directory. What a method promises durable has been synced when
// it resolves; all else may vanish in a power loss, as the simulator shows.

import {
  assert,
  type ErrorKind,
  type Outcome,
  PlnError,
  type PlnErrorOptions,
} from "../kernel/mod.ts";

/** Alike on every system; "io" is whatever fits no other. */
export type DiskFault =
  | "not-found"
  | "exists"
  | "denied"
  | "read-only"
  | "full"
  | "too-large"
  | "io";

const outcomes: Readonly<Record<DiskFault, Outcome>> = {
  "not-found": "not-found",
  "exists": "error",
  "denied": "permission",
  "read-only": "permission",
  "full": "error",
  "too-large": "error",
  "io": "error",
};

const hints: Readonly<Record<DiskFault, string | undefined>> = {
  "not-found": undefined,
  "exists": undefined,
  "denied": "Check who owns it: ls -ld",
  "read-only": "The file system is mounted read-only; remount or move --dir",
  "full": "Free some space and try again",
  "too-large": "It is not as it was written; restore it from a backup",
  "io": "The device reports errors; look at the system's log",
};

/** The file system refused; nothing was acknowledged. */
export class DiskError extends PlnError {
  /** One code for all: `fault` tells them apart. */
  readonly code = "PLN_DISK";
  /** This machine's disk; no peer can cause it. */
  readonly kind: ErrorKind = "local";
  /** Exit code 3 when missing, 4 when not allowed, else 1. */
  override readonly outcome: Outcome;

  /** Hints by the fault unless `options` brings a hint. */
  constructor(
    readonly fault: DiskFault,
    message: string,
    options: PlnErrorOptions = {},
  ) {
    super(message, { hint: hints[fault], ...options });
    this.outcome = outcomes[fault];
  }
}

/** How the names of half-written files start; no path may use it. */
export const temporaryPrefix = ".tmp-";

/**
 * The parts of a relative path; "" is the directory itself and has none.
 * A path that could leave the directory is a bug of its maker and asserts.
 */
export function diskPathParts(path: string): readonly string[] {
  if (path === "") return [];
  const parts = path.split("/");
  for (const part of parts) {
    assert(
      part !== "" && part !== "." && part !== ".." && !part.includes("\0") &&
        !part.startsWith(temporaryPrefix),
      `a disk path has plain relative parts: ${JSON.stringify(path)}`,
    );
  }
  return parts;
}

/** The same for a path that must name something inside the directory. */
export function diskFileParts(path: string): readonly string[] {
  const parts = diskPathParts(path);
  assert(parts.length > 0, "this path names something inside the directory");
  return parts;
}

/**
 * The mode of a file that is written: 0600 unless told. Anything beside
 * permission bits is a bug of its maker and asserts.
 */
export function diskFileMode(mode = 0o600): number {
  assert(
    Number.isInteger(mode) && mode >= 0 && mode <= 0o777,
    "a file's mode has permission bits only",
  );
  return mode;
}

/** `name` is the last part only; "other" is a device, socket or the like. */
export type DiskEntry = {
  readonly name: string;
  readonly type: "file" | "directory" | "other";
};

/** Of what a link leads to, not of the link. */
export type DiskStat = {
  readonly type: DiskEntry["type"];
  readonly sizeBytes: number;
  /** Permission bits, 0 to 0o777. */
  readonly mode: number;
};

/** A file that only grows. One writer; calls do not overlap. */
export interface AppendFile extends AsyncDisposable {
  /** What the system took, a torn end included. */
  readonly sizeBytes: number;
  /** A failed append may leave a torn end: `truncate` to the size before. */
  append(bytes: Uint8Array): Promise<void>;
  /** Makes all appended bytes durable (fdatasync). */
  sync(): Promise<void>;
  /** To at most the present size; durable only after `sync`. */
  truncate(sizeBytes: number): Promise<void>;
}

/** Every method throws {DiskError}. */
export interface Disk {
  /** Where the directory is, for messages only. */
  readonly label: string;
  /** The whole file; "too-large" above `bytesMax`, before it is read. */
  read(
    path: string,
    options: { readonly bytesMax: number },
  ): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Replaces the file whole and durably: temporary file, sync, rename, sync of
   * the directory. Parents are made, and are durable also when somebody else
   * made them. Mode 0600 unless told.
   */
  writeAtomic(
    path: string,
    bytes: Uint8Array,
    options?: { readonly mode?: number },
  ): Promise<void>;
  /** Opens or makes a file for appending; its name is durable, parents too. */
  openAppend(path: string): Promise<AppendFile>;
  /**
   * Entries sorted by name; [] when the directory is missing. Links count as
   * what they lead to; half-written files of a crash are hidden.
   */
  list(path: string): Promise<readonly DiskEntry[]>;
  /** Undefined when nothing is there. */
  stat(path: string): Promise<DiskStat | undefined>;
  /** With parents; harmless when it is there; "" is the root. Mode 0700. */
  makeDirectory(path: string): Promise<void>;
  /**
   * Atomic within the directory, and durable: the directories of both names
   * are synced. Replaces a file at `to`. When it throws, the move may have
   * been made and only its durability refused.
   */
  rename(from: string, to: string): Promise<void>;
  /** With all below it; harmless when it is missing. Not durable. */
  remove(path: string): Promise<void>;
  /** Held until disposed or until the process ends; undefined when held. */
  lock(path: string): Promise<AsyncDisposable | undefined>;
}
