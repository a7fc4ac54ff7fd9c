// A bounded number of places, given out in the order they were asked for. In
// come requests, out go places to dispose. It must never lose a place: one that
// is given to somebody who stopped waiting goes to the next.

import type { PlnError } from "../kernel/mod.ts";

type Waiter = PromiseWithResolvers<Disposable>;

/** At most `placesMax` are taken at once. */
export class Places {
  readonly #placesMax: number;
  readonly #waiters = new Set<Waiter>();
  #taken = 0;
  #fault: PlnError | undefined;

  constructor(placesMax: number) {
    this.#placesMax = placesMax;
  }

  /** Taken now. */
  get taken(): number {
    return this.#taken;
  }

  /** Those that wait for one. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /**
   * Waits for a place; dispose it once.
   *
   * @throws The signal's reason, or what `close` was given.
   */
  async take(signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (this.#fault !== undefined) throw this.#fault;
    if (this.#taken < this.#placesMax) return this.#place();
    const waiter: Waiter = Promise.withResolvers();
    const onAbort = () => {
      this.#waiters.delete(waiter);
      waiter.reject(signal.reason);
    };
    this.#waiters.add(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await waiter.promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Nobody gets a place any more. */
  close(fault: PlnError): void {
    this.#fault = fault;
    for (const waiter of this.#waiters) waiter.reject(fault);
    this.#waiters.clear();
  }

  #place(): Disposable {
    this.#taken++;
    let isTaken = true;
    return {
      [Symbol.dispose]: () => {
        if (!isTaken) return;
        isTaken = false;
        this.#taken--;
        const [next] = this.#waiters;
        if (next === undefined) return;
        this.#waiters.delete(next);
        next.resolve(this.#place());
      },
    };
  }
}
