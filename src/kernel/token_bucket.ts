// How much somebody may do: tokens that fill with time up to a most (a token
// bucket: ITU-T I.371, the leaky bucket as a meter). Wishes and the time of a
// monotonic clock come in, out goes how much of each is granted. It waits for
// nobody and queues nothing; of many buckets those used longest ago go first.

import { assert } from "./assert.ts";

/** How fast tokens come, and how many may lie there; whole, above 0. */
export type TokenRate = {
  readonly burst: number;
  readonly perSecond: number;
};

/** Full at first. */
export class TokenBucket {
  readonly #rate: TokenRate;
  #tokens: number;
  #atMs: number | undefined;

  /** `rate` holds from the first question on. */
  constructor(rate: TokenRate) {
    assert(rate.burst > 0 && rate.perSecond > 0, "a bucket that fills");
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  /** Whether `count` tokens are there; takes none. */
  has(count: number, nowMs: number): boolean {
    this.#fill(nowMs);
    return this.#tokens >= count;
  }

  /** Takes `count` tokens; false: they are not there, and none is taken. */
  take(count: number, nowMs: number): boolean {
    if (!this.has(count, nowMs)) return false;
    this.#tokens -= count;
    return true;
  }

  /** Takes at most `wanted` tokens. @returns How many: whole, from 0 on. */
  takeSome(wanted: number, nowMs: number): number {
    this.#fill(nowMs);
    const granted = Math.min(wanted, Math.floor(this.#tokens));
    this.#tokens -= granted;
    return granted;
  }

  /** Whether nothing is known any more of what was taken. */
  isFull(nowMs: number): boolean {
    return this.has(this.#rate.burst, nowMs);
  }

  #fill(nowMs: number): void {
    const { burst, perSecond } = this.#rate;
    const passedMs = Math.max(0, nowMs - (this.#atMs ?? nowMs));
    this.#atMs = nowMs;
    const gained = (passedMs * perSecond) / 1_000;
    this.#tokens = Math.min(burst, this.#tokens + gained);
  }
}

/** A bucket for each of many names, as addresses are. */
export class TokenBuckets {
  readonly #rate: TokenRate;
  readonly #namesMax: number;
  /** The one used longest ago first. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** A name beyond `namesMax` takes the place of the one used longest ago. */
  constructor(rate: TokenRate, options: { readonly namesMax: number }) {
    this.#rate = rate;
    this.#namesMax = options.namesMax;
  }

  /** Names that are counted now. */
  get size(): number {
    return this.#buckets.size;
  }

  /** The bucket of a name, a full one when it is not known. */
  of(name: string): TokenBucket {
    const bucket = this.#buckets.get(name) ?? new TokenBucket(this.#rate);
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > this.#namesMax) {
      const [oldest] = this.#buckets.keys();
      if (oldest !== undefined) this.#buckets.delete(oldest);
    }
    return bucket;
  }
}
