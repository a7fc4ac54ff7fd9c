// The pool's end of one sandbox thread: what is loaded there, which calls it
// has, and whether it still answers. Messages of one turn leave as one batch.
// It decides nothing; the pool does.

import { assert, type Bytes } from "../kernel/mod.ts";
import type { SandboxThread } from "../ports/mod.ts";
import { Claims } from "./claims.ts";
import { SeedError, type SeedFault } from "./errors.ts";
import type { Load } from "./loads.ts";
import type { ModuleFacts } from "./module.ts";
import type {
  CallMessage,
  FromThread,
  SeedSetup,
  ToThread,
} from "./messages.ts";

/** A seed as the pool hosts it. */
export type HostedSeed = SeedSetup & {
  /** Names this module with this configuration; equal keys share a load. */
  readonly key: string;
  readonly digest: string;
  /** The module's bytes, verified against the digest. */
  readModule(): Promise<Bytes>;
};

/** One call, with all that its thread and its caller must know. */
export type CallJob = {
  readonly seed: HostedSeed;
  readonly fn: string;
  readonly input: Bytes;
  /** JSON for pollen_caller_info. */
  readonly caller: string;
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Part of a call that runs already: it must not wait for a free place. */
  readonly isNested: boolean;
  /** Answers pollen_request; undefined when it failed. */
  onRequest(uri: string, input: Bytes): Promise<Bytes | undefined>;
};

/** A call between its acceptance and the end of its guest. */
export type PendingCall = {
  /** Changes before it is posted, never after. */
  id: number;
  readonly job: CallJob;
  /** How long its guest may run, should it start late; 0 once cancelled. */
  givenMs: number;
  /** Its module on the thread that has it. */
  load: Load | undefined;
  /** Threads that ended while it waited there. */
  losses: number;
  /** Answers the caller; the second answer is ignored. */
  settle(result: Bytes | SeedError): void;
  isSettled: boolean;
  isPosted: boolean;
  /** When its deadline was seen to have passed, or its caller to be gone. */
  overdueMs: number | undefined;
};

export class ThreadHandle {
  readonly calls = new Map<number, PendingCall>();
  /** By the key of their seed, least recently used first. */
  readonly loads = new Map<string, Load>();
  readonly claims = new Claims();
  readonly #thread: SandboxThread;
  /** By number: all that the thread may still speak of. */
  readonly #numbered = new Map<number, Load>();
  #outgoing: ToThread[] = [];
  /** When a ping left that has no answer yet. */
  pingSentMs: number | undefined;
  isBlocked = false;
  /** It has said something: its program is up. */
  isStarted = false;
  #seenRunning = 0;
  #seenSinceMs = 0;

  constructor(
    thread: SandboxThread,
    handle: {
      readonly onMessage: (message: FromThread) => void;
      readonly onFailure: (cause: Error) => void;
    },
  ) {
    this.#thread = thread;
    thread.onMessage((batch) => {
      this.isStarted = true;
      for (const message of batch as readonly FromThread[]) {
        handle.onMessage(message);
      }
    });
    thread.onFailure(handle.onFailure);
    this.post(["open", this.claims.buffer]);
  }

  post(message: ToThread): void {
    this.#outgoing.push(message);
    if (this.#outgoing.length > 1) return;
    this.#thread.soon(() => {
      const batch = this.#outgoing;
      this.#outgoing = [];
      this.#thread.post(batch);
    });
  }

  /** @param newId Draws another id, for when a waiting call has the slot. */
  postCall(call: PendingCall, newId: () => number): void {
    const { load, job: { fn, input, caller } } = call;
    assert(!call.isPosted, "a call is posted once to one thread");
    assert(load !== undefined, "a call is posted where its module is");
    this.calls.delete(call.id);
    while (!this.claims.offer(call.id)) call.id = newId();
    this.calls.set(call.id, call);
    call.isPosted = true;
    const message: CallMessage = [
      "call",
      call.id,
      load.number,
      fn,
      input,
      caller,
    ];
    this.post(message);
  }

  /** Takes back a call that the thread has not started; false if it has. */
  takeBack(call: PendingCall): boolean {
    if (call.isPosted && !this.claims.claim(call.id)) return false;
    call.isPosted = false;
    this.calls.delete(call.id);
    return true;
  }

  cancel(call: PendingCall, { reason, message }: SeedFault): void {
    this.post(["cancel", call.id, { reason, message }]);
  }

  ping(nowMs: number): void {
    this.pingSentMs = nowMs;
    this.post(["ping"]);
  }

  pong(): void {
    this.pingSentMs = undefined;
    this.isBlocked = false;
    this.#seenRunning = 0;
  }

  /** Since when the guest that runs now was seen to; call it often. */
  runningSinceMs(nowMs: number): number {
    const { running } = this.claims;
    if (running !== this.#seenRunning) {
      this.#seenRunning = running;
      this.#seenSinceMs = nowMs;
    }
    return this.#seenSinceMs;
  }

  /** Loads that have not been answered, even if nobody wants them any more. */
  unfinishedLoads(): Load[] {
    return [...this.#numbered.values()].filter((load) => !load.isDone);
  }

  loadNumbered(number: number): Load | undefined {
    return this.#numbered.get(number);
  }

  addLoad(load: Load): void {
    this.loads.set(load.seed.key, load);
    this.#numbered.set(load.number, load);
  }

  /** The thread has compiled and tried it. */
  loaded(number: number, facts: ModuleFacts): void {
    const load = this.#numbered.get(number);
    if (load === undefined) return;
    load.isDone = true;
    load.resolve(facts);
    // It was unloaded meanwhile: the thread will hear of that.
    if (this.loads.get(load.seed.key) !== load) this.#numbered.delete(number);
  }

  /** The thread refuses a module; harmless for one that is forgotten. */
  refused(number: number, fault: SeedError): void {
    const load = this.loadNumbered(number);
    if (load !== undefined) this.removeLoad(load, fault);
  }

  /** There is, or will be, nothing of it on the thread. */
  removeLoad(load: Load, fault: SeedError): void {
    this.#numbered.delete(load.number);
    this.#forget(load, fault);
  }

  unload(load: Load, fault: SeedError = unwanted()): void {
    const isPosted = load.postedMs !== undefined;
    if (isPosted) this.post(["unload", load.number]);
    // One that is being tried stays known until the thread is through with it.
    if (load.isDone || !isPosted) this.#numbered.delete(load.number);
    this.#forget(load, fault);
  }

  #forget(load: Load, fault: SeedError): void {
    const { key } = load.seed;
    if (this.loads.get(key) === load) this.loads.delete(key);
    load.reject(fault);
  }

  terminate(): void {
    this.#thread.terminate();
  }
}

function unwanted(): SeedError {
  return new SeedError("lost", "The seed was replaced or unseeded");
}
