// What a node knows of its own calls to one seed: counts, errors by their
// reason, and the latencies of the last 256 calls for percentiles. Bounded per
// seed; nothing is averaged away, so that a few slow calls show. Calls that did
// not run count as errors only: refusing one takes no time.

import { TokenBucket } from "../kernel/mod.ts";
import { SaturatedError, SeedError, type SeedReason } from "../threads/mod.ts";

const samplesMax = 256;
/** Failures of one seed that are logged, in a second and at once. */
const logged = { perSecond: 10, burst: 10 };

/** Why a call failed; "saturated" did not run, "other" is no seed's fault. */
export type SeedFailure = SeedReason | "saturated" | "other";

/** Latencies are of the last 256 calls that ran; undefined before the first. */
export type CallReport = {
  readonly calls: number;
  readonly errors: number;
  /** Those that did not happen are left out. */
  readonly errorsByReason: Readonly<Partial<Record<SeedFailure, number>>>;
  readonly running: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
};

/** What to count a call's error as. */
export function failureOf(cause: unknown): SeedFailure {
  if (cause instanceof SeedError) return cause.reason;
  return cause instanceof SaturatedError ? "saturated" : "other";
}

/** Since the start, and now. */
export type CallCounts = Pick<CallReport, "calls" | "running">;

export class CallStatistics {
  readonly #samplesMs: number[] = [];
  readonly #failures = new Map<SeedFailure, number>();
  #samples = 0;
  #calls = 0;
  #errors = 0;
  #running = 0;
  readonly #logged = new TokenBucket(logged);
  readonly #refusalsLogged = new TokenBucket(logged);

  /** Whether a failure may be logged: so many a second, the rest are counted. */
  mayLog(nowMs: number): boolean {
    return this.#logged.take(1, nowMs);
  }

  /** The same of requests of its own that were refused. */
  mayLogRefusal(nowMs: number): boolean {
    return this.#refusalsLogged.take(1, nowMs);
  }

  start(): void {
    this.#running++;
  }

  /** @param failure Undefined when it was answered. */
  end(elapsedMs: number, failure: SeedFailure | undefined): void {
    if (failure !== "saturated") {
      this.#samplesMs[this.#samples++ % samplesMax] = elapsedMs;
    }
    this.#calls++;
    this.#running--;
    if (failure === undefined) return;
    this.#errors++;
    this.#failures.set(failure, (this.#failures.get(failure) ?? 0) + 1);
  }

  get counts(): CallCounts {
    return { calls: this.#calls, running: this.#running };
  }

  report(): CallReport {
    const sorted = this.#samplesMs.toSorted((a, b) => a - b);
    // Nearest-rank percentile.
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
    return {
      calls: this.#calls,
      errors: this.#errors,
      errorsByReason: Object.fromEntries(this.#failures),
      running: this.#running,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }
}
