// Where an identity lies in a node's directory, and how its files are read:
// bounded, as text, and with messages that name the file and the next step.
// Paths go in, text comes out. It must never put a file's content in a message.

import { CorruptError, utf8Text } from "../kernel/mod.ts";
import { type Disk, DiskError } from "../ports/mod.ts";

/** Paths within the directory. */
export const identityFiles = {
  rootKey: "keys/root.pem",
  rootCertificate: "certs/root.pem",
  authorityKey: "keys/authority.pem",
  authorityCertificate: "certs/authority.pem",
  nodeKey: "keys/node.pem",
  /** The whole credential; the last file that init writes. */
  credential: "certs/member.pem",
} as const;

/** The path as people type it. */
export function shownPath(disk: Disk, path: string): string {
  return `${disk.label}/${path}`;
}

/** A shell word for `path`. */
export function shellPath(disk: Disk, path: string): string {
  const text = shownPath(disk, path);
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** @param options.why Ends the sentence that the file begins. */
export function corruptFile(
  disk: Disk,
  path: string,
  options: { readonly why: string; readonly cause?: unknown },
): CorruptError {
  return new CorruptError(
    `File "${shownPath(disk, path)}" ${options.why}`,
    {
      ...(options.cause === undefined ? {} : { cause: options.cause }),
      hint: "Restore it from a backup, or start over in another directory " +
        'with "pln init"',
    },
  );
}

/**
 * The text of a file that must be there.
 *
 * @throws {CorruptError} Missing, too large, or not UTF-8.
 * @throws {DiskError} The file system refused.
 */
export async function readIdentityFile(
  disk: Disk,
  path: string,
  options: { readonly bytesMax: number },
): Promise<string> {
  try {
    const text = utf8Text(await disk.read(path, options));
    if (text !== undefined) return text;
  } catch (cause) {
    const fault = cause instanceof DiskError ? cause.fault : undefined;
    if (fault === "not-found") {
      throw corruptFile(disk, path, { why: "is missing", cause });
    }
    if (fault === "too-large") {
      throw corruptFile(disk, path, { why: "is too large", cause });
    }
    throw cause;
  }
  throw corruptFile(disk, path, { why: "is not text" });
}
