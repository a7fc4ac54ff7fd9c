// Modules made ready for threads: read from the cache or checked and rewritten
// anew on a thread, and compiled there. All loads of one module share
// one preparation, which is kept for as long as one of them needs it.

import { type Bytes, pageBytes, type Scope } from "../kernel/mod.ts";
import {
  type ModuleCaps,
  type ModulePlan,
  type ModuleSource,
  SeedError,
} from "../threads/mod.ts";
import type { HostedSeed } from "./hosted.ts";
import type { ModuleCache } from "./module_cache.ts";
import type { ThreadHandle } from "./thread_handle.ts";
import { TypeCount } from "./type_count.ts";

/** A compiled module, for any number of threads. */
export type PreparedModule = {
  readonly module: WebAssembly.Module;
  readonly plan: ModulePlan;
};

/** One that is held; whoever took it gives it back once. */
export type HeldModule = Disposable & {
  /** Rejects with a {SeedError}. */
  readonly prepared: Promise<PreparedModule>;
};

export type PreparationsNeeds = {
  readonly cache: ModuleCache;
  readonly scope: Scope;
  /** The thread to prepare on, started if it is not there. */
  preparer(): ThreadHandle;
};

type Entry = { readonly prepared: Promise<PreparedModule>; holders: number };

/** Threads that may be lost under a preparation before it fails. */
const triesMax = 3;

export class Preparations {
  readonly #needs: PreparationsNeeds;
  readonly #entries = new Map<string, Entry>();
  readonly #types = new TypeCount();

  constructor(needs: PreparationsNeeds) {
    this.#needs = needs;
  }

  /** Prepares the module of a seed, unless that is done or under way. */
  take(seed: HostedSeed): HeldModule {
    const memoryPagesMax = Math.floor(seed.settings.memoryBytes / pageBytes);
    const key = `${seed.digest} ${memoryPagesMax}`;
    const entry = this.#entries.get(key) ??
      this.#add(key, this.#begin(seed, { memoryPagesMax }));
    entry.holders++;
    return {
      prepared: entry.prepared,
      [Symbol.dispose]: () => {
        if (--entry.holders === 0) this.#forget(key, entry);
      },
    };
  }

  #add(key: string, prepared: Promise<PreparedModule>): Entry {
    const entry: Entry = { prepared, holders: 0 };
    this.#entries.set(key, entry);
    // Nobody who comes after the failure shares it: a disk may have recovered.
    prepared.catch(() => this.#forget(key, entry));
    return entry;
  }

  #forget(key: string, entry: Entry): void {
    if (this.#entries.get(key) === entry) this.#entries.delete(key);
  }

  async #begin(seed: HostedSeed, caps: ModuleCaps): Promise<PreparedModule> {
    try {
      return await this.#prepare(seed, caps);
    } catch (cause) {
      if (cause instanceof SeedError) throw cause;
      const text = cause instanceof Error ? cause.message : String(cause);
      throw new SeedError("lost", `The host failed: ${text}`, { cause });
    }
  }

  async #prepare(seed: HostedSeed, caps: ModuleCaps): Promise<PreparedModule> {
    const { cache, scope } = this.#needs;
    const { digest } = seed;
    const name = cache.nameOf(digest, caps);
    let isCacheTrusted = true;
    for (let losses = 0; losses < triesMax;) {
      const kept = isCacheTrusted ? await cache.read(name) : undefined;
      const source = kept === undefined
        ? await originalOf(seed)
        : { type: "kept", bytes: kept } as const;
      if (scope.isClosed) throw new SeedError("lost", "The node is closing");
      this.#types.check(digest);
      const { length } = source.bytes; // they are given away
      const end = await this.#needs.preparer().prepare(source, caps);
      if (end === undefined) {
        losses++;
      } else if (!(end instanceof SeedError)) {
        const [, , module, plan, keep] = end;
        this.#types.add(digest, plan.types);
        if (keep !== undefined) this.#keep(name, keep);
        return { module, plan };
      } else if (kept === undefined) {
        this.#types.addRefused(digest, length);
        throw end;
      } else {
        // Whatever is wrong with it, it is no fault of the module, and what is
        // made now takes its place.
        isCacheTrusted = false;
      }
    }
    throw new SeedError(
      "lost",
      `Seed "${seed.name}" cannot be prepared: ${triesMax} threads were lost`,
    );
  }

  #keep(name: string, bytes: Bytes): void {
    const { cache, scope } = this.#needs;
    if (scope.isClosed) return;
    scope.spawn("seed.keep", () => cache.write(name, bytes));
  }
}

async function originalOf(seed: HostedSeed): Promise<ModuleSource> {
  try {
    const bytes = await seed.readModule();
    return { type: "original", bytes, digest: seed.digest };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new SeedError(
      "lost",
      `Seed "${seed.name}" cannot be loaded: ${text}`,
      {
        cause,
        hint: "Seed it again from its file",
      },
    );
  }
}
