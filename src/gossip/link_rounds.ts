// Rounds of anti-entropy with one peer, as the side that begins them: at most
// one is under way, and no more than half of what the peer bears. In come wishes
// for a round and the time; out goes whether to send digests, and whether an
// answer is one that was asked for.

import { limits, TokenBucket } from "../kernel/mod.ts";

/** One for each link; times are monotonic milliseconds. */
export class LinkRounds {
  readonly #rate = new TokenBucket({
    burst: limits.gossipDigestsBurstMax / 2,
    perSecond: limits.gossipDigestsPerSecondMax / 2,
  });
  #isDue = false;
  /** When digests were sent that are not answered. */
  #sentMs: number | undefined;

  /** False when the peer would take it for one too many. */
  start(nowMs: number): boolean {
    const sinceMs = nowMs - (this.#sentMs ?? -Infinity);
    if (this.#isDue || sinceMs < limits.exchangeAskMsMax) return true;
    if (!this.#rate.take(1, nowMs)) return false;
    this.#isDue = true;
    return true;
  }

  /** Whether digests are to leave now. */
  send(nowMs: number): boolean {
    if (!this.#isDue) return false;
    this.#isDue = false;
    this.#sentMs = nowMs;
    return true;
  }

  /** Whether an answer was waited for. */
  answer(): boolean {
    const isAwaited = this.#sentMs !== undefined;
    this.#sentMs = undefined;
    return isAwaited;
  }

  /** A new stream: digests on the one before are lost. */
  restart(): void {
    if (this.#sentMs === undefined) return;
    this.#sentMs = undefined;
    this.#isDue = true;
  }
}
