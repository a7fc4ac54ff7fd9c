// What a peer told that it has and did not bring when it was asked: it is not
// asked for that again before its time, later each time it fails. In come
// failures and questions with the time; out goes whether to ask. It is about
// one peer: others are asked all the same, and nothing waits for it.

import { limits } from "../kernel/mod.ts";
import type { Place, PlaceItem } from "./places.ts";

type Failure = {
  /** What the peer said to have. */
  readonly place: Place;
  readonly waitMs: number;
  readonly untilMs: number;
};

/** Of one link; times are monotonic milliseconds. */
export class Unfilled {
  readonly #failures = new Map<string, Failure>();

  /** What the peer has failed to bring. */
  *items(): Iterable<PlaceItem> {
    for (const [prefix, { place }] of this.#failures) {
      yield { prefix, ...place };
    }
  }

  /** Whether to ask for it now. */
  mayAsk(prefix: string, nowMs: number): boolean {
    const failure = this.#failures.get(prefix);
    return failure === undefined || failure.untilMs <= nowMs;
  }

  /** It was asked and brought nothing. */
  failed({ prefix, generation, seq }: PlaceItem, nowMs: number): void {
    const { gossipUnfilledMsMin, gossipUnfilledMsMax } = limits;
    const last = this.#failures.get(prefix)?.waitMs;
    const waitMs = last === undefined
      ? gossipUnfilledMsMin
      : Math.min(2 * last, gossipUnfilledMsMax);
    this.#failures.delete(prefix); // the newest stand last
    const place = { generation, seq };
    this.#failures.set(prefix, { place, waitMs, untilMs: nowMs + waitMs });
    if (this.#failures.size <= limits.gossipUnfilledMax) return;
    const [oldest] = this.#failures.keys();
    if (oldest !== undefined) this.#failures.delete(oldest);
  }

  /** It was brought. */
  filled(prefix: string): void {
    this.#failures.delete(prefix);
  }
}
