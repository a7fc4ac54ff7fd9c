// The user's own files, by the paths they typed. In come paths; out go bytes,
// or an error that names the path. Type and size are checked before anything
// is read, so that a sparse giant or a device costs nothing. A file written is
// there whole or not at all, wherever the rights allow.

import {
  concatBytes,
  DeniedError,
  InputError,
  LimitError,
  NotFoundError,
} from "../kernel/mod.ts";
import { DiskError } from "../ports/mod.ts";
import { isDenied } from "./denied.ts";

/** A file was asked for and the path is a directory. */
export class DirectoryError extends InputError {}

/** Of what a link leads to; "other" is a device, pipe or socket. */
export type FileType = "file" | "directory" | "other";

/** Undefined when nothing is there. @throws {DeniedError} */
export async function fileType(path: string): Promise<FileType | undefined> {
  try {
    return typeOf(await Deno.stat(path));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    if (cause instanceof Deno.errors.NotADirectory) return undefined;
    throw fileError("read", path, cause);
  }
}

/**
 * The whole file; symbolic links are followed.
 *
 * @throws {NotFoundError} {DirectoryError} {DeniedError}
 * @throws {LimitError} Over `bytesMax`, before it is read.
 */
export async function readFile(
  path: string,
  options: { readonly bytesMax: number },
): Promise<Uint8Array<ArrayBuffer>> {
  const { size } = await statFile(path);
  const { bytesMax } = options;
  if (size > bytesMax) throw tooLarge(path, { sizeBytes: size, bytesMax });
  // One byte more than allowed: the file may have grown since.
  const bytes = await readStart(path, bytesMax + 1);
  if (bytes.length <= bytesMax) return bytes;
  throw tooLarge(path, { sizeBytes: bytes.length, bytesMax });
}

/** The first `bytesMax` bytes, fewer when the file is shorter. */
export async function readHead(
  path: string,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  await statFile(path);
  return await readStart(path, bytesMax);
}

/**
 * Replaces or makes the file, keeping an existing one's mode. Without the
 * right to write beside it, it is written in place.
 *
 * @throws {NotFoundError} Its directory is missing.
 * @throws {DirectoryError} {DeniedError} {DiskError}
 */
export async function writeFile(
  path: string,
  bytes: Uint8Array,
): Promise<void> {
  const type = await fileType(path);
  if (type === "directory") throw directoryError(path);
  try {
    // A device or a pipe stays what it is.
    if (type === "other") return await writeInPlace(path, bytes);
    const target = type === "file" ? await Deno.realPath(path) : path;
    const part = `${target}.part-${Deno.pid}`;
    if (await mayWrite(part)) await writeWhole(target, { part, bytes });
    else await writeInPlace(target, bytes);
  } catch (cause) {
    throw fileError("write", path, cause);
  }
}

async function mayWrite(path: string): Promise<boolean> {
  const { state } = await Deno.permissions.query({ name: "write", path });
  return state === "granted";
}

async function writeWhole(
  target: string,
  { part, bytes }: { readonly part: string; readonly bytes: Uint8Array },
): Promise<void> {
  try {
    const mode = await modeOf(target);
    await writeInPlace(part, bytes, { mode });
    if (mode !== undefined) await Deno.chmod(part, mode);
    await Deno.rename(part, target);
  } catch (cause) {
    await removeIfThere(part);
    throw cause;
  }
}

async function writeInPlace(
  path: string,
  bytes: Uint8Array,
  { mode }: { readonly mode?: number | undefined } = {},
): Promise<void> {
  using file = await Deno.open(path, {
    write: true,
    create: true,
    truncate: true,
    ...(mode === undefined ? {} : { mode }),
  });
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(await file.write(rest));
  // Only regular files can be synced.
  if ((await file.stat()).isFile) await file.sync();
}

async function modeOf(path: string): Promise<number | undefined> {
  try {
    const { mode } = await Deno.stat(path);
    return mode === null ? undefined : mode & 0o777;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
}

async function statFile(path: string): Promise<Deno.FileInfo> {
  let stat: Deno.FileInfo;
  try {
    stat = await Deno.stat(path);
  } catch (cause) {
    throw fileError("read", path, cause);
  }
  if (stat.isDirectory) throw directoryError(path);
  if (stat.isFile) return stat;
  throw new InputError(`${path} is no regular file`, {
    hint: 'Give a file, or "-" for standard input',
  });
}

async function readStart(
  path: string,
  bytesMax: number,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    using file = await Deno.open(path);
    const chunks: Uint8Array[] = [];
    let leftBytes = bytesMax;
    while (leftBytes > 0) {
      const chunk = new Uint8Array(Math.min(leftBytes, 1024 * 1024));
      const length = await file.read(chunk);
      if (length === null) break;
      chunks.push(chunk.subarray(0, length));
      leftBytes -= length;
    }
    return concatBytes(...chunks);
  } catch (cause) {
    throw fileError("read", path, cause);
  }
}

function typeOf(stat: Deno.FileInfo): FileType {
  if (stat.isFile) return "file";
  return stat.isDirectory ? "directory" : "other";
}

function directoryError(path: string): DirectoryError {
  return new DirectoryError(`${path} is a directory`, {
    hint: "Give a file",
  });
}

function tooLarge(
  path: string,
  size: { readonly sizeBytes: number; readonly bytesMax: number },
): LimitError {
  return new LimitError(
    `${path} has ${size.sizeBytes} bytes, more than ${size.bytesMax}`,
  );
}

function fileError(verb: string, path: string, cause: unknown): unknown {
  const { errors } = Deno;
  if (cause instanceof errors.NotFound) {
    return new NotFoundError(`${path} does not exist`, { cause });
  }
  if (cause instanceof errors.NotADirectory) {
    return new NotFoundError(`${path} leads through a file`, { cause });
  }
  if (cause instanceof errors.IsADirectory) return directoryError(path);
  if (isDenied(cause)) {
    return new DeniedError(`May not ${verb} ${path}`, {
      cause,
      hint: `Check who owns it: ls -ld ${path}`,
    });
  }
  if (!(cause instanceof Error)) return cause;
  const isFull = cause.message.includes("os error 28"); // ENOSPC
  return new DiskError(
    isFull ? "full" : "io",
    `Cannot ${verb} ${path}: ${cause.message}`,
    { cause },
  );
}
