// The state of an instance after its initialisation, and putting instances of
// the same module back to it: linear memory, mutable globals, exchange memory
// and variables. What cannot be put back (tables, dropped segments, reference
// globals) keeps a module from being restored at all (ModulePlan).

import { type Bytes, pageBytes } from "../kernel/mod.ts";
import { hidden, type ModulePlan } from "../wasm/mod.ts";
import type { KernelImage, KernelInstance } from "./kernel_instance.ts";

type NumericGlobal = { value: number | bigint };

/** What of an instance a snapshot covers. */
export type Restorable = {
  readonly kernel: KernelInstance;
  readonly memory: WebAssembly.Memory | undefined;
  readonly exports: WebAssembly.Exports;
  readonly variables: Map<string, Bytes>;
  variableBytes: number;
};

/** Memory grown this far beyond its first size is dropped, not cleared. */
const clearedBytesMax = 4 * 1024 * 1024;
/** A page of memory of the machine: what a write makes resident. */
const blockBytes = 4096;

/** Bytes from `start` to `end`; without a copy they are all zero. */
type Range = {
  readonly start: number;
  readonly end: number;
  readonly copy: Uint8Array | undefined;
};

export class Snapshot {
  /** Of its content in this process. */
  readonly bytes: number;
  /** Pages of 64 KiB that an instance must have to be put to this state. */
  readonly memoryPages: number;
  readonly #memoryBytes: number;
  readonly #ranges: readonly Range[];
  /** Zeros here where a new instance has none. */
  #zeroed: readonly Range[] | undefined;
  readonly #globals: readonly (readonly [name: string, number | bigint])[];
  readonly #kernel: KernelImage;
  readonly #variables: ReadonlyMap<string, Bytes>;
  readonly #variableBytes: number;

  constructor(instance: Restorable, plan: ModulePlan) {
    const { memory, exports } = instance;
    this.#memoryBytes = memory?.buffer.byteLength ?? 0;
    this.memoryPages = this.#memoryBytes / pageBytes;
    this.#ranges = memory === undefined ? [] : rangesOf(memory.buffer);
    const names = plan.globals.map((index) => hidden.global(index));
    if (memory !== undefined) names.push(hidden.pages);
    this.#globals = names.map((name) =>
      [name, globalOf(exports, name).value] as const
    );
    this.#kernel = instance.kernel.image();
    this.#variables = new Map(instance.variables);
    this.#variableBytes = instance.variableBytes;
    this.bytes = this.#kernel.bytes.length + this.#variableBytes +
      this.#ranges.reduce((sum, { copy }) => sum + (copy?.length ?? 0), 0);
  }

  /**
   * Whether the instance was put back; if not, it is to be thrown away. The
   * whole memory is written, also what the guest believes not to have: it may
   * have written beyond the size that it sees. Only of a new instance, zeros
   * are left alone: they occupy nothing until they are written.
   */
  restore(
    instance: Restorable,
    { isNew = false }: { readonly isNew?: boolean } = {},
  ): boolean {
    const { memory, exports, kernel } = instance;
    if (memory !== undefined) {
      const now = new Uint8Array(memory.buffer);
      const grownBytes = now.length - this.#memoryBytes;
      if (grownBytes < 0) return false;
      if (grownBytes > this.#memoryBytes + clearedBytesMax) return false;
      this.#write(now, { isNew });
    }
    for (const [name, value] of this.#globals) {
      globalOf(exports, name).value = value;
    }
    // A map that is cleared leaves its old table behind, even an empty one.
    if (instance.variables.size > 0) instance.variables.clear();
    for (const [name, value] of this.#variables) {
      instance.variables.set(name, value);
    }
    instance.variableBytes = this.#variableBytes;
    return kernel.restore(this.#kernel);
  }

  #write(memory: Uint8Array, { isNew }: { readonly isNew: boolean }): void {
    if (isNew) this.#zeroed ??= this.#zerosToWrite(memory);
    const zeros = isNew ? this.#zeroed : undefined;
    for (const { start, end, copy } of this.#ranges) {
      if (copy !== undefined) memory.set(copy, start);
      else if (zeros === undefined) memory.fill(0, start, end);
    }
    for (const { start, end } of zeros ?? []) memory.fill(0, start, end);
    memory.fill(0, this.#memoryBytes);
  }

  /** Initialisation may have cleared what the module's data had filled. */
  #zerosToWrite(memory: Uint8Array): readonly Range[] {
    const filled = rangesOf(memory.buffer).filter((range) => range.copy);
    const zeros = this.#ranges.filter((range) => !range.copy);
    return zeros.filter((zero) =>
      filled.some(({ start, end }) => start < zero.end && end > zero.start)
    );
  }
}

/** Runs of blocks that are zero, and of others. */
function rangesOf(buffer: ArrayBufferLike): Range[] {
  const words = new BigUint64Array(buffer);
  const ranges: Range[] = [];
  let start = 0;
  while (start < buffer.byteLength) {
    const isZero = isZeroBlock(words, start);
    let end = start + blockBytes;
    while (end < buffer.byteLength && isZeroBlock(words, end) === isZero) {
      end += blockBytes;
    }
    const bytes = new Uint8Array(buffer, start, end - start);
    ranges.push({ start, end, copy: isZero ? undefined : bytes.slice() });
    start = end;
  }
  return ranges;
}

function isZeroBlock(words: BigUint64Array, startByte: number): boolean {
  const { BYTES_PER_ELEMENT } = words;
  const start = startByte / BYTES_PER_ELEMENT;
  const end = start + blockBytes / BYTES_PER_ELEMENT;
  for (let at = start; at < end; at++) if (words[at] !== 0n) return false;
  return true;
}

function globalOf(exports: WebAssembly.Exports, name: string): NumericGlobal {
  return exports[name] as unknown as NumericGlobal;
}
