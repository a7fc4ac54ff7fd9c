// Which addresses lie on the public Internet, and what the others are. After
// the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and
// its updates) as of 2026, and the metadata services of clouds, which hand out
// credentials to whoever can reach them. What is in doubt is not public.

import { type Address, addressOf, parseAddress } from "../kernel/mod.ts";

/** Why an address is not public. */
export type AddressRange = {
  /** Says what it is, after "it is" or "its address is" in messages. */
  readonly label: string;
  /** Stays on the machine itself. */
  readonly isLoopback: boolean;
  /** A grant may name it. */
  readonly isNameable: boolean;
};

/** All addresses that start with the same bits. */
export type Prefix = {
  readonly bytes: readonly number[];
  readonly bits: number;
};

/**
 * Undefined for an address of the public Internet.
 *
 * @param networks Where this machine is; see `parseNetworks`.
 */
export function rangeOf(
  address: Address,
  networks: readonly Prefix[] = [],
): AddressRange | undefined {
  for (const row of rows) {
    if (isWithin(address, row)) return row.range;
  }
  if (isWithin(address, translated)) {
    // Networks without IPv4 reach all of it under this prefix.
    const inner = rangeOf(addressOf(address.bytes.slice(12)), networks);
    return inner && { ...inner, isLoopback: false };
  }
  if (networks.some((network) => isWithin(address, network))) return local;
  if (address.bytes.length === 4) return undefined;
  return isWithin(address, globalUnicast) ? undefined : reserved;
}

/**
 * The networks of "address/bits" texts. One that is wider than any network of
 * machines stands for its address alone, and what is no address for nothing.
 */
export function parseNetworks(texts: readonly string[]): readonly Prefix[] {
  return texts.map(prefix).flatMap(({ bytes, bits }) => {
    const most = 8 * bytes.length;
    if (most === 0) return [];
    const isNetwork = bits >= most / 4 && bits <= most;
    return [{ bytes, bits: isNetwork ? bits : most }];
  });
}

type Row = Prefix & { readonly range: AddressRange };

function range(
  label: string,
  facts: { isLoopback?: boolean; isNameable?: boolean } = {},
): AddressRange {
  return { label, isLoopback: false, isNameable: true, ...facts };
}

// Whoever reaches it is the machine: no owner of a seed may give that away.
const metadata = range("a cloud's metadata service", { isNameable: false });
const local = range("an address of this machine's network");
const loopback = range("a loopback address", { isLoopback: true });
const privateUse = range("a private address");
const linkLocal = range("a link-local address");
const carrier = range("a carrier-grade NAT address");
const documentation = range("a documentation address");
const benchmark = range("a benchmark address");
const transition = range("an IPv6 transition address");
const reserved = range("a reserved address");
const multicast = range("a multicast address", { isNameable: false });
const broadcast = range("the broadcast address", { isNameable: false });
// Linux takes these for the machine itself.
const unspecified = range("an unspecified address", { isNameable: false });

/** RFC 4291 section 2.4: all of it that was ever given out. */
const globalUnicast = prefix("2000::/3");
/** NAT64's well-known prefix (RFC 6052). */
const translated = prefix("64:ff9b::/96");

/** The first that fits counts. */
const rows: readonly Row[] = ([
  ["169.254.169.254/32", metadata], // AWS, Azure, Google and most others
  ["169.254.170.2/32", metadata], // AWS containers
  ["169.254.170.23/32", metadata], // AWS pods
  ["100.100.100.200/32", metadata], // Alibaba
  ["192.0.0.192/32", metadata], // Oracle
  ["168.63.129.16/32", metadata], // Azure, within public addresses
  ["fd00:ec2::254/128", metadata], // AWS
  ["fd00:ec2::23/128", metadata], // AWS pods
  ["fd20:ce::254/128", metadata], // Google
  ["0.0.0.0/8", unspecified], // RFC 791 section 3.2
  ["10.0.0.0/8", privateUse], // RFC 1918
  ["100.64.0.0/10", carrier], // RFC 6598
  ["127.0.0.0/8", loopback], // RFC 1122
  ["169.254.0.0/16", linkLocal], // RFC 3927
  ["172.16.0.0/12", privateUse],
  ["192.0.0.0/24", reserved], // RFC 6890
  ["192.0.2.0/24", documentation], // RFC 5737
  ["192.88.99.0/24", transition], // RFC 7526
  ["192.168.0.0/16", privateUse],
  ["198.18.0.0/15", benchmark], // RFC 2544
  ["198.51.100.0/24", documentation],
  ["203.0.113.0/24", documentation],
  ["224.0.0.0/4", multicast], // RFC 5771
  ["255.255.255.255/32", broadcast], // RFC 919
  ["240.0.0.0/4", reserved], // RFC 1112
  ["::/128", unspecified],
  ["::1/128", loopback],
  ["::/96", transition], // IPv4-compatible, RFC 4291 section 2.5.5.1
  ["64:ff9b:1::/48", transition], // RFC 8215
  ["100::/64", reserved], // RFC 6666
  ["2001::/23", transition], // Teredo and its like, RFC 2928
  ["2001:db8::/32", documentation], // RFC 3849
  ["2002::/16", transition], // 6to4, RFC 7526
  ["3fff::/20", documentation], // RFC 9637
  ["fc00::/7", privateUse], // unique local, RFC 4193
  ["fe80::/10", linkLocal],
  ["fec0::/10", privateUse], // site-local, RFC 3879
  ["ff00::/8", multicast],
] as const).map(([text, range]) => ({ ...prefix(text), range }));

function prefix(text: string): Prefix {
  const [literal = "", bits] = text.split("/");
  return { bytes: parseAddress(literal)?.bytes ?? [], bits: Number(bits) };
}

function isWithin({ bytes }: Address, prefix: Prefix): boolean {
  if (bytes.length !== prefix.bytes.length) return false;
  for (let bit = 0; bit < prefix.bits; bit += 8) {
    const at = bit >> 3;
    const mask = 0xff & (0xff00 >> Math.min(8, prefix.bits - bit));
    const difference = (bytes[at] ?? 0) ^ (prefix.bytes[at] ?? 0);
    if ((difference & mask) !== 0) return false;
  }
  return true;
}
