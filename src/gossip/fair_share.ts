// How much more of one kind of news a node has handed on than it got. Each comes
// to a node once, so that on average a node hands each on once; who is asked
// more often is in the middle of too many ways. In come both as they happen; out
// goes how long news wait before they are announced: who has handed on too much
// speaks later, and others are asked. It never silences anybody.

/** How much counts, and for how much. */
export type FairShareOptions = {
  /** What was handed on beyond what came: more is forgotten. */
  readonly debtMax: number;
  /** How often the usual time news wait at most. */
  readonly delayTimesMax: number;
};

/** Of one topic of a node. */
export class FairShare {
  readonly #options: FairShareOptions;
  #debt = 0;

  constructor(options: FairShareOptions) {
    this.#options = options;
  }

  /** A peer has asked for so many. */
  gave(count: number): void {
    this.#debt = Math.min(this.#debt + count, this.#options.debtMax);
  }

  /** A peer has brought one that is new. */
  got(): void {
    this.#debt = Math.max(this.#debt - 1, -this.#options.debtMax);
  }

  /** How long news wait for others: from a quarter of `usualMs` on. */
  delayMs(usualMs: number): number {
    const { debtMax, delayTimesMax } = this.#options;
    const share = this.#debt / debtMax;
    const more = share > 0 ? share * (delayTimesMax - 1) : share * 3 / 4;
    return Math.round(usualMs * (1 + more));
  }
}
