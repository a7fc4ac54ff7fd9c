// Lets go of what nobody uses: modules that were not called for some minutes,
// then threads that hold none, and last the standby. In come sweeps of a timer
// that runs while there are threads; a daemon that is left alone ends up with
// neither threads nor timer.

import type { Clock } from "../ports/mod.ts";
import type { Assignment } from "./assignment.ts";
import type { Loads } from "./loads.ts";
import type { ThreadHandle } from "./thread_handle.ts";
import type { Workers } from "./workers.ts";

/**
 * A module that no call used for this long is unloaded: long enough for a seed
 * that is asked once a minute to stay warm, short enough to free its memory.
 */
const idleMinutes = 5;
const sweepMs = 60_000;

export type IdleNeeds = {
  readonly clock: Clock;
  readonly workers: Workers;
  readonly assignment: Assignment;
  readonly loads: Loads;
};

export class IdleSweep implements Disposable {
  readonly #needs: IdleNeeds;
  #timer: Disposable | undefined;
  /** Threads that had nothing to do at the last sweep. */
  #idle: ReadonlySet<ThreadHandle> = new Set();

  constructor(needs: IdleNeeds) {
    this.#needs = needs;
  }

  /** Sweeps from now on, until no thread is left. */
  start(): void {
    this.#timer ??= this.#needs.clock.after(sweepMs, () => this.#sweep());
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #sweep(): void {
    this.#timer = undefined;
    const { workers, assignment, loads } = this.#needs;
    this.#endIdleThreads();
    loads.sweep(workers.threads, idleMinutes);
    const keys = workers.threads.flatMap((thread) => [...thread.loads.keys()]);
    assignment.sweep(new Set(keys));
    this.#idle = new Set(workers.threads.filter(isIdle));
    if (workers.threads.length > 0) this.start();
  }

  /** A sweep later: they have given back by now what they unloaded. */
  #endIdleThreads(): void {
    const { workers } = this.#needs;
    const isOver = (thread: ThreadHandle) =>
      this.#idle.has(thread) && isIdle(thread);
    for (const thread of workers.threads) {
      if (thread.slot === undefined || !isOver(thread)) continue;
      thread.terminate();
      workers.remove(thread);
    }
    const [last, ...others] = workers.threads;
    if (last === undefined || others.length > 0 || !isOver(last)) return;
    last.terminate();
    workers.remove(last);
  }
}

function isIdle(thread: ThreadHandle): boolean {
  return thread.loads.size === 0 && !thread.isBusy;
}
