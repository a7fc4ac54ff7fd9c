// What seeds log, so many lines and bytes a second per seed: a flood must not
// push out what others say, nor hold up the main thread. What is too much is
// dropped, counted, and said once a second.

import { TokenBucket } from "../kernel/mod.ts";
import type { Clock, Log } from "../ports/mod.ts";

/** Of one seed, and as much at once: two buckets, one for each. */
const linesPerSecond = 1_000;
const charactersPerSecond = 256 * 1024;
/** Seeds that logged lately; those with nothing to remember are forgotten. */
const seedsMax = 1_024;
const warnEveryMs = 1_000;

type Budget = {
  readonly lines: TokenBucket;
  readonly characters: TokenBucket;
  dropped: number;
};

export class LogGate implements Disposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #budgets = new Map<string, Budget>();
  #timer: Disposable | undefined;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether a line of this seed may pass. */
  admits(seed: string, text: string): boolean {
    const nowMs = this.#clock.nowMs();
    const budget = this.#budgets.get(seed) ?? this.#add(seed, nowMs);
    const { lines, characters } = budget;
    const isShort = characters.has(text.length, nowMs);
    if (isShort && lines.take(1, nowMs)) {
      return characters.take(text.length, nowMs);
    }
    budget.dropped++;
    this.#timer ??= this.#clock.after(warnEveryMs, () => this.#warn());
    return false;
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    this.#timer[Symbol.dispose]();
    this.#warn();
  }

  #add(seed: string, nowMs: number): Budget {
    if (this.#budgets.size >= seedsMax) this.#forgetFull(nowMs);
    const budget = {
      lines: bucketOf(linesPerSecond),
      characters: bucketOf(charactersPerSecond),
      dropped: 0,
    };
    this.#budgets.set(seed, budget);
    return budget;
  }

  #forgetFull(nowMs: number): void {
    for (const [seed, { lines, characters, dropped }] of this.#budgets) {
      const isFull = lines.isFull(nowMs) && characters.isFull(nowMs);
      if (isFull && dropped === 0) this.#budgets.delete(seed);
    }
  }

  #warn(): void {
    this.#timer = undefined;
    for (const [seed, budget] of this.#budgets) {
      if (budget.dropped === 0) continue;
      this.#log.warn("seed.log_dropped", { seed, lines: budget.dropped });
      budget.dropped = 0;
    }
  }
}

/** As much at once as in a second. */
function bucketOf(perSecond: number): TokenBucket {
  return new TokenBucket({ perSecond, burst: perSecond });
}
