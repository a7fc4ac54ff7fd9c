// The machine's clocks and one system timer for all timers. Deadlines are
// monotonic (performance.now does not jump); the wall clock is for people and
// certificates. A timer never runs before its deadline, never twice, and never
// inside the call that sets it.

import { assert, sleepBy, TimerQueue } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";

// A longer delay overflows setTimeout's 32 bits and would fire at once.
const systemDelayMsMax = 2 ** 31 - 1;

export function openClock(): Clock {
  return new MachineClock();
}

class MachineClock implements Clock {
  readonly #timers = new TimerQueue();
  #handle: ReturnType<typeof setTimeout> | undefined;
  #armedForMs: number | undefined;

  nowMs(): number {
    return performance.now();
  }

  wallMs(): number {
    return Date.now();
  }

  after(delayMs: number, run: () => void): Disposable {
    assert(
      Number.isFinite(delayMs) && delayMs >= 0,
      "a timer's delay is 0 or more milliseconds",
    );
    const timer = this.#timers.add(this.nowMs() + delayMs, run);
    this.#arm();
    return {
      [Symbol.dispose]: () => {
        timer[Symbol.dispose]();
        this.#arm();
      },
    };
  }

  sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    return sleepBy((delay, run) => this.after(delay, run), { delayMs, signal });
  }

  #arm(): void {
    const nextMs = this.#timers.nextDeadlineMs;
    if (nextMs === this.#armedForMs) return;
    if (this.#handle !== undefined) clearTimeout(this.#handle);
    this.#handle = undefined;
    this.#armedForMs = nextMs;
    if (nextMs === undefined) return;
    const delayMs = Math.max(0, Math.ceil(nextMs - this.nowMs()));
    this.#handle = setTimeout(
      () => this.#runDue(),
      Math.min(delayMs, systemDelayMsMax),
    );
  }

  #runDue(): void {
    this.#handle = undefined;
    this.#armedForMs = undefined;
    // Timers that the due ones set wait for the next turn: nobody starves I/O.
    const nowMs = this.nowMs();
    try {
      let run = this.#timers.takeDue(nowMs);
      while (run !== undefined) {
        run();
        run = this.#timers.takeDue(nowMs);
      }
    } finally {
      this.#arm();
    }
  }
}
