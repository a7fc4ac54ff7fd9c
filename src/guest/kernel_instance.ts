// One instance of the Extism kernel (kernel.wat): the memory through which a
// guest and this host exchange blocks. Every offset may come from a hostile
// guest, so each read and write is checked against the memory's size.

import {
  assert,
  type Bytes,
  emptyBytes,
  fromBase64,
  limits,
} from "../kernel/mod.ts";
import { SeedError } from "../threads/mod.ts";
import { suspendingImport } from "./jspi.ts";
import { kernelBase64 } from "./kernel_generated.ts";

/** How the kernel reaches the host in a guest's name; see kernel.wat. */
export type KernelHooks = {
  /** One of `verdict` in meter.ts. */
  tick(): number;
  suspend(): Promise<void>;
  /** Pages before, or -1: what memory.grow answers. */
  grow(pages: number): number;
  /** 1 when the kernel's own memory may grow by so many pages, else 0. */
  allow(pages: number): number;
};

/** Pages of 64 KiB of a new kernel. */
export const kernelPagesMin = 2;

export type KernelExports = {
  readonly memory: WebAssembly.Memory;
  readonly top: { value: number };
  readonly high: { value: number };
  readonly yield: CallableFunction;
  readonly grow: CallableFunction;
  readonly outputOffset: { readonly value: bigint };
  readonly outputLength: { readonly value: bigint };
  readonly error: { readonly value: bigint };
  readonly length: (offset: bigint) => bigint;
  readonly setInput: (length: number) => number;
  readonly allocHost: (length: number) => number;
  readonly clearAnswer: () => void;
  readonly reset: () => void;
};

/** What was in a kernel at one moment, from its first byte to its last. */
export type KernelImage = {
  readonly bytes: Uint8Array;
  readonly top: number;
};

/** A used kernel larger than this is dropped instead of cleared. */
const keptBytesMax = 4 * 1024 * 1024;
/** Memory below holds nothing; free lists and blocks follow. */
const firstByte = 16;
const emptyTop = 256;

let compiled: WebAssembly.Module | undefined;

function kernelModule(): WebAssembly.Module {
  if (compiled === undefined) {
    const bytes = fromBase64(kernelBase64);
    assert(bytes !== undefined, "the kernel is base64");
    compiled = new WebAssembly.Module(bytes);
  }
  return compiled;
}

export class KernelInstance {
  readonly exports: KernelExports;

  constructor({ tick, suspend, grow, allow }: KernelHooks) {
    const host = { tick, suspend: suspendingImport(suspend), grow, allow };
    const instance = new WebAssembly.Instance(kernelModule(), { host });
    this.exports = instance.exports as unknown as KernelExports;
  }

  /** Bytes of its memory. */
  get memoryBytes(): number {
    return this.exports.memory.buffer.byteLength;
  }

  /** Bytes of the block at `offset`; 0 for 0 or no block. */
  lengthAt(offset: bigint): number {
    return Number(BigInt.asUintN(64, this.exports.length(offset)));
  }

  /**
   * A copy of the block at `offset`, cut after `bytesMax`; undefined for 0 or
   * no block.
   */
  read(offset: bigint, bytesMax = Infinity): Bytes | undefined {
    const length = this.lengthAt(offset);
    const start = Number(offset);
    if (start === 0 || length === 0) return undefined;
    return this.#range(start, length).slice(0, bytesMax);
  }

  /**
   * @returns The offset of a new block with `bytes`; 0 when they are none.
   * @throws {SeedError} "memory": the kernel is full.
   */
  store(bytes: Bytes): bigint {
    if (bytes.length === 0) return 0n;
    return BigInt(this.#fill(this.exports.allocHost(bytes.length), bytes));
  }

  /** As `store`, but empty bytes get a block of length 0: "none" is 0. */
  storeAnswer(bytes: Bytes): bigint {
    if (bytes.length > 0) return this.store(bytes);
    const offset = this.#fill(this.exports.allocHost(1), emptyBytes);
    const header = new DataView(this.exports.memory.buffer, offset - 16, 8);
    header.setBigUint64(0, 0n, true);
    return BigInt(offset);
  }

  /** @throws {SeedError} "memory": the kernel is full. */
  setInput(bytes: Bytes): void {
    if (bytes.length === 0) return;
    this.#fill(this.exports.setInput(bytes.length), bytes);
  }

  /** @throws {SeedError} "output": larger than the limit. */
  output(): Bytes {
    const length = Number(this.exports.outputLength.value);
    if (length === 0) return emptyBytes;
    if (length > limits.callOutputBytesMax) {
      throw new SeedError(
        "output",
        `The output of ${length} bytes is over the limit of ` +
          `${limits.callOutputBytesMax}`,
      );
    }
    const start = Number(this.exports.outputOffset.value);
    return this.#range(start, length).slice();
  }

  /** The error block the guest has set, if it has. */
  error(): Bytes | undefined {
    const offset = this.exports.error.value;
    return offset === 0n ? undefined : this.read(offset) ?? emptyBytes;
  }

  /** Forgets output and error, and keeps all blocks. */
  clearAnswer(): void {
    this.exports.clearAnswer();
  }

  /** Nothing of a call is left for the next. */
  clear(): void {
    this.exports.reset();
  }

  /** What a snapshot keeps of it. */
  image(): KernelImage {
    const { memory, high, top } = this.exports;
    const end = high.value >>> 0;
    const isEmpty = end === emptyTop;
    const bytes = new Uint8Array(memory.buffer, 0, isEmpty ? 0 : end).slice();
    return { bytes, top: top.value };
  }

  /** Puts an earlier state back; false when it is better thrown away. */
  restore({ bytes, top }: KernelImage): boolean {
    const { exports } = this;
    if ((exports.high.value >>> 0) > keptBytesMax) return false;
    exports.reset();
    if (bytes.length === 0) return true;
    const all = new Uint8Array(exports.memory.buffer);
    all.set(bytes.subarray(firstByte), firstByte);
    exports.top.value = top;
    exports.high.value = bytes.length;
    return true;
  }

  #fill(offset: number, bytes: Bytes): number {
    const start = offset >>> 0;
    if (start === 0) {
      throw new SeedError(
        "memory",
        `No room for ${bytes.length} bytes in the seed's exchange memory`,
      );
    }
    this.#range(start, bytes.length).set(bytes);
    return start;
  }

  #range(start: number, length: number): Uint8Array<ArrayBuffer> {
    const { buffer } = this.exports.memory;
    if (start + length > buffer.byteLength) {
      throw new SeedError("memory", "The seed passed a range out of bounds");
    }
    return new Uint8Array(buffer as ArrayBuffer, start, length);
  }
}
