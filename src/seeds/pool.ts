// The pool of seed threads: it gives each call a thread and an end. Whatever a
// guest does, its caller is answered by the deadline, once. Guests are metered
// and cannot hold a thread; a thread that is lost all the same is replaced, and
// only what had started there is lost with it.

import {
  type Bytes,
  ClosedError,
  type FailureHandler,
  limits,
  Scope,
  unreachable,
} from "../kernel/mod.ts";
import type { LogLevel, Ports } from "../ports/mod.ts";
import {
  Budget,
  errorOfFault,
  type FromThread,
  type LogMessage,
  type ModuleFacts,
  SeedError,
} from "../threads/mod.ts";
import { Assignment } from "./assignment.ts";
import { Dispatch } from "./dispatch.ts";
import type { HostedSeed } from "./hosted.ts";
import { IdleSweep } from "./idle.ts";
import { Loads } from "./loads.ts";
import { LogGate } from "./log_gate.ts";
import { ModuleCache } from "./module_cache.ts";
import type { CallJob } from "./pending_call.ts";
import { Preparations } from "./preparation.ts";
import { Relay, type SeedEgress } from "./relay.ts";
import { ThreadHandle } from "./thread_handle.ts";
import { type SeedUsage, usageOf } from "./usage.ts";
import { Watch } from "./watch.ts";
import { Workers } from "./workers.ts";

/** A line that a guest logged, with its seed's name and its call's id. */
export type SeedLogLine = {
  readonly seed: string;
  readonly call: number;
  readonly text: string;
};

/** `onLog` must not throw; it hears so many lines a second of each seed. */
export type PoolNeeds =
  & Pick<Ports, "clock" | "disk" | "log" | "sandbox" | "signer">
  & {
    readonly egress: SeedEgress;
    onLog(level: LogLevel, line: SeedLogLine): void;
  };

/** Threads that may be lost under a load before it fails. */
const triesMax = 3;

/** Starts threads only when a seed is loaded or called. */
export class SeedPool implements AsyncDisposable {
  readonly #needs: PoolNeeds;
  readonly #scope: Scope;
  readonly #budget: Budget;
  readonly #workers: Workers;
  readonly #assignment: Assignment;
  readonly #loads: Loads;
  readonly #dispatch: Dispatch;
  readonly #watch: Watch;
  readonly #idle: IdleSweep;
  readonly #relay: Relay;
  readonly #gate: LogGate;
  #lost = 0;

  /** Starts no thread yet. */
  constructor(needs: PoolNeeds) {
    const { clock, sandbox } = needs;
    this.#needs = needs;
    this.#scope = new Scope(this.#onTaskFailure);
    const { cores, memoryBytes = Infinity } = sandbox;
    this.#budget = Budget.ofBytes(
      Math.min(limits.guestsBytesMax, memoryBytes / 2),
    );
    const workers = new Workers(cores, {
      canSpawn: () => sandbox.canSpawn(),
      spawn: () => this.#spawn(),
    });
    const assignment = new Assignment(workers);
    const preparations = new Preparations({
      cache: new ModuleCache(needs),
      scope: this.#scope,
      preparer: () => workers.preparer,
    });
    const loads = new Loads({
      clock,
      preparations,
      onReady: (thread, load) => this.#dispatch.loaded(thread, load),
      onFailed: (thread, load, fault) =>
        this.#dispatch.notLoaded(thread, load, fault),
    });
    const parts = { clock, workers, assignment, loads };
    this.#workers = workers;
    this.#assignment = assignment;
    this.#loads = loads;
    this.#dispatch = new Dispatch(parts);
    this.#idle = new IdleSweep(parts);
    this.#watch = new Watch(clock, {
      ...parts,
      onOverdue: (call, fault) => this.#dispatch.end(call, fault),
      onSilent: (thread, silentMs) => this.#giveUp(thread, silentMs),
    });
    this.#relay = new Relay(needs);
    this.#gate = new LogGate(needs);
  }

  /** `lost` are those that failed since the start; they were replaced. */
  get threadCounts(): { readonly running: number; readonly lost: number } {
    return { running: this.#workers.threads.length, lost: this.#lost };
  }

  /**
   * Prepares a module and tries it on a thread.
   *
   * @throws {SeedError} Why it cannot run.
   */
  async load(seed: HostedSeed): Promise<ModuleFacts> {
    for (let losses = 0;;) {
      if (this.#scope.isClosed) throw closing();
      const { preferred } = this.#assignment.laneOf(seed.key);
      const load = this.#loads.on(this.#workers.at(preferred), seed);
      this.#watch.start(this.#needs.clock.nowMs());
      try {
        return await load.facts;
      } catch (cause) {
        if (!load.hasLostThread || ++losses >= triesMax) throw cause;
      }
    }
  }

  /** Frees what threads hold of a seed. Calls that started go on. */
  unload(key: string): void {
    for (const thread of this.#workers.threads) {
      const load = thread.loads.get(key);
      if (load !== undefined) this.#loads.end(thread, load);
    }
  }

  /** Ends the calls under way of a seed that was taken back. */
  recall(name: string): void {
    const text = `Seed "${name}" was taken back`;
    const hint = "Call it again when it was seeded again";
    this.#dispatch.endSeed(name, new SeedError("cancelled", text, { hint }));
  }

  /** What threads hold of a seed, and how much they use; all zero if none. */
  usageOf(key: string): Promise<SeedUsage> {
    const usage = usageOf(this.#workers, key);
    this.#watch.start(this.#needs.clock.nowMs());
    return usage;
  }

  /**
   * Runs one call. The input of its job is given away, whatever becomes of the
   * call: a retry needs new bytes.
   *
   * @throws {SeedError} Why it failed; retry only "lost", with new bytes.
   * @throws {SaturatedError} It did not run; safe to retry with new bytes.
   * @throws {AssertionError} The input was given away before.
   */
  call(job: CallJob): Promise<Bytes> {
    if (this.#scope.isClosed) return Promise.reject(closing());
    const nowMs = this.#needs.clock.nowMs();
    this.#watch.start(nowMs);
    try {
      return this.#dispatch.submit(job, nowMs);
    } catch (cause) {
      return Promise.reject(cause);
    }
  }

  /** Fails what is under way with reason "lost"; harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#scope[Symbol.asyncDispose]();
    const fault = new SeedError("lost", "The node is closing");
    for (const thread of this.#workers.threads) {
      this.#workers.remove(thread);
      thread.terminate();
      this.#dispatch.closeThread(thread, fault);
      this.#loads.lose(thread, fault);
    }
    this.#dispatch.closeQueues(fault);
    this.#watch[Symbol.dispose]();
    this.#idle[Symbol.dispose]();
    this.#gate[Symbol.dispose]();
    await closed;
  }

  #spawn(): ThreadHandle {
    this.#idle.start();
    const thread = this.#needs.sandbox.spawn("seed");
    return new ThreadHandle(thread, this.#budget, {
      onMessage: (from, message) => this.#receive(from, message),
      onFailure: (from, cause) => {
        this.#needs.log.error("seed.thread_failed", { cause });
        const text = "The seed's thread failed";
        this.#lose(from, new SeedError("lost", text, { cause }));
      },
    });
  }

  #receive(thread: ThreadHandle, message: FromThread): void {
    switch (message[0]) {
      case "done":
        return this.#dispatch.done(thread, message[1], message[2]);
      case "failed": {
        const [, id, fault] = message;
        return this.#dispatch.failed(thread, id, errorOfFault(fault));
      }
      case "request":
        return this.#relay.request(thread, message);
      case "fetch":
        return this.#relay.fetch(thread, message);
      case "log":
        return this.#log(thread, message);
      case "prepared":
        return thread.prepared(message[1], message);
      case "loaded":
        return this.#loads.loaded(thread, message);
      case "refused": {
        const [, number, given, hint] = message;
        const fault = errorOfFault({ hint, ...given });
        thread.prepared(number, fault);
        return this.#loads.refused(thread, number, { fault });
      }
      case "starved":
        for (const other of this.#workers.threads) {
          if (other !== thread) other.post(["trim"]);
        }
        return;
      case "pong":
        return thread.pong(message[1]);
      default:
        return unreachable(message);
    }
  }

  #log(thread: ThreadHandle, [, call, level, text]: LogMessage): void {
    const seed = thread.calls.get(call)?.job.seed ??
      thread.loadNumbered(-call)?.seed;
    if (seed === undefined || !this.#gate.admits(seed.name, text)) return;
    this.#needs.onLog(level, { seed: seed.name, call, text });
  }

  /** Only a fault of this program can make a thread silent. */
  #giveUp(thread: ThreadHandle, silentMs: number): void {
    this.#needs.log.error("seed.thread_silent", { silentMs });
    this.#lose(thread, new SeedError("lost", "The seed's thread hung"));
  }

  /** What it has not started starts elsewhere. */
  #lose(thread: ThreadHandle, fault: SeedError): void {
    this.#lost++;
    this.#workers.replace(thread);
    thread.terminate();
    this.#dispatch.evacuate(thread, fault);
    this.#loads.lose(thread, fault);
  }

  readonly #onTaskFailure: FailureHandler = (task, cause) => {
    this.#needs.log.error("seed.task_failed", { task, cause });
  };
}

function closing(): ClosedError {
  return new ClosedError("The node is closing");
}
