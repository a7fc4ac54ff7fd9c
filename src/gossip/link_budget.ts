// What one peer may ask and tell: messages, places in them, digests, and things
// that were refused. In comes what it does, with the time; out goes how much of
// it is looked at, or that the link is to be closed. An honest peer stays far
// below all of it, after a long silence too.

import { limits, TokenBucket } from "../kernel/mod.ts";

/** One for each link; times are monotonic milliseconds. */
export class LinkBudget {
  readonly #messages = new TokenBucket({
    burst: limits.gossipMessagesBurstMax,
    perSecond: limits.gossipMessagesPerSecondMax,
  });
  readonly #items = new TokenBucket({
    burst: limits.gossipItemsBurstMax,
    perSecond: limits.gossipItemsPerSecondMax,
  });
  readonly #digests = new TokenBucket({
    burst: limits.gossipDigestsBurstMax,
    perSecond: limits.gossipDigestsPerSecondMax,
  });
  #refused = 0;

  /** False: the peer never stops. */
  takeMessage(nowMs: number): boolean {
    return this.#messages.take(1, nowMs);
  }

  /** False: the peer never stops. */
  takeDigests(nowMs: number): boolean {
    return this.#digests.take(1, nowMs);
  }

  /** As many as are looked at now; the others are told again by a round. */
  takeItems<Item>(items: readonly Item[], nowMs: number): readonly Item[] {
    const count = this.#items.takeSome(items.length, nowMs);
    return count === items.length ? items : items.slice(0, count);
  }

  /** False: too much of what the peer sent cannot be right. */
  bear(): boolean {
    return ++this.#refused < limits.exchangeRefusedMax;
  }
}
