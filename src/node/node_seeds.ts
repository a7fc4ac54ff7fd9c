// The seeds of one node: publishing, removing and inspecting them, and calls to
// them. Modules lie in the store, specs in the state, and the pool runs them.
// In come requests of people and of other nodes; out go answers, and entries of
// the state. It must never remove a module that the disk's journal may name.

import {
  type Bytes,
  DeniedError,
  type Digest,
  parseName,
  type PeerId,
  Sequence,
} from "../kernel/mod.ts";
import type { LogLevel, Ports } from "../ports/mod.ts";
import {
  noSeed,
  type OwnerState,
  type SeedEntry,
  type SeedSpec,
  type StateChange,
  type View,
} from "../state/mod.ts";
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
import type { NodeWork } from "./presence.ts";
import { type NameHolder, SeedNames, type SeedPlace } from "./seed_names.ts";

/** `replaces`, and the spec before, are undefined when the name was free. */
export type PublishedFacts = ModuleFacts & {
  readonly digest: Digest;
  readonly spec: SeedSpec;
  readonly replaces: Digest | undefined;
  readonly before: SeedSpec | undefined;
  readonly usage: SeedUsage;
  /** Who holds the name although this node has published it too. */
  readonly heldBy: NameHolder | undefined;
};

/** What is asked of a publish beside the seed's own options. */
export type PublishOptions = SeedOptions & {
  /** Publish although another node that is alive has the name. */
  readonly isTakeover?: boolean | undefined;
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
  readonly remote: Omit<RemoteCalls, "holderOf">;
  /** Whether another node was heard of lately. */
  readonly isLive: (peer: PeerId) => boolean;
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
  readonly #names: SeedNames;
  readonly #scope = new AsyncDisposableStack();
  readonly #removals = new Sequence();

  /** For the node. */
  constructor(ports: Ports, config: NodeSeedsConfig) {
    this.#ports = ports;
    this.#config = config;
    const { state, isLive } = config;
    const { peer: self } = config.remote.self;
    this.#names = new SeedNames({ state, self, isLive });
    const remote: RemoteCalls = {
      ...config.remote,
      holderOf: (name) => this.#names.holderOf(name)?.peer,
    };
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
    this.#hosted.adopt(this.#own);
    this.#scope.use(state.onChange(({ owners }: StateChange) => {
      if (owners.has(self)) this.#hosted.adopt(this.#own);
    }));
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
  report({ name, owner, spec }: SeedEntry): SeedReport {
    const { peer: self } = this.#config.remote.self;
    if (owner !== self) return { ...noCalls, refusal: undefined };
    const refusal = this.#keeper.damageOf(spec.digest);
    return { ...this.#calls.reportOf(name), refusal };
  }

  /**
   * Where the seed is that somebody means by a name, or by a name and the start
   * of its owner's id.
   *
   * @throws {NotFoundError | AmbiguousError} As `View.seed`.
   */
  locate(text: string): SeedPlace {
    const { owner, name } = this.#names.find(text);
    return { owner, name };
  }

  /** How much there is to do for this node's own seeds. */
  work(): NodeWork {
    const workers = Math.max(1, this.#ports.sandbox.cores - 1);
    const counts = [...this.#calls.counts()];
    const sum = (total: number, { running }: { running: number }) =>
      total + running;
    return {
      callsUnderWay: counts.reduce(sum, 0),
      seeds: counts.map(({ name, calls, running }) => {
        const saturationPermille = Math.round(1_000 * running / workers);
        return { name, calls, saturationPermille };
      }),
    };
  }

  /** Removes modules that no seed names, and looks for those that are. */
  async tidy(): Promise<void> {
    await this.#keeper.collect();
    for (const { spec } of this.#own.values()) {
      await this.#keeper.inspect(spec.digest, spec);
    }
  }

  /** As `Node.inspectSeed`. */
  async inspect(text: string): Promise<SeedInspection> {
    const entry = this.#names.find(text);
    const seed = this.#hosted.find(entry.name);
    if (entry.owner !== this.#config.remote.self.peer || seed === undefined) {
      const report = this.report(entry);
      return { entry, functions: undefined, ...report, usage: noUsage };
    }
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
      readonly options: PublishOptions;
      readonly standing: MemberStanding;
      readonly change: <T>(run: () => Promise<T>) => Promise<T>;
    },
  ): Promise<PublishedFacts> {
    parseName(name, "seed");
    refuseLeaf(standing, this.#config.remote.self.peer);
    const { isTakeover = false, ...asked } = options;
    this.#names.checkFree(name, { isTakeover });
    const { config, timeoutMs, ...settings } = parseSeedOptions(asked);
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
        this.#names.checkFree(name, { isTakeover }); // loading took its time
        const before = this.#own.get(name)?.spec;
        const entry = { section: "seeds", key: name, value: spec } as const;
        const taken = isTakeover ? this.#names.takeover(name, publishedMs) : [];
        await state.publish([entry, ...taken]);
        const replaces = before?.digest;
        const heldBy = this.#names.holderOf(name);
        return { digest, spec, functions, replaces, before, usage, heldBy };
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
      if (!this.#own.has(name)) {
        throw this.#names.notOwn(name) ?? noSeed(this.#hosted.names(), name);
      }
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

  /** Others' seeds are neither loaded nor kept here. */
  get #own(): View["ownSeeds"] {
    return this.#config.state.view().ownSeeds;
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

/** Of a seed that another node runs. */
const noCalls: CallReport = {
  calls: 0,
  errors: 0,
  errorsByReason: {},
  running: 0,
  p50Ms: undefined,
  p99Ms: undefined,
};

const noUsage: SeedUsage = {
  isolation: undefined,
  isolationReason: undefined,
  threads: 0,
  instances: 0,
  memoryBytes: 0,
  peakBytes: 0,
  cpuMs: 0,
  functions: undefined,
};

function refuseLeaf({ tier }: MemberStanding, self: PeerId): void {
  if (tier !== "leaf") return;
  throw new DeniedError("A leaf cannot publish", {
    hint: `Ask an admin: pln grant ${self.slice(0, 12)} --publisher`,
  });
}
