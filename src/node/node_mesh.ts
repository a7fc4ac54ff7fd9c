// The node's part in the mesh, as one: the transport, the exchange of admins'
// batches, the dialling of peers, enrolment, renewal and calls, each over the
// interfaces that it declared. In come the state and whoever runs calls; out go
// the parts. Nothing is decided here: this only joins.

import { assert, limits, type PeerId, Sequence } from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import {
  type Certificate,
  type NodeIdentity,
  type Rights,
  signAuthorityKey,
} from "../identity/mod.ts";
import { openTransport, protocols, type Transport } from "../transport/mod.ts";
import {
  type Mesh,
  openMesh,
  openPeersFile,
  type PeerBook,
} from "../mesh/mod.ts";
import { Gossip, type RecordStore } from "../gossip/mod.ts";
import {
  Admins,
  Enroller,
  openRenewer,
  type Renewer,
} from "../admission/mod.ts";
import type { CallClient, CallExecutor, CallServer } from "../calls/mod.ts";
import {
  leftKey,
  type OwnerState,
  type StateChange,
  type View,
} from "../state/mod.ts";
import { version } from "../version.ts";
import { StateGatekeeper } from "./gatekeeper.ts";
import { askCopies } from "./copies_ask.ts";
import { KnownMembers } from "./known_members.ts";
import { joinCandidates, meshRights, namedMembers } from "./mesh_rights.ts";
import { openNodeCalls } from "./node_calls.ts";
import { type NodeWork, openRecords, Presence } from "./presence.ts";

/** Where this node listens, and what it says of its addresses. */
export type MeshSettings = {
  /** UDP; 0: any that is free. */
  readonly port: number;
  readonly isPublic?: boolean | undefined;
  /** IP literals, beside those that are found. */
  readonly ips?: readonly string[] | undefined;
};

/** What the mesh part stands on. */
export type NodeMeshConfig = {
  readonly identity: NodeIdentity;
  readonly name: string;
  readonly settings: MeshSettings;
  readonly state: OwnerState;
  readonly executor: CallExecutor;
  /** What this node's own seeds have to do. */
  readonly work: () => NodeWork;
  /** The credential is another one, on the disk already. Must not throw. */
  readonly onIdentity: (identity: NodeIdentity) => void;
};

/**
 * Opens all parts; disposing ends them in reverse.
 *
 * @throws {ConflictError} The port is in use.
 * @throws {PlnError} The process trusts any server.
 */
export async function openNodeMesh(
  needs: Ports,
  config: NodeMeshConfig,
): Promise<NodeMesh> {
  await using scope = new AsyncDisposableStack();
  const { identity, name, settings, state } = config;
  const candidate = signAuthorityKey(needs, identity);
  const late: { mesh?: NodeMesh } = {};
  const opened = () => {
    const { mesh } = late;
    assert(mesh !== undefined, "the mesh is complete before its first link");
    return mesh;
  };
  const file = scope.use(await openPeersFile(needs));
  const records = openRecords(needs, { identity, state });
  const gossip = scope.use(
    new Gossip({ ...needs, state, records }, { self: identity.peer }),
  );
  const transport = scope.use(
    await openTransport(needs, {
      identity,
      bind: { ip: "::", port: settings.port },
      gatekeeper: new StateGatekeeper(needs, {
        root: identity.root,
        rights: () => state.view().rights,
        heads: () => state.heads(),
        settle: (link, signal) => gossip.settle(link, signal),
      }),
      hello: () => ({
        name,
        version,
        addresses: late.mesh?.peers.ownAddresses() ?? [],
        ...candidate,
      }),
      knownIps: () => file.book.knownIps(),
      onJoin: (stream, context) => opened().enroller.handle(stream, context),
    }),
  );
  const mesh = late.mesh = new NodeMesh(needs, config, {
    transport,
    gossip,
    records,
    book: file.book,
    scope: scope.move(),
  });
  transport.sayHello();
  return mesh;
}

type Parts = {
  readonly transport: Transport;
  readonly gossip: Gossip;
  readonly records: RecordStore;
  readonly book: PeerBook;
  readonly scope: AsyncDisposableStack;
};

/** One a node. */
export class NodeMesh implements AsyncDisposable {
  readonly transport: Transport;
  readonly gossip: Gossip;
  readonly peers: Mesh;
  readonly presence: Presence;
  readonly enroller: Enroller;
  readonly renewer: Renewer;
  readonly admins: Admins;
  readonly calls: CallClient;
  readonly callServer: CallServer;
  readonly known = new KnownMembers();
  readonly #needs: Ports;
  readonly #config: NodeMeshConfig;
  readonly #scope: AsyncDisposableStack;
  #rights: Rights;

  /** For `openNodeMesh`; takes `parts` over and disposes them. */
  constructor(needs: Ports, config: NodeMeshConfig, parts: Parts) {
    const { transport, book, scope } = parts;
    const { identity, state, name } = config;
    this.#needs = needs;
    this.#config = config;
    this.#scope = scope;
    this.transport = transport;
    this.gossip = parts.gossip;
    this.#rights = state.view().rights;
    scope.use(transport.onLink((link) => this.known.note(link)));
    scope.use(transport.onHello((link) => this.known.note(link)));
    parts.gossip.attach(transport);
    this.peers = scope.use(this.#openPeers(parts));
    const { records } = parts;
    this.presence = scope.use(
      new Presence(needs, {
        ...{ self: identity.peer, work: config.work },
        ...{ records, transport, state, book },
      }),
    );
    const admission = this.#admission();
    this.enroller = new Enroller(needs, admission);
    this.admins = new Admins(needs, admission);
    this.renewer = scope.use(
      openRenewer(needs, {
        ...admission,
        identity,
        dialer: { dial: (...args) => transport.dialJoin(...args) },
        candidates: () => joinCandidates(this.peers.peers(), this.rights),
        onIdentity: (renewed) => this.#renewed(renewed),
      }),
    );
    scope.use(transport.onLink(({ facts }) => {
      if (facts.tier === "admin") this.renewer.recheck(); // it may renew us
    }));
    const { client, server } = openNodeCalls(needs, {
      ...{ name, transport, executor: config.executor },
      ...{ peers: this.peers, presence: this.presence },
      identity: () => this.identity,
      rights: () => this.rights,
    });
    this.calls = scope.use(client);
    this.callServer = server;
    this.#serve();
    scope.use(state.onChange((change) => this.#changed(change)));
  }

  /** The newest: renewals change it. */
  get identity(): NodeIdentity {
    return this.renewer.identity;
  }

  /** Of the state of this moment. */
  get rights(): Rights {
    return this.view.rights;
  }

  /** What the state says at this moment. */
  get view(): View {
    return this.#config.state.view();
  }

  /** Whether a node is there, as far as this one knows; it itself is. */
  isLive(peer: PeerId): boolean {
    if (peer === this.identity.peer) return true;
    const state = this.presence.livenessOf(peer)?.state;
    return state === "alive" || state === "suspect";
  }

  /**
   * Goes for good: the state says so first, for those who have no link to this
   * node. Who has one is told in any case.
   */
  async leave(): Promise<void> {
    const { clock, log } = this.#needs;
    const value = { atMs: Math.round(clock.wallMs()) };
    const change = { section: "node", key: leftKey, value } as const;
    try {
      await this.#config.state.publish([change]);
      const { signal } = new AbortController();
      const isAlone = this.transport.links.size === 0;
      if (!isAlone) await clock.sleep(limits.leavePushMs, signal);
    } catch (cause) {
      log.warn("node.leave_unpublished", { cause });
    }
    await this.transport.leave();
  }

  /** Resolves when peers have shown what they have of the own document. */
  async askCopies(signal: AbortSignal): Promise<void> {
    const { transport, gossip } = this;
    await askCopies(this.#needs, {
      links: () => transport.links.values(),
      onLink: (handle) => transport.onLink(handle),
      firstHeads: (link) => gossip.firstHeads(link),
      expected: () =>
        joinCandidates(this.peers.peers(), this.rights)
          .filter(({ addresses }) => addresses.length > 0)
          .map(({ peer }) => peer),
      signal,
    });
  }

  /** Where the node listens. */
  get local(): NetworkAddress {
    return this.transport.local;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
  }

  #openPeers({ transport, book }: Pick<Parts, "transport" | "book">): Mesh {
    const { network } = this.#needs;
    const { identity: { peer }, name, settings, state } = this.#config;
    const { ips = [], isPublic = false } = settings;
    return openMesh({ ...this.#needs, transport }, {
      self: { peer, name },
      book,
      announce: { ips, isPublic },
      localIps: () => network.localIps(),
      rights: meshRights(state),
      alsoKnown: () => namedMembers(state.view()),
    });
  }

  #serve(): void {
    const { transport, enroller, callServer } = this;
    this.#scope.use(transport.serve(protocols.call, callServer.serve));
    this.#scope.use(
      transport.serve(protocols.enroll, (stream, { link, signal }) => {
        const { remote, peer } = link;
        return enroller.handle(stream, { remote, peer, signal });
      }),
    );
  }

  #admission() {
    const { state } = this.#config;
    return {
      identity: () => this.identity,
      state: {
        rights: () => state.view().rights,
        publish: (changes: Parameters<OwnerState["publish"]>[0]) =>
          state.publish(changes),
      },
      links: { links: () => this.transport.links.values() },
      members: {
        factsOf: (peer: PeerId) =>
          peer === this.identity.peer
            ? this.identity.facts
            : (this.transport.links.get(peer) ?? this.known.get(peer))?.facts,
        candidateOf: (peer: PeerId) => this.known.get(peer)?.candidate,
      },
      promote: (certificate: Certificate) => this.renewer.promote(certificate),
      decisions: new Sequence(),
    };
  }

  #renewed(identity: NodeIdentity): void {
    this.transport.setCredential(identity.credential);
    this.peers.renewed();
    this.#config.onIdentity(identity);
  }

  #changed({ isRights }: StateChange): void {
    if (!isRights) return;
    const { rights } = this;
    if (rights === this.#rights) return;
    this.#rights = rights;
    this.transport.recheck();
    this.peers.setRights(meshRights(this.#config.state));
    this.renewer.recheck();
  }
}
