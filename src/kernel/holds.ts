// Counts who still needs a thing, by its key: what is held must not go away.
// In come keys, out go holds to dispose; a hold is released once, and further
// releases of it do nothing. It never drops a thing itself.

/** Reference counts by key; keys compare as those of a Map. */
export class Holds<Key> {
  readonly #counts = new Map<Key, number>();

  /** Whether anybody holds `key`. */
  has(key: Key): boolean {
    return this.#counts.has(key);
  }

  /**
   * Holds `key` until the result is disposed.
   *
   * @param onLast Called when this was the last hold of `key`.
   */
  take(key: Key, onLast: () => void): Disposable {
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (this.#counts.get(key) ?? 1) - 1;
        if (left > 0) {
          this.#counts.set(key, left);
          return;
        }
        this.#counts.delete(key);
        onLast();
      },
    };
  }
}
