// Changes that survive a power loss: files replaced by temporary file, fsync,
// rename and fsync of the directory, and directories whose names are synced
// where they were made. A reader sees the old file or the new one, never a
// part. A failure leaves the old file and no temporary one; a crash may leave
// a temporary one, which `sweepTemporaryFiles` removes at the next start.

import { limits, toHex } from "../kernel/mod.ts";
import { temporaryPrefix } from "../ports/mod.ts";
import { isDenied } from "./denied.ts";
import { writeAll } from "./disk_append.ts";
import { systemCode } from "./disk_fault.ts";

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

/**
 * The directories of one disk. One that is there may not be durable: whoever
 * made it may have been killed before its parent was synced, or be at it now.
 * So the first use of each in this process syncs its parent, and waits.
 */
export class DurableDirectories {
  readonly #known = new Set<string>();
  readonly #inTheMaking = new Map<string, Promise<void>>();

  /** Makes a directory and its missing parents, durably, with mode 0700. */
  async make(at: RootedPath): Promise<void> {
    const already = this.#inTheMaking.get(at.absolute);
    if (already !== undefined) return await already;
    const making = this.#make(at);
    this.#inTheMaking.set(at.absolute, making);
    try {
      await making;
    } finally {
      this.#inTheMaking.delete(at.absolute);
    }
  }

  /** For what is about to be removed or moved, with all below it. */
  forget(at: RootedPath): void {
    const below = `${at.absolute}/`;
    for (const path of this.#known) {
      if (`${path}/`.startsWith(below)) this.#known.delete(path);
    }
  }

  async #make(at: RootedPath): Promise<void> {
    const isThere = await isDirectory(at.absolute);
    if (isThere && this.#known.has(at.absolute)) return;
    if (at.parts.length === 0) {
      await makeRoot(at.root);
    } else {
      const parent = rootedPath(at.root, at.parts.slice(0, -1));
      await this.make(parent);
      if (!isThere) await makeDirectory(at.absolute);
      await syncDirectory(parent.absolute);
    }
    // Forgetting costs a sync more, never durability.
    if (this.#known.size >= limits.durableDirectoriesMax) this.#known.clear();
    this.#known.add(at.absolute);
  }
}

async function makeDirectory(absolute: string): Promise<void> {
  try {
    await Deno.mkdir(absolute, { mode: 0o700 });
  } catch (cause) {
    // Another process was faster.
    const isRace = cause instanceof Deno.errors.AlreadyExists &&
      await isDirectory(absolute);
    if (!isRace) throw cause;
  }
}

async function makeRoot(root: string): Promise<void> {
  if (!await isDirectory(root)) {
    await Deno.mkdir(root, { recursive: true, mode: 0o700 });
  }
  const parent = root.replace(/\/+[^/]*\/*$/, "") || "/";
  // Whoever may write in the root only cannot open what is above it; then the
  // root's own name is the duty of whoever gave the root.
  const right = Deno.permissions.querySync({ name: "read", path: parent });
  if (right.state !== "granted") return;
  try {
    await syncDirectory(parent);
  } catch (cause) {
    // A parent that may be entered but not read (mode 0711), or one of a file
    // system that syncs no directories (autofs).
    if (!isDenied(cause) && systemCode(cause) !== "EINVAL") throw cause;
  }
}

export async function isDirectory(absolute: string): Promise<boolean> {
  try {
    return (await Deno.stat(absolute)).isDirectory;
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    return false;
  }
}

/** Replaces a file whole and durably; its parent is there, durably. */
export async function replaceFile(
  at: RootedPath & { readonly parent: RootedPath },
  content: { readonly bytes: Uint8Array; readonly mode: number },
): Promise<void> {
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
      removed += await unlessGone(() => sweepTemporaryFiles(absolute, options));
    } else if (entry.name.startsWith(temporaryPrefix)) {
      removed += await unlessGone(() => removeOld(absolute, options));
    }
  }
  return removed;
}

/** Others write meanwhile: what was listed may have been renamed or removed. */
async function unlessGone(sweep: () => Promise<number>): Promise<number> {
  try {
    return await sweep();
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    return 0;
  }
}

async function removeOld(
  absolute: string,
  options: { readonly ageMsMin: number },
): Promise<number> {
  const { mtime } = await Deno.lstat(absolute);
  const ageMs = Date.now() - (mtime?.getTime() ?? 0);
  if (ageMs < options.ageMsMin) return 0;
  await Deno.remove(absolute);
  return 1;
}
