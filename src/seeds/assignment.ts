// Which worker gets a call: its seed's preferred one, so that few threads hold
// a module, or the one with the least to do when that one has clearly more. It
// decides by counts alone, in a few steps that do not depend on other calls.

import { Lane } from "./lane.ts";
import type { Workers } from "./workers.ts";

/**
 * So many calls more on the preferred worker are worth another copy of the
 * module on another core: calls of some microseconds pass at that depth before
 * a second thread would have taken them over. Slow ones never wait for it.
 */
const spillCallsMin = 4;

export class Assignment {
  readonly #workers: Workers;
  readonly #lanes = new Map<string, Lane>();

  constructor(workers: Workers) {
    this.#workers = workers;
  }

  /** Of all seeds that were called lately. */
  get lanes(): Iterable<Lane> {
    return this.#lanes.values();
  }

  /** By the key of a seed. */
  laneOf(key: string): Lane {
    const known = this.#lanes.get(key);
    if (known !== undefined) return known;
    const lane = new Lane(key, { workers: this.#workers.count });
    this.#lanes.set(key, lane);
    return lane;
  }

  /** The slot for the next call of a lane; undefined when it has no place. */
  slotFor(
    lane: Lane,
    { isNested }: { readonly isNested: boolean },
  ): number | undefined {
    const { preferred } = lane;
    const workers = this.#workers;
    const here = workers.callsAt(preferred);
    const spill = lane.isSlow ? 1 : spillCallsMin;
    const isOpen = lane.hasPlace(preferred, isNested);
    if (isOpen && here < spill) return preferred;
    let best: number | undefined = isOpen ? preferred : undefined;
    let bestCalls = isOpen ? here - spill + 1 : Infinity;
    for (let slot = 0; slot < workers.count; slot++) {
      const calls = workers.callsAt(slot);
      if (calls >= bestCalls || slot === preferred) continue;
      if (!lane.hasPlace(slot, isNested)) continue;
      best = slot;
      bestCalls = calls;
    }
    return best;
  }

  /** Forgets lanes whose seed is neither called nor loaded. */
  sweep(loaded: ReadonlySet<string>): void {
    for (const [key, lane] of this.#lanes) {
      if (lane.isIdle && !loaded.has(key)) this.#lanes.delete(key);
    }
  }
}
