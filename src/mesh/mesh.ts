// The mesh of this node: whom it knows, to whom it is linked, and the dialling
// that keeps it linked to everybody who is admitted. In come the transport's
// links, what peers say, invites and the rights; out go links, rows to show and
// the node's own addresses. It verifies nobody: links are proven below, rights
// are decided above.

import {
  ClosedError,
  DeniedError,
  InputError,
  limits,
  type PeerId,
  type PlnError,
  Scope,
  UnreachableError,
} from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import { closeCodes, type Link, type LinkEnd } from "../transport/mod.ts";
import type { OwnAddressConfig } from "./addresses.ts";
import { Dialer } from "./dialer.ts";
import { knownPeers } from "./known_peers.ts";
import type { PeerRow } from "./messages.ts";
import { type MeshRights, type MeshTransport, noRights } from "./needs.ts";
import type { PeerBook } from "./peer_book.ts";
import { PeerExchange } from "./peer_exchange.ts";
import { isHearsay, nodeText, type PeerRecord } from "./peer_record.ts";
import {
  addressesOf,
  isRumour,
  type PeerState,
  peerState,
  saidName,
} from "./peer_state.ts";
import { type Named, resolvePeer } from "./resolve.ts";
import { Whereabouts } from "./whereabouts.ts";

/** What a mesh takes of the world. */
export type MeshNeeds =
  & Pick<Ports, "clock" | "log" | "random">
  & { readonly transport: MeshTransport };

/** Who this node is, and what it remembers. */
export type MeshConfig = {
  readonly self: { readonly peer: PeerId; readonly name: string };
  /** Of `openPeersFile`; whoever opened that disposes it after the mesh. */
  readonly book: PeerBook;
  readonly announce: OwnAddressConfig;
  /** Addresses of the machine's interfaces, as `Network.localIps`. */
  readonly localIps: () => readonly string[];
  /** Of this moment; `setRights` gives newer ones. */
  readonly rights?: MeshRights;
  /** Members that the state names and this node may never have met. */
  readonly alsoKnown?: () => Iterable<Named>;
};

/** Starts to dial everybody it remembers. */
export function openMesh(needs: MeshNeeds, config: MeshConfig): Mesh {
  return new Mesh(needs, config);
}

/** Who says where a peer is; the default is the operator, or an invite. */
export type NoteOptions = {
  /** Only a hint of another member: it is forgotten when nobody answers. */
  readonly teller?: PeerId | undefined;
};

/** One per node. Disposing it ends the dialling; links stay. */
export class Mesh implements AsyncDisposable {
  readonly #needs: MeshNeeds;
  readonly #config: MeshConfig;
  readonly #scope: Scope;
  readonly #dialer: Dialer;
  readonly #exchange: PeerExchange;
  readonly #whereabouts: Whereabouts;
  #rights: MeshRights;
  #isRetryDue = false;
  #retriedAtMs = -Infinity;
  #timer: Disposable | undefined;

  /** For `openMesh`. */
  constructor(needs: MeshNeeds, config: MeshConfig) {
    const { log, transport } = needs;
    this.#needs = needs;
    this.#config = config;
    this.#rights = config.rights ?? noRights;
    this.#scope = new Scope((task, cause) =>
      log.error("mesh.failed", { task, cause })
    );
    this.#dialer = this.#scope.use(
      new Dialer(needs, {
        self: config.self.peer,
        addressesOf: (peer) => addressesOf(config.book.get(peer)),
        onExhausted: (peer, failures) => this.#exhausted(peer, failures),
      }),
    );
    this.#exchange = this.#scope.use(
      new PeerExchange(needs, (teller, rows) => this.#hearRows(teller, rows)),
    );
    const { localIps, announce } = config;
    const here = { ...needs, local: () => transport.local, localIps };
    this.#whereabouts = new Whereabouts(here, announce);
    this.#scope.use(transport.onHello((link) => this.#listen(link)));
    this.#scope.use(transport.onLink((link) => this.#linked(link)));
    for (const link of transport.links.values()) this.#linked(link);
    this.setRights(this.#rights);
    this.#arm();
  }

  /** Everybody known but this node, by id. */
  peers(): readonly PeerState[] {
    return this.#known()
      .map((record) => this.#stateOf(record))
      .sort((a, b) => a.peer < b.peer ? -1 : 1);
  }

  /** Undefined for a stranger, and for this node itself. */
  peer(peer: PeerId): PeerState | undefined {
    const { book, self } = this.#config;
    const met = peer === self.peer ? undefined : book.get(peer);
    const known = met?.name !== undefined
      ? met
      : this.#known().find((record) => record.peer === peer);
    return known && this.#stateOf(known);
  }

  /**
   * The node that `text` means: its whole id, at least 4 digits of it, or its
   * name. A whole id need not be known.
   *
   * @throws {NotFoundError | AmbiguousError} With what could be meant.
   */
  resolve(text: string): PeerId {
    return resolvePeer(text, this.#named());
  }

  /**
   * The link to a peer, dialled now when there is none.
   *
   * @throws {UnreachableError} It answers nowhere, or no address is known.
   * @throws {DeniedError} It is denied.
   * @throws {PlnError} It refuses this node, and why.
   * @throws The signal's reason when it aborts first.
   */
  async connect(peer: PeerId, signal: AbortSignal): Promise<Link> {
    this.#refuseIfClosed();
    const link = this.#needs.transport.links.get(peer);
    if (link !== undefined) return link;
    const record = this.#config.book.get(peer);
    const who = nodeText(peer, record);
    if (peer === this.#config.self.peer) {
      throw new InputError(`${who} is this node itself`);
    }
    if (this.#rights.denialOf(peer) !== undefined) {
      throw new DeniedError(`${who} is denied`, {
        hint: `An admin can lift that: pln allow ${peer.slice(0, 12)}`,
      });
    }
    if (record === undefined || record.addresses.length === 0) {
      throw new UnreachableError(`No address of ${who} is known`, {
        hint: "It has to reach a node of this cluster once",
      });
    }
    try {
      return await this.#dialer.connect(peer, signal);
    } catch (cause) {
      if (!(cause instanceof UnreachableError)) throw cause;
      throw new UnreachableError(
        `${who} can not be reached: ${cause.message}`,
        { cause, hint: cause.hint ?? 'See "pln status nodes"' },
      );
    } finally {
      this.#dropIfUnwanted(peer);
    }
  }

  /** Somebody says where a peer is, the best address first. */
  note(
    peer: PeerId,
    addresses: readonly NetworkAddress[],
    { teller }: NoteOptions = {},
  ): void {
    const { book, self } = this.#config;
    if (peer === self.peer || this.#scope.isClosed) return;
    if (this.#rights.denialOf(peer) !== undefined) return;
    if (teller !== undefined && this.#rights.isForgotten?.(peer)) return;
    const source = teller === undefined ? "said" : "told";
    book.note(peer, addresses, { source });
    if (this.#isWanted(peer)) this.#dialer.told(peer, teller ?? "operator");
  }

  /** A peer said that it leaves for good. */
  markLeft(peer: PeerId): void {
    this.#config.book.markLeft(peer);
    this.#dropIfUnwanted(peer);
  }

  /**
   * Newer rights: who is denied now is not dialled, who is allowed again is;
   * whom admins have forgotten is not remembered.
   */
  setRights(rights: MeshRights): void {
    this.#rights = rights;
    const { book } = this.#config;
    const { links } = this.#needs.transport;
    book.setStanding({
      isDenied: (peer) => rights.denialOf(peer) !== undefined,
      isLinked: (peer) => links.has(peer),
    });
    if (this.#scope.isClosed) return;
    for (const { peer } of [...book.records()]) {
      if (this.#forget(peer)) continue;
      if (this.#isWanted(peer)) this.#dialer.want(peer);
      else this.#dropIfUnwanted(peer);
    }
  }

  /** Where this node may be found, the best first; for peers and invites. */
  ownAddresses(): readonly NetworkAddress[] {
    return this.#whereabouts.addresses();
  }

  /** Ends the dialling and what is being told. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closing = this.#scope[Symbol.asyncDispose]();
    this.#timer?.[Symbol.dispose]();
    await closing;
  }

  *#named(): Iterable<Named> {
    yield this.#config.self;
    const { links } = this.#needs.transport;
    for (const { peer, name, hasLeft } of this.#known()) {
      yield { peer, name: saidName(links.get(peer)) ?? name, hasLeft };
    }
  }

  #known(): readonly PeerRecord[] {
    const { book, self, alsoKnown } = this.#config;
    return knownPeers(book.records(), alsoKnown?.() ?? [], {
      self: self.peer,
      rights: this.#rights,
    });
  }

  #refuseIfClosed(): void {
    if (this.#scope.isClosed) throw new ClosedError("The node is closing");
  }

  #isWanted(peer: PeerId): boolean {
    const { book, self } = this.#config;
    const record = book.get(peer);
    return peer !== self.peer && record !== undefined && !record.hasLeft &&
      this.#rights.denialOf(peer) === undefined &&
      !isRumour(record, this.#rights);
  }

  /** A link outlives it; then this is asked again. */
  #forget(peer: PeerId, ended?: Link): boolean {
    const { book } = this.#config;
    const link = this.#needs.transport.links.get(peer);
    if (link !== undefined && link !== ended) return false;
    if (!this.#rights.isForgotten?.(peer)) return false;
    const who = nodeText(peer, book.get(peer));
    book.forget(peer);
    this.#dialer.drop(peer, new UnreachableError(`${who} was forgotten`));
    return true;
  }

  #dropIfUnwanted(peer: PeerId): void {
    if (this.#isWanted(peer)) return;
    const who = nodeText(peer, this.#config.book.get(peer));
    const cause: PlnError = this.#rights.denialOf(peer) === undefined
      ? new UnreachableError(`${who} has left the cluster`)
      : new DeniedError(`${who} is denied`);
    this.#dialer.drop(peer, cause);
  }

  #stateOf(record: PeerRecord): PeerState {
    const { peer } = record;
    return peerState({
      record,
      link: this.#needs.transport.links.get(peer),
      rights: this.#rights,
      phase: this.#dialer.phaseOf(peer),
      lastError: this.#dialer.lastErrorOf(peer),
      nowMs: this.#needs.clock.nowMs(),
    });
  }

  #linked(link: Link): void {
    if (this.#scope.isClosed) return;
    const { clock, transport } = this.#needs;
    const { peer, remote, facts } = link;
    const atMs = clock.wallMs();
    this.#config.book.met(peer, { remote, tier: facts.tier, atMs });
    this.#listen(link);
    this.#dialer.linked(link);
    this.#exchange.linked(link);
    // Alone until now: the network may be back, for the others too.
    if (transport.links.size <= 1) this.#retryAll(limits.dialBackoffMsMax);
    void link.ended.then((end) => this.#ended(link, end));
  }

  #ended(link: Link, end: LinkEnd): void {
    if (this.#scope.isClosed) return;
    const { clock, transport } = this.#needs;
    const { peer } = link;
    this.#config.book.seen(peer, { atMs: clock.wallMs() });
    if (end.type === "closed" && end.code === closeCodes.left) {
      this.markLeft(peer);
    }
    const other = transport.links.get(peer);
    if (other !== undefined && other !== link) return;
    this.#dialer.lost(peer);
    if (!this.#forget(peer, link)) this.#dropIfUnwanted(peer);
  }

  /** Takes what a peer says of itself and of this node. */
  #listen(link: Link): void {
    const { peer, hello, observed, remote } = link;
    const { book } = this.#config;
    if (hello !== undefined) {
      book.note(peer, hello.addresses, { source: "said" });
      const name = saidName(link);
      if (name !== undefined) book.named(peer, name);
    }
    if (observed !== undefined) {
      this.#whereabouts.observed(peer, { seen: observed, remote });
    }
  }

  #hearRows(teller: PeerId, rows: readonly PeerRow[]): void {
    for (const { peer, addresses } of rows) {
      this.note(peer, addresses, { teller });
    }
  }

  #exhausted(peer: PeerId, failures: number): void {
    const record = this.#config.book.get(peer);
    const isVain = failures >= limits.peersHeardOfRoundsMax &&
      this.#rights.grantOf(peer) === undefined &&
      (record === undefined || isHearsay(record));
    if (!isVain) return;
    this.#config.book.dropHearsay(peer);
    this.#dialer.drop(peer, new UnreachableError("Nobody answers there"));
  }

  #arm(): void {
    this.#timer = this.#needs.clock.after(limits.meshTickMs, () => {
      if (this.#scope.isClosed) return;
      this.#tick();
      this.#arm();
    });
  }

  #tick(): void {
    const { hasSlept, hasMoved, isElsewhere } = this.#whereabouts
      .look(limits.meshTickMs);
    this.#isRetryDue ||= hasSlept || hasMoved;
    if (this.#isRetryDue) this.#retryAll(limits.dialRetryAllMsMin);
    if (isElsewhere) this.#needs.transport.sayHello();
  }

  /** This node shows another credential from now on: all are dialled anew. */
  renewed(): void {
    if (!this.#scope.isClosed) this.#dialer.retryRefused();
  }

  /** Unless that was done less than `everyMs` ago. */
  #retryAll(everyMs: number): void {
    const nowMs = this.#needs.clock.nowMs();
    if (nowMs - this.#retriedAtMs < everyMs) return;
    this.#isRetryDue = false;
    this.#retriedAtMs = nowMs;
    this.#dialer.retryAll();
  }
}
