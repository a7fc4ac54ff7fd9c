// A queue with one consumer, who iterates it. In come items and one end; out
// they go in order. It has no limit of its own: who pushes looks at the size.
// It must never lose an item that was pushed before the end was asked for by
// anybody but its owner.

/** Items in order for one consumer; ends when closed. */
export class Inbox<T> {
  readonly #items: T[] = [];
  #wake: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    if (this.#isClosed) return;
    this.#items.push(item);
    this.#signal();
  }

  /** Returns what nobody took. */
  close(): readonly T[] {
    this.#isClosed = true;
    this.#signal();
    return this.#items.splice(0);
  }

  async *items(): AsyncGenerator<T> {
    while (!this.#isClosed) {
      const item = this.#items.shift();
      if (item !== undefined) {
        yield item;
        continue;
      }
      this.#wake ??= Promise.withResolvers();
      await this.#wake.promise;
    }
  }

  #signal(): void {
    this.#wake?.resolve();
    this.#wake = undefined;
  }
}
