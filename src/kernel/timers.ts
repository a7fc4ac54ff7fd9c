// Timers in the order of their deadlines, and among equal ones in the order in
// which they were set: a binary heap. It knows no clock; the production clock
// and the simulator ask it what is due. Never runs a timer by itself, never
// runs one twice, and keeps no closure of a cancelled one.

import { assert } from "./assert.ts";

/** Its own handle: there are many, and most are cancelled. */
class Timer implements Disposable {
  readonly deadlineMs: number;
  readonly sequence: number;
  /** Undefined once it was taken or cancelled. */
  run: (() => void) | undefined;
  readonly #onCancel: () => void;

  constructor(
    deadlineMs: number,
    run: () => void,
    { sequence, onCancel }: {
      readonly sequence: number;
      readonly onCancel: () => void;
    },
  ) {
    this.deadlineMs = deadlineMs;
    this.sequence = sequence;
    this.run = run;
    this.#onCancel = onCancel;
  }

  [Symbol.dispose](): void {
    if (this.run === undefined) return;
    this.run = undefined;
    this.#onCancel();
  }
}

/** A heap of timers; the caller knows the time and runs what is due. */
export class TimerQueue {
  #heap: Timer[] = [];
  #sequence = 0;
  #cancelled = 0;
  readonly #onCancel = () => this.#noteCancelled();

  /** Timers that are set and not cancelled. */
  get size(): number {
    return this.#heap.length - this.#cancelled;
  }

  /** Disposing cancels; harmless after the timer was taken. */
  add(deadlineMs: number, run: () => void): Disposable {
    assert(Number.isFinite(deadlineMs), "a timer's deadline is finite");
    const timer = new Timer(deadlineMs, run, {
      sequence: this.#sequence++,
      onCancel: this.#onCancel,
    });
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
    return timer;
  }

  /** Of the first timer; undefined when none is set. */
  get nextDeadlineMs(): number | undefined {
    this.#dropCancelledTop();
    return this.#heap[0]?.deadlineMs;
  }

  /** Removes and returns the first timer due at `nowMs`. */
  takeDue(nowMs: number): (() => void) | undefined {
    this.#dropCancelledTop();
    const first = this.#heap[0];
    if (first === undefined || first.deadlineMs > nowMs) return undefined;
    this.#removeTop();
    const run = first.run;
    first.run = undefined;
    return run;
  }

  #noteCancelled(): void {
    this.#cancelled++;
    // Far deadlines that were cancelled (every answered request) must not
    // pile up until they come due.
    if (this.#cancelled > 64 && this.#cancelled * 2 > this.#heap.length) {
      this.#compact();
    }
  }

  #compact(): void {
    this.#heap = this.#heap.filter((timer) => timer.run !== undefined);
    this.#heap.sort((left, right) => isBefore(left, right) ? -1 : 1);
    this.#cancelled = 0;
  }

  #dropCancelledTop(): void {
    while (this.#heap.length > 0 && this.#heap[0]?.run === undefined) {
      this.#removeTop();
      this.#cancelled--;
    }
  }

  #removeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #at(index: number): Timer {
    const timer = this.#heap[index];
    assert(timer !== undefined, "a heap index is inside the heap");
    return timer;
  }

  #rise(from: number): void {
    const timer = this.#at(from);
    let index = from;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!isBefore(timer, this.#at(parent))) break;
      this.#heap[index] = this.#at(parent);
      index = parent;
    }
    this.#heap[index] = timer;
  }

  #sink(from: number): void {
    const timer = this.#at(from);
    const length = this.#heap.length;
    let index = from;
    while (true) {
      let child = 2 * index + 1;
      if (child >= length) break;
      if (
        child + 1 < length && isBefore(this.#at(child + 1), this.#at(child))
      ) child++;
      if (!isBefore(this.#at(child), timer)) break;
      this.#heap[index] = this.#at(child);
      index = child;
    }
    this.#heap[index] = timer;
  }
}

function isBefore(left: Timer, right: Timer): boolean {
  return left.deadlineMs !== right.deadlineMs
    ? left.deadlineMs < right.deadlineMs
    : left.sequence < right.sequence;
}

/**
 * A sleep made of a timer.
 *
 * @param after Sets a timer, as `Clock.after` does.
 * @throws The signal's reason when it aborts first; the timer is gone then.
 */
export async function sleepBy(
  after: (delayMs: number, run: () => void) => Disposable,
  options: { readonly delayMs: number; readonly signal: AbortSignal },
): Promise<void> {
  const { delayMs, signal } = options;
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  using _timer = after(delayMs, resolve);
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
