// Brings modules onto threads. A thread gets a module when a call first needs
// it there, and loses it when it holds too many or has not used it for long.
// It knows what became of each load; what that means for calls, the pool does.

import { limits } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import {
  callableFunctions,
  type Isolation,
  type LoadedMessage,
  type ModuleFacts,
  SeedError,
} from "../threads/mod.ts";
import type { HostedSeed } from "./hosted.ts";
import type { HeldModule, Preparations } from "./preparation.ts";
import type { ThreadHandle } from "./thread_handle.ts";

/** One module on its way to one thread, or there. */
export class Load {
  /** Settles when it has been tried; rejects with a {SeedError}. */
  readonly facts: Promise<ModuleFacts>;
  /** When the module was posted; undefined while it is prepared. */
  postedMs: number | undefined;
  isReady = false;
  /** It failed for another's sake: its thread was lost. */
  hasLostThread = false;
  /** Number of the use of any load that was the last one of this. */
  lastUse = 0;
  functions: readonly string[] = [];
  isolation: Isolation | undefined;
  /** Why it is not the isolation asked for; undefined when it is. */
  isolationReason: string | undefined;
  readonly #end = Promise.withResolvers<ModuleFacts>();

  constructor(
    /** Names it to its thread; never used twice there. */
    readonly number: number,
    readonly seed: HostedSeed,
    readonly held: HeldModule,
  ) {
    this.facts = this.#end.promise;
    // Whoever waits for it sees the failure; sometimes nobody does any more.
    this.facts.catch(() => undefined);
  }

  /** It was posted, and its thread has not answered. */
  get isBeingTried(): boolean {
    return this.postedMs !== undefined && !this.isReady;
  }

  succeed(): void {
    this.isReady = true;
    this.#end.resolve({ functions: this.functions });
  }

  fail(fault: SeedError): void {
    this.#end.reject(fault);
  }
}

export type LoadsNeeds = {
  readonly clock: Clock;
  readonly preparations: Preparations;
  /** Calls that wait for it can be posted. */
  onReady(thread: ThreadHandle, load: Load): void;
  /** Calls that wait for it fail. */
  onFailed(thread: ThreadHandle, load: Load, fault: { fault: SeedError }): void;
};

export class Loads {
  readonly #needs: LoadsNeeds;
  #uses = 0;
  /** How many uses there were at the last sweeps. */
  readonly #usesAtSweeps: number[] = [];

  constructor(needs: LoadsNeeds) {
    this.#needs = needs;
  }

  /** The load of `seed` on `thread`, started if it is not there. */
  on(thread: ThreadHandle, seed: HostedSeed): Load {
    const load = thread.loads.get(seed.key) ?? this.#start(thread, seed);
    load.lastUse = ++this.#uses;
    return load;
  }

  /** The thread has tried it. */
  loaded(thread: ThreadHandle, message: LoadedMessage): void {
    const [, number, isolation, reason] = message;
    const load = thread.loadNumbered(number);
    // It was unloaded meanwhile: the thread has heard of that by now.
    if (load === undefined) return;
    load.isolation = isolation;
    load.isolationReason = reason;
    load.succeed();
    this.#needs.onReady(thread, load);
  }

  /** The thread refuses a module; harmless for one that is forgotten. */
  refused(
    thread: ThreadHandle,
    number: number,
    { fault }: { readonly fault: SeedError },
  ): void {
    const load = thread.loadNumbered(number);
    if (load !== undefined) this.#drop(thread, load, { fault });
  }

  /** Gives a load up, at any point of its life; harmless twice. */
  end(
    thread: ThreadHandle,
    load: Load,
    { fault = unwanted() }: { readonly fault?: SeedError } = {},
  ): void {
    if (thread.loadNumbered(load.number) !== load) return;
    if (load.postedMs !== undefined) thread.post(["unload", load.number]);
    this.#drop(thread, load, { fault });
  }

  /** Its thread is lost, with all that was there. */
  lose(thread: ThreadHandle, fault: SeedError): void {
    for (const load of [...thread.loads.values()]) {
      load.hasLostThread = true;
      thread.removeLoad(load);
      load.held[Symbol.dispose]();
      load.fail(fault);
    }
  }

  /** Unloads what no call has used since so many sweeps. */
  sweep(threads: Iterable<ThreadHandle>, idleSweeps: number): void {
    this.#usesAtSweeps.push(this.#uses);
    if (this.#usesAtSweeps.length <= idleSweeps) return;
    const oldUse = this.#usesAtSweeps.shift() ?? 0;
    for (const thread of threads) {
      const used = loadsInUse(thread);
      for (const load of [...thread.loads.values()]) {
        const isIdle = load.isReady && !used.has(load);
        if (isIdle && load.lastUse <= oldUse) this.end(thread, load);
      }
    }
  }

  #start(thread: ThreadHandle, seed: HostedSeed): Load {
    const held = this.#needs.preparations.take(seed);
    const load = new Load(thread.newNumber(), seed, held);
    thread.addLoad(load);
    this.#evict(thread);
    void held.prepared.then(({ module, plan }) => {
      if (thread.loadNumbered(load.number) !== load) return;
      load.functions = callableFunctions(plan);
      load.postedMs = this.#needs.clock.nowMs();
      const { name, config, settings } = seed;
      const { isolation, cpuMs, allowHosts } = settings;
      const mayFetch = allowHosts.length > 0;
      const setup = { name, config, isolation, cpuMs, mayFetch };
      thread.post(["load", load.number, module, plan, setup]);
    }, (fault) => this.end(thread, load, { fault }));
    return load;
  }

  #drop(
    thread: ThreadHandle,
    load: Load,
    { fault }: { readonly fault: SeedError },
  ): void {
    thread.removeLoad(load);
    load.held[Symbol.dispose]();
    load.fail(fault);
    if (!load.isReady) this.#needs.onFailed(thread, load, { fault });
  }

  #evict(thread: ThreadHandle): void {
    const excess = thread.loads.size - limits.compiledModulesPerThreadMax;
    if (excess <= 0) return;
    const used = loadsInUse(thread);
    const idle = [...thread.loads.values()]
      .filter((load) => load.isReady && !used.has(load))
      .sort((left, right) => left.lastUse - right.lastUse);
    for (const load of idle.slice(0, excess)) this.end(thread, load);
  }
}

function loadsInUse(thread: ThreadHandle): ReadonlySet<Load | undefined> {
  return new Set([...thread.calls.values()].map((call) => call.load));
}

function unwanted(): SeedError {
  return new SeedError("lost", "The seed was replaced or unseeded");
}
