// Who waits for one of the places of dials, in the order in which they are
// served: first whom somebody waits for, then whose link was lost or who is new,
// then those that were silent before. Half a cluster may be silent for hours,
// and must not hold up the rest.

import type { PeerId } from "../kernel/mod.ts";

const ranks = ["urgent", "fresh", "silent"] as const;

/** The sooner, the more to the left. */
export type DialRank = typeof ranks[number];

/** Each peer once; within a rank in the order in which they came. */
export class DialQueue {
  readonly #queues: Readonly<Record<DialRank, Set<PeerId>>> = {
    urgent: new Set(),
    fresh: new Set(),
    silent: new Set(),
  };

  /** Behind those of its rank, wherever it was. */
  add(peer: PeerId, rank: DialRank): void {
    this.delete(peer);
    this.#queues[rank].add(peer);
  }

  /** Harmless when it is not there. */
  delete(peer: PeerId): void {
    for (const rank of ranks) this.#queues[rank].delete(peer);
  }

  /** Takes the next one out. */
  take(): PeerId | undefined {
    for (const rank of ranks) {
      const [next] = this.#queues[rank];
      if (next === undefined) continue;
      this.#queues[rank].delete(next);
      return next;
    }
    return undefined;
  }
}
