// The way of a call through the pool: to a worker or into its seed's queue, to
// its thread once the module is there, and out when it is answered. It keeps
// every place counted, and lets the next one in when one comes free.

import { type Bytes, limits } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import {
  cancelled,
  faultOf,
  saturated,
  SaturatedError,
  type SeedError,
} from "../threads/mod.ts";
import type { Assignment } from "./assignment.ts";
import type { Lane } from "./lane.ts";
import type { Load, Loads } from "./loads.ts";
import { type CallJob, type CallOwner, PendingCall } from "./pending_call.ts";
import type { ThreadHandle } from "./thread_handle.ts";
import type { Workers } from "./workers.ts";

export type DispatchNeeds = {
  readonly clock: Clock;
  readonly workers: Workers;
  readonly assignment: Assignment;
  readonly loads: Loads;
};

/** Threads that may be lost under a call that waits before it fails. */
const triesMax = 3;
/** No call lives through so many others: ids are unique, and small integers. */
const idMax = 0x7fffffff;

export class Dispatch implements CallOwner {
  readonly #needs: DispatchNeeds;
  /** First calls that wait for a place, of all seeds. */
  #queued = 0;
  #lastId = 0;

  constructor(needs: DispatchNeeds) {
    this.#needs = needs;
  }

  /** Rejects with a {SeedError}, or a {SaturatedError} if it did not run. */
  submit(job: CallJob, nowMs: number): Promise<Bytes> {
    if (job.signal?.aborted) return Promise.reject(cancelled());
    const { assignment } = this.#needs;
    const lane = assignment.laneOf(job.seed.key);
    const slot = assignment.slotFor(lane, job);
    if (slot === undefined && !job.isNested && this.#isFull) {
      return Promise.reject(saturated());
    }
    this.#lastId = this.#lastId % idMax + 1;
    const call = new PendingCall(this.#lastId, job, { lane, owner: this });
    if (slot !== undefined) this.#assign(call, slot, { nowMs });
    else if (job.isNested) lane.nestedQueue.add(call);
    else this.#enqueue(call, "add");
    return call.answer;
  }

  done(thread: ThreadHandle, id: number, output: Bytes): void {
    const call = thread.calls.get(id);
    if (call === undefined) return;
    call.succeed(output);
    this.#leave(thread, call);
  }

  failed(thread: ThreadHandle, id: number, fault: SeedError): void {
    const call = thread.calls.get(id);
    if (call === undefined) return;
    call.fail(fault);
    this.#leave(thread, call);
  }

  /** Its caller went away. */
  onAbort(call: PendingCall): void {
    this.end(call, cancelled());
  }

  /** Answers a call now; its guest is told, should it run. */
  end(call: PendingCall, fault: SeedError | SaturatedError): void {
    if (call.isSettled) return;
    call.fail(fault);
    const { thread, queue } = call;
    if (queue !== undefined) this.#dequeue(call);
    else if (thread === undefined) return;
    else if (call.isPosted) thread.cancel(call, faultOf(fault));
    else this.#leave(thread, call);
  }

  /** Ends all calls of the seed of this name; those that wait never start. */
  endSeed(name: string, fault: SeedError): void {
    const endOf = (calls: Iterable<PendingCall>) => {
      for (const call of calls) {
        if (call.job.seed.name === name) this.end(call, fault);
      }
    };
    const { assignment, workers } = this.#needs;
    for (const { nestedQueue, queue } of assignment.lanes) {
      endOf(nestedQueue);
      endOf(queue);
    }
    for (const thread of workers.threads) endOf(thread.callsInOrder());
  }

  /** The module is there: calls that wait for it start. */
  loaded(thread: ThreadHandle, load: Load): void {
    const nowMs = this.#needs.clock.nowMs();
    for (const call of waitingFor(thread, load)) {
      thread.postCall(call, load, { nowMs });
    }
  }

  /** The module will not be there: calls that wait for it fail. */
  notLoaded(
    thread: ThreadHandle,
    load: Load,
    { fault }: { readonly fault: SeedError },
  ): void {
    for (const call of waitingFor(thread, load)) {
      call.fail(fault);
      this.#leave(thread, call);
    }
  }

  /** The thread is lost: what it has not started waits for another one. */
  evacuate(thread: ThreadHandle, fault: SeedError): void {
    const lanes = new Set<Lane>();
    for (const call of thread.callsInOrder().reverse()) {
      const { lane } = call;
      lanes.add(lane);
      thread.remove(call);
      const isStarted = call.isPosted || call.isSettled;
      if (isStarted || ++call.losses >= triesMax) call.fail(fault);
      else if (call.job.isNested) lane.nestedQueue.putBack(call);
      else this.#enqueue(call, "putBack");
    }
    for (const lane of lanes) this.#pump(lane);
  }

  /** Nothing starts any more: all that a thread has fails. */
  closeThread(thread: ThreadHandle, fault: SeedError): void {
    for (const call of thread.callsInOrder()) {
      thread.remove(call);
      call.fail(fault);
    }
  }

  closeQueues(fault: SeedError): void {
    for (const lane of this.#needs.assignment.lanes) {
      for (const call of lane.nestedQueue) this.end(call, fault);
      for (const call of lane.queue) this.end(call, fault);
    }
  }

  get #isFull(): boolean {
    return this.#queued >= limits.callsQueuedMax;
  }

  #assign(
    call: PendingCall,
    slot: number,
    { nowMs }: { readonly nowMs: number },
  ): void {
    let thread: ThreadHandle;
    try {
      thread = this.#needs.workers.at(slot);
    } catch (cause) {
      if (!(cause instanceof SaturatedError)) throw cause;
      return call.fail(cause);
    }
    const load = this.#needs.loads.on(thread, call.job.seed);
    thread.add(call, load);
    if (load.isReady) thread.postCall(call, load, { nowMs });
  }

  #leave(thread: ThreadHandle, call: PendingCall): void {
    thread.remove(call);
    if (call.lane.hasWaiting) this.#pump(call.lane);
  }

  /** Gives waiting calls to workers while there are places. */
  #pump(lane: Lane): void {
    for (;;) {
      const call = lane.nestedQueue.first ?? lane.queue.first;
      if (call === undefined) return;
      const slot = this.#needs.assignment.slotFor(lane, call.job);
      if (slot === undefined) return;
      this.#dequeue(call);
      this.#assign(call, slot, { nowMs: this.#needs.clock.nowMs() });
    }
  }

  #enqueue(call: PendingCall, how: "add" | "putBack"): void {
    call.lane.queue[how](call);
    this.#queued++;
  }

  #dequeue(call: PendingCall): void {
    if (call.queue === call.lane.queue) this.#queued--;
    call.queue?.remove(call);
  }
}

function waitingFor(thread: ThreadHandle, load: Load): PendingCall[] {
  return thread.callsInOrder()
    .filter((call) => call.load === load && !call.isPosted);
}
