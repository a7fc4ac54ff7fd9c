// Notices that the machine slept, was starved, or moved to another network, by
// comparing two clocks and the addresses of its interfaces every now and then.
// Values only; whoever holds it asks it at each tick and acts on the answer.

/** What is looked at. */
export type Surroundings = {
  /** Monotonic. */
  readonly nowMs: number;
  readonly wallMs: number;
  readonly localIps: readonly string[];
};

/** What has happened since the last look. */
export type Awakening = {
  /** Time passed that this process did not see, or the wall clock was set. */
  readonly hasSlept: boolean;
  readonly hasMoved: boolean;
};

const gapMsMax = 5_000; // above what a busy event loop shows

/** One look after the other. */
export class Wakefulness {
  #last: Surroundings;

  /** The first look. */
  constructor(first: Surroundings) {
    this.#last = first;
  }

  /** The next look; they are to come at most every `tickMs`. */
  look(next: Surroundings, tickMs: number): Awakening {
    const last = this.#last;
    this.#last = next;
    const passedMs = next.nowMs - last.nowMs;
    const driftMs = next.wallMs - last.wallMs - passedMs;
    const hasSlept = passedMs > tickMs + gapMsMax ||
      Math.abs(driftMs) > gapMsMax;
    return { hasSlept, hasMoved: !isSameSet(last.localIps, next.localIps) };
  }
}

/** Interfaces come in any order. */
function isSameSet(one: readonly string[], other: readonly string[]): boolean {
  const set = new Set(one);
  return set.size === new Set(other).size && other.every((ip) => set.has(ip));
}
