// What all guests of a process may occupy together: pages of memory and
// instances, in words that all threads share. A reservation is taken whole or
// not at all, without locks, and must be given back exactly once; what a thread
// held that is lost, the pool takes back, and the thread gets no more. The engine
// aborts the process at some 9,300 instances (Deno 2.9.6), hence their limit.

import { limits, pageBytes } from "../kernel/mod.ts";

/** The first two are also those of what one thread holds. */
const word = { pages: 0, instances: 1, pagesMax: 2 } as const;
const heldBytes = 8;
/** In place of what a lost thread held: it stays below 0 with any count. */
const closed = -0x80000000;

/** Shared by its buffer; each thread takes and gives for itself. */
export class Budget {
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #held: Int32Array<SharedArrayBuffer>;

  /** For a thread: the words that the pool has made, and its own share. */
  constructor(
    readonly buffer: SharedArrayBuffer,
    held: SharedArrayBuffer = Budget.newShare(),
  ) {
    this.#words = new Int32Array(buffer);
    this.#held = new Int32Array(held);
  }

  /** Words for what one thread holds: nothing yet. */
  static newShare(): SharedArrayBuffer {
    return new SharedArrayBuffer(heldBytes);
  }

  /** For the pool. */
  static ofBytes(bytesMax: number): Budget {
    const budget = new Budget(new SharedArrayBuffer(12));
    const pages = Math.floor(bytesMax / pageBytes);
    Atomics.store(budget.#words, word.pagesMax, pages);
    return budget;
  }

  /** Whether so many pages could ever be taken. */
  fits(pages: number): boolean {
    return pages <= Atomics.load(this.#words, word.pagesMax);
  }

  /** Pages of 64 KiB; false when there are not so many left. */
  takePages(count: number): boolean {
    const max = Atomics.load(this.#words, word.pagesMax);
    return this.#take(word.pages, { count, max });
  }

  /** Of those that this thread took. */
  givePages(count: number): void {
    this.#give(word.pages, count);
  }

  /** One more instance; false when there are too many. */
  takeInstance(): boolean {
    const max = limits.guestInstancesMax;
    return this.#take(word.instances, { count: 1, max });
  }

  /** One of those that this thread took. */
  giveInstance(): void {
    this.#give(word.instances, 1);
  }

  /**
   * For the pool: what a lost thread held is free. Should the thread still run,
   * it can neither give it once more nor take anything.
   */
  takeBack(share: SharedArrayBuffer): void {
    const words = new Int32Array(share);
    for (const index of [word.pages, word.instances]) {
      const held = Atomics.exchange(words, index, closed);
      if (held !== closed) Atomics.sub(this.#words, index, held);
    }
  }

  /** What all threads together have taken. */
  get usedBytes(): number {
    return Atomics.load(this.#words, word.pages) * pageBytes;
  }

  /** Of all threads. */
  get instances(): number {
    return Atomics.load(this.#words, word.instances);
  }

  #take(
    index: number,
    { count, max }: { readonly count: number; readonly max: number },
  ): boolean {
    if (!added(this.#words, index, { by: count, max })) return false;
    if (added(this.#held, index, { by: count, max: Infinity })) return true;
    Atomics.sub(this.#words, index, count); // its share was closed meanwhile
    return false;
  }

  #give(index: number, count: number): void {
    const isHeld = added(this.#held, index, { by: -count, max: Infinity });
    if (isHeld) Atomics.sub(this.#words, index, count);
  }
}

/** False, and nothing was added, if less than 0 or more than `max` came out. */
function added(
  words: Int32Array<SharedArrayBuffer>,
  index: number,
  { by, max }: { readonly by: number; readonly max: number },
): boolean {
  for (;;) {
    const before = Atomics.load(words, index);
    const after = before + by;
    if (after < 0 || after > max) return false;
    const seen = Atomics.compareExchange(words, index, before, after);
    if (seen === before) return true;
  }
}
