// What seeds log, so many lines and bytes a second per seed: a flood must not
// push out what others say, nor hold up the main thread. What is too much is
// dropped, counted, and said once a second.

import type { Clock, Log } from "../ports/mod.ts";

/** Of one seed, and as much at once: two tokens, one for each. */
const linesPerSecond = 1_000;
const charactersPerSecond = 256 * 1024;
/** Seeds that logged lately; those with nothing to remember are forgotten. */
const seedsMax = 1_024;
const warnEveryMs = 1_000;

/** A token bucket (as in ITU-T I.371, the leaky bucket as a meter). */
type Bucket = {
  lines: number;
  characters: number;
  filledMs: number;
  dropped: number;
};

export class LogGate implements Disposable {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #buckets = new Map<string, Bucket>();
  #timer: Disposable | undefined;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Whether a line of this seed may pass. */
  admits(seed: string, text: string): boolean {
    const nowMs = this.#clock.nowMs();
    const bucket = this.#buckets.get(seed) ?? this.#add(seed, nowMs);
    refill(bucket, nowMs);
    if (bucket.lines >= 1 && bucket.characters >= text.length) {
      bucket.lines--;
      bucket.characters -= text.length;
      return true;
    }
    bucket.dropped++;
    this.#timer ??= this.#clock.after(warnEveryMs, () => this.#warn());
    return false;
  }

  [Symbol.dispose](): void {
    if (this.#timer === undefined) return;
    this.#timer[Symbol.dispose]();
    this.#warn();
  }

  #add(seed: string, nowMs: number): Bucket {
    if (this.#buckets.size >= seedsMax) this.#forgetFull(nowMs);
    const bucket = {
      lines: linesPerSecond,
      characters: charactersPerSecond,
      filledMs: nowMs,
      dropped: 0,
    };
    this.#buckets.set(seed, bucket);
    return bucket;
  }

  #forgetFull(nowMs: number): void {
    for (const [seed, bucket] of this.#buckets) {
      const isFull = nowMs - bucket.filledMs >= 1_000;
      if (isFull && bucket.dropped === 0) this.#buckets.delete(seed);
    }
  }

  #warn(): void {
    this.#timer = undefined;
    for (const [seed, bucket] of this.#buckets) {
      if (bucket.dropped === 0) continue;
      this.#log.warn("seed.log_dropped", { seed, lines: bucket.dropped });
      bucket.dropped = 0;
    }
  }
}

function refill(bucket: Bucket, nowMs: number): void {
  const seconds = (nowMs - bucket.filledMs) / 1_000;
  bucket.filledMs = nowMs;
  bucket.lines = Math.min(
    linesPerSecond,
    bucket.lines + seconds * linesPerSecond,
  );
  bucket.characters = Math.min(
    charactersPerSecond,
    bucket.characters + seconds * charactersPerSecond,
  );
}
