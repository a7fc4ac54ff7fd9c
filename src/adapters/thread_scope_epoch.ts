// A thread's side of the epoch: the shared page that its guests look at and by
// which the ticker knows that one runs. In come the starts and ends of guests;
// out go words in shared memory. Each step must cost nanoseconds: there are
// three per call. It also ends a thread that was terminated: Deno 2.9.6 does not
// while a guest runs.

import type { Epoch } from "../ports/mod.ts";
import { bellBytes, epochs, pageWords, ring } from "./ticker.ts";

export class ThreadEpoch implements Epoch {
  readonly memory = new WebAssembly.Memory({
    initial: 1,
    maximum: 1,
    shared: true,
  });
  readonly #page = new Int32Array(this.memory.buffer);
  readonly #close: () => void;
  /** Nobody hears it until the ticker's own came. */
  #bell = new Int32Array(new SharedArrayBuffer(bellBytes));

  /** `close` ends this thread at once: no guest can catch it. */
  constructor(close: () => void) {
    this.#close = close;
  }

  enter(): void {
    Atomics.store(this.#page, pageWords.running, 1);
    ring(this.#bell);
  }

  leave(): void {
    Atomics.store(this.#page, pageWords.running, 0);
  }

  acknowledge(): void {
    const word = pageWords.epoch;
    const seen = Atomics.compareExchange(this.#page, word, epochs.tick, 0);
    if (seen === epochs.end) this.#close();
  }

  /** From now on the ticker wakes when a guest runs. */
  hear(bell: Int32Array<SharedArrayBuffer>): void {
    this.#bell = bell;
    if (Atomics.load(this.#page, pageWords.running) !== 0) ring(bell);
  }
}
