// Changes that survive a power loss: files replaced by temporary file, fsync,
// rename and fsync of the directory, and directories whose names are synced
// where they were made. A reader sees the old file or the new one, never a
// part. A failure leaves the old file and no temporary one; a crash may leave
// a temporary one, which `sweepTemporaryFiles` removes at the next start.

import { toHex } from "../kernel/mod.ts";
import { temporaryPrefix } from "../ports/mod.ts";
import { writeAll } from "./disk_append.ts";

/** Where something is, by its root and by the system. */
export type RootedPath = {
  readonly root: string;
  readonly parts: readonly string[];
  readonly absolute: string;
};

export function rootedPath(
  root: string,
  parts: readonly string[],
): RootedPath {
  return { root, parts, absolute: [root, ...parts].join("/") };
}

/** fsync of a directory: makes the names in it durable. */
export async function syncDirectory(absolute: string): Promise<void> {
  using directory = await Deno.open(absolute, { read: true });
  await directory.sync();
}

// A directory that exists may still be on its way to the device: whoever finds
// it waits for the one who is making it. Entries go when their work ends.
const inTheMaking = new Map<string, Promise<void>>();

/** Makes a directory and its missing parents, durably, with mode 0700. */
export async function makeDirectories(at: RootedPath): Promise<void> {
  const already = inTheMaking.get(at.absolute);
  if (already !== undefined) return await already;
  const making = makeMissing(at);
  inTheMaking.set(at.absolute, making);
  try {
    await making;
  } finally {
    inTheMaking.delete(at.absolute);
  }
}

async function makeMissing(at: RootedPath): Promise<void> {
  if (await isDirectory(at.absolute)) return;
  if (at.parts.length === 0) return await makeRoot(at.root);
  const parent = rootedPath(at.root, at.parts.slice(0, -1));
  await makeDirectories(parent);
  try {
    await Deno.mkdir(at.absolute, { mode: 0o700 });
  } catch (cause) {
    // Another process was faster.
    const isRace = cause instanceof Deno.errors.AlreadyExists &&
      await isDirectory(at.absolute);
    if (!isRace) throw cause;
  }
  await syncDirectory(parent.absolute);
}

async function makeRoot(root: string): Promise<void> {
  await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  const parent = root.replace(/\/+[^/]*\/*$/, "") || "/";
  // Whoever may write in the root only cannot open what is above it; then the
  // root's own name is the duty of whoever gave the root.
  const right = Deno.permissions.querySync({ name: "read", path: parent });
  if (right.state !== "granted") return;
  try {
    await syncDirectory(parent);
  } catch (cause) {
    // A parent that may be entered but not read (mode 0711).
    if (!(cause instanceof Deno.errors.PermissionDenied)) throw cause;
  }
}

async function isDirectory(absolute: string): Promise<boolean> {
  try {
    return (await Deno.stat(absolute)).isDirectory;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    return false;
  }
}

/** Replaces a file whole and durably; its parents are made. */
export async function replaceFile(
  at: RootedPath & { readonly parent: RootedPath },
  content: { readonly bytes: Uint8Array; readonly mode: number },
): Promise<void> {
  await makeDirectories(at.parent);
  const name = toHex(crypto.getRandomValues(new Uint8Array(8)));
  const temporary = `${at.parent.absolute}/${temporaryPrefix}${name}`;
  let isRenamed = false;
  {
    const file = await Deno.open(temporary, {
      write: true,
      createNew: true,
      mode: content.mode,
    });
    await using scope = new AsyncDisposableStack();
    scope.defer(async () => {
      if (!isRenamed) await Deno.remove(temporary);
    });
    scope.use(file);
    // The process's umask took bits away that the caller asked for.
    if (content.mode !== 0o600) await Deno.chmod(temporary, content.mode);
    await writeAll(file, content.bytes);
    await file.sync();
    await Deno.rename(temporary, at.absolute);
    isRenamed = true;
  }
  await syncDirectory(at.parent.absolute);
}

/**
 * Removes temporary files that crashes left, below `root`. For the start of a
 * program that holds the directory's lock; a file younger than `ageMsMin` may
 * be one that a short command is writing right now, and stays.
 *
 * @returns How many were removed.
 */
export async function sweepTemporaryFiles(
  root: string,
  options: { readonly ageMsMin: number },
): Promise<number> {
  let removed = 0;
  for await (const entry of Deno.readDir(root)) {
    const absolute = `${root}/${entry.name}`;
    if (entry.isDirectory) {
      removed += await sweepTemporaryFiles(absolute, options);
    } else if (entry.name.startsWith(temporaryPrefix)) {
      const { mtime } = await Deno.lstat(absolute);
      const ageMs = Date.now() - (mtime?.getTime() ?? 0);
      if (ageMs < options.ageMsMin) continue;
      await Deno.remove(absolute);
      removed++;
    }
  }
  return removed;
}
