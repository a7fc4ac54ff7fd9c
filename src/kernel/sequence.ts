// Runs tasks one after the other in the order they came. A task that fails
// fails its own caller and nobody else. For changes that read, decide and then
// write, and must not interleave.

/** Unbounded: its owner limits how many tasks wait. */
export class Sequence {
  #last: Promise<unknown> = Promise.resolve();

  /** Settles as `task` does, which starts when all earlier ones have ended. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#last.then(task, task);
    this.#last = result.then(() => undefined, () => undefined);
    return result;
  }
}
