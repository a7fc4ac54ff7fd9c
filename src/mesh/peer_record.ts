// What a node remembers of one peer: its addresses, who said them, and the
// little that is shown while it is away. Records are values; merging makes a
// new one. Addresses are never forgotten but for newer ones, and the one that
// worked last never at all; third parties can not push others out.

import { addressText, limits, type PeerId } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import type { Tier } from "../identity/mod.ts";
import { isSameAddress, usableAddress } from "./addresses.ts";

/**
 * Who vouches for an address, the strongest first: a link ran over it; the
 * peer, an invite or the operator said it; some other member said it.
 */
export type AddressSource = "linked" | "said" | "told";

/** The strongest first. */
export const addressSources = ["linked", "said", "told"] as const;

/** In its canonical spelling. */
export type KnownAddress = NetworkAddress & { readonly source: AddressSource };

/** One peer that this node has met, or was told of. */
export type PeerRecord = {
  readonly peer: PeerId;
  /** As it calls itself; a valid name. */
  readonly name: string | undefined;
  readonly tier: Tier | undefined;
  /** The newest first; at most `peerAddressesMax`. */
  readonly addresses: readonly KnownAddress[];
  /** Wall clock, for people; undefined: never met. */
  readonly lastSeenMs: number | undefined;
  /** It said that it leaves the cluster, and was not seen since. */
  readonly hasLeft: boolean;
};

/** Somebody of whom nothing is known. */
export function emptyRecord(peer: PeerId): PeerRecord {
  return {
    peer,
    name: undefined,
    tier: undefined,
    addresses: [],
    lastSeenMs: undefined,
    hasLeft: false,
  };
}

/** The address that carried a link most recently. */
export function lastGoodOf(
  addresses: readonly KnownAddress[],
): KnownAddress | undefined {
  return addresses.find(({ source }) => source === "linked");
}

/** Nobody but third parties ever spoke of it. */
export function isHearsay(record: PeerRecord): boolean {
  return record.lastSeenMs === undefined &&
    record.addresses.every(({ source }) => source === "told");
}

/** The record with `fresh` as its newest addresses; unusable ones left out. */
export function withAddresses(
  record: PeerRecord,
  fresh: readonly NetworkAddress[],
  { source }: { readonly source: AddressSource },
): PeerRecord {
  return withKnownAddresses(
    record,
    fresh.map(({ ip, port }) => ({ ip, port, source })),
  );
}

/** The same for addresses of several sources. */
export function withKnownAddresses(
  record: PeerRecord,
  fresh: readonly KnownAddress[],
): PeerRecord {
  const usable = fresh
    .slice(0, limits.peerAddressesMax)
    .flatMap(({ source, ...address }) => {
      const plain = usableAddress(address);
      return plain === undefined ? [] : [{ ...plain, source }];
    });
  const addresses = mergeAddresses(record.addresses, usable);
  return isSameList(addresses, record.addresses)
    ? record
    : { ...record, addresses };
}

function mergeAddresses(
  known: readonly KnownAddress[],
  fresh: readonly KnownAddress[],
): readonly KnownAddress[] {
  const byText = new Map<string, KnownAddress>();
  for (const address of [...fresh, ...known]) {
    const text = addressText(address);
    const before = byText.get(text);
    const isKept = before !== undefined &&
      !isStronger(address.source, before.source);
    // A stronger source takes the place of the weaker one.
    if (!isKept) byText.set(text, address);
  }
  const merged = [...byText.values()];
  const firm = merged.filter(({ source }) => source !== "told");
  const told = merged.filter(({ source }) => source === "told")
    .slice(0, limits.peerAddressesToldMax);
  return [...newest(firm, limits.peerAddressesMax - told.length), ...told];
}

function isStronger(one: AddressSource, other: AddressSource): boolean {
  return addressSources.indexOf(one) < addressSources.indexOf(other);
}

/** The first `count`, with the last good one whatever its place. */
function newest(
  addresses: readonly KnownAddress[],
  count: number,
): readonly KnownAddress[] {
  const kept = addresses.slice(0, count);
  const lastGood = lastGoodOf(addresses);
  if (lastGood === undefined || kept.includes(lastGood)) return kept;
  return [...kept.slice(0, -1), lastGood];
}

function isSameList(
  one: readonly KnownAddress[],
  other: readonly KnownAddress[],
): boolean {
  return one.length === other.length && one.every((address, at) => {
    const against = other[at];
    return against !== undefined && isSameAddress(address, against) &&
      address.source === against.source;
  });
}

/** How messages call a node: by its name, or by the start of its id. */
export function nodeText(peer: PeerId, record: PeerRecord | undefined): string {
  return `Node ${record?.name ?? peer.slice(0, 12)}`;
}
