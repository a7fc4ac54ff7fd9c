// One timer for many deadlines. They come in as they arise; out goes one call of
// the owner when the earliest has come, who then looks at all. What ended in
// the meantime costs nothing.

import type { Clock } from "../ports/mod.ts";

export class DeadlineTimer implements Disposable {
  readonly #clock: Clock;
  readonly #onDue: (nowMs: number) => void;
  #timer: Disposable | undefined;
  #dueMs = Infinity;

  /** `onDue` ends what is over and calls `need` for the rest. */
  constructor(clock: Clock, onDue: (nowMs: number) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Sees to it that the owner is asked at this time, or earlier. */
  need(deadlineMs: number): void {
    if (deadlineMs >= this.#dueMs) return;
    this.#timer?.[Symbol.dispose]();
    this.#dueMs = deadlineMs;
    const delayMs = Math.max(0, deadlineMs - this.#clock.nowMs());
    this.#timer = this.#clock.after(delayMs, () => {
      this.#dueMs = Infinity;
      this.#onDue(this.#clock.nowMs());
    });
  }

  /** Asks no more; harmless twice. */
  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#dueMs = Infinity;
  }
}
