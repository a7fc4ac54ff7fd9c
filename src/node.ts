// The composition root: `openNode` joins identity, state, store and seeds into
// one node over whatever ports it is given. Requests come in as methods, what
// is durable goes out through the ports. It knows no process and no terminal,
// so that the simulator runs the very same node.

import {
  type Bytes,
  canonicalJson,
  ClosedError,
  type Digest,
  InputError,
  LimitError,
  limits,
  NotFoundError,
  parseName,
  PlnError,
  reportError,
  Sequence,
  utf8,
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
import { ContentStore } from "./blobs/mod.ts";
import {
  type CallReport,
  type CallRequest,
  type ModuleFacts,
  type PublishedSeed,
  SeedCalls,
  type SeedLogLine,
  SeedPool,
  type SeedTarget,
} from "./seeds/mod.ts";
import { version } from "./version.ts";

export {
  createCluster,
  isInitialised,
  loadIdentity,
  type NodeIdentity,
  renewOwnMember,
} from "./identity/mod.ts";

/** `name` is for people; several nodes may have it. */
export type NodeConfig = {
  readonly identity: NodeIdentity;
  readonly name: string;
};

/** What a seed is published with. */
export type SeedOptions = {
  readonly config: Readonly<Record<string, string>>;
  readonly timeoutMs?: number | undefined;
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

/** In this node's own name: it fills the caller in. */
export type LocalCall = Omit<CallRequest, "caller">;

/** Opens the node of `ports.disk`. Disposing it drains nothing: do it first. */
export async function openNode(
  ports: Ports,
  config: NodeConfig,
): Promise<Node> {
  await using scope = new AsyncDisposableStack();
  const { key, cluster } = config.identity;
  const state = scope.use(await openOwnerState(ports, { key, cluster }));
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
  readonly #pool: SeedPool;
  readonly #calls: SeedCalls;
  readonly #scope: AsyncDisposableStack;
  /** Publishing and collecting read the state, then write the store. */
  readonly #changes = new Sequence();
  /** Why stored modules cannot be read, by their digests. */
  readonly #damaged = new Map<string, string>();
  #storeFault: string | undefined;
  #isClosed = false;
  #seeds: ReadonlyMap<string, PublishedSeed> = new Map();

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

  /** `abandoned` are those that a runaway call cost, since the start. */
  get threadCounts(): { readonly running: number; readonly abandoned: number } {
    return this.#pool.threadCounts;
  }

  /** Why the newest module could not be stored; undefined when it was. */
  get storeFault(): string | undefined {
    return this.#storeFault;
  }

  /** What this node saw of a seed, and why it cannot run it. */
  seedReport({ name, spec }: SeedEntry): SeedReport {
    return {
      ...this.#calls.reportOf(name),
      refusal: this.#pool.refusalOf(spec.digest) ??
        this.#damaged.get(spec.digest),
    };
  }

  /**
   * Tells the cluster who this node is, and with that settles the state after
   * a start; then removes stored modules that no seed names, as a crash may
   * leave them.
   *
   * @throws {CorruptError | DiskError} As a publish would; the node serves on.
   */
  async announce(): Promise<void> {
    const startedMs = Math.round(this.#ports.clock.wallMs());
    const value = { name: this.name, version, startedMs };
    await this.#change(async () => {
      const record = { section: "node", key: nodeRecordKey, value } as const;
      await this.#state.publish([record]);
      await this.#collect();
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
    checkConfig(options.config);
    const timeoutMs = options.timeoutMs ?? limits.callTimeoutMsDefault;
    if (timeoutMs < 1 || timeoutMs > limits.callTimeoutMsMax) {
      throw new InputError("A timeout is from 1ms to 1h");
    }
    this.#refuseIfClosed();
    const digest = this.#store.digest(module);
    const { config } = options;
    // The pool keeps what it was given: not the module's bytes.
    let unstored: Bytes | undefined = module;
    const seed = hosted(
      { name, digest, config },
      async () => unstored ?? await this.#readModule(digest),
    );
    try {
      const facts = await this.#pool.load(seed);
      const publishedMs = Math.round(this.#ports.clock.wallMs());
      const sizeBytes = module.length;
      const value = { digest, sizeBytes, config, timeoutMs, publishedMs };
      return await this.#change(async () => {
        const replaces = this.view.seeds.get(name)?.spec.digest;
        await this.#storeModule(module);
        await this.#state.publish([{ section: "seeds", key: name, value }]);
        await this.#collect();
        return { ...facts, digest, replaces };
      });
    } catch (cause) {
      if (this.#seeds.get(name)?.key !== seed.key) this.#pool.unload(seed.key);
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
    await this.#change(async () => {
      if (!this.view.seeds.has(name)) {
        throw new NotFoundError(`There is no seed "${name.slice(0, 80)}"`, {
          hint: 'See "pln status seeds"',
        });
      }
      const change = { section: "seeds", key: name, value: undefined } as const;
      await this.#state.publish([change]);
      this.#calls.forget(name);
      await this.#collect();
    });
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

  /** Ends the change under way first: nothing touches the disk after. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#changes.run(() => Promise.resolve());
    await this.#scope.disposeAsync();
  }

  #change<T>(run: () => Promise<T>): Promise<T> {
    return this.#changes.run(() => {
      this.#refuseIfClosed();
      return run();
    });
  }

  #refuseIfClosed(): void {
    if (this.#isClosed) throw new ClosedError("The node is closing");
  }

  async #storeModule(module: Bytes): Promise<void> {
    try {
      const digest = await this.#store.put(module);
      this.#damaged.delete(digest);
      this.#storeFault = undefined;
    } catch (cause) {
      this.#storeFault = reportError(cause).message;
      throw cause;
    }
  }

  async #readModule(digest: Digest): Promise<Bytes> {
    try {
      const bytesMax = limits.moduleBytesMax;
      const module = await this.#store.read(digest, { bytesMax });
      this.#damaged.delete(digest);
      return module;
    } catch (cause) {
      if (cause instanceof PlnError) this.#damaged.set(digest, cause.message);
      throw cause;
    }
  }

  /**
   * Removes only what the disk's journal cannot name any more: not before the
   * first publish of this start, nor after one that failed. Until then a power
   * loss may bring an older state back, with the modules it names. Nor what an
   * entry may name that this version cannot read.
   */
  async #collect(): Promise<void> {
    const { fault, seq, ignoredEntries } = this.stateReport();
    const isUnreadable = ignoredEntries.some(({ section }) =>
      section === "seeds"
    );
    if (fault !== undefined || seq === 0 || isUnreadable) return;
    const named = new Set<string>();
    for (const { spec } of this.view.seeds.values()) named.add(spec.digest);
    try {
      for (const digest of await this.#store.list()) {
        if (named.has(digest)) continue;
        await this.#store.remove(digest);
        this.#damaged.delete(digest);
      }
    } catch (cause) {
      // Garbage left behind costs room, and is found again by the next one.
      this.#ports.log.warn("store.collect_failed", { cause });
    }
  }

  #adopt(view: View): void {
    const before = this.#seeds;
    const seeds = new Map<string, PublishedSeed>();
    for (const [name, { spec }] of view.seeds) {
      const readModule = () => this.#readModule(spec.digest);
      const seed = hosted({ name, ...spec }, readModule);
      seeds.set(name, { ...seed, timeoutMs: spec.timeoutMs });
    }
    this.#seeds = seeds;
    for (const [name, { key }] of before) {
      if (seeds.get(name)?.key !== key) this.#pool.unload(key);
    }
  }

  readonly #onSeedLog = (level: LogLevel, line: SeedLogLine): void => {
    this.#ports.log[level]("seed.log", line);
  };
}

type Named = {
  readonly name: string;
  readonly digest: Digest;
  readonly config: Readonly<Record<string, string>>;
};

function hosted(
  { name, digest, config }: Named,
  readModule: () => Promise<Bytes>,
) {
  const key = canonicalJson([name, digest, config]);
  return { key, name, digest, config, readModule };
}

function checkConfig(config: Readonly<Record<string, string>>): void {
  const entries = Object.entries(config);
  const size = utf8(JSON.stringify(config)).length;
  if (
    entries.length <= limits.seedConfigEntriesMax &&
    size <= limits.seedConfigBytesMax
  ) return;
  throw new LimitError(
    `A seed's configuration may have ${limits.seedConfigEntriesMax} entries ` +
      `and ${limits.seedConfigBytesMax} bytes, not ${entries.length} and ` +
      `${size}`,
    { hint: "Let the seed read what is large from its input" },
  );
}
