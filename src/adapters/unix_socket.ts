// Claims the path of a unix socket for a server: a stale socket gives way, a
// live one and every other file do not. In comes a path; out comes the server
// bound to it with mode 0600. Nobody may connect before that mode is set, and
// no file of somebody else may be removed.

import {
  ConflictError,
  DeniedError,
  InputError,
  limits,
  NotFoundError,
} from "../kernel/mod.ts";
import { isDenied } from "./denied.ts";
import { diskError } from "./disk_fault.ts";

const tooLongHint = "Choose a shorter --dir";

/** @throws {InputError} Longer than a socket address holds. */
export function checkSocketPath(path: string): void {
  // The limit counts the zero byte at the end.
  const sizeBytes = new TextEncoder().encode(path).length + 1;
  if (sizeBytes <= limits.socketPathBytesMax) return;
  throw new InputError(
    `The socket path ${path} has ${sizeBytes - 1} bytes, more than ` +
      `${limits.socketPathBytesMax - 1}`,
    { hint: tooLongHint },
  );
}

/** A bound unix socket's file. */
export type SocketFile = {
  /** Removes the file if it is still ours; call it before closing. */
  remove(): void;
};

/**
 * Binds a server to `path`.
 *
 * The server binds inside a new 0700 directory and its socket is renamed into
 * place once it is 0600: binding directly makes it 0755 for a moment, and the
 * umask is process-wide and needs a right the daemon does not have.
 *
 * @param options.bind Binds a server to the path it is given, without waiting.
 * @param options.close Ends a bound server that did not get its place.
 * @throws {ConflictError} A live server, or another kind of file, is there.
 */
export async function claimSocket<T>(
  path: string,
  options: {
    readonly bind: (boundPath: string) => T;
    readonly close: (server: T) => Promise<void>;
  },
): Promise<{ readonly server: T; readonly file: SocketFile }> {
  checkSocketPath(path);
  await removeStale(path);
  const nursery = nurseryOf(path);
  const bound = `${nursery}/s`;
  try {
    makeNursery(nursery);
    const server = options.bind(bound);
    try {
      Deno.chmodSync(bound, 0o600);
      Deno.renameSync(bound, path);
      return { server, file: ownedFile(path) };
    } catch (cause) {
      await options.close(server);
      throw cause;
    }
  } catch (cause) {
    throw bindError(path, cause);
  } finally {
    removeNursery(nursery);
  }
}

/**
 * Where the socket of a path is bound: always the same place, so that a daemon
 * needs no right to the whole directory of its socket. launcher.sh grants it.
 */
function nurseryOf(path: string): string {
  const at = path.lastIndexOf("/") + 1;
  // As short as a usual socket's name, since the limit counts it too.
  const name = path.slice(at).replace(/\.sock$/, "");
  return `${path.slice(0, at)}.${name}~`;
}

function makeNursery(path: string): void {
  removeNursery(path); // what a crash left behind
  Deno.mkdirSync(path, { mode: 0o700 });
}

/** Removes the socket in it only: the rest, if any, is somebody else's. */
function removeNursery(path: string): void {
  if (statOf(path)?.isDirectory !== true) return;
  removeIfThere(`${path}/s`);
  removeIfThere(path);
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
}

function ownedFile(path: string): SocketFile {
  const { ino } = Deno.lstatSync(path);
  let removed = false;
  return {
    remove() {
      if (removed) return;
      removed = true;
      // A successor may have replaced it: our open socket keeps our inode
      // number from being used again, so equal numbers mean our file.
      if (statOf(path)?.ino === ino) removeIfThere(path);
    },
  };
}

function statOf(path: string): Deno.FileInfo | undefined {
  try {
    return Deno.lstatSync(path);
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw bindError(path, cause);
  }
}

async function removeStale(path: string): Promise<void> {
  const stat = statOf(path);
  if (stat === undefined) return;
  if (stat.isSocket !== true) {
    throw new ConflictError(`Cannot listen on ${path}: ${kindOf(stat)}`, {
      hint: "Move it away, or choose another --dir",
    });
  }
  if (await isLive(path)) {
    throw new ConflictError(`A server listens on ${path} already`, {
      hint: 'Stop it with "pln down"',
    });
  }
  removeIfThere(path);
}

function kindOf(stat: Deno.FileInfo): string {
  if (stat.isDirectory) return "it is a directory";
  if (stat.isSymlink) return "it is a symbolic link";
  return stat.isFile ? "it is a regular file" : "it is a special file";
}

async function isLive(path: string): Promise<boolean> {
  try {
    const connection = await Deno.connect({ transport: "unix", path });
    connection.close();
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.ConnectionRefused) return false;
    if (cause instanceof Deno.errors.NotFound) return false;
    throw bindError(path, cause);
  }
}

function bindError(path: string, cause: unknown): unknown {
  if (cause instanceof Deno.errors.NotFound) {
    return new NotFoundError(`Cannot listen on ${path}: no such directory`, {
      cause,
      hint: 'Make the node\'s directory with "pln init"',
    });
  }
  if (isDenied(cause)) {
    return new DeniedError(`May not listen on ${path}`, {
      cause,
      hint: "Check who owns its directory: ls -ld",
    });
  }
  if (cause instanceof Error && cause.message.includes("SUN_LEN")) {
    return new InputError(`The socket path ${path} is too long`, {
      cause,
      hint: tooLongHint,
    });
  }
  return diskError(cause, { operation: "listen on", path: "", label: path });
}
