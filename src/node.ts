// The composition root: `openNode` joins identity, state, store and seeds into
// one node over whatever ports it is given. Requests come in as methods, what
// is durable goes out through the ports. It knows no process and no terminal,
// so that the simulator runs the very same node.

import {
  type Bytes,
  ClosedError,
  type Digest,
  isNear,
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
  type SeedSpec,
  type StateReport,
  type View,
} from "./state/mod.ts";
import { ContentStore, ObjectKeeper } from "./blobs/mod.ts";
import { Egress } from "./egress/mod.ts";
import {
  type CallReport,
  type CallRequest,
  type HostedSeed,
  HostedSeeds,
  hostSeed,
  type ModuleFacts,
  parseSeedOptions,
  SeedCalls,
  SeedError,
  type SeedLogLine,
  type SeedOptions,
  SeedPool,
  type SeedTarget,
  type SeedUsage,
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
  readonly #seeds: HostedSeeds;
  readonly #changes = new Set<Promise<unknown>>();
  readonly #removals = new Sequence();
  #isClosed = false;

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
    const egress = new Egress(ports);
    const pool = this.#pool = this.#scope.use(
      new SeedPool({ ...ports, egress, onLog: this.#onSeedLog }),
    );
    this.#seeds = new HostedSeeds({ keeper: this.#keeper, pool });
    this.#calls = new SeedCalls({ ...ports, pool, directory: this.#seeds });
    const adopt = ({ seeds }: View) => this.#seeds.adopt(seeds);
    adopt(this.view);
    this.#scope.use(this.#state.onChange(adopt));
  }

  /** Of this moment; it never changes, so read it again. */
  get view(): View {
    return this.#state.view();
  }

  /** Of this moment; `fault` is set while writes fail. */
  stateReport(): StateReport {
    return this.#state.report();
  }

  /** `lost` ended under their seeds and were replaced. */
  get threadCounts(): { readonly running: number; readonly lost: number } {
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
    const { lost } = this.threadCounts;
    if (lost > 0) {
      alarms.push({
        message: `${lost} seed ${lost === 1 ? "thread was" : "threads were"} ` +
          "lost since the start",
        hint: 'See "pln logs" for the cause; "pln restart" starts afresh',
      });
    }
    for (const { section, key, reason } of ignoredEntries) {
      alarms.push({ message: `Entry "${key}" of ${section}: ${reason}` });
    }
    return alarms;
  }

  /** What this node saw of a seed, and why it cannot run it. */
  seedReport({ name, spec }: SeedEntry): SeedReport {
    const refusal = this.#keeper.damageOf(spec.digest);
    return { ...this.#calls.reportOf(name), refusal };
  }

  /**
   * All that this node knows of a seed. Its module is loaded for that.
   *
   * @throws {NotFoundError} There is no such seed.
   * @throws {SeedError} It could not be loaded this time; safe to retry.
   */
  async inspectSeed(name: string): Promise<SeedInspection> {
    const entry = this.view.seeds.get(name);
    const seed = this.#seeds.find(name);
    if (entry === undefined || seed === undefined) throw this.#noSeed(name);
    using _version = seed.hold();
    const loaded = await this.#tryToLoad(seed);
    const usage = await this.#pool.usageOf(seed.key);
    const report = this.seedReport(entry);
    const refusal = report.refusal ?? loaded.fault;
    return { entry, functions: loaded.functions, ...report, refusal, usage };
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
    const near = this.#seeds.names()
      .find((known) => isNear(known, name, { edits: 2 }));
    return new NotFoundError(`There is no seed "${name.slice(0, 80)}"`, {
      hint: near === undefined
        ? 'See "pln status seeds"'
        : `Did you mean "${near}"?`,
    });
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
    const { config, timeoutMs, ...settings } = parseSeedOptions(options);
    this.#refuseIfClosed();
    const digest = this.#store.digest(module);
    // The pool keeps what it was given: not the module's bytes.
    let unstored: Bytes | undefined = module;
    const seed = hostSeed(
      { name, digest, config, settings },
      async () => unstored ?? await this.#seeds.read(digest),
    );
    using _kept = this.#keeper.hold(digest);
    try {
      const { functions } = await this.#pool.load(seed);
      const usage = await this.#pool.usageOf(seed.key);
      const publishedMs = Math.round(this.#ports.clock.wallMs());
      const sizeBytes = module.length;
      const terms = { config, timeoutMs, ...settings };
      const spec = { digest, sizeBytes, ...terms, publishedMs };
      return await this.#change(async () => {
        // A stored module without a journal reads as a lost journal.
        if (this.stateReport().seq === 0) await this.#announce();
        await this.#keeper.put(module);
        const before = this.view.seeds.get(name)?.spec;
        const change = { section: "seeds", key: name, value: spec } as const;
        await this.#state.publish([change]);
        const replaces = before?.digest;
        return { digest, spec, functions, replaces, before, usage };
      });
    } catch (cause) {
      this.#seeds.unloadIfOld(seed);
      throw cause;
    } finally {
      unstored = undefined;
    }
  }

  /**
   * Durable when it resolves. Calls under way end with reason "cancelled"; the
   * seed's counts start anew.
   *
   * @throws {NotFoundError} There is no such seed.
   */
  async unpublishSeed(name: string): Promise<void> {
    // Of two that remove the same name, one finds it gone.
    const remove = async () => {
      if (!this.view.seeds.has(name)) throw this.#noSeed(name);
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

  /**
   * Whether the disk's journal may name a module. Before the first publish of
   * this start, and after one that failed, a power loss may bring an older
   * state back with the modules it names. Nor can it be known of entries that
   * this version cannot read.
   */
  #isNamed(digest: Digest): boolean {
    if (this.#seeds.isNamed(digest)) return true;
    const { fault, seq, ignoredEntries } = this.stateReport();
    return fault !== undefined || seq === 0 ||
      ignoredEntries.some(({ section }) => section === "seeds");
  }

  readonly #onSeedLog = (level: LogLevel, line: SeedLogLine): void => {
    this.#ports.log[level]("seed.log", line);
  };
}
