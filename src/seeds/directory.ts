// The seeds that a node hosts, as the newest view names them. Specs come in
// with each change of the state; out go versions to call. A replaced version
// leaves the pool, and its module the store, only when its last call has ended.
// A name that is gone has no calls: they end with it.

import { type Bytes, type Digest, Holds, limits } from "../kernel/mod.ts";
import type { ObjectKeeper } from "../blobs/mod.ts";
import { type HostedSeed, hostSeed } from "./hosted.ts";
import type { SeedSettings } from "./options.ts";
import type { PublishedSeed, SeedDirectory } from "./targets.ts";

/** A seed as the state has it. */
export type PublishedSpec = SeedSettings & {
  readonly digest: Digest;
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
};

/** What it removes from when nobody needs it any more. */
export type DirectoryNeeds = {
  readonly keeper: Pick<ObjectKeeper, "hold" | "read" | "discard">;
  readonly pool: {
    unload(key: string): void;
    /** Ends the calls under way of this name. */
    recall(name: string): void;
  };
};

/** Hosts nothing before the first `adopt`; holds nothing to dispose. */
export class HostedSeeds implements SeedDirectory {
  readonly #needs: DirectoryNeeds;
  /** Seeds that calls under way use, replaced ones among them, by key. */
  readonly #used = new Holds<string>();
  #seeds: ReadonlyMap<string, PublishedSeed> = new Map();
  #named: ReadonlySet<Digest> = new Set();

  /** Takes `needs` as they are. */
  constructor(needs: DirectoryNeeds) {
    this.#needs = needs;
  }

  /** The version that calls of this name run now. */
  find(name: string): PublishedSeed | undefined {
    return this.#seeds.get(name);
  }

  /** In the order of the view. */
  names(): readonly string[] {
    return [...this.#seeds.keys()];
  }

  /** Whether a hosted seed has this module. */
  isNamed(digest: Digest): boolean {
    return this.#named.has(digest);
  }

  /** Hosts these, and no others from now on. */
  adopt(entries: ReadonlyMap<string, { readonly spec: PublishedSpec }>): void {
    const before = this.#seeds;
    const once = this.#named;
    const seeds = new Map<string, PublishedSeed>();
    for (const [name, { spec }] of entries) {
      seeds.set(name, this.#host(name, spec));
    }
    this.#seeds = seeds;
    this.#named = new Set([...seeds.values()].map(({ digest }) => digest));
    for (const name of before.keys()) {
      if (!seeds.has(name)) this.#needs.pool.recall(name);
    }
    for (const seed of before.values()) this.unloadIfOld(seed);
    for (const digest of once) {
      if (!this.#named.has(digest)) void this.#needs.keeper.discard(digest);
    }
  }

  /** A module of the store. @throws {PlnError} It is not there, or damaged. */
  read(digest: Digest): Promise<Bytes> {
    const bytesMax = limits.moduleBytesMax;
    return this.#needs.keeper.read(digest, { bytesMax });
  }

  /** Frees a version that is not the current one and that no call uses. */
  unloadIfOld({ name, key }: Pick<HostedSeed, "name" | "key">): void {
    if (this.#seeds.get(name)?.key === key || this.#used.has(key)) return;
    this.#needs.pool.unload(key);
  }

  #host(name: string, spec: PublishedSpec): PublishedSeed {
    const { digest, config, timeoutMs, ...settings } = spec;
    const seed = hostSeed(
      { name, digest, config, settings },
      () => this.read(digest),
    );
    return { ...seed, timeoutMs, hold: () => this.#hold(seed) };
  }

  #hold(seed: HostedSeed): Disposable {
    const holds = new DisposableStack();
    holds.use(this.#needs.keeper.hold(seed.digest));
    holds.use(this.#used.take(seed.key, () => this.unloadIfOld(seed)));
    return holds;
  }
}
