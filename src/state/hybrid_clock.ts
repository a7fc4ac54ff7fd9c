// The owner's hybrid logical clock (Kulkarni et al. 2014): wall milliseconds
// where the wall clock moves forward, a counter where it stands or jumps back.
// In comes the newest time of the journal, so that it never goes back across
// restarts; times of others move it a minute ahead at most. Nothing is refused
// or ordered by it (SCENARIOS.md S15).

import { limits } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import type { HybridTime } from "./batches.ts";

export const timeZero: HybridTime = { wallMs: 0, counter: 0 };

export function laterTime(left: HybridTime, right: HybridTime): HybridTime {
  if (left.wallMs !== right.wallMs) {
    return left.wallMs > right.wallMs ? left : right;
  }
  return left.counter >= right.counter ? left : right;
}

export class HybridClock {
  readonly #clock: Clock;
  #last: HybridTime;

  constructor(clock: Clock, last: HybridTime) {
    this.#clock = clock;
    this.#last = last;
  }

  /**
   * Somebody else's time was seen: the next one is after it, unless that is
   * too far ahead of the local clock.
   */
  observe(time: HybridTime): void {
    const wallMs = Math.min(
      time.wallMs,
      this.#localMs() + limits.hybridAheadMsMax,
    );
    const counter = wallMs < time.wallMs
      ? 0
      : Math.min(time.counter, limits.hybridCounterMax);
    this.#last = laterTime(this.#last, { wallMs, counter });
  }

  #localMs(): number {
    const wallMs = Math.max(0, Math.floor(this.#clock.wallMs()));
    return Math.min(wallMs, limits.stateIntegerMax - limits.hybridAheadMsMax);
  }

  /** A time after every time this clock gave or was started with. */
  next(): HybridTime {
    const wallMs = this.#localMs();
    this.#last = wallMs > this.#last.wallMs
      ? { wallMs, counter: 0 }
      : { wallMs: this.#last.wallMs, counter: this.#last.counter + 1 };
    return this.#last;
  }
}
