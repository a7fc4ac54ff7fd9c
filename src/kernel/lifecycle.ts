// A scope owns resources and background tasks. Disposing it aborts the tasks,
// waits for them, then releases the resources in reverse order; twice is
// harmless. A task that throws is reported, never swallowed, and ends alone.

import { ClosedError } from "./errors.ts";

/** Must end soon after `signal` aborts: disposal waits for it. */
export type Task = (signal: AbortSignal) => Promise<void>;
/** Gets what a task threw before its scope closed. Must not throw. */
export type FailureHandler = (task: string, cause: unknown) => void;

/** Whoever opens one disposes it, or hands it on. */
export class Scope implements AsyncDisposable {
  readonly #resources = new AsyncDisposableStack();
  readonly #abort = new AbortController();
  readonly #tasks = new Map<number, Promise<void>>();
  readonly #onFailure: FailureHandler;
  #nextTask = 0;

  /** `onFailure` hears of each task that throws; the scope goes on. */
  constructor(onFailure: FailureHandler) {
    this.#onFailure = onFailure;
  }

  /** Aborted when the scope starts to close. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** True from the start of disposal on; `spawn` then throws. */
  get isClosed(): boolean {
    return this.#abort.signal.aborted;
  }

  /** Disposed with the scope: after the tasks, the newest resource first. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    return this.#resources.use(resource);
  }

  /** Runs `release` on disposal, after the tasks have ended. */
  defer(release: () => void | Promise<void>): void {
    this.#resources.defer(release);
  }

  /** Runs a background task that ends with this scope. */
  spawn(name: string, task: Task): void {
    if (this.isClosed) {
      throw new ClosedError(`Cannot start "${name}": already closed`);
    }
    const id = this.#nextTask++;
    const run = async () => {
      try {
        await task(this.signal);
      } catch (cause) {
        if (!this.isClosed) this.#onFailure(name, cause);
      } finally {
        this.#tasks.delete(id);
      }
    };
    this.#tasks.set(id, run());
  }

  /** Waits for all tasks, however long they take; harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort(new ClosedError("Closing"));
    await Promise.all(this.#tasks.values());
    await this.#resources.disposeAsync();
  }
}
