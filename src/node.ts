// The composition root: `openNode` joins identity, state, store and seeds into
// one node over whatever ports it is given. Requests come in as methods, what
// is durable goes out through the ports. It knows no process and no terminal,
// so that the simulator runs the very same node.

import {
  type Bytes,
  ClosedError,
  type Digest,
  Holds,
  limits,
  NotFoundError,
  parseName,
  Sequence,
} from "./kernel/mod.ts";
import type { LogLevel, Ports } from "./ports/mod.ts";
import type { NodeIdentity } from "./identity/mod.ts";
import {
  nodeRecordKey,
  openOwnerState,
  type OwnerState,
  type SeedEntry,
  type StateReport,
  type View,
} from "./state/mod.ts";
import { ContentStore, ObjectKeeper } from "./blobs/mod.ts";
import {
  type CallReport,
  type CallRequest,
  type HostedSeed,
  hostSeed,
  type ModuleFacts,
  parseSeedOptions,
  type PublishedSeed,
  SeedCalls,
  type SeedLogLine,
  type SeedOptions,
  SeedPool,
  type SeedTarget,
} from "./seeds/mod.ts";
import { version } from "./version.ts";

export {
  createCluster,
  isInitialised,
  loadIdentity,
  type Membership,
  type NodeIdentity,
  readMembership,
  renewOwnMember,
} from "./identity/mod.ts";

/** `name` is for people; several nodes may have it. */
export type NodeConfig = {
  readonly identity: NodeIdentity;
  readonly name: string;
};

/** `replaces` is undefined when the name was free. */
export type PublishedFacts = ModuleFacts & {
  readonly digest: Digest;
  readonly replaces: Digest | undefined;
};

/** `refusal` says why this node does not run the seed; undefined: it does. */
export type SeedReport = CallReport & {
  readonly refusal: string | undefined;
};

/** For the status: what is wrong, and what to type. */
export type NodeAlarm = {
  readonly message: string;
  readonly hint?: string | undefined;
};

/** In this node's own name: it fills the caller in. */
export type LocalCall = Omit<CallRequest, "caller">;

/** Opens the node of `ports.disk`. Disposing it drains nothing: do it first. */
export async function openNode(
  ports: Ports,
  config: NodeConfig,
): Promise<Node> {
  await using scope = new AsyncDisposableStack();
  const { key, cluster } = config.identity;
  // Stored modules were published, so a journal named them.
  const objects = await new ContentStore(ports).list();
  const expectsJournal = objects.length > 0;
  const stateConfig = { key, cluster, expectsJournal };
  const state = scope.use(await openOwnerState(ports, stateConfig));
  return new Node(ports, config, { state, scope: scope.move() });
}

/**
 * One a directory, under its lock. Changes after disposal began throw
 * {ClosedError}.
 */
export class Node implements AsyncDisposable {
  /** As it was opened with: a certificate renewed since is not in it. */
  readonly identity: NodeIdentity;
  /** Of the start; a new one needs a restart. */
  readonly name: string;
  readonly #ports: Ports;
  readonly #state: OwnerState;
  readonly #store: ContentStore;
  readonly #keeper: ObjectKeeper;
  readonly #pool: SeedPool;
  readonly #calls: SeedCalls;
  readonly #scope: AsyncDisposableStack;
  /** Seeds that calls under way use, replaced ones among them, by key. */
  readonly #used = new Holds<string>();
  readonly #changes = new Set<Promise<unknown>>();
  readonly #removals = new Sequence();
  #isClosed = false;
  #seeds: ReadonlyMap<string, PublishedSeed> = new Map();
  #named: ReadonlySet<Digest> = new Set();

  /** For `openNode`; takes `parts` over and disposes them. */
  constructor(
    ports: Ports,
    config: NodeConfig,
    parts: { readonly state: OwnerState; readonly scope: AsyncDisposableStack },
  ) {
    this.identity = config.identity;
    this.name = config.name;
    this.#ports = ports;
    this.#state = parts.state;
    this.#scope = parts.scope;
    this.#store = new ContentStore(ports);
    this.#keeper = new ObjectKeeper({
      store: this.#store,
      log: ports.log,
      isNamed: (digest) => this.#isNamed(digest),
    });
    this.#pool = this.#scope.use(
      new SeedPool({ ...ports, onLog: this.#onSeedLog }),
    );
    this.#calls = new SeedCalls({
      ...ports,
      pool: this.#pool,
      directory: {
        find: (name) => this.#seeds.get(name),
        names: () => [...this.#seeds.keys()],
      },
    });
    this.#adopt(this.#state.view());
    this.#scope.use(this.#state.onChange((view) => this.#adopt(view)));
  }

  /** Of this moment; it never changes, so read it again. */
  get view(): View {
    return this.#state.view();
  }

  /** Of this moment; `fault` is set while writes fail. */
  stateReport(): StateReport {
    return this.#state.report();
  }

  /** `abandoned` are those that guests hold which do not return. */
  get threadCounts(): { readonly running: number; readonly abandoned: number } {
    return this.#pool.threadCounts;
  }

  /** Why the newest module could not be stored; undefined when it was. */
  get storeFault(): string | undefined {
    return this.#keeper.fault;
  }

  /** What somebody should look at, worst first. */
  get alarms(): readonly NodeAlarm[] {
    const { fault, faultHint, ignoredEntries } = this.stateReport();
    const alarms: NodeAlarm[] = [];
    if (fault !== undefined) alarms.push({ message: fault, hint: faultHint });
    const message = this.#keeper.fault;
    if (message !== undefined) alarms.push({ message });
    for (const { name, spec } of this.view.seeds.values()) {
      const damage = this.#keeper.damageOf(spec.digest);
      if (damage === undefined) continue;
      const hint = `Seed it again: pln seed <file> ${name}`;
      alarms.push({ message: `Seed "${name}": ${damage}`, hint });
    }
    const { runawaySeeds, threadCounts } = this.#pool;
    if (runawaySeeds.length > 0) {
      alarms.push({
        message: `Calls of ${runawaySeeds.join(", ")} never ended and hold ` +
          `${threadCounts.abandoned} threads`,
        hint: 'Mend or unseed them, then "pln restart"',
      });
    }
    for (const { section, key, reason } of ignoredEntries) {
      alarms.push({ message: `Entry "${key}" of ${section}: ${reason}` });
    }
    return alarms;
  }

  /** What this node saw of a seed, and why it cannot run it. */
  seedReport({ name, spec }: SeedEntry): SeedReport {
    return {
      ...this.#calls.reportOf(name),
      refusal: this.#pool.refusalOf(spec.digest) ??
        this.#keeper.damageOf(spec.digest),
    };
  }

  /**
   * Tells the cluster who this node is, and with that settles the state after
   * a start; then removes stored modules that no seed names, as a crash may
   * leave them, and looks whether those that are named are there.
   *
   * @throws {CorruptError | DiskError} As a publish would; the node serves on.
   */
  async announce(): Promise<void> {
    await this.#change(async () => {
      await this.#announce();
      await this.#keeper.collect();
      for (const { spec } of this.view.seeds.values()) {
        await this.#keeper.inspect(spec.digest, spec);
      }
    });
  }

  /**
   * Publishes a module under a name, in the place of what had it. When this
   * resolves it survives the loss of power.
   *
   * @throws {InputError | LimitError} Name, configuration or timeout.
   * @throws {SeedError} The module cannot run, and why.
   * @throws {DiskError} Nothing was published; safe to retry.
   */
  async publishSeed(
    name: string,
    module: Bytes,
    options: SeedOptions,
  ): Promise<PublishedFacts> {
    parseName(name, "seed");
    const { config, timeoutMs } = parseSeedOptions(options);
    this.#refuseIfClosed();
    const digest = this.#store.digest(module);
    // The pool keeps what it was given: not the module's bytes.
    let unstored: Bytes | undefined = module;
    const seed = hostSeed(
      { name, digest, config },
      async () => unstored ?? await this.#readModule(digest),
    );
    using _kept = this.#keeper.hold(digest);
    try {
      const facts = await this.#pool.load(seed);
      const publishedMs = Math.round(this.#ports.clock.wallMs());
      const sizeBytes = module.length;
      const value = { digest, sizeBytes, config, timeoutMs, publishedMs };
      return await this.#change(async () => {
        // A stored module without a journal reads as a lost journal.
        if (this.stateReport().seq === 0) await this.#announce();
        await this.#keeper.put(module);
        const replaces = this.view.seeds.get(name)?.spec.digest;
        await this.#state.publish([{ section: "seeds", key: name, value }]);
        return { ...facts, digest, replaces };
      });
    } catch (cause) {
      this.#unloadIfOld(seed);
      throw cause;
    } finally {
      unstored = undefined;
    }
  }

  /**
   * Durable when it resolves; its counts start anew.
   *
   * @throws {NotFoundError} There is no such seed.
   */
  async unpublishSeed(name: string): Promise<void> {
    // Of two that remove the same name, one finds it gone.
    const remove = async () => {
      if (!this.view.seeds.has(name)) {
        throw new NotFoundError(`There is no seed "${name.slice(0, 80)}"`, {
          hint: 'See "pln status seeds"',
        });
      }
      const change = { section: "seeds", key: name, value: undefined } as const;
      await this.#state.publish([change]);
      this.#calls.forget(name);
    };
    await this.#change(() => this.#removals.run(remove));
  }

  /** Calls a seed in this node's own name. */
  call(target: SeedTarget, input: Bytes, call: LocalCall): Promise<Bytes> {
    const { peer, facts } = this.identity;
    const properties = Object.fromEntries(facts.properties);
    const caller = { peer, properties };
    return this.#calls.call(target, input, { ...call, caller });
  }

  /** Gives lost state records up for good; harmless when none are. */
  acceptLoss(): Promise<void> {
    return this.#state.acceptLoss();
  }

  /** Ends the changes under way first: nothing touches the disk after. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await Promise.allSettled(this.#changes);
    await this.#scope.disposeAsync();
    await this.#keeper.settle();
  }

  async #change<T>(run: () => Promise<T>): Promise<T> {
    this.#refuseIfClosed();
    const change = run();
    this.#changes.add(change);
    try {
      return await change;
    } finally {
      this.#changes.delete(change);
    }
  }

  #refuseIfClosed(): void {
    if (this.#isClosed) throw new ClosedError("The node is closing");
  }

  async #announce(): Promise<void> {
    const startedMs = Math.round(this.#ports.clock.wallMs());
    const value = { name: this.name, version, startedMs };
    const record = { section: "node", key: nodeRecordKey, value } as const;
    await this.#state.publish([record]);
  }

  #readModule(digest: Digest): Promise<Bytes> {
    return this.#keeper.read(digest, { bytesMax: limits.moduleBytesMax });
  }

  /**
   * Whether the disk's journal may name a module. Before the first publish of
   * this start, and after one that failed, a power loss may bring an older
   * state back with the modules it names. Nor can it be known of entries that
   * this version cannot read.
   */
  #isNamed(digest: Digest): boolean {
    if (this.#named.has(digest)) return true;
    const { fault, seq, ignoredEntries } = this.stateReport();
    return fault !== undefined || seq === 0 ||
      ignoredEntries.some(({ section }) => section === "seeds");
  }

  #adopt(view: View): void {
    const before = this.#seeds;
    const seeds = new Map<string, PublishedSeed>();
    const named = new Set<Digest>();
    for (const [name, { spec }] of view.seeds) {
      const readModule = () => this.#readModule(spec.digest);
      const seed = hostSeed({ name, ...spec }, readModule);
      const hold = () => this.#use(seed);
      seeds.set(name, { ...seed, hold, timeoutMs: spec.timeoutMs });
      named.add(spec.digest);
    }
    const once = this.#named;
    this.#seeds = seeds;
    this.#named = named;
    for (const seed of before.values()) this.#unloadIfOld(seed);
    for (const digest of once) {
      if (!named.has(digest)) void this.#keeper.discard(digest);
    }
  }

  /** A replaced seed stays, module and all, until its last call has ended. */
  #use(seed: HostedSeed & { readonly digest: Digest }): Disposable {
    const holds = new DisposableStack();
    holds.use(this.#keeper.hold(seed.digest));
    holds.use(this.#used.take(seed.key, () => this.#unloadIfOld(seed)));
    return holds;
  }

  #unloadIfOld({ name, key }: HostedSeed): void {
    if (this.#seeds.get(name)?.key === key || this.#used.has(key)) return;
    this.#pool.unload(key);
  }

  readonly #onSeedLog = (level: LogLevel, line: SeedLogLine): void => {
    this.#ports.log[level]("seed.log", line);
  };
}
