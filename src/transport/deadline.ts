// Waits with an end. In come a clock, a time and a caller's signal; out goes a
// signal that aborts with whichever is first, and promises that give up with
// it. Whoever opens one disposes it: no timer and no listener stays behind.

import type { Clock } from "../ports/mod.ts";

/** How long to wait, for whom, and what to say when it was too long. */
export type DeadlineOptions = {
  readonly delayMs: number;
  readonly signal: AbortSignal;
  readonly late: () => Error;
};

/** Aborts when it is told to, or with its caller's signal. */
export class Cancellation implements Disposable {
  readonly #abort = new AbortController();
  readonly #caller: AbortSignal;
  readonly #onAbort = () => this.#abort.abort(this.#caller.reason);

  /** Takes over what `caller` says from now on. */
  constructor(caller: AbortSignal) {
    this.#caller = caller;
    if (caller.aborted) this.#onAbort();
    caller.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** Its reason is the caller's, or what `cancel` was given. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Harmless when it has aborted already. */
  cancel(reason: Error): void {
    this.#abort.abort(reason);
  }

  /** The caller's signal does nothing any more; harmless twice. */
  [Symbol.dispose](): void {
    this.#caller.removeEventListener("abort", this.#onAbort);
  }
}

/** Aborts after a time, or with its caller's signal. */
export class Deadline implements Disposable {
  readonly #cancellation: Cancellation;
  readonly #timer: Disposable;

  /** Starts to wait. */
  constructor(clock: Clock, options: DeadlineOptions) {
    const { delayMs, signal, late } = options;
    const cancellation = new Cancellation(signal);
    this.#cancellation = cancellation;
    this.#timer = clock.after(delayMs, () => cancellation.cancel(late()));
  }

  /** Its reason is the caller's, or what `late` made. */
  get signal(): AbortSignal {
    return this.#cancellation.signal;
  }

  /** Harmless twice, and after it was late. */
  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
    this.#cancellation[Symbol.dispose]();
  }
}

/** As `work`, unless `signal` aborts first; how `work` ends is then no matter. */
export async function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const onAbort = () => reject(signal.reason);
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  work.then(resolve, reject);
  try {
    return await promise;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** As `work`, unless it takes too long; no timer stays behind. */
export async function within<T>(
  clock: Clock,
  work: Promise<T>,
  options: DeadlineOptions,
): Promise<T> {
  using deadline = new Deadline(clock, options);
  return await unlessAborted(work, deadline.signal);
}
