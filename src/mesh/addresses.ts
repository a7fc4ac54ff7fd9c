// Addresses of nodes as values: which may be dialled at all, how far they
// reach, which to try first, and which a node tells of itself. Foreign literals
// come in, canonical ones go out; what no peer can be dialled at (multicast,
// link-local IPv6 without a zone, port 0) never does.

import { addressText, limits, parseAddress } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";

/** From where an address can be dialled. */
export type Reach = "loopback" | "lan" | "public";

/** Undefined: not by unicast, or it is no literal in its one spelling. */
export function reachOf(ip: string): Reach | undefined {
  const address = parseAddress(ip);
  return address?.text === ip ? reachOfBytes(address.bytes) : undefined;
}

function reachOfBytes(bytes: readonly number[]): Reach | undefined {
  return bytes.length === 4 ? fourReach(bytes) : sixteenReach(bytes);
}

// RFC 6890: what is neither of these is taken for public. A grant of egress is
// stricter; here a wrong guess costs a dial that fails.
function fourReach(bytes: readonly number[]): Reach | undefined {
  const [a = 0, b = 0] = bytes;
  if (a === 0 || a >= 224) return undefined;
  if (a === 127) return "loopback";
  const isPrivate = a === 10 || (a === 172 && (b & 0xf0) === 16) ||
    (a === 192 && b === 168);
  const isCarrier = a === 100 && (b & 0xc0) === 64;
  const isLinkLocal = a === 169 && b === 254;
  // A cloud's metadata service: the daemon has no right to try.
  const isMetadata = isLinkLocal && bytes.join(".") === "169.254.169.254";
  if (isMetadata) return undefined;
  return isPrivate || isCarrier || isLinkLocal ? "lan" : "public";
}

function sixteenReach(bytes: readonly number[]): Reach | undefined {
  const [a = 0, b = 0] = bytes;
  // The unspecified one, and those that hold an IPv4 address (RFC 4291 2.5.5).
  if (bytes.slice(0, 12).every((byte) => byte === 0)) {
    const isLoopback = bytes.slice(12).join(".") === "0.0.0.1";
    return isLoopback ? "loopback" : undefined;
  }
  const isLinkLocal = a === 0xfe && (b & 0xc0) === 0x80;
  if (a === 0xff || isLinkLocal) return undefined;
  const isSiteLocal = a === 0xfe && (b & 0xc0) === 0xc0;
  return (a & 0xfe) === 0xfc || isSiteLocal ? "lan" : "public";
}

/** In its one spelling; undefined when it can not be dialled. */
export function usableAddress(
  { ip, port }: NetworkAddress,
): NetworkAddress | undefined {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) return undefined;
  const address = parseAddress(ip);
  if (address === undefined) return undefined;
  const isUsable = reachOfBytes(address.bytes) !== undefined;
  return isUsable ? { ip: address.text, port } : undefined;
}

/** Whether both are one address, in canonical spelling. */
export function isSameAddress(a: NetworkAddress, b: NetworkAddress): boolean {
  return a.ip === b.ip && a.port === b.port;
}

const reachOrder: readonly (Reach | undefined)[] = [
  "lan",
  "public",
  "loopback",
];

/**
 * The order of dials: the one that worked last, then near ones before far
 * ones; else as given. Loopback comes last: it leads to the own machine.
 */
export function dialOrder(
  addresses: readonly NetworkAddress[],
  { lastGood }: { readonly lastGood: NetworkAddress | undefined },
): readonly NetworkAddress[] {
  const rank = (address: NetworkAddress) =>
    lastGood !== undefined && isSameAddress(address, lastGood)
      ? -1
      : reachOrder.indexOf(reachOf(address.ip));
  return addresses
    .map((address) => ({ address, rank: rank(address) }))
    .sort((a, b) => a.rank - b.rank)
    .map(({ address }) => address);
}

/** What the operator said: addresses beside those the node finds. */
export type OwnAddressConfig = {
  /** IP literals, announced first. */
  readonly ips: readonly string[];
  /** Whether the whole Internet can reach this node. */
  readonly isPublic: boolean;
};

/** Where a node is, as it finds out. */
export type OwnAddressFacts = {
  /** Of the machine's interfaces. */
  readonly localIps: readonly string[];
  /** Of the endpoint: "::" and "0.0.0.0" are all interfaces. */
  readonly local: NetworkAddress;
  /** Where peers see this node, as far as they agree. */
  readonly observed: readonly NetworkAddress[];
};

/**
 * What a node tells peers of its addresses, the best first: configured ones,
 * public ones of its interfaces, near ones, then where peers see it. A node
 * that is public puts that before the near ones. Loopback only when it has
 * nothing else, or is bound to it.
 */
export function ownAddresses(
  config: OwnAddressConfig,
  { localIps, local, observed }: OwnAddressFacts,
): readonly NetworkAddress[] {
  const { port } = local;
  const at = (ips: readonly string[]) => ips.map((ip) => ({ ip, port }));
  const bound = boundIps(local.ip, localIps);
  const within = (reach: Reach) =>
    at(bound.filter((ip) => reachOf(ip) === reach));
  const seen = isLoopback(local.ip) ? [] : observed;
  const isFar = ({ ip }: NetworkAddress) =>
    config.isPublic && reachOf(ip) === "public";
  const found = distinct([
    ...at(config.ips),
    ...within("public"),
    ...seen.filter(isFar),
    ...within("lan"),
    ...seen,
  ]);
  const chosen = found.length > 0 ? found : distinct(within("loopback"));
  return chosen.slice(0, limits.ownAddressesMax);
}

/** An endpoint bound to one address is reached at that one only. */
function boundIps(
  ip: string,
  localIps: readonly string[],
): readonly string[] {
  if (ip === "::") return localIps;
  if (ip === "0.0.0.0") return localIps.filter((ip) => !ip.includes(":"));
  return [ip];
}

function isLoopback(ip: string): boolean {
  return reachOf(ip) === "loopback";
}

/** Usable ones in their one spelling, each once, in the order given. */
export function distinct(
  addresses: readonly NetworkAddress[],
): readonly NetworkAddress[] {
  const kept = new Map<string, NetworkAddress>();
  for (const address of addresses) {
    const usable = usableAddress(address);
    if (usable === undefined) continue;
    const text = addressText(usable);
    if (!kept.has(text)) kept.set(text, usable);
  }
  return [...kept.values()];
}
