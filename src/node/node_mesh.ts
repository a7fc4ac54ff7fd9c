// The node's part in the mesh, as one: the transport, the exchange of admins'
// batches, the dialling of peers, enrolment, renewal and calls, each over the
// interfaces that it declared. In come the state and whoever runs calls; out go
// the parts. Nothing is decided here: this only joins.

import { assert, type PeerId, Sequence } from "../kernel/mod.ts";
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
import { RightsExchange } from "../gossip/mod.ts";
import {
  Admins,
  Enroller,
  openRenewer,
  type Renewer,
} from "../admission/mod.ts";
import { CallClient, type CallExecutor, CallServer } from "../calls/mod.ts";
import type { OwnerState, View } from "../state/mod.ts";
import { version } from "../version.ts";
import { admitMember, StateGatekeeper } from "./gatekeeper.ts";
import { KnownMembers } from "./known_members.ts";

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
  const exchange = scope.use(new RightsExchange({ ...needs, state }));
  const transport = scope.use(
    await openTransport(needs, {
      identity,
      bind: { ip: "::", port: settings.port },
      gatekeeper: new StateGatekeeper(needs, {
        root: identity.root,
        rights: () => state.view().rights,
        heads: () => state.heads(),
        settle: (link, signal) => exchange.settle(link, signal),
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
    exchange,
    book: file.book,
    scope: scope.move(),
  });
  transport.sayHello();
  return mesh;
}

type Parts = {
  readonly transport: Transport;
  readonly exchange: RightsExchange;
  readonly book: PeerBook;
  readonly scope: AsyncDisposableStack;
};

/** One a node. */
export class NodeMesh implements AsyncDisposable {
  readonly transport: Transport;
  readonly peers: Mesh;
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
    const { identity, state, settings, name } = config;
    this.#needs = needs;
    this.#config = config;
    this.#scope = scope;
    this.transport = transport;
    this.#rights = state.view().rights;
    scope.use(transport.onLink((link) => this.known.note(link)));
    scope.use(transport.onHello((link) => this.known.note(link)));
    parts.exchange.attach(transport);
    this.peers = scope.use(
      openMesh({ ...needs, transport }, {
        self: { peer: identity.peer, name },
        book,
        announce: {
          ips: settings.ips ?? [],
          isPublic: settings.isPublic ?? false,
        },
        localIps: () => needs.network.localIps(),
        rights: this.#rights,
        alsoKnown: () => this.#named(),
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
        candidates: () => this.#candidates(),
        onIdentity: (renewed) => this.#renewed(renewed),
      }),
    );
    scope.use(transport.onLink(({ facts }) => {
      if (facts.tier === "admin") this.renewer.recheck(); // it may renew us
    }));
    this.calls = scope.use(new CallClient(this.#callNeeds()));
    this.callServer = new CallServer({
      ...needs,
      self: { peer: identity.peer, name, cluster: identity.cluster },
      rights: this.#callRights(),
      executor: config.executor,
    });
    this.#serve();
    scope.use(state.onChange((view) => this.#changed(view)));
  }

  /** The newest: renewals change it. */
  get identity(): NodeIdentity {
    return this.renewer.identity;
  }

  /** Of the state of this moment. */
  get rights(): Rights {
    return this.#config.state.view().rights;
  }

  /** Where the node listens. */
  get local(): NetworkAddress {
    return this.transport.local;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.disposeAsync();
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

  #callNeeds() {
    const { peer, cluster, key } = this.#config.identity;
    return {
      ...this.#needs,
      self: {
        peer,
        cluster,
        key,
        credential: () => this.identity.credential,
      },
      links: {
        linkOf: (to: PeerId) => this.transport.usable(to),
        connect: (to: PeerId, signal: AbortSignal) =>
          this.transport.earliest(to, this.peers.connect(to, signal)),
      },
    };
  }

  #callRights(): ConstructorParameters<typeof CallServer>[0]["rights"] {
    const { root } = this.#config.identity;
    const rights = () => this.rights;
    const { clock } = this.#needs;
    return {
      standing: (facts) => this.rights.standing(facts, clock.wallMs()),
      admit: (credential) =>
        admitMember(this.#needs, credential, { root, rights }),
      isDenied: (peer) => this.rights.denialOf(peer) !== undefined,
    };
  }

  /**
   * Admins, who has joined, and about whom an admin has decided: also those
   * that this node has never met.
   */
  *#named(): Iterable<
    { readonly peer: PeerId; readonly name: string | undefined }
  > {
    const { adminRecords } = this.#config.state.view();
    for (const [peer, { name }] of adminRecords) yield { peer, name };
    const { redemptions, grants, denials } = this.rights;
    for (const { joiner, name } of redemptions) yield { peer: joiner, name };
    for (const { subject } of grants) yield { peer: subject, name: undefined };
    for (const { subject } of denials) yield { peer: subject, name: undefined };
  }

  /** Known peers, admins first. */
  #candidates() {
    const admins = new Set(
      this.rights.admins.filter(({ isDenied }) => !isDenied)
        .map(({ peer }) => peer),
    );
    return this.peers.peers()
      .filter(({ state }) => state !== "denied" && state !== "left")
      .map(({ peer, addresses }) => ({ peer, addresses }))
      .sort((left, right) =>
        Number(admins.has(right.peer)) - Number(admins.has(left.peer))
      );
  }

  #renewed(identity: NodeIdentity): void {
    this.transport.setCredential(identity.credential);
    this.#config.onIdentity(identity);
  }

  #changed({ rights }: View): void {
    if (rights === this.#rights) return;
    this.#rights = rights;
    this.transport.recheck();
    this.peers.setRights(rights);
    this.renewer.recheck();
  }
}
