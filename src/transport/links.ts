// At most one link per peer: an engine. In come authenticated connections, how
// they ended and whether an old one still answers; out go effects for a shell,
// in order. Both ends decide alike (tie_break.ts). It must never drop a
// connection in use for one that may be a clone's.

import {
  assert,
  type Bytes,
  equalBytes,
  limits,
  type PeerId,
} from "../kernel/mod.ts";
import { closeCodes } from "./protocols.ts";
import { outranks } from "./tie_break.ts";

/** An authenticated connection, before it is known whether it stays. */
export type Candidate = {
  readonly peer: PeerId;
  /** Hex of the client's signature. */
  readonly id: string;
  readonly isDialer: boolean;
  /** Of the peer's process. */
  readonly bootId: Bytes;
  /** Ids that its dialer has lost or wants replaced by this one. */
  readonly replaces: readonly string[];
};

/** What the shell has to do, in order; ids name connections. */
export type LinkEffect =
  /** It is the peer's link from now on. */
  | { readonly type: "serve"; readonly id: string }
  /** It lost: serve what comes for a while, then close it as a duplicate. */
  | { readonly type: "drain"; readonly id: string }
  | {
    readonly type: "close";
    readonly id: string;
    readonly code: number;
    readonly reason: string;
  }
  /** Ask whether the peer still answers there, then call `probed`. */
  | { readonly type: "probe"; readonly id: string };

/** All connections with one peer. */
type Seat = {
  readonly peer: PeerId;
  current: Candidate | undefined;
  /** Of another process of the peer: they wait for what the probe says. */
  contenders: Candidate[];
  readonly draining: Set<string>;
  isProbing: boolean;
};

const contendersMax = 4;

/** Which connection is a peer's link, and what becomes of the others. */
export class LinkTable {
  readonly #own: PeerId;
  readonly #seats = new Map<PeerId, Seat>();
  readonly #peers = new Map<string, PeerId>();
  /** Ids that ended without the peer's word; the newest last. */
  readonly #lost = new Map<PeerId, readonly string[]>();

  /** `own` is this node. */
  constructor(own: PeerId) {
    this.#own = own;
  }

  /** Connections, those that drain or wait included. */
  get size(): number {
    return this.#peers.size;
  }

  /** The connection that is the peer's link. */
  current(peer: PeerId): string | undefined {
    return this.#seats.get(peer)?.current?.id;
  }

  /** What a dial to this peer should say that it replaces. */
  replacedBy(peer: PeerId): readonly string[] {
    return this.#lost.get(peer) ?? [];
  }

  /** A connection was authenticated. */
  add(candidate: Candidate): readonly LinkEffect[] {
    assert(!this.#peers.has(candidate.id), "a connection is added once");
    const { peer } = candidate;
    const seat = this.#seats.get(peer) ?? {
      peer,
      current: undefined,
      contenders: [],
      draining: new Set(),
      isProbing: false,
    };
    this.#seats.set(peer, seat);
    const effects = candidate.replaces.flatMap((id) => this.#replace(seat, id));
    this.#peers.set(candidate.id, peer);
    return [...effects, ...this.#place(seat, candidate)];
  }

  /** It is gone; `isKnown` when the peer said so itself. */
  ended(
    id: string,
    options: { readonly isKnown: boolean },
  ): readonly LinkEffect[] {
    const peer = this.#peers.get(id);
    const seat = peer === undefined ? undefined : this.#seats.get(peer);
    if (seat === undefined) return [];
    if (!options.isKnown) this.#remember(seat.peer, id);
    this.#forget(seat, id);
    const effects = seat.current === undefined ? this.#settle(seat) : [];
    if (!this.#isUsed(seat)) this.#seats.delete(seat.peer);
    return effects;
  }

  /** Whether the peer answered on the connection it was asked on. */
  probed(id: string, isAlive: boolean): readonly LinkEffect[] {
    const peer = this.#peers.get(id);
    const seat = peer === undefined ? undefined : this.#seats.get(peer);
    if (seat === undefined || !seat.isProbing) return [];
    // Who contended has gone meanwhile: one late answer ends no link.
    const isDecided = seat.contenders.length === 0;
    if (seat.current?.id !== id || isDecided) return [];
    seat.isProbing = false;
    if (isAlive) {
      return seat.contenders.splice(0).map(({ id }) => {
        this.#peers.delete(id);
        const reason = "another process with this identity is connected";
        return closing(id, { code: closeCodes.clone, reason });
      });
    }
    this.#forget(seat, id);
    return [
      closing(id, {
        code: closeCodes.upgraded,
        reason: "the peer was restarted",
      }),
      ...this.#settle(seat),
    ];
  }

  #place(seat: Seat, candidate: Candidate): readonly LinkEffect[] {
    const { current } = seat;
    if (current === undefined) return this.#take(seat, candidate);
    if (!equalBytes(current.bootId, candidate.bootId)) {
      return this.#contend(seat, current, { candidate });
    }
    const ends = { own: this.#own, peer: seat.peer };
    if (outranks(current, candidate, ends)) {
      seat.draining.add(candidate.id);
      return [{ type: "drain", id: candidate.id }];
    }
    seat.draining.add(current.id);
    const drain = { type: "drain", id: current.id } as const;
    return [...this.#take(seat, candidate), drain];
  }

  /** Those who contended with the one before contend with this one. */
  #take(seat: Seat, candidate: Candidate): readonly LinkEffect[] {
    seat.current = candidate;
    this.#lost.delete(seat.peer);
    const serve = { type: "serve", id: candidate.id } as const;
    return [serve, ...this.#settle(seat)];
  }

  #contend(
    seat: Seat,
    current: Candidate,
    options: { readonly candidate: Candidate },
  ): readonly LinkEffect[] {
    const { candidate } = options;
    if (seat.contenders.length >= contendersMax) {
      this.#peers.delete(candidate.id);
      return [
        closing(candidate.id, {
          code: closeCodes.duplicate,
          reason: "too many at once",
        }),
      ];
    }
    seat.contenders.push(candidate);
    if (seat.isProbing) return [];
    seat.isProbing = true;
    return [{ type: "probe", id: current.id }];
  }

  /** Places those that waited again, in their order. */
  #settle(seat: Seat): readonly LinkEffect[] {
    seat.isProbing = false;
    return seat.contenders.splice(0).flatMap((one) => this.#place(seat, one));
  }

  #replace(seat: Seat, id: string): readonly LinkEffect[] {
    // Of this peer only: nobody drops the connections of others.
    if (this.#peers.get(id) !== seat.peer) return [];
    this.#forget(seat, id);
    return [
      closing(id, {
        code: closeCodes.upgraded,
        reason: "replaced by a newer connection",
      }),
    ];
  }

  #forget(seat: Seat, id: string): void {
    this.#peers.delete(id);
    seat.draining.delete(id);
    seat.contenders = seat.contenders.filter((one) => one.id !== id);
    if (seat.current?.id === id) seat.current = undefined;
  }

  #isUsed(seat: Seat): boolean {
    return seat.current !== undefined || seat.contenders.length > 0 ||
      seat.draining.size > 0;
  }

  #remember(peer: PeerId, id: string): void {
    const known = this.#lost.get(peer) ?? [];
    this.#lost.delete(peer);
    this.#lost.set(peer, [...known, id].slice(-limits.replacesMax));
    if (this.#lost.size <= limits.linksMax) return;
    const [oldest] = this.#lost.keys();
    if (oldest !== undefined) this.#lost.delete(oldest);
  }
}

function closing(
  id: string,
  why: { readonly code: number; readonly reason: string },
): LinkEffect {
  return { type: "close", id, ...why };
}
