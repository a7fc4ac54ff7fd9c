// A virtual clock for the contract tests of simulated ports: time stands still
// until the earliest timer is due, then jumps to it, one timer a turn of the
// event loop. In come timers; out go their calls. It never waits real time.

import type { Clock } from "../../src/ports/mod.ts";

type Timer = { readonly dueMs: number; readonly run: () => void };

export class SteppedClock implements Clock {
  #nowMs = 0;
  #timers: Timer[] = [];
  #isScheduled = false;
  #idle: PromiseWithResolvers<void> | undefined;

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(delayMs: number, run: () => void): Disposable {
    const timer = { dueMs: this.#nowMs + delayMs, run };
    this.#timers.push(timer);
    this.#schedule();
    return {
      [Symbol.dispose]: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  async sleep(delayMs: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    using _timer = this.after(delayMs, resolve);
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort);
    try {
      await promise;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** Resolves when no timer is left. */
  async idle(): Promise<void> {
    if (!this.#isScheduled) return;
    this.#idle ??= Promise.withResolvers();
    await this.#idle.promise;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => this.#step());
  }

  #step(): void {
    this.#isScheduled = false;
    const dueMs = Math.min(...this.#timers.map((timer) => timer.dueMs));
    const at = this.#timers.findIndex((timer) => timer.dueMs === dueMs);
    const [timer] = at < 0 ? [] : this.#timers.splice(at, 1);
    if (timer !== undefined) {
      this.#nowMs = timer.dueMs;
      timer.run();
    }
    if (this.#timers.length > 0) return this.#schedule();
    this.#idle?.resolve();
    this.#idle = undefined;
  }
}
