// Brings modules onto threads. A thread gets a module when a call first needs
// it there, and loses the least recently used one when it holds too many.
// Bytes are read and verified anew for each load; none are kept here.

import { limits, type Scope } from "../kernel/mod.ts";
import type { Clock } from "../ports/mod.ts";
import { SeedError } from "./errors.ts";
import type { ModuleFacts } from "./module.ts";
import type { HostedSeed, ThreadHandle } from "./thread_handle.ts";

/** One module on its way to one thread, or there. */
export type Load = {
  /** Names it to the thread; never used twice. */
  readonly number: number;
  readonly seed: Pick<HostedSeed, "key" | "digest" | "name">;
  readonly facts: Promise<ModuleFacts>;
  readonly resolve: (facts: ModuleFacts) => void;
  readonly reject: (fault: SeedError) => void;
  /** When the module was posted; undefined while its bytes are read. */
  postedMs: number | undefined;
  isDone: boolean;
  /** It failed for another's sake: its thread ended or does not answer. */
  hasLostThread: boolean;
};

export class Loads {
  readonly #clock: Clock;
  readonly #scope: Scope;
  #nextNumber = 1;

  constructor(clock: Clock, scope: Scope) {
    this.#clock = clock;
    this.#scope = scope;
  }

  /** The load of `seed` on `thread`, started if it is not there. */
  loadOn(thread: ThreadHandle, seed: HostedSeed): Load {
    const known = thread.loads.get(seed.key);
    if (known !== undefined) {
      thread.loads.delete(seed.key);
      thread.loads.set(seed.key, known);
      return known;
    }
    const load = newLoad(seed, this.#nextNumber++);
    thread.addLoad(load);
    evict(thread);
    this.#scope.spawn("seed.load", () => this.#post(thread, load, { seed }));
    return load;
  }

  async #post(
    thread: ThreadHandle,
    load: Load,
    { seed }: { readonly seed: HostedSeed },
  ): Promise<void> {
    const { name, config, readModule } = seed;
    try {
      const bytes = await readModule();
      if (thread.loads.get(seed.key) !== load) return;
      load.postedMs = this.#clock.nowMs();
      thread.post(["load", load.number, bytes, { name, config }]);
    } catch (cause) {
      const text = cause instanceof Error ? cause.message : String(cause);
      thread.removeLoad(
        load,
        new SeedError("lost", `Seed "${name}" cannot be loaded: ${text}`, {
          cause,
          hint: "Seed it again from its file",
        }),
      );
    }
  }
}

function newLoad(seed: HostedSeed, number: number): Load {
  const { promise, resolve, reject } = Promise.withResolvers<ModuleFacts>();
  // Whoever waits for it sees the failure; sometimes nobody does any more.
  promise.catch(() => undefined);
  const { key, digest, name } = seed;
  return {
    number,
    seed: { key, digest, name },
    facts: promise,
    resolve,
    reject,
    postedMs: undefined,
    isDone: false,
    hasLostThread: false,
  };
}

function evict(thread: ThreadHandle): void {
  const used = new Set([...thread.calls.values()].map((call) => call.load));
  for (const load of [...thread.loads.values()]) {
    if (thread.loads.size <= limits.compiledModulesPerThreadMax) return;
    if (load.isDone && !used.has(load)) thread.unload(load);
  }
}
