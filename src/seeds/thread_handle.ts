// The pool's end of one sandbox thread: what is loaded there, which calls it
// has, what it was asked and has not answered. Messages of one turn leave as
// one batch, or sooner when they are many. It decides nothing; the pool does.

import { type Bytes, Slots } from "../kernel/mod.ts";
import type { SandboxThread } from "../ports/mod.ts";
import {
  Budget,
  type FromThread,
  type LoadUsage,
  Mail,
  type ModuleCaps,
  type ModuleSource,
  type PreparedMessage,
  type SeedError,
  type SeedFault,
  type ToThread,
  transferBytesMin,
} from "../threads/mod.ts";
import type { Load } from "./loads.ts";
import type { PendingCall } from "./pending_call.ts";

/** What became of a preparation; undefined: its thread was lost. */
export type Preparation = PreparedMessage | SeedError | undefined;

export type ThreadHooks = {
  onMessage(thread: ThreadHandle, message: FromThread): void;
  /** It died of an error of its own. */
  onFailure(thread: ThreadHandle, cause: Error): void;
};

/**
 * A batch leaves when it has so many messages, or at the end of the turn: the
 * thread begins while the rest is still being made.
 */
const batchMessagesMax = 32;

export class ThreadHandle {
  readonly calls = new Slots<PendingCall>();
  /** By the key of their seed. */
  readonly loads = new Map<string, Load>();
  /** The worker's place in the pool; undefined for the standby. */
  slot: number | undefined;
  /** It has said something: its program runs. */
  isUp = false;
  /** For how long it has said nothing, although it was asked. */
  silentMs = 0;
  readonly #thread: SandboxThread;
  readonly #mail = new Mail();
  readonly #budget: Budget;
  readonly #share = Budget.newShare();
  /** The same loads by number. */
  readonly #numbered = new Map<number, Load>();
  readonly #preparations = new Map<number, (end: Preparation) => void>();
  /** Those who wait for a pong, one for each ping under way. */
  readonly #pings: ((usage: readonly LoadUsage[]) => void)[] = [];
  #nextNumber = 1;
  #outgoing: ToThread[] = [];
  #transfer: ArrayBuffer[] = [];
  #isFlushDue = false;
  #isEnded = false;

  constructor(
    thread: SandboxThread,
    budget: Budget,
    hooks: ThreadHooks,
  ) {
    this.#thread = thread;
    this.#budget = budget;
    thread.onMessage((batch) => {
      this.isUp = true;
      this.silentMs = 0;
      for (const message of batch as readonly FromThread[]) {
        hooks.onMessage(this, message);
      }
    });
    thread.onFailure((cause) => hooks.onFailure(this, cause));
    this.post(["open", this.#mail.buffer, budget.buffer, this.#share]);
  }

  /** @param given Bytes of the message that may be moved: nobody needs them. */
  post(message: ToThread, given?: Bytes): void {
    if (this.#isEnded) return;
    this.#outgoing.push(message);
    if (given !== undefined && given.length >= transferBytesMin) {
      this.#transfer.push(given.buffer);
    }
    if (this.#outgoing.length >= batchMessagesMax) return this.#flush();
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    this.#thread.soon(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  /** A copy, oldest first. */
  callsInOrder(): PendingCall[] {
    return [...this.calls.values()].sort((one, other) => one.id - other.id);
  }

  /** To be posted now or later, or taken back while it is not. */
  add(call: PendingCall, load: Load): void {
    call.thread = this;
    call.load = load;
    this.calls.add(call);
    if (this.slot !== undefined) call.lane.take(this.slot);
  }

  remove(call: PendingCall): void {
    call.thread = call.load = undefined;
    this.calls.delete(call.id);
    if (this.slot !== undefined) call.lane.give(this.slot);
  }

  postCall(call: PendingCall, load: Load, { nowMs }: { nowMs: number }): void {
    const { id, input, job: { fn, caller, deadlineMs } } = call;
    const leftMs = Math.max(0, deadlineMs - nowMs);
    call.isPosted = true;
    this.post(["call", id, load.number, fn, input, caller, leftMs], input);
  }

  cancel(call: PendingCall, fault: SeedFault): void {
    this.post(["cancel", call.id, fault]);
  }

  /** Resolves with its usage, or with nothing when the thread is lost. */
  ping(): Promise<readonly LoadUsage[]> {
    const { promise, resolve } = Promise.withResolvers<readonly LoadUsage[]>();
    if (this.#isEnded) resolve([]);
    else this.#pings.push(resolve);
    this.post(["ping"]);
    return promise;
  }

  pong(usage: readonly LoadUsage[]): void {
    this.#pings.shift()?.(usage);
  }

  get isPinged(): boolean {
    return this.#pings.length > 0;
  }

  get isPreparing(): boolean {
    return this.#preparations.size > 0;
  }

  /** It has something to answer. */
  get isBusy(): boolean {
    if (this.calls.size > 0 || this.isPinged || this.isPreparing) return true;
    return [...this.loads.values()].some((load) => load.isBeingTried);
  }

  /** A module is on its way to it, although that may wait for others now. */
  get isLoading(): boolean {
    return [...this.loads.values()].some((load) => !load.isReady);
  }

  /** @param source Its bytes are given away if they are kept ones. */
  prepare(source: ModuleSource, caps: ModuleCaps): Promise<Preparation> {
    if (this.#isEnded) return Promise.resolve(undefined);
    const { promise, resolve } = Promise.withResolvers<Preparation>();
    const number = this.newNumber();
    this.#preparations.set(number, resolve);
    const given = source.type === "kept" ? source.bytes : undefined;
    this.post(["prepare", number, source, caps], given);
    return promise;
  }

  prepared(number: number, end: Preparation): void {
    const resolve = this.#preparations.get(number);
    this.#preparations.delete(number);
    resolve?.(end);
  }

  /** For a load or a preparation. */
  newNumber(): number {
    return this.#nextNumber++;
  }

  addLoad(load: Load): void {
    this.loads.set(load.seed.key, load);
    this.#numbered.set(load.number, load);
  }

  removeLoad(load: Load): void {
    this.loads.delete(load.seed.key);
    this.#numbered.delete(load.number);
  }

  loadNumbered(number: number): Load | undefined {
    return this.#numbered.get(number);
  }

  /** Ends it; what it was asked is answered with nothing. */
  terminate(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#thread.terminate();
    this.#budget.takeBack(this.#share);
    for (const resolve of this.#preparations.values()) resolve(undefined);
    this.#preparations.clear();
    for (const resolve of this.#pings.splice(0)) resolve([]);
  }

  #flush(): void {
    if (this.#outgoing.length === 0 || this.#isEnded) return;
    const messages = this.#outgoing;
    const transfer = this.#transfer;
    this.#outgoing = [];
    this.#transfer = [];
    this.#mail.posting();
    this.#thread.post(messages, transfer);
  }
}
