// The composition root: `openNode` joins identity, state, mesh and seeds into
// one node over whatever ports it is given. Requests come in as methods, what
// is durable goes out through the ports. It knows no process and no terminal,
// so that the simulator runs the very same node.

import { type Bytes, ClosedError, type PeerId } from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import { finishSettingAside, type NodeIdentity } from "../identity/mod.ts";
import {
  Archive,
  openOwnerState,
  type OwnerPlace,
  type OwnerState,
  type SeedEntry,
  type StateReport,
  type View,
} from "../state/mod.ts";
import { ContentStore } from "../blobs/mod.ts";
import type { IncomingCall } from "../calls/mod.ts";
import type { CallRequest, RemoteCalls, SeedTarget } from "../seeds/mod.ts";
import { type NodeAlarm, nodeAlarms } from "./alarms.ts";
import { NodeMembers } from "./members.ts";
import { NodeDocuments } from "./node_documents.ts";
import { type MeshSettings, type NodeMesh, openNodeMesh } from "./node_mesh.ts";
import {
  NodeSeeds,
  type PublishedFacts,
  type PublishOptions,
  type SeedInspection,
  type SeedReport,
} from "./node_seeds.ts";
import { OwnEntries } from "./own_entries.ts";

/** `name` is for people; several nodes may have it. */
export type NodeConfig = {
  readonly identity: NodeIdentity;
  readonly name: string;
  /** Default: any port that is free. */
  readonly mesh?: MeshSettings;
};

/** In this node's own name: it fills the caller in. */
export type LocalCall = Omit<CallRequest, "caller" | "chain"> & {
  /**
   * The node that runs it, as people type it; default: the one that holds the
   * seed's name, or that the seed's address names.
   */
  readonly on?: string | undefined;
};

/**
 * Opens the node of `ports.disk`. Disposing it drains nothing: do it first.
 *
 * @throws {ConflictError} The mesh's port is in use.
 * @throws {PlnError} A part of it cannot be opened; nothing is left behind.
 */
export async function openNode(
  ports: Ports,
  config: NodeConfig,
): Promise<Node> {
  await using scope = new AsyncDisposableStack();
  await finishSettingAside(ports.disk);
  const { identity, name } = config;
  const { peer: self, root } = identity;
  const closing = new AbortController();
  const late: { mesh?: NodeMesh } = {};
  const archive = scope.use(new Archive(ports, { self, root }));
  // Stored modules were published, so a journal named them.
  const objects = await new ContentStore(ports).list();
  const state = scope.use(
    await openOwnerState(ports, {
      key: identity.key,
      root,
      expectsJournal: objects.length > 0,
      askCopies: async () => await late.mesh?.askCopies(closing.signal),
    }),
  );
  archive.follow(state);
  const entries = new OwnEntries(ports, { state, name, identity });
  const opened = () => {
    if (late.mesh === undefined) throw new ClosedError("The node is starting");
    return late.mesh;
  };
  const seeds = scope.use(
    new NodeSeeds(ports, {
      state,
      announce: () => entries.announce(),
      remote: { self: { peer: self, name }, ...remoteCalls(opened) },
      isLive: (peer) => opened().isLive(peer),
    }),
  );
  const mesh = late.mesh = scope.use(
    await openNodeMesh(ports, {
      identity,
      name,
      settings: config.mesh ?? { port: 0 },
      state,
      executor: { run: (call) => seeds.call(...requestOf(call)) },
      work: () => seeds.work(),
      onIdentity: (renewed) => entries.renew(renewed),
    }),
  );
  scope.use(entries);
  const parts = { state, archive, seeds, mesh, entries, closing };
  return new Node(ports, config, { ...parts, scope: scope.move() });
}

/** The mesh opens after the seeds that call through it. */
function remoteCalls(
  opened: () => NodeMesh,
): Omit<RemoteCalls, "self" | "holderOf"> {
  return {
    resolve: (text) => opened().peers.resolve(text),
    originate: (first, leftMs) => opened().calls.originate(first, leftMs),
    call: (to, input, options) => opened().calls.call(to, input, options),
  };
}

function requestOf(
  { target, input, ...request }: IncomingCall,
): [SeedTarget, Bytes, CallRequest] {
  return [target, input, request];
}

type NodeParts = {
  readonly state: OwnerState;
  readonly archive: Archive;
  readonly seeds: NodeSeeds;
  readonly mesh: NodeMesh;
  readonly entries: OwnEntries;
  readonly closing: AbortController;
  readonly scope: AsyncDisposableStack;
};

/**
 * One a directory, under its lock. Changes after disposal began throw
 * {ClosedError}.
 */
export class Node implements AsyncDisposable {
  /** Of the start; a new one needs a restart. */
  readonly name: string;
  /** The other nodes, and what admins decide about them. */
  readonly members: NodeMembers;
  /** What all nodes have published, now and before. */
  readonly documents: NodeDocuments;
  readonly #state: OwnerState;
  readonly #seeds: NodeSeeds;
  readonly #mesh: NodeMesh;
  readonly #entries: OwnEntries;
  readonly #scope: AsyncDisposableStack;
  readonly #changes = new Set<Promise<unknown>>();
  readonly #closing: AbortController;

  /** For `openNode`; takes `parts` over and disposes them. */
  constructor(ports: Ports, config: NodeConfig, parts: NodeParts) {
    const { state, seeds, mesh, entries, scope } = parts;
    const { name } = config;
    this.name = name;
    this.#state = state;
    this.#seeds = seeds;
    this.#mesh = mesh;
    this.#entries = entries;
    this.#scope = scope;
    this.#closing = parts.closing;
    this.members = new NodeMembers(ports.clock, mesh, { name });
    this.documents = new NodeDocuments(ports.clock, state, {
      archive: parts.archive,
      mesh,
    });
  }

  /** The newest: renewals change it. */
  get identity(): NodeIdentity {
    return this.#mesh.identity;
  }

  /** Of this moment; it never changes, so read it again. */
  get view(): View {
    return this.#state.view();
  }

  /** How much this node has of each owner's document. */
  places(): Iterable<OwnerPlace> {
    return this.#state.places();
  }

  /** Where the node listens for peers. */
  get meshAddress(): NetworkAddress {
    return this.#mesh.local;
  }

  /** Of this moment; `fault` is set while writes fail. */
  stateReport(): StateReport {
    return this.#state.report();
  }

  /** `lost` ended under their seeds and were replaced. */
  get threadCounts(): { readonly running: number; readonly lost: number } {
    return this.#seeds.threadCounts;
  }

  /** Why the newest module could not be stored; undefined when it was. */
  get storeFault(): string | undefined {
    return this.#seeds.storeFault;
  }

  /** What somebody should look at, worst first. */
  get alarms(): readonly NodeAlarm[] {
    return nodeAlarms({
      members: this.members,
      peer: this.identity.peer,
      renewals: this.#mesh.renewer.alarms,
      state: this.stateReport(),
      storeFault: this.#seeds.storeFault,
      historyFault: this.documents.historyFault,
      ownSeeds: this.view.ownSeeds.values(),
      damageOf: (spec) => this.#seeds.damageOf(spec),
      threadsLost: this.threadCounts.lost,
    });
  }

  /** What this node saw of a seed, and why it cannot run it. */
  seedReport(entry: SeedEntry): SeedReport {
    return this.#seeds.report(entry);
  }

  /**
   * All that this node knows of a seed, named as in `View.seed`. A module of
   * its own is loaded for that.
   *
   * @throws {NotFoundError | AmbiguousError} There is no such seed.
   * @throws {SeedError} It could not be loaded this time; safe to retry.
   */
  inspectSeed(name: string): Promise<SeedInspection> {
    return this.#seeds.inspect(name);
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
      await this.#entries.announce();
      await this.#seeds.tidy();
    });
  }

  /**
   * Publishes a module under a name, in the place of what had it. When this
   * resolves it survives the loss of power.
   *
   * @throws {DeniedError} This node is a leaf.
   * @throws {ConflictError} Another node that is alive has a seed of this name,
   * and it is not to be taken over.
   * @throws {InputError | LimitError} Name, configuration or timeout.
   * @throws {SeedError} The module cannot run, and why.
   * @throws {DiskError} Nothing was published; safe to retry.
   */
  async publishSeed(
    name: string,
    module: Bytes,
    options: PublishOptions,
  ): Promise<PublishedFacts> {
    this.#refuseIfClosed();
    return await this.#seeds.publish(name, module, {
      options,
      standing: this.members.standing,
      change: (run) => this.#change(run),
    });
  }

  /**
   * Durable when it resolves. Calls under way end with reason "cancelled"; the
   * seed's counts start anew.
   *
   * @throws {NotFoundError} This node has no such seed of its own.
   */
  async unpublishSeed(name: string): Promise<void> {
    await this.#change(() => this.#seeds.unpublish(name));
  }

  /**
   * Calls a seed in this node's own name, here or on another node: the one that
   * `target.seed` means as in `View.seed`, or that of the node `on`.
   *
   * @throws {PlnError} As the node that runs it says.
   */
  async call(
    target: SeedTarget,
    input: Bytes,
    { on, ...call }: LocalCall,
  ): Promise<Bytes> {
    const { peer } = this.identity;
    const { owner, name } = on === undefined
      ? this.#seeds.locate(target.seed)
      : { owner: this.members.resolve(on), name: target.seed };
    const found = { ...target, seed: name };
    if (owner !== peer) {
      return await this.#callOn(owner, found, { input, call });
    }
    const properties = Object.fromEntries(this.members.standing.properties);
    const caller = { peer, properties };
    return await this.#seeds.call(found, input, { ...call, caller });
  }

  #callOn(
    peer: PeerId,
    target: SeedTarget,
    { input, call }: { readonly input: Bytes; readonly call: LocalCall },
  ): Promise<Bytes> {
    return this.#mesh.calls.call({ ...target, peer }, input, call);
  }

  /** Refuses calls of other nodes; resolves when those here have ended. */
  drain(): Promise<void> {
    return this.#mesh.callServer.drain();
  }

  /**
   * Calls `handle` when another node is found to publish with this node's key:
   * this one publishes nothing any more, and has to end.
   */
  onClone(handle: () => void): Disposable {
    return this.#state.onClone(handle);
  }

  /** Gives lost state records up for good; harmless when none are. */
  acceptLoss(): Promise<void> {
    return this.#state.acceptLoss();
  }

  /** Ends the changes under way first: nothing touches the disk after. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled(this.#changes);
    await this.#scope.disposeAsync();
    await this.#seeds.settle();
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
    if (this.#closing.signal.aborted) {
      throw new ClosedError("The node is closing");
    }
  }
}
