// What is shown of one peer: its record, its link and its rights put together.
// Texts that the peer said of itself are shown only when they are harmless:
// no control characters, no names that are none.

import { isName, type PeerId, type PlnError } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import type { Properties, Tier } from "../identity/mod.ts";
import type { Link } from "../transport/mod.ts";
import { dialOrder } from "./addresses.ts";
import type { DialPhase } from "./dial_engine.ts";
import type { MeshRights } from "./needs.ts";
import {
  isHearsay,
  type KnownAddress,
  lastGoodOf,
  type PeerRecord,
} from "./peer_record.ts";

/** How this node stands with a peer; "suspect": linked, but silent. */
export type PeerLinkState =
  | "connected"
  | "suspect"
  | "dialing"
  | "unreachable"
  | "left"
  | "denied";

/** One row of `pln status nodes`. */
export type PeerState = {
  readonly peer: PeerId;
  /** As it calls itself; several may have one name. */
  readonly name: string | undefined;
  readonly tier: Tier | undefined;
  readonly properties: Properties;
  readonly state: PeerLinkState;
  /** Of the link, else where it is dialled first. */
  readonly address: NetworkAddress | undefined;
  /** All that are known, in the order of dials. */
  readonly addresses: readonly NetworkAddress[];
  readonly rttMs: number | undefined;
  /** How long the link has been up. */
  readonly connectedMs: number | undefined;
  /** Wall clock; undefined: never met. */
  readonly lastSeenMs: number | undefined;
  /** Of its program, as it says. */
  readonly version: string | undefined;
  /** Why the newest dial failed. */
  readonly lastError: PlnError | undefined;
  /** Where it sees this node. */
  readonly observed: NetworkAddress | undefined;
};

/** What a row is made of. */
export type PeerParts = {
  readonly record: PeerRecord;
  readonly link: Link | undefined;
  readonly rights: MeshRights;
  readonly phase: DialPhase | undefined;
  readonly lastError: PlnError | undefined;
  readonly nowMs: number;
};

/** The row of one peer. */
export function peerState(parts: PeerParts): PeerState {
  const { record, link, rights, lastError, nowMs } = parts;
  const { peer, lastSeenMs } = record;
  const grant = rights.grantOf(peer);
  const addresses = addressesOf(record);
  return {
    peer,
    name: saidName(link) ?? record.name,
    tier: grant?.tier ?? link?.facts.tier ?? record.tier,
    properties: grant?.properties ?? link?.facts.properties ?? new Map(),
    state: linkState(parts),
    address: link?.remote ?? addresses[0],
    addresses,
    rttMs: link?.rttMs,
    connectedMs: link === undefined ? undefined : nowMs - link.sinceMs,
    lastSeenMs,
    version: saidVersion(link),
    lastError: link === undefined ? lastError : undefined,
    observed: link?.observed,
  };
}

/**
 * Whether some member speaks of it, and no admin's document does. Dialling it
 * would let one liar point the whole cluster at anybody's address. It is kept,
 * for the documents about who has just joined may come after the news of it.
 */
export function isRumour(record: PeerRecord, rights: MeshRights): boolean {
  const { peer } = record;
  const { admins } = rights;
  if (admins === undefined || !isHearsay(record)) return false;
  return rights.grantOf(peer) === undefined &&
    admins.every((admin) => admin.peer !== peer);
}

/**
 * Where a peer is to be dialled, the best first. What third parties say comes
 * in turns with what is known, and never before it: four wrong hints must not
 * use up the time of a round.
 */
export function addressesOf(
  record: PeerRecord | undefined,
): readonly NetworkAddress[] {
  const known = record?.addresses ?? [];
  const isTold = ({ source }: KnownAddress) => source === "told";
  const told = dialOrder(known.filter(isTold), { lastGood: undefined });
  const firm = dialOrder(known.filter((one) => !isTold(one)), {
    lastGood: lastGoodOf(known),
  });
  const turns = Math.max(firm.length, told.length);
  return Array.from({ length: turns }, (_, at) => [firm[at], told[at]])
    .flat()
    .flatMap((one) =>
      one === undefined ? [] : [{ ip: one.ip, port: one.port }]
    );
}

/** How a peer calls itself now; undefined when that is no name. */
export function saidName(link: Link | undefined): string | undefined {
  const name = link?.hello?.name;
  return name !== undefined && isName(name) ? name : undefined;
}

function saidVersion(link: Link | undefined): string | undefined {
  const version = link?.hello?.version;
  const isPlain = version !== undefined && /^[\x21-\x7e]{1,64}$/.test(version);
  return isPlain ? version : undefined;
}

function linkState(
  { record, link, rights, phase }: PeerParts,
): PeerLinkState {
  if (rights.denialOf(record.peer) !== undefined) return "denied";
  if (link !== undefined) return link.isSuspect ? "suspect" : "connected";
  if (record.hasLeft) return "left";
  return phase === "dialing" ? "dialing" : "unreachable";
}
