// The time that one request of a seed may take, redirects included. A deadline
// and the caller's signal come in; one signal goes out that aborts for either,
// with the reason. It must be disposed: nothing of it stays on the caller's
// signal, which may live much longer.

import { formatDurationMs, limits } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import { EgressFailure } from "./egress_error.ts";

/** `deadlineMs` is monotonic, as the clock's `nowMs`. */
export type TimeLimits = {
  readonly signal: AbortSignal;
  readonly deadlineMs: number;
};

export class TimeLimit implements Disposable {
  /** Named when the time is over. */
  host = "The network";
  readonly #abort = new AbortController();
  readonly #scope = new DisposableStack();

  constructor(clock: Clock, { signal, deadlineMs }: TimeLimits) {
    const leftMs = Math.max(0, deadlineMs - clock.nowMs());
    const timeMs = Math.min(leftMs, limits.fetchTimeoutMsMax);
    const giveUp = () => this.#abort.abort(signal.reason);
    if (signal.aborted) giveUp();
    signal.addEventListener("abort", giveUp);
    this.#scope.defer(() => signal.removeEventListener("abort", giveUp));
    this.#scope.use(clock.after(timeMs, () => {
      this.#abort.abort(
        new EgressFailure(
          `${this.host} gave no answer within ${formatDurationMs(timeMs)}`,
          { hint: "Try again, or ask for less at once" },
        ),
      );
    }));
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}
