// Whose turn it is on a thread: which guest runs right now, as the claims show
// it to the pool. A guest that sleeps gives its turn up and gets a new one to
// resume, so that no other is taken for it. Nobody's turn is shared: the pool
// would blame an innocent seed for a guest that does not return.

import type { Claims } from "./claims.ts";

type Waiting = { readonly id: number; readonly go: () => void };

export class Turns {
  readonly #claims: Claims;
  /** Woke up and has not slept or ended since; 0 for none. */
  #resumed = 0;
  readonly #waiting: Waiting[] = [];

  constructor(claims: Claims) {
    this.#claims = claims;
  }

  /** Runs a guest until it first sleeps or ends. */
  run<T>(id: number, start: () => T): T {
    // A guest about to resume may be marked already; it is so again after.
    const before = this.#claims.running;
    this.#claims.enter(id);
    try {
      return start();
    } finally {
      this.#claims.enter(before);
    }
  }

  /** Resolves when the guest of `id` may resume; its turn lasts to `end`. */
  async resume(id: number): Promise<void> {
    if (this.#resumed === 0) return this.#mark(id);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ id, go: resolve });
    await promise;
  }

  /** The guest of `id` sleeps or has ended; harmless when it never resumed. */
  end(id: number): void {
    if (this.#resumed !== id) return;
    const next = this.#waiting.shift();
    this.#mark(next?.id ?? 0);
    next?.go();
  }

  #mark(id: number): void {
    this.#resumed = id;
    this.#claims.enter(id);
  }
}
