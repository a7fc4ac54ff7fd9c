// Moves bytes between a seed and its host. In go the input and host memory
// blocks; out go the output, the error and new blocks. It must never keep
// anything from one call to the next: every export of a seed starts with
// `beginCall()`, which empties the heap, so that an instance that is used
// again needs no more memory than a fresh one.

import {
  allocBlock,
  blockLength,
  errorSet,
  inputLength,
  inputLoadU64,
  inputLoadU8,
  loadU64,
  loadU8,
  outputSet,
  storeU64,
  storeU8,
} from "./imports";

/** Empties the heap. Call it first in every export. */
export function beginCall(): void {
  heap.reset();
}

/** The input of this call. */
export function readInput(): StaticArray<u8> {
  const length = inputLength();
  const bytes = new StaticArray<u8>(<i32> length);
  const to = changetype<usize>(bytes);
  let at: u64 = 0;
  for (; at + 8 <= length; at += 8) {
    store<u64>(to + <usize> at, inputLoadU64(at));
  }
  for (; at < length; at++) store<u8>(to + <usize> at, inputLoadU8(at));
  return bytes;
}

/** The bytes of a host memory block. */
export function readBlock(block: u64): StaticArray<u8> {
  const length = blockLength(block);
  const bytes = new StaticArray<u8>(<i32> length);
  const to = changetype<usize>(bytes);
  let at: u64 = 0;
  for (; at + 8 <= length; at += 8) {
    store<u64>(to + <usize> at, loadU64(block + at));
  }
  for (; at < length; at++) store<u8>(to + <usize> at, loadU8(block + at));
  return bytes;
}

/** Copies bytes into a new host memory block and returns its offset. */
export function writeBlock(bytes: StaticArray<u8>): u64 {
  const length: u64 = bytes.length;
  const block = allocBlock(length);
  const from = changetype<usize>(bytes);
  let at: u64 = 0;
  for (; at + 8 <= length; at += 8) {
    storeU64(block + at, load<u64>(from + <usize> at));
  }
  for (; at < length; at++) storeU8(block + at, load<u8>(from + <usize> at));
  return block;
}

/** Sets the output. Returns 0, the code for success. */
export function succeed(bytes: StaticArray<u8>): i32 {
  outputSet(writeBlock(bytes), bytes.length);
  return 0;
}

/** Sets the error text. Returns 1, the code for failure. */
export function fail(message: string): i32 {
  errorSet(writeBlock(encodeUtf8(message)));
  return 1;
}

/** The UTF-8 bytes of a text. */
export function encodeUtf8(text: string): StaticArray<u8> {
  const bytes = new StaticArray<u8>(String.UTF8.byteLength(text));
  String.UTF8.encodeUnsafe(
    changetype<usize>(text),
    text.length,
    changetype<usize>(bytes),
  );
  return bytes;
}

/** What AssemblyScript calls on a broken invariant, by `--use abort=`. */
export function abort(
  message: string | null,
  _file: string | null,
  _line: u32,
  _column: u32,
): void {
  fail(message === null ? "The seed stopped." : message);
  unreachable();
}
