// Watches over a pool while it has anything to do: ends calls at their deadline
// and modules that do not start, and pings threads. Guests cannot hold a thread,
// so a silent one is a fault of this program: its owner is told to give it up.

import type { Clock } from "../ports/mod.ts";
import { SaturatedError, SeedError } from "../threads/mod.ts";
import type { Assignment } from "./assignment.ts";
import type { Loads } from "./loads.ts";
import type { PendingCall } from "./pending_call.ts";
import type { ThreadHandle } from "./thread_handle.ts";
import type { Workers } from "./workers.ts";

/** How often deadlines are looked at: a caller waits this much longer. */
const tickMs = 25;
/** A busy thread that says nothing for so long is asked whether it lives. */
const pingAfterMs = 1_000;
const silentMsMax = 10_000;
/** Rewriting and compiling a module of 64 MiB stays below this. */
const preparingMsMax = 30_000;
/**
 * Of the time between two ticks, so much counts as a thread's silence: while
 * this process stands still, its threads do too.
 */
const silencePerTickMsMax = 100;
/**
 * Trying a module, its initializers included; those may also sleep. The thread
 * itself ends it after ten seconds, and knows better why it took so long.
 */
const loadMsMax = 12_000;

export type Watched = {
  readonly workers: Workers;
  readonly assignment: Assignment;
  readonly loads: Loads;
  /** It did not end by its deadline. */
  onOverdue(call: PendingCall, fault: SeedError | SaturatedError): void;
  onSilent(thread: ThreadHandle, silentMs: number): void;
};

export class Watch implements Disposable {
  readonly #clock: Clock;
  readonly #watched: Watched;
  #timer: Disposable | undefined;
  #lastMs = 0;

  constructor(clock: Clock, watched: Watched) {
    this.#clock = clock;
    this.#watched = watched;
  }

  /** Ticks from now on, until there is nothing to watch. */
  start(nowMs: number): void {
    if (this.#timer !== undefined) return;
    this.#lastMs = nowMs;
    this.#timer = this.#clock.after(tickMs, () => this.#tick());
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    const passedMs = Math.min(nowMs - this.#lastMs, silencePerTickMsMax);
    const { workers, assignment } = this.#watched;
    workers.complete();
    for (const thread of workers.threads) {
      for (const call of thread.calls.values()) this.#look(call, nowMs);
      this.#endOverdueLoads(thread, nowMs);
      this.#probe(thread, passedMs);
    }
    let isWaiting = false;
    for (const lane of assignment.lanes) {
      for (const call of lane.queue) this.#look(call, nowMs);
      for (const call of lane.nestedQueue) this.#look(call, nowMs);
      isWaiting ||= lane.hasWaiting;
    }
    const isWatched = (thread: ThreadHandle) =>
      thread.isBusy || thread.isLoading;
    if (isWaiting || workers.threads.some(isWatched)) this.start(nowMs);
  }

  #look(call: PendingCall, nowMs: number): void {
    if (call.isSettled) return;
    const { fn, seed, deadlineMs } = call.job;
    if (nowMs < deadlineMs) {
      if (call.isOld && call.isPosted) call.lane.isSlow = true;
      call.isOld = true;
      return;
    }
    const what = `"${fn}" of seed "${seed.name}"`;
    const fault = call.queue === undefined
      ? new SeedError("timeout", `${what} did not end by its deadline`)
      : waitedTooLong(what);
    this.#watched.onOverdue(call, fault);
  }

  #endOverdueLoads(thread: ThreadHandle, nowMs: number): void {
    for (const load of [...thread.loads.values()]) {
      const { postedMs, isBeingTried, seed } = load;
      if (!isBeingTried || postedMs === undefined) continue;
      if (nowMs - postedMs <= loadMsMax) continue;
      const seconds = loadMsMax / 1_000;
      const fault = new SeedError(
        "timeout",
        `Seed "${seed.name}" does not start within ${seconds} seconds`,
        { hint: "Look for a loop in its start function or initializer" },
      );
      this.#watched.loads.end(thread, load, { fault });
    }
  }

  #probe(thread: ThreadHandle, passedMs: number): void {
    if (!thread.isBusy) {
      thread.silentMs = 0;
      return;
    }
    thread.silentMs += passedMs;
    const { silentMs } = thread;
    if (silentMs >= pingAfterMs && !thread.isPinged) void thread.ping();
    const mostMs = thread.isPreparing ? preparingMsMax : silentMsMax;
    if (silentMs > mostMs) this.#watched.onSilent(thread, silentMs);
  }
}

/** It never ran: it may be repeated. */
function waitedTooLong(what: string): SaturatedError {
  return new SaturatedError(
    `${what} waited for its turn until its deadline, and did not run`,
    { hint: "Try again in a moment, or allow it more time" },
  );
}
