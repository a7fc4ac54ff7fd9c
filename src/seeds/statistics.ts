// What a node knows of its own calls to one seed: counts, and the latencies of
// the last 256 calls for percentiles. Bounded per seed; nothing is averaged
// away, so that a few slow calls show.

const samplesMax = 256;

/** Latencies are of the last 256 calls; undefined before the first. */
export type CallReport = {
  readonly calls: number;
  readonly errors: number;
  readonly running: number;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
};

export class CallStatistics {
  readonly #samplesMs: number[] = [];
  #calls = 0;
  #errors = 0;
  #running = 0;

  start(): void {
    this.#running++;
  }

  end(elapsedMs: number, { failed }: { readonly failed: boolean }): void {
    this.#samplesMs[this.#calls % samplesMax] = elapsedMs;
    this.#calls++;
    this.#running--;
    if (failed) this.#errors++;
  }

  report(): CallReport {
    const sorted = this.#samplesMs.toSorted((a, b) => a - b);
    // Nearest-rank percentile.
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1];
    return {
      calls: this.#calls,
      errors: this.#errors,
      running: this.#running,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }
}
