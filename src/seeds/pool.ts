// The pool of seed threads: it gives each call a thread and an end. Whatever a
// guest does, its caller is answered by the deadline. A guest that does not
// return blocks one thread; calls waiting behind it move on, and once its call
// is overdue the thread is abandoned, at most twice per module.

import {
  type Bytes,
  ClosedError,
  type FailureHandler,
  limits,
  Scope,
  unreachable,
} from "../kernel/mod.ts";
import type { LogLevel, Ports } from "../ports/mod.ts";
import { AbandonedThreads } from "./abandoned.ts";
import { cancelled, saturated, SeedError } from "./errors.ts";
import { Loads } from "./loads.ts";
import type { FromThread, RequestMessage } from "./messages.ts";
import type { ModuleFacts } from "./module.ts";
import { CallQueue } from "./queue.ts";
import {
  type CallJob,
  type HostedSeed,
  type PendingCall,
  ThreadHandle,
} from "./thread_handle.ts";
import { type Culprit, endLoad, Watch } from "./watch.ts";

/** A line that a guest logged, with its seed's name and its call's id. */
export type SeedLogLine = {
  readonly seed: string;
  readonly call: number;
  readonly text: string;
};

/** `onLog` must not throw; guests can call it often. */
export type PoolNeeds = Pick<Ports, "clock" | "log" | "sandbox"> & {
  onLog(level: LogLevel, line: SeedLogLine): void;
};

/** Threads kept beside the regular ones while those are blocked. */
const extraThreadsMax = 2;
/** Calls per thread, nested ones included: fewer than its claims have slots. */
const nestedPerThreadMax = 2048;
/** Threads that may end under a call or a load before it fails. */
const triesMax = 3;

/** How long a module waits for a thread that is not blocked. */
const loadWaitMsMax = 30_000;
const loadWaitStepMs = 100;

/** Starts threads only when a seed is loaded or called. */
export class SeedPool implements AsyncDisposable {
  readonly #needs: PoolNeeds;
  readonly #scope: Scope;
  readonly #threads = new Set<ThreadHandle>();
  readonly #queue = new CallQueue();
  readonly #loads: Loads;
  readonly #abandoned: AbandonedThreads;
  readonly #watch: Watch;
  #nextCall = 1;

  /** Starts no thread yet. */
  constructor(needs: PoolNeeds) {
    this.#needs = needs;
    this.#scope = new Scope(this.#onTaskFailure);
    this.#loads = new Loads(needs.clock, this.#scope);
    this.#abandoned = new AbandonedThreads(needs.log);
    this.#watch = new Watch(needs.clock, {
      threads: this.#threads,
      queue: this.#queue,
      onAbandon: (thread, culprit) => this.#abandon(thread, culprit),
      onFreed: () => this.#pump(),
    });
  }

  /** `abandoned` are those that guests hold which do not return. */
  get threadCounts(): { readonly running: number; readonly abandoned: number } {
    return { running: this.#threads.size, abandoned: this.#abandoned.count };
  }

  /** Why calls of this module are refused; undefined when they are not. */
  refusalOf(digest: string): string | undefined {
    return this.#abandoned.refusalOf(digest);
  }

  /** Names of the seeds whose guests hold abandoned threads. */
  get runawaySeeds(): readonly string[] {
    return this.#abandoned.seeds;
  }

  /**
   * Compiles and tries a module on a thread.
   *
   * @throws {SeedError} Why it cannot run.
   * @throws {SaturatedError} All threads are blocked; safe to retry.
   */
  async load(seed: HostedSeed): Promise<ModuleFacts> {
    const { clock } = this.#needs;
    const endMs = clock.nowMs() + loadWaitMsMax;
    for (let losses = 0;;) {
      this.#refuse(seed);
      const thread = this.#pick({ isNested: true });
      if (thread !== undefined) {
        const load = this.#loads.loadOn(thread, seed);
        this.#watch.start();
        try {
          return await load.facts;
        } catch (cause) {
          if (!load.hasLostThread) throw cause;
          const hasEnded = !this.#threads.has(thread);
          if (hasEnded && ++losses >= triesMax) throw cause;
        }
      }
      if (clock.nowMs() >= endMs) throw saturated();
      await clock.sleep(loadWaitStepMs, this.#scope.signal);
    }
  }

  /** Frees what threads hold of a seed. Calls that started go on. */
  unload(key: string): void {
    for (const thread of this.#threads) {
      const load = thread.loads.get(key);
      if (load !== undefined) thread.unload(load);
    }
  }

  /**
   * Runs one call on a fresh instance.
   *
   * @throws {SeedError} Why it failed; retry only "lost".
   * @throws {SaturatedError} It did not run; safe to retry.
   */
  async call(job: CallJob): Promise<Bytes> {
    this.#refuse(job.seed);
    if (job.signal.aborted) throw cancelled();
    if (this.#queue.length >= limits.callsQueuedMax && !job.isNested) {
      throw saturated();
    }
    const { promise, resolve, reject } = Promise.withResolvers<Bytes>();
    const call = this.#pending(job, (result) => {
      if (result instanceof SeedError) reject(result);
      else resolve(result);
    });
    this.#queue.add(call);
    this.#pump();
    this.#watch.start();
    return await promise;
  }

  /** Fails what is under way with reason "lost"; harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closing = new SeedError("lost", "The node is closing");
    for (const thread of this.#threads) {
      thread.terminate();
      this.#drop(thread, closing);
    }
    for (const call of this.#queue.toArray()) this.#watch.end(call, closing);
    this.#watch[Symbol.dispose]();
    this.#abandoned[Symbol.dispose]();
    await this.#scope[Symbol.asyncDispose]();
  }

  #pending(
    job: CallJob,
    answer: (result: Bytes | SeedError) => void,
  ): PendingCall {
    const onAbort = () => this.#watch.cancel(call, cancelled());
    const call: PendingCall = {
      id: this.#newId(),
      job,
      givenMs: job.deadlineMs - this.#needs.clock.nowMs(),
      load: undefined,
      losses: 0,
      isSettled: false,
      isPosted: false,
      overdueMs: undefined,
      settle: (result) => {
        if (call.isSettled) return;
        call.isSettled = true;
        job.signal.removeEventListener("abort", onAbort);
        answer(result);
      },
    };
    job.signal.addEventListener("abort", onAbort);
    return call;
  }

  readonly #newId = (): number => {
    const id = this.#nextCall;
    this.#nextCall = id % 0x7fffffff + 1;
    return id;
  };

  #refuse(seed: HostedSeed): void {
    if (this.#scope.isClosed) throw new ClosedError("The node is closing");
    const refusal = this.refusalOf(seed.digest);
    if (refusal === undefined) return;
    throw new SeedError(
      "refused",
      `Seed "${seed.name}" is refused: ${refusal}`,
    );
  }

  /** Gives waiting calls to threads while there is room. */
  #pump(): void {
    for (;;) {
      const call = this.#queue.first;
      const thread = call && this.#pick(call.job);
      if (thread === undefined || call === undefined) return;
      this.#queue.remove(call);
      this.#assign(thread, call);
    }
  }

  #pick(job: { readonly isNested: boolean }): ThreadHandle | undefined {
    const { cores } = this.#needs.sandbox;
    const regular = Math.max(1, cores - 1);
    const free = [...this.#threads].filter((thread) => !thread.isBlocked);
    const idlest = free.toSorted((a, b) => a.calls.size - b.calls.size)[0];
    const isSpawnable = this.#threads.size < regular ||
      (free.length === 0 && this.#threads.size < regular + extraThreadsMax);
    if ((idlest === undefined || idlest.calls.size > 0) && isSpawnable) {
      return this.#spawn();
    }
    if (idlest === undefined) return undefined;
    const most = job.isNested ? nestedPerThreadMax : limits.callsPerThreadMax;
    return idlest.calls.size < most ? idlest : undefined;
  }

  #spawn(): ThreadHandle {
    const thread = new ThreadHandle(this.#needs.sandbox.spawn("seed"), {
      onMessage: (message) => this.#receive(thread, message),
      onFailure: (cause) => {
        if (this.#abandoned.takeBack(thread)) return;
        this.#needs.log.error("seed.thread_failed", { cause });
        thread.terminate();
        this.#drop(
          thread,
          new SeedError("lost", "The seed's thread failed", { cause }),
        );
        this.#pump();
      },
    });
    this.#threads.add(thread);
    return thread;
  }

  #assign(thread: ThreadHandle, call: PendingCall): void {
    thread.calls.set(call.id, call);
    const load = this.#loads.loadOn(thread, call.job.seed);
    call.load = load;
    if (load.isDone) return thread.postCall(call, this.#newId);
    // It may have been taken back meanwhile, and even have come again.
    const isWaiting = () =>
      thread.calls.get(call.id) === call && call.load === load &&
      !call.isPosted;
    load.facts.then(
      () => {
        if (isWaiting()) thread.postCall(call, this.#newId);
      },
      (fault: SeedError) => {
        if (!isWaiting()) return;
        thread.calls.delete(call.id);
        call.settle(fault);
        this.#pump();
      },
    );
  }

  #receive(thread: ThreadHandle, message: FromThread): void {
    if (this.#abandoned.takeBack(thread)) return;
    switch (message[0]) {
      case "done":
        return this.#finish(thread, message[1], message[2]);
      case "failed": {
        const { reason, message: text } = message[2];
        return this.#finish(thread, message[1], new SeedError(reason, text));
      }
      case "loaded":
        return thread.loaded(message[1], message[2]);
      case "refused": {
        const [, number, { reason, message: text }, hint] = message;
        const fault = new SeedError(reason, text, { hint });
        return thread.refused(number, fault);
      }
      case "request":
        return this.#relay(thread, message);
      case "log": {
        const [, call, level, text] = message;
        const load = thread.calls.get(call)?.load ?? thread.loadNumbered(-call);
        const seed = load?.seed.name ?? "";
        return this.#needs.onLog(level, { seed, call, text });
      }
      case "pong":
        return thread.pong();
      default:
        return unreachable(message);
    }
  }

  #finish(
    thread: ThreadHandle,
    id: number,
    result: Bytes | SeedError,
  ): void {
    thread.calls.get(id)?.settle(result);
    thread.calls.delete(id);
    if (this.#queue.length > 0) this.#pump();
  }

  #relay(
    thread: ThreadHandle,
    [, request, id, uri, input]: RequestMessage,
  ): void {
    const call = thread.calls.get(id);
    const answer = (output: Bytes | undefined) =>
      thread.post(["answer", request, output]);
    if (call === undefined || call.isSettled) return answer(undefined);
    this.#scope.spawn("seed.request", async () => {
      let output: Bytes | undefined;
      try {
        output = await call.job.onRequest(uri, input);
      } finally {
        answer(output);
      }
    });
  }

  /** A guest does not return: the thread is given up with all it still has. */
  #abandon(thread: ThreadHandle, { load, isLoading }: Culprit): void {
    this.#abandoned.add(thread, load.seed);
    if (isLoading) endLoad(thread, load);
    this.#drop(
      thread,
      new SeedError("lost", `Its thread was lost to seed "${load.seed.name}"`),
    );
    this.#pump();
  }

  /** Takes a thread out: what it has not started starts elsewhere. */
  #drop(thread: ThreadHandle, fault: SeedError): void {
    this.#threads.delete(thread);
    const waiting: PendingCall[] = [];
    for (const call of [...thread.calls.values()]) {
      const isOver = call.isSettled || ++call.losses >= triesMax;
      if (!isOver && thread.takeBack(call)) waiting.push(call);
      else call.settle(fault);
    }
    this.#queue.putBack(waiting);
    for (const load of thread.loads.values()) {
      load.hasLostThread = true;
      load.reject(fault);
    }
  }

  readonly #onTaskFailure: FailureHandler = (task, cause) => {
    this.#needs.log.error("seed.task_failed", { task, cause });
  };
}
