// Which IP addresses belong to known members, kept up to date one record at a
// time: who floods a node makes it ask for each connection. In come records
// that are added and removed, out goes one live set. An address counts until
// the last record that has it is gone.

import type { PeerRecord } from "./peer_record.ts";

/** A set with counts; what third parties said is left out. */
export class KnownIps {
  readonly #counts = new Map<string, number>();
  readonly #ips = new Set<string>();

  /** Live. */
  get ips(): ReadonlySet<string> {
    return this.#ips;
  }

  add(record: PeerRecord): void {
    for (const ip of ipsOf(record)) {
      this.#counts.set(ip, (this.#counts.get(ip) ?? 0) + 1);
      this.#ips.add(ip);
    }
  }

  /** It was added as it is now. */
  remove(record: PeerRecord): void {
    for (const ip of ipsOf(record)) {
      const left = (this.#counts.get(ip) ?? 0) - 1;
      if (left > 0) {
        this.#counts.set(ip, left);
        continue;
      }
      this.#counts.delete(ip);
      this.#ips.delete(ip);
    }
  }
}

function ipsOf({ hasLeft, addresses }: PeerRecord): ReadonlySet<string> {
  const known = hasLeft
    ? []
    : addresses.filter(({ source }) => source !== "told");
  return new Set(known.map(({ ip }) => ip));
}
