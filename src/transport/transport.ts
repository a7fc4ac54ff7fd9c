// The node's end of the mesh: one endpoint that listens and dials, at most one
// authenticated link per peer, and the streams of all protocols on it. In come
// the identity, a gatekeeper who knows the rights, and handlers; out go links.
// It must never serve a stream of somebody the gatekeeper has not admitted.

import { InputError, type PeerId, Scope } from "../kernel/mod.ts";
import type { Endpoint, NetworkAddress } from "../ports/mod.ts";
import {
  type Credential,
  issueTlsLeaf,
  type TlsLeaf,
} from "../identity/mod.ts";
import { Acceptor } from "./acceptor.ts";
import { Authenticator } from "./authenticator.ts";
import { Connections } from "./connections.ts";
import { Dialer } from "./dialer.ts";
import { awaitEnd, sayFarewell } from "./farewell.ts";
import { dialJoin, type JoinConnection } from "./join_dialer.ts";
import { JoinServer } from "./join_server.ts";
import { rotateLeaf } from "./leaf_rotation.ts";
import type { Link, StreamHandler, TransportReport } from "./link.ts";
import {
  closeCodes,
  joinProtocol,
  memberProtocol,
  type Protocol,
} from "./protocols.ts";
import { HeldCredentials } from "./held_credentials.ts";
import { LinkListeners } from "./link_listeners.ts";
import { LinkMaker } from "./link_maker.ts";
import { ProvisionalLinks } from "./provisional_links.ts";
import { Refusals } from "./refusals.ts";
import { Router } from "./router.ts";
import { testTrustStore } from "./self_test.ts";
import type { SessionLink } from "./session_link.ts";
import type { TransportConfig, TransportNeeds } from "./transport_config.ts";

/**
 * Opens the endpoint and proves that the process checks servers. No peer is let
 * in before this resolves: what is registered in the same turn misses none.
 *
 * @throws {ConflictError} The port is in use.
 * @throws {TrustError} Any server would be believed: the text says why.
 */
export async function openTransport(
  needs: TransportNeeds,
  config: TransportConfig,
): Promise<Transport> {
  const leaf = issueTlsLeaf(needs, config.identity);
  const endpoint = await needs.network.open(config.bind, {
    identity: leaf,
    protocols: [memberProtocol, joinProtocol],
  });
  const transport = new Transport(needs, config, { endpoint, leaf });
  try {
    await testTrustStore(needs, endpoint, config.identity.peer);
    transport.open();
    return transport;
  } catch (cause) {
    await transport[Symbol.asyncDispose]();
    throw cause;
  }
}

/** Every link of this node; whoever opened it disposes it. */
export class Transport implements AsyncDisposable {
  readonly #needs: TransportNeeds;
  readonly #config: TransportConfig;
  readonly #endpoint: Endpoint;
  readonly #tasks: Scope;
  readonly #refusals: Refusals;
  readonly #router: Router;
  readonly #connections: Connections;
  readonly #acceptor: Acceptor;
  readonly #dialer: Dialer;
  readonly #helloListeners: LinkListeners;
  readonly #provisional: ProvisionalLinks;
  readonly #maker: LinkMaker;
  #credential: Credential;
  #disposal: Promise<void> | undefined;

  /** For `openTransport`. */
  constructor(
    needs: TransportNeeds,
    config: TransportConfig,
    opened: { readonly endpoint: Endpoint; readonly leaf: TlsLeaf },
  ) {
    const { clock, log } = needs;
    const { gatekeeper, identity } = config;
    const { endpoint, leaf } = opened;
    this.#needs = needs;
    this.#config = config;
    this.#endpoint = endpoint;
    this.#credential = identity.credential;
    const tasks = new Scope((task, cause) =>
      log.error("transport.bug", { task, cause })
    );
    this.#tasks = tasks;
    const refusals = new Refusals({ clock, log });
    this.#refusals = refusals;
    this.#router = new Router(needs);
    this.#helloListeners = new LinkListeners(log, "onHello");
    this.#connections = new Connections(needs, identity.peer, {
      ...{ gatekeeper, refusals, router: this.#router, tasks },
    });
    const held = new HeldCredentials(needs, config.heldCredential);
    const credential = () => this.#credential;
    this.#maker = new LinkMaker(needs, {
      ...{ gatekeeper, credential, held, refusals },
      hello: () => config.hello(),
      helloListeners: this.#helloListeners,
    });
    this.#provisional = new ProvisionalLinks(log, {
      ...{ maker: this.#maker, connections: this.#connections },
    });
    const authenticator = new Authenticator(needs, {
      ...{ identity, gatekeeper, held, credential },
      bootId: needs.random.bytes(16),
    });
    this.#acceptor = this.#openAcceptor(authenticator);
    this.#dialer = this.#openDialer(authenticator);
    const incoming = endpoint.incomingSessions();
    tasks.spawn("accept loop", () => this.#acceptor.run(incoming));
    tasks.spawn(
      "leaf",
      (signal) =>
        rotateLeaf(needs, endpoint, { identity, first: leaf, signal }),
    );
  }

  /** With the port that the system chose. */
  get local(): NetworkAddress {
    return this.#endpoint.local;
  }

  /** Live view: one per peer, only such as may be used. */
  get links(): ReadonlyMap<PeerId, Link> {
    return this.#connections.links;
  }

  /** Counters and the newest refusals. */
  report(): TransportReport {
    return {
      links: this.#connections.links.size,
      unauthenticated: this.#acceptor.unauthenticatedCount,
      refusals: this.#refusals.counts,
      lastRefusals: this.#refusals.newest,
    };
  }

  /**
   * Serves the streams of a protocol until disposed; one handler each. Streams
   * that come up to a second before are served too.
   */
  serve(protocol: Protocol, handler: StreamHandler): Disposable {
    return this.#router.serve(protocol, handler);
  }

  /**
   * Hears of each new link, before anything of it is served; those that are
   * there already are in `links`. Must not throw.
   */
  onLink(handle: (link: Link) => void): Disposable {
    return this.#connections.onLink(handle);
  }

  /** Hears when a peer has said who it is or what it sees. Must not throw. */
  onHello(handle: (link: Link) => void): Disposable {
    return this.#helloListeners.add(handle);
  }

  /**
   * The link to a peer, dialled when there is none; who asks for one peer at
   * once shares an attempt.
   *
   * @throws {UnreachableError} Nobody answers there, or it is another node.
   * @throws {ReportedError} The peer refuses this node, and says why.
   * @throws {CredentialError | DeniedError} The peer may not be here.
   * @throws {InputError} The peer is this node.
   */
  async dial(
    peer: PeerId,
    to: NetworkAddress,
    options: { readonly signal: AbortSignal },
  ): Promise<Link> {
    if (peer === this.#config.identity.peer) {
      throw new InputError("A node does not dial itself");
    }
    return await this.#dialer.dial({ peer, to }, options.signal);
  }

  /**
   * The peer's link, or else one that a first request may use already, while
   * the peer is still to prove that it is who TLS says.
   */
  usable(peer: PeerId): Link | undefined {
    return this.#connections.links.get(peer) ?? this.#provisional.get(peer);
  }

  /**
   * For whoever has a request at hand: what `connecting` brings, which leads to
   * a dial, or a link that may be used earlier. That is one to a peer which
   * still has the credential that it showed before. On it 4 streams and 64 KiB
   * leave at once; what is more, and all that comes, waits for the peer's proof.
   * Without that everything on it fails as on a link that is lost. `links`,
   * `onLink` and `dial` know of it when it is proven.
   */
  earliest(peer: PeerId, connecting: Promise<Link>): Promise<Link> {
    return this.#provisional.earliest(peer, connecting);
  }

  /** As `JoinDialer.dial`, from this node's socket. */
  dialJoin(
    peer: PeerId,
    to: NetworkAddress,
    options: { readonly signal: AbortSignal },
  ): Promise<JoinConnection> {
    const { signal } = options;
    return dialJoin(this.#needs, this.#endpoint, {
      ...{ peer, to, signal, tasks: this.#tasks },
    });
  }

  /** Shows a renewed credential to all peers; links stay. */
  setCredential(credential: Credential): void {
    this.#credential = credential;
    for (const link of this.#all) link.say("credential");
  }

  /** Tells all peers what `hello` says now. */
  sayHello(): void {
    for (const link of this.#all) link.say("hello");
  }

  /** Rights changed: closes whom the gatekeeper refuses now. */
  recheck(): void {
    for (const link of this.#all) link.judge();
  }

  /** Tells all peers that this node leaves for good, then closes the links. */
  async leave(): Promise<void> {
    await Promise.all(
      this.#all.map((link) => sayFarewell(this.#needs, link)),
    );
  }

  /** For `openTransport`: from now on peers are let in. */
  open(): void {
    this.#acceptor.open();
  }

  /** Stops accepting, ends handlers, closes; at most some seconds. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposal ??= this.#dispose();
    return this.#disposal;
  }

  async #dispose(): Promise<void> {
    this.#acceptor.stop();
    for (const link of this.#connections.all) link.stopServing();
    await awaitEnd(this.#needs, "handlers", { work: this.#router.stop() });
    for (const link of this.#all) {
      link.close(closeCodes.shutdown, "the node stops");
    }
    const tasks = this.#tasks[Symbol.asyncDispose]();
    // What the tasks read from ends with the endpoint.
    await this.#endpoint[Symbol.asyncDispose]();
    await awaitEnd(this.#needs, "tasks", { work: tasks });
  }

  get #all(): readonly SessionLink[] {
    return [...this.#connections.all, ...this.#provisional.all];
  }

  #openAcceptor(authenticator: Authenticator): Acceptor {
    const { onJoin, knownIps } = this.#config;
    const refusals = this.#refusals;
    const joins = new JoinServer(this.#needs, {
      refusals,
      onJoin: (stream, context) => onJoin(stream, context),
    });
    return new Acceptor(this.#needs, {
      ...{ authenticator, refusals, tasks: this.#tasks },
      isKnown: (ip) => knownIps?.().has(ip) ?? false,
      isFull: () => this.#connections.isFull,
      onProven: (session, arrivals, { control, proven }) => {
        if (proven === undefined) return;
        const parts = { session, control, isDialer: false, proven };
        const { replaces } = proven;
        this.#connections.add(this.#maker.make(parts), arrivals, { replaces });
      },
      onJoin: (session, signal) => joins.serve(session, signal),
    });
  }

  #openDialer(authenticator: Authenticator): Dialer {
    const connections = this.#connections;
    const provisional = this.#provisional;
    return new Dialer(this.#needs, {
      ...{ authenticator, endpoint: this.#endpoint },
      ...{ refusals: this.#refusals, tasks: this.#tasks },
      linkOf: (peer) => connections.links.get(peer),
      onLink: (handle) => connections.onLink(handle),
      replacedBy: (peer) => connections.replacedBy(peer),
      onProvisional: (session, parts) =>
        provisional.open({ session, ...parts }),
      onProven: (session, arrivals, { link: early, ...outcome }) => {
        const { control, proven, replaces } = outcome;
        if (proven === undefined) return;
        const link = early === undefined
          ? this.#maker.make({ session, control, isDialer: true, proven })
          : provisional.prove(early, proven);
        connections.add(link, arrivals, { replaces });
      },
    });
  }
}
