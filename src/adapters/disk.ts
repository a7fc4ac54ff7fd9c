// One directory of the file system. In, relative paths; out, bytes and
// DiskErrors that name the file and the operation. Links that the owner of the
// machine made inside the directory are followed; pipes and devices are
// refused before they can block. Never reads more than it was allowed to.

import type { Bytes } from "../kernel/mod.ts";
import {
  type AppendFile,
  type Disk,
  type DiskEntry,
  DiskError,
  diskFileMode,
  diskFileParts,
  diskPathParts,
  type DiskStat,
  temporaryPrefix,
} from "../ports/mod.ts";
import { AppendedFile } from "./disk_append.ts";
import {
  DurableDirectories,
  isDirectory,
  replaceFile,
  type RootedPath,
  rootedPath,
  syncDirectory,
} from "./disk_durable.ts";
import { attempt, describeAction, type DiskAction } from "./disk_fault.ts";
import { readBounded } from "./disk_read.ts";

const permissionBits = 0o777;

/** `root` need not exist: what is written makes it, with mode 0700. */
export function openDisk(root: string): Disk {
  return new RootedDisk(root);
}

class RootedDisk implements Disk {
  readonly #directories = new DurableDirectories();

  constructor(readonly label: string) {}

  read(
    path: string,
    options: { readonly bytesMax: number },
  ): Promise<Bytes> {
    const at = this.#file(path);
    const action = this.#action("read", path);
    return attempt(action, async () => {
      await this.#refuseIrregular(at, action);
      using file = await Deno.open(at.absolute, { read: true });
      return await readBounded(file, { ...options, action });
    });
  }

  writeAtomic(
    path: string,
    bytes: Uint8Array,
    options: { readonly mode?: number } = {},
  ): Promise<void> {
    const mode = diskFileMode(options.mode);
    const at = this.#file(path);
    return attempt(this.#action("write", path), async () => {
      await this.#directories.make(at.parent);
      await replaceFile(at, { bytes, mode });
    });
  }

  openAppend(path: string): Promise<AppendFile> {
    const at = this.#file(path);
    const action = this.#action("append to", path);
    return attempt(action, async () => {
      await this.#refuseIrregular(at, action);
      await this.#directories.make(at.parent);
      const file = await Deno.open(at.absolute, {
        append: true,
        create: true,
        mode: 0o600,
      });
      try {
        const { size } = await file.stat();
        await syncDirectory(at.parent.absolute);
        return new AppendedFile(file, { sizeBytes: size, action });
      } catch (cause) {
        file.close();
        throw cause;
      }
    });
  }

  list(path: string): Promise<readonly DiskEntry[]> {
    const { absolute } = rootedPath(this.label, diskPathParts(path));
    return attempt(this.#action("list", path), async () => {
      const entries: DiskEntry[] = [];
      try {
        for await (const entry of Deno.readDir(absolute)) {
          if (entry.name.startsWith(temporaryPrefix)) continue;
          const type = entry.isSymlink
            ? await linkType(`${absolute}/${entry.name}`)
            : typeOf(entry);
          entries.push({ name: entry.name, type });
        }
      } catch (cause) {
        if (!(cause instanceof Deno.errors.NotFound)) throw cause;
        return [];
      }
      return entries.sort((left, right) => left.name < right.name ? -1 : 1);
    });
  }

  stat(path: string): Promise<DiskStat | undefined> {
    const { absolute } = rootedPath(this.label, diskPathParts(path));
    return attempt(this.#action("look at", path), async () => {
      const info = await statOrNone(absolute);
      return info && {
        type: typeOf(info),
        sizeBytes: info.size,
        mode: (info.mode ?? 0) & permissionBits,
      };
    });
  }

  makeDirectory(path: string): Promise<void> {
    const at = rootedPath(this.label, diskPathParts(path));
    return attempt(
      this.#action("make directory", path),
      () => this.#directories.make(at),
    );
  }

  rename(from: string, to: string): Promise<void> {
    const source = this.#file(from);
    const target = this.#file(to);
    const action = this.#action(`rename to "${to}" the file`, from);
    return attempt(action, async () => {
      const { parent } = target;
      // The file must not end up in a directory that may vanish.
      if (await isDirectory(parent.absolute)) {
        await this.#directories.make(parent);
      }
      this.#directories.forget(source);
      this.#directories.forget(target);
      await Deno.rename(source.absolute, target.absolute);
      // The new name first: a power loss in between leaves one or both.
      await syncDirectory(parent.absolute);
      if (source.parent.absolute === parent.absolute) return;
      await syncDirectory(source.parent.absolute);
    });
  }

  remove(path: string): Promise<void> {
    const at = this.#file(path);
    return attempt(this.#action("remove", path), async () => {
      this.#directories.forget(at);
      try {
        await Deno.remove(at.absolute, { recursive: true });
      } catch (cause) {
        if (!(cause instanceof Deno.errors.NotFound)) throw cause;
      }
    });
  }

  lock(path: string): Promise<AsyncDisposable | undefined> {
    const at = this.#file(path);
    const action = this.#action("lock", path);
    return attempt(action, async () => {
      const isThere = await this.#refuseIrregular(at, action);
      // Who may touch the lock only cannot look at its directory.
      if (!isThere) await this.#directories.make(at.parent);
      const file = await Deno.open(at.absolute, {
        write: true,
        create: true,
        mode: 0o600,
      });
      try {
        if (await file.tryLock(true)) return heldLock(file);
      } catch (cause) {
        file.close();
        throw cause;
      }
      file.close();
      return undefined;
    });
  }

  #file(path: string): RootedPath & { readonly parent: RootedPath } {
    const parts = diskFileParts(path);
    return {
      ...rootedPath(this.label, parts),
      parent: rootedPath(this.label, parts.slice(0, -1)),
    };
  }

  #action(operation: string, path: string): DiskAction {
    return { operation, path, label: this.label };
  }

  /**
   * Opening a pipe would wait for its other end: look before opening.
   *
   * @returns Whether a file is there.
   */
  async #refuseIrregular(
    at: RootedPath,
    action: DiskAction,
  ): Promise<boolean> {
    const info = await statOrNone(at.absolute);
    if (info === undefined || info.isFile) return info !== undefined;
    throw new DiskError(
      "io",
      `${describeAction(action)}: it is no regular file`,
      { hint: "Something else took its place; look with ls -l" },
    );
  }
}

/** The lock ends with the open file: at disposal, or with the process. */
function heldLock(file: Deno.FsFile): AsyncDisposable {
  let isHeld = true;
  return {
    [Symbol.asyncDispose]: () => {
      if (isHeld) file.close();
      isHeld = false;
      return Promise.resolve();
    },
  };
}

function typeOf(
  info: { readonly isFile: boolean; readonly isDirectory: boolean },
): DiskEntry["type"] {
  if (info.isFile) return "file";
  return info.isDirectory ? "directory" : "other";
}

async function linkType(absolute: string): Promise<DiskEntry["type"]> {
  const info = await statOrNone(absolute);
  return info === undefined ? "other" : typeOf(info);
}

async function statOrNone(
  absolute: string,
): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(absolute);
  } catch (cause) {
    const isMissing = cause instanceof Deno.errors.NotFound ||
      cause instanceof Deno.errors.NotADirectory;
    if (!isMissing) throw cause;
    return undefined;
  }
}
