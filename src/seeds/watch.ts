// Watches over the calls of a pool while there are any: ends them at their
// deadline, pings threads, takes back what waits behind a guest that does not
// return, and names the guest for whose sake a thread must be abandoned.

import type { Clock } from "../ports/mod.ts";
import { SeedError } from "./errors.ts";
import type { Load } from "./loads.ts";
import type { CallQueue } from "./queue.ts";
import type { PendingCall, ThreadHandle } from "./thread_handle.ts";

/** How often deadlines are looked at: a caller waits this much longer. */
const tickMs = 25;
/** A thread that leaves a ping unanswered this long is blocked. */
const blockedAfterMs = 200;
/**
 * How long a guest may run on after its call has ended before its thread is
 * given up: long enough that callers with short timeouts do not get a slow but
 * finite seed refused.
 */
const graceMs = 2_000;
/** As `blockedAfterMs`, for a thread that is not up yet. */
const startMsMax = 5_000;
/** Compiling and trying a module of 64 MiB stays below this. */
const loadMsMax = 10_000;

/** The guest that does not return: one of a call, or one being tried. */
export type Culprit = { readonly load: Load; readonly isLoading: boolean };

export type Watched = {
  readonly threads: ReadonlySet<ThreadHandle>;
  readonly queue: CallQueue;
  onAbandon(thread: ThreadHandle, culprit: Culprit): void;
  /** Calls may have become assignable. */
  onFreed(): void;
};

export class Watch implements Disposable {
  readonly #clock: Clock;
  readonly #watched: Watched;
  #timer: Disposable | undefined;

  constructor(clock: Clock, watched: Watched) {
    this.#clock = clock;
    this.#watched = watched;
  }

  /** Ticks from now on, until there is nothing to watch. */
  start(): void {
    this.#timer ??= this.#clock.after(tickMs, () => this.#tick());
  }

  /** The caller went away: the guest has no more time than the grace. */
  cancel(call: PendingCall, fault: SeedError): void {
    call.overdueMs ??= this.#clock.nowMs();
    call.givenMs = 0;
    this.end(call, fault);
  }

  /** Answers a call now; its guest is told, should it run. */
  end(call: PendingCall, fault: SeedError): void {
    call.settle(fault);
    const { queue, threads } = this.#watched;
    queue.remove(call);
    for (const thread of threads) {
      if (thread.calls.get(call.id) !== call) continue;
      if (!thread.takeBack(call)) thread.cancel(call, fault);
    }
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]();
    this.#timer = undefined;
  }

  #tick(): void {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    const { threads, queue } = this.#watched;
    for (const call of queue.toArray()) this.#endIfOverdue(call, nowMs);
    for (const thread of [...threads]) {
      for (const call of [...thread.calls.values()]) {
        this.#endIfOverdue(call, nowMs);
      }
      endOverdueLoads(thread, nowMs);
      this.#probe(thread, nowMs);
    }
    this.#watched.onFreed();
    if (queue.length > 0 || [...threads].some(isBusy)) this.start();
  }

  #endIfOverdue(call: PendingCall, nowMs: number): void {
    const { job } = call;
    if (call.overdueMs !== undefined || nowMs < job.deadlineMs) return;
    call.overdueMs = nowMs;
    this.end(
      call,
      new SeedError(
        "timeout",
        `"${job.fn}" of seed "${job.seed.name}" did not end by its deadline`,
      ),
    );
  }

  #probe(thread: ThreadHandle, nowMs: number): void {
    const culprit = culpritOf(thread, nowMs);
    if (thread.pingSentMs === undefined) {
      if (isBusy(thread)) thread.ping(nowMs);
      return;
    }
    const isUp = thread.isStarted || thread.claims.running !== 0;
    const patienceMs = isUp ? blockedAfterMs : startMsMax;
    if (nowMs - thread.pingSentMs < patienceMs) return;
    if (!thread.isBlocked) this.#block(thread);
    if (culprit !== undefined) this.#watched.onAbandon(thread, culprit);
  }

  /**
   * What has not started leaves the thread, but for the module that is being
   * compiled right now and the calls that wait for it.
   */
  #block(thread: ThreadHandle): void {
    thread.isBlocked = true;
    const compiling = thread.loadNumbered(-thread.claims.running);
    const isStuck = (load: Load | undefined) =>
      load === undefined || load !== compiling;
    const waiting = [...thread.calls.values()].filter((call) =>
      isStuck(call.load) && !call.isSettled && thread.takeBack(call)
    );
    for (const load of thread.unfinishedLoads()) {
      if (!isStuck(load)) continue;
      load.hasLostThread = true;
      thread.unload(load);
    }
    this.#watched.queue.putBack(waiting);
  }
}

function isBusy(thread: ThreadHandle): boolean {
  return thread.calls.size > 0 || thread.unfinishedLoads().length > 0;
}

/** A module whose initializer sleeps for ever is refused. */
function endOverdueLoads(thread: ThreadHandle, nowMs: number): void {
  for (const load of thread.loads.values()) {
    if (load.isDone || load.postedMs === undefined) continue;
    if (thread.claims.running === -load.number) continue;
    if (nowMs - load.postedMs > loadMsMax) endLoad(thread, load);
  }
}

/** Gives up a module that does not start, with the calls that wait for it. */
export function endLoad(thread: ThreadHandle, load: Load): void {
  const fault = new SeedError(
    "timeout",
    `Seed "${load.seed.name}" does not start within ${
      loadMsMax / 1000
    } seconds`,
    { hint: "Look for a loop in its start function or initializer" },
  );
  for (const call of [...thread.calls.values()]) {
    if (call.load !== load) continue;
    call.settle(fault);
    thread.calls.delete(call.id);
  }
  thread.unload(load, fault);
}

/**
 * Whose guest runs past its end, if the one that runs now does. A call that
 * started late may run for the time it was given, and nobody blames its seed.
 */
function culpritOf(thread: ThreadHandle, nowMs: number): Culprit | undefined {
  const sinceMs = thread.runningSinceMs(nowMs);
  const { running } = thread.claims;
  if (running < 0) {
    const load = thread.loadNumbered(-running);
    const isOver = nowMs - sinceMs > loadMsMax;
    return load && isOver ? { load, isLoading: true } : undefined;
  }
  const call = thread.calls.get(running);
  if (call?.load === undefined || call.overdueMs === undefined) {
    return undefined;
  }
  const endMs = Math.max(call.overdueMs, sinceMs + call.givenMs) + graceMs;
  return nowMs > endMs ? { load: call.load, isLoading: false } : undefined;
}
