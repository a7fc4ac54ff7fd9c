// One call from its acceptance to the end of its guest, and what it was asked
// with. There may be a hundred thousand a second: plain fields, no timer of its
// own, and nothing made before it is needed. It is answered exactly once.

import type { Bytes } from "../kernel/mod.ts";
import type { SaturatedError, SeedError } from "../threads/mod.ts";
import { takeOver } from "./handover.ts";
import type { HostedSeed } from "./hosted.ts";
import type { Lane } from "./lane.ts";
import type { Load } from "./loads.ts";
import type { CallQueue } from "./queue.ts";
import type { ThreadHandle } from "./thread_handle.ts";

/** One call, with all that its thread and its caller must know. */
export type CallJob = {
  readonly seed: HostedSeed;
  readonly fn: string;
  /** Given away with the job: large ones are moved, not copied. */
  readonly input: Bytes;
  /** JSON for pollen_caller_info. */
  readonly caller: string;
  /** On the clock's monotonic scale. */
  readonly deadlineMs: number;
  /** Aborting ends the call with reason "cancelled". */
  readonly signal?: AbortSignal | undefined;
  /** Part of a call that runs already: it must not wait for a free place. */
  readonly isNested: boolean;
  /**
   * Answers pollen_request and gives the answer away; undefined: it failed.
   *
   * @param asker Its signal aborts when the asking call is over.
   */
  onRequest(
    uri: string,
    input: Bytes,
    asker: { readonly signal: AbortSignal },
  ): Promise<Bytes | undefined>;
};

/** Whom a call tells that its caller has gone. */
export type CallOwner = { onAbort(call: PendingCall): void };

export class PendingCall {
  readonly lane: Lane;
  readonly input: Bytes;
  /** Where it waits, and beside whom. */
  queue: CallQueue | undefined;
  before: PendingCall | undefined;
  behind: PendingCall | undefined;
  /** That has it, whether or not it was posted there. */
  thread: ThreadHandle | undefined;
  /** Its module there. */
  load: Load | undefined;
  isPosted = false;
  isSettled = false;
  /** It was there at an earlier tick of the watch. */
  isOld = false;
  /** Threads that were lost while it waited there. */
  losses = 0;
  readonly #answer = Promise.withResolvers<Bytes>();
  readonly #owner: CallOwner;
  #aborter: AbortController | undefined;

  constructor(
    /** Names it to its thread, and in the log. */
    readonly id: number,
    readonly job: CallJob,
    parts: { readonly lane: Lane; readonly owner: CallOwner },
  ) {
    this.lane = parts.lane;
    this.#owner = parts.owner;
    this.input = takeOver(job.input);
    job.signal?.addEventListener("abort", this);
  }

  /** What its caller waits for. */
  get answer(): Promise<Bytes> {
    return this.#answer.promise;
  }

  /** Of what is done on its behalf: aborted when it is over. */
  get signal(): AbortSignal {
    this.#aborter ??= new AbortController();
    if (this.isSettled) this.#aborter.abort();
    return this.#aborter.signal;
  }

  succeed(output: Bytes): void {
    if (this.#settle()) this.#answer.resolve(output);
  }

  fail(fault: SeedError | SaturatedError): void {
    if (this.#settle()) this.#answer.reject(fault);
  }

  /** For its job's signal: an object costs less than a closure. */
  handleEvent(): void {
    this.#owner.onAbort(this);
  }

  #settle(): boolean {
    if (this.isSettled) return false;
    this.isSettled = true;
    this.job.signal?.removeEventListener("abort", this);
    this.#aborter?.abort();
    return true;
  }
}
