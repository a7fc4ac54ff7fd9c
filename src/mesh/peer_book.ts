// Every peer that this node has met or was told of, and where it may be found.
// In come links, what peers say, invites and what the rights say; out go
// records. It forgets nobody it has met while there is room: who was denied or
// has left goes first, and who was only heard of never displaces anybody.

import { limits, type PeerId } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import type { Tier } from "../identity/mod.ts";
import { KnownIps } from "./known_ips.ts";
import {
  type AddressSource,
  emptyRecord,
  isHearsay,
  type PeerRecord,
  withAddresses,
} from "./peer_record.ts";

/** What a link to a peer proves. */
export type Meeting = {
  /** Where its packets come from. */
  readonly remote: NetworkAddress;
  readonly tier: Tier;
  /** Wall clock, for people. */
  readonly atMs: number;
};

/** What only others know of the peers. */
export type Standing = {
  readonly isDenied: (peer: PeerId) => boolean;
  readonly isLinked: (peer: PeerId) => boolean;
};

/** Bounded to `peersMax`; lives in memory: see `openPeerBook`. */
export class PeerBook {
  /** Who was met least recently comes first. */
  readonly #records: Map<PeerId, PeerRecord>;
  readonly #onChange: () => void;
  #standing: Standing = { isDenied: () => false, isLinked: () => false };
  #heardOf = 0;
  /** Undefined: to be counted anew. */
  #ips: KnownIps | undefined;

  /**
   * Records as they were saved, the least recently met first.
   *
   * @param onChange Called after each change that is worth saving.
   */
  constructor(
    records: Iterable<PeerRecord> = [],
    onChange: () => void = () => {},
  ) {
    this.#records = new Map();
    this.#onChange = onChange;
    for (const record of records) this.#put(record);
  }

  /** How many are remembered. */
  get size(): number {
    return this.#records.size;
  }

  /** Everybody, the least recently met first. */
  records(): Iterable<PeerRecord> {
    return this.#records.values();
  }

  /** Undefined for a stranger. */
  get(peer: PeerId): PeerRecord | undefined {
    return this.#records.get(peer);
  }

  /**
   * Addresses that somebody said a peer has, the best first. What is no
   * address that can be dialled is left out.
   *
   * @returns Whether any of it was new.
   */
  note(
    peer: PeerId,
    addresses: readonly NetworkAddress[],
    options: { readonly source: AddressSource },
  ): boolean {
    const record = this.#records.get(peer) ?? emptyRecord(peer);
    const made = withAddresses(record, addresses, options);
    if (made === record) return false;
    const isNew = made.addresses.some((one) =>
      !record.addresses.some(({ ip, port }) =>
        ip === one.ip && port === one.port
      )
    );
    return this.#change(made) && isNew;
  }

  /** A link to it came up. */
  met(peer: PeerId, { remote, tier, atMs }: Meeting): void {
    const record = this.#records.get(peer) ?? emptyRecord(peer);
    const source = "linked";
    const made = withAddresses(record, [remote], { source });
    this.#change({ ...made, tier, lastSeenMs: atMs, hasLeft: false }, {
      isNewest: true,
    });
  }

  /** How a linked peer calls itself; a valid name. */
  named(peer: PeerId, name: string): void {
    const record = this.#records.get(peer);
    if (record === undefined || record.name === name) return;
    this.#change({ ...record, name });
  }

  /** It was linked until now. */
  seen(peer: PeerId, { atMs }: { readonly atMs: number }): void {
    const record = this.#records.get(peer);
    if (record?.lastSeenMs === undefined) return;
    this.#change({ ...record, lastSeenMs: atMs });
  }

  /** It goes for good; meeting it again takes that back. */
  markLeft(peer: PeerId): void {
    const record = this.#records.get(peer);
    if (record === undefined || record.hasLeft) return;
    this.#change({ ...record, hasLeft: true });
  }

  /** Who was only heard of and answers nowhere. Nobody else is forgotten. */
  dropHearsay(peer: PeerId): boolean {
    const record = this.#records.get(peer);
    if (record === undefined || !isHearsay(record)) return false;
    this.#remove(record);
    return true;
  }

  /** An admin has forgotten it. Meeting it again makes a new record. */
  forget(peer: PeerId): void {
    const record = this.#records.get(peer);
    if (record === undefined) return;
    this.#remove(record);
    this.#onChange();
  }

  /** Whom to forget first, and whom not, when there is no room. */
  setStanding(standing: Standing): void {
    this.#standing = standing;
    this.#ips = undefined;
  }

  /** Where undenied members were met, or say they are; live. */
  knownIps(): ReadonlySet<string> {
    if (this.#ips === undefined) {
      this.#ips = new KnownIps();
      for (const record of this.#records.values()) this.#count(record);
    }
    return this.#ips.ips;
  }

  #count(record: PeerRecord): void {
    if (!this.#standing.isDenied(record.peer)) this.#ips?.add(record);
  }

  #uncount(record: PeerRecord): void {
    if (!this.#standing.isDenied(record.peer)) this.#ips?.remove(record);
  }

  #change(
    record: PeerRecord,
    { isNewest = false }: { readonly isNewest?: boolean } = {},
  ): boolean {
    const before = this.#records.get(record.peer);
    if (before !== undefined && isNewest) this.#remove(before);
    if (!this.#put(record)) return false;
    // Hearsay is heard again after a start; it is not saved.
    if (!isHearsay(record)) this.#onChange();
    return true;
  }

  /** False when there is no room for it. */
  #put(record: PeerRecord): boolean {
    const before = this.#records.get(record.peer);
    if (before === undefined && !this.#makeRoom(record)) return false;
    if (before !== undefined) this.#uncount(before);
    if (before !== undefined && isHearsay(before)) this.#heardOf--;
    if (isHearsay(record)) this.#heardOf++;
    this.#count(record);
    this.#records.set(record.peer, record);
    return true;
  }

  #remove(record: PeerRecord): void {
    if (!this.#records.delete(record.peer)) return;
    if (isHearsay(record)) this.#heardOf--;
    this.#uncount(record);
  }

  #makeRoom(record: PeerRecord): boolean {
    const isHeard = isHearsay(record);
    if (isHeard && this.#heardOf >= limits.peersHeardOfMax) {
      this.#removeFirst(isHearsay);
    }
    if (this.#records.size < limits.peersMax) return true;
    const { isDenied, isLinked } = this.#standing;
    const isGone = this.#removeFirst(({ peer }) => isDenied(peer)) ||
      this.#removeFirst(({ hasLeft }) => hasLeft) ||
      this.#removeFirst(isHearsay);
    if (isGone || isHeard) return isGone;
    return this.#removeFirst(({ peer }) => !isLinked(peer));
  }

  #removeFirst(isIt: (record: PeerRecord) => boolean): boolean {
    for (const record of this.#records.values()) {
      if (!isIt(record)) continue;
      this.#remove(record);
      return true;
    }
    return false;
  }
}
