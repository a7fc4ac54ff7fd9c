// The seeds of one node: publishing, removing and inspecting them, and calls to
// them. Modules lie in the store, specs in the state, and the pool runs them.
// In come requests of people and of other nodes; out go answers, and entries of
// the state. It must never remove a module that the disk's journal may name.

import {
  type Bytes,
  DeniedError,
  type Digest,
  isNear,
  NotFoundError,
  parseName,
  type PeerId,
  Sequence,
} from "../kernel/mod.ts";
import type { LogLevel, Ports } from "../ports/mod.ts";
import type { OwnerState, SeedEntry, SeedSpec, View } from "../state/mod.ts";
import { ContentStore, ObjectKeeper } from "../blobs/mod.ts";
import { Egress } from "../egress/mod.ts";
import {
  type CallReport,
  type CallRequest,
  type HostedSeed,
  HostedSeeds,
  hostSeed,
  type ModuleFacts,
  parseSeedOptions,
  type RemoteCalls,
  SeedCalls,
  SeedError,
  type SeedLogLine,
  type SeedOptions,
  SeedPool,
  type SeedTarget,
  type SeedUsage,
} from "../seeds/mod.ts";
import type { MemberStanding } from "./members.ts";

/** `replaces`, and the spec before, are undefined when the name was free. */
export type PublishedFacts = ModuleFacts & {
  readonly digest: Digest;
  readonly spec: SeedSpec;
  readonly replaces: Digest | undefined;
  readonly before: SeedSpec | undefined;
  readonly usage: SeedUsage;
};

/** `refusal` says why this node does not run the seed; undefined: it does. */
export type SeedReport = CallReport & {
  readonly refusal: string | undefined;
};

/** `functions` are undefined while the module cannot be loaded. */
export type SeedInspection = SeedReport & {
  readonly entry: SeedEntry;
  readonly functions: readonly string[] | undefined;
  readonly usage: SeedUsage;
};

/** What the seeds of a node stand on. */
export type NodeSeedsConfig = {
  readonly state: OwnerState;
  /** Says who this node is before the first entry of a start. */
  readonly announce: () => Promise<void>;
  readonly remote: RemoteCalls;
};

/** Disposing ends calls and threads; `settle` waits for the store. */
export class NodeSeeds implements AsyncDisposable {
  readonly #ports: Ports;
  readonly #config: NodeSeedsConfig;
  readonly #store: ContentStore;
  readonly #keeper: ObjectKeeper;
  readonly #pool: SeedPool;
  readonly #calls: SeedCalls;
  readonly #hosted: HostedSeeds;
  readonly #scope = new AsyncDisposableStack();
  readonly #removals = new Sequence();

  /** For the node. */
  constructor(ports: Ports, config: NodeSeedsConfig) {
    this.#ports = ports;
    this.#config = config;
    const { state, remote } = config;
    this.#store = new ContentStore(ports);
    this.#keeper = new ObjectKeeper({
      store: this.#store,
      log: ports.log,
      isNamed: (digest) => this.#isNamed(digest),
    });
    const egress = new Egress(ports);
    const pool = this.#pool = this.#scope.use(
      new SeedPool({ ...ports, egress, onLog: this.#onSeedLog }),
    );
    this.#hosted = new HostedSeeds({ keeper: this.#keeper, pool });
    this.#calls = new SeedCalls({
      ...ports,
      pool,
      directory: this.#hosted,
      remote,
    });
    const adopt = ({ seeds }: View) => this.#hosted.adopt(seeds);
    adopt(state.view());
    this.#scope.use(state.onChange(adopt));
  }

  /** `lost` ended under their seeds and were replaced. */
  get threadCounts(): { readonly running: number; readonly lost: number } {
    return this.#pool.threadCounts;
  }

  /** Why the newest module could not be stored; undefined when it was. */
  get storeFault(): string | undefined {
    return this.#keeper.fault;
  }

  /** What is wrong with a stored module; undefined: nothing that is known. */
  damageOf({ digest }: SeedSpec): string | undefined {
    return this.#keeper.damageOf(digest);
  }

  /** What this node saw of a seed, and why it cannot run it. */
  report({ name, spec }: SeedEntry): SeedReport {
    const refusal = this.#keeper.damageOf(spec.digest);
    return { ...this.#calls.reportOf(name), refusal };
  }

  /** Removes modules that no seed names, and looks for those that are. */
  async tidy(): Promise<void> {
    await this.#keeper.collect();
    for (const { spec } of this.#seeds.values()) {
      await this.#keeper.inspect(spec.digest, spec);
    }
  }

  /** As `Node.inspectSeed`. */
  async inspect(name: string): Promise<SeedInspection> {
    const entry = this.#seeds.get(name);
    const seed = this.#hosted.find(name);
    if (entry === undefined || seed === undefined) throw this.#noSeed(name);
    using _version = seed.hold();
    const loaded = await this.#tryToLoad(seed);
    const usage = await this.#pool.usageOf(seed.key);
    const report = this.report(entry);
    const refusal = report.refusal ?? loaded.fault;
    return { entry, functions: loaded.functions, ...report, refusal, usage };
  }

  /**
   * As `Node.publishSeed`.
   *
   * @param options.change Runs what changes the disk, unless the node closes.
   */
  async publish(
    name: string,
    module: Bytes,
    { options, standing, change }: {
      readonly options: SeedOptions;
      readonly standing: MemberStanding;
      readonly change: <T>(run: () => Promise<T>) => Promise<T>;
    },
  ): Promise<PublishedFacts> {
    parseName(name, "seed");
    refuseLeaf(standing, this.#config.remote.self.peer);
    const { config, timeoutMs, ...settings } = parseSeedOptions(options);
    const digest = this.#store.digest(module);
    // The pool keeps what it was given: not the module's bytes.
    let unstored: Bytes | undefined = module;
    const seed = hostSeed(
      { name, digest, config, settings },
      async () => unstored ?? await this.#hosted.read(digest),
    );
    using _kept = this.#keeper.hold(digest);
    try {
      const { functions } = await this.#pool.load(seed);
      const usage = await this.#pool.usageOf(seed.key);
      const publishedMs = Math.round(this.#ports.clock.wallMs());
      const sizeBytes = module.length;
      const terms = { config, timeoutMs, ...settings };
      const spec = { digest, sizeBytes, ...terms, publishedMs };
      return await change(async () => {
        const { state, announce } = this.#config;
        // A stored module without a journal reads as a lost journal.
        if (state.report().seq === 0) await announce();
        await this.#keeper.put(module);
        const before = this.#seeds.get(name)?.spec;
        const entry = { section: "seeds", key: name, value: spec } as const;
        await state.publish([entry]);
        const replaces = before?.digest;
        return { digest, spec, functions, replaces, before, usage };
      });
    } catch (cause) {
      this.#hosted.unloadIfOld(seed);
      throw cause;
    } finally {
      unstored = undefined;
    }
  }

  /** As `Node.unpublishSeed`. */
  async unpublish(name: string): Promise<void> {
    // Of two that remove the same name, one finds it gone.
    await this.#removals.run(async () => {
      if (!this.#seeds.has(name)) throw this.#noSeed(name);
      const entry = { section: "seeds", key: name, value: undefined } as const;
      await this.#config.state.publish([entry]);
      this.#calls.forget(name);
    });
  }

  /** A call of this node itself, or of another one. */
  call(
    target: SeedTarget,
    input: Bytes,
    request: CallRequest,
  ): Promise<Bytes> {
    return this.#calls.call(target, input, request);
  }

  /** After disposal: nothing touches the disk when it resolves. */
  settle(): Promise<void> {
    return this.#keeper.settle();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }

  get #seeds(): View["seeds"] {
    return this.#config.state.view().seeds;
  }

  async #tryToLoad(
    seed: HostedSeed,
  ): Promise<{ readonly fault?: string } & Partial<ModuleFacts>> {
    try {
      return await this.#pool.load(seed);
    } catch (cause) {
      if (!(cause instanceof SeedError)) throw cause;
      const isDamaged = this.#keeper.damageOf(seed.digest) !== undefined;
      if (cause.reason === "lost" && !isDamaged) throw cause;
      return { fault: cause.message };
    }
  }

  #noSeed(name: string): NotFoundError {
    const near = this.#hosted.names()
      .find((known) => isNear(known, name, { edits: 2 }));
    return new NotFoundError(`There is no seed "${name.slice(0, 80)}"`, {
      hint: near === undefined
        ? 'See "pln status seeds"'
        : `Did you mean "${near}"?`,
    });
  }

  /**
   * Whether the disk's journal may name a module. Before the first publish of
   * this start, and after one that failed, a power loss may bring an older
   * state back with the modules it names. Nor can it be known of entries that
   * this version cannot read.
   */
  #isNamed(digest: Digest): boolean {
    if (this.#hosted.isNamed(digest)) return true;
    const { fault, seq, ignoredEntries } = this.#config.state.report();
    return fault !== undefined || seq === 0 ||
      ignoredEntries.some(({ section }) => section === "seeds");
  }

  readonly #onSeedLog = (level: LogLevel, line: SeedLogLine): void => {
    this.#ports.log[level]("seed.log", line);
  };
}

function refuseLeaf({ tier }: MemberStanding, self: PeerId): void {
  if (tier !== "leaf") return;
  throw new DeniedError("A leaf cannot publish", {
    hint: `Ask an admin: pln grant ${self.slice(0, 12)} --publisher`,
  });
}
