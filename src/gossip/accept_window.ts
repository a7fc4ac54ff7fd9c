// Batches of one stream that are being stored: so many at once, with so many
// bytes. Tasks come in, in order, and start at once while there is room; whoever
// adds one waits while there is none, and thereby the peer. It starts nothing by
// itself.

import { limits } from "../kernel/mod.ts";

/** One for each stream that is read. */
export class AcceptWindow {
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;

  /** Waits while too much is under way; the order of `work` is kept. */
  async add(bytes: number, work: () => Promise<void>): Promise<void> {
    const isFull = this.#running.size >= limits.exchangeAcceptsMax ||
      this.#bytes + bytes > limits.exchangeAcceptBytesMax;
    if (isFull) await this.drain();
    const task = work();
    this.#running.add(task);
    this.#bytes += bytes;
    const end = () => {
      this.#running.delete(task);
      this.#bytes -= bytes;
    };
    void task.then(end, end);
  }

  /** Resolves when all that was added has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#running);
  }
}
