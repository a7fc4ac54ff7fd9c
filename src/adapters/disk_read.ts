// Reading a file whole and bounded. In, an open file and the most bytes its
// caller accepts; out, exactly its bytes. The size is asked of the open file,
// so that nothing can be swapped in between, and is no more than a hint: files
// grow while they are read. Never allocates more than the bound and one block.

import { type Bytes, concatBytes } from "../kernel/mod.ts";
import { DiskError } from "../ports/mod.ts";
import { describeAction, type DiskAction } from "./disk_fault.ts";

const blockBytes = 64 * 1024;

/** @throws {DiskError} "too-large", before or while it is read. */
export async function readBounded(
  file: Deno.FsFile,
  options: { readonly bytesMax: number; readonly action: DiskAction },
): Promise<Bytes> {
  const { bytesMax, action } = options;
  const { size } = await file.stat();
  if (size > bytesMax) throw tooLarge(action, bytesMax);
  const expected = await readUpTo(file, size);
  const parts = [expected];
  let length = expected.length;
  // What was appended meanwhile, or all of a file that tells no size (/proc).
  while (true) {
    const room = Math.min(blockBytes, bytesMax - length + 1);
    const more = await readUpTo(file, room);
    if (more.length === 0) break;
    length += more.length;
    if (length > bytesMax) throw tooLarge(action, bytesMax);
    parts.push(more);
  }
  return parts.length === 1 ? expected : concatBytes(...parts);
}

/** The next bytes; fewer than `length` only at the end of the file. */
async function readUpTo(file: Deno.FsFile, length: number): Promise<Bytes> {
  const bytes = new Uint8Array(length);
  let filled = 0;
  while (filled < length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) break;
    filled += count;
  }
  return filled === length ? bytes : bytes.slice(0, filled);
}

function tooLarge(action: DiskAction, bytesMax: number): DiskError {
  return new DiskError(
    "too-large",
    `${describeAction(action)}: it has more than ${bytesMax} bytes`,
  );
}
