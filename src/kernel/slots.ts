// Things by their number, for tables that gain and lose a hundred thousand a
// second: an array in which each number has a place, and a map for the few
// whose place is taken. A Map alone would leave its old tables behind, and
// young objects would live until those are collected (V8 15.0: 28 % of a busy
// thread's time went into that).

/** What a table of slots can hold. */
export type Numbered = { readonly id: number };

const placesDefault = 4096;

/** At most one thing per number. */
export class Slots<T extends Numbered> {
  readonly #slots: (T | undefined)[];
  readonly #mask: number;
  readonly #others = new Map<number, T>();
  #size = 0;

  /**
   * An empty table; it takes the memory of its places at once.
   *
   * @param options.places A power of two; consecutive numbers of so many
   * things never share one.
   */
  constructor(
    { places = placesDefault }: { readonly places?: number } = {},
  ) {
    this.#slots = new Array<T | undefined>(places).fill(undefined);
    this.#mask = places - 1;
  }

  /** How many things there are. */
  get size(): number {
    return this.#size;
  }

  /** The thing of this number. */
  get(id: number): T | undefined {
    const thing = this.#slots[id & this.#mask];
    if (thing?.id === id) return thing;
    return this.#others.size === 0 ? undefined : this.#others.get(id);
  }

  /** In the place of what had its number. */
  add(thing: T): void {
    const { id } = thing;
    const other = this.#slots[id & this.#mask];
    const isElsewhere = this.#others.size > 0 && this.#others.has(id);
    if (!isElsewhere && other?.id !== id) this.#size++;
    if (isElsewhere || (other !== undefined && other.id !== id)) {
      this.#others.set(id, thing);
    } else {
      this.#slots[id & this.#mask] = thing;
    }
  }

  /** False when there was none. */
  delete(id: number): boolean {
    const place = id & this.#mask;
    if (this.#slots[place]?.id === id) {
      this.#slots[place] = undefined;
    } else if (this.#others.size === 0 || !this.#others.delete(id)) {
      return false;
    }
    this.#size--;
    return true;
  }

  /** All things, in no order that means anything. */
  *values(): Generator<T> {
    if (this.#size === 0) return;
    for (const thing of this.#slots) if (thing !== undefined) yield thing;
    yield* this.#others.values();
  }
}
