// The processor of one simulated thread: it does one thing at a time, and what
// it does takes virtual time. In come tasks with the time from which they may
// run, and the time that running ones spend; out go their runs, in order. It
// must never run a task while an earlier one is not over.

import type { Clock } from "../ports/mod.ts";

type Task = () => void;

export class SimProcessor {
  readonly #clock: Clock;
  readonly #ready: Task[] = [];
  readonly #timers = new Set<Disposable>();
  #isWakeSet = false;
  #isStopped = false;
  /** Spent since #busyFromMs: whole, as adding up fractions would drift. */
  #spentMicroseconds = 0;
  #busyFromMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The clock's time, or when what runs now will be over. */
  nowMs(): number {
    return Math.max(this.#clock.nowMs(), this.#busyUntilMs);
  }

  /** How far `nowMs` is ahead of the clock. */
  get aheadMs(): number {
    return this.nowMs() - this.#clock.nowMs();
  }

  /** What runs now takes that much longer; whole microseconds. */
  spend(microseconds: number): void {
    const nowMs = this.#clock.nowMs();
    if (nowMs > this.#busyUntilMs) {
      this.#busyFromMs = nowMs;
      this.#spentMicroseconds = 0;
    }
    this.#spentMicroseconds += microseconds;
  }

  /** Runs `task` from then on, behind all that was due before. */
  after(delayMs: number, task: Task): void {
    if (this.#isStopped) return;
    const timer = this.#clock.after(this.aheadMs + delayMs, () => {
      this.#timers.delete(timer);
      this.add(task);
    });
    this.#timers.add(timer);
  }

  /** What was due is forgotten, and so is what would have been. */
  stop(): void {
    this.#isStopped = true;
    this.#ready.length = 0;
    for (const timer of this.#timers) timer[Symbol.dispose]();
    this.#timers.clear();
  }

  get #busyUntilMs(): number {
    return this.#busyFromMs + this.#spentMicroseconds / 1_000;
  }

  /** Runs `task` now, or behind what runs and what is due. */
  add(task: Task): void {
    if (this.#isStopped) return;
    this.#ready.push(task);
    if (!this.#isWakeSet) this.#wake();
  }

  #wake(): void {
    this.#isWakeSet = false;
    if (this.aheadMs === 0) this.#ready.shift()?.();
    if (this.#ready.length === 0) return;
    this.#isWakeSet = true;
    // A timer for each task: what it leaves to promises spends time as well.
    this.#clock.after(this.aheadMs, () => this.#wake());
  }
}
