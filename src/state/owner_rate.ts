// How fast an owner's document may change (DESIGN.md section 6): so many batches
// and bytes a second, and a burst. Times of a monotonic clock come in; out comes
// whether a batch is taken now, or later. Nothing is lost: what is put off is
// fetched again, and a base takes the place of all before it. Never a reason to
// refuse, or nodes would differ for ever.

import { limits, TokenBucket, type TokenRate } from "../kernel/mod.ts";

const batchRate: TokenRate = {
  burst: limits.ownerBatchesBurstMax,
  perSecond: limits.ownerBatchesPerSecondMax,
};
const byteRate: TokenRate = {
  burst: limits.ownerBytesBurstMax,
  perSecond: limits.ownerBytesPerSecondMax,
};

/** A batch that is to be taken. */
export type RateWish = {
  readonly sizeBytes: number;
  /** Whether it is of a generation before the newest. */
  readonly isPast?: boolean;
};

/** What this node takes of one foreign owner; all at first. */
export class OwnerRate {
  readonly #batches = new TokenBucket(batchRate);
  /** Of generations before the newest: who comes new gets two rows at once. */
  readonly #past = new TokenBucket(batchRate);
  readonly #bytes = new TokenBucket(byteRate);

  /** Whether a batch of that size is taken now. */
  has({ sizeBytes, isPast = false }: RateWish, nowMs: number): boolean {
    const batches = isPast ? this.#past : this.#batches;
    return batches.has(1, nowMs) && this.#bytes.has(sizeBytes, nowMs);
  }

  /** It was taken. */
  take({ sizeBytes, isPast = false }: RateWish, nowMs: number): void {
    const batches = isPast ? this.#past : this.#batches;
    batches.take(1, nowMs);
    this.#bytes.take(sizeBytes, nowMs);
  }
}

/** How this node's own batches look to others. */
export class OwnPace {
  readonly #batches = new TokenBucket(batchRate);
  readonly #bases = new TokenBucket({
    burst: limits.ownBasesBytesBurstMax,
    perSecond: limits.ownBasesBytesPerSecondMax,
  });

  /**
   * Whether the next batch should be a base, of `sizeBytes`: others put off
   * what comes too fast, and a base lets them catch up in one step. To be
   * asked once for each batch.
   */
  wantsBase(sizeBytes: number, nowMs: number): boolean {
    if (this.#batches.take(1, nowMs)) return false;
    return this.#bases.take(sizeBytes, nowMs);
  }
}
