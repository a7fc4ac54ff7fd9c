// Places of which nobody takes more than a share, so that the others find one
// too. Names come in (an address, a member), out go places to dispose. Nobody
// waits here: without a place there is none now.

/** Two limits: of all together, and of each name. */
export class Shares {
  readonly #placesMax: number;
  readonly #taken = new Map<string, number>();
  #count = 0;

  /** At most `placesMax` are taken at once. */
  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  /** Places that are taken now. */
  get count(): number {
    return this.#count;
  }

  /**
   * A place for `name`; whoever gets it disposes it, and twice is harmless.
   *
   * @param options.most That this name may hold; `Infinity`: all there are.
   * @returns Undefined when none is left for it.
   */
  take(
    name: string,
    { most }: { readonly most: number },
  ): Disposable | undefined {
    const held = this.#taken.get(name) ?? 0;
    if (this.#count >= this.#placesMax || held >= most) return undefined;
    this.#count++;
    this.#taken.set(name, held + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#give(name);
        isHeld = false;
      },
    };
  }

  #give(name: string): void {
    this.#count--;
    const left = (this.#taken.get(name) ?? 0) - 1;
    if (left > 0) this.#taken.set(name, left);
    else this.#taken.delete(name);
  }
}
