// Where peers see this node. In come their reports, one per peer; out go the
// addresses that deserve to be told to others: two peers say the same, or one
// does who is outside itself. A liar can add an address that nobody answers
// at, and nothing else. Bounded: the newest reporters count.

import { addressText, limits, type PeerId } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import { isSameAddress, reachOf, usableAddress } from "./addresses.ts";

type Report = {
  readonly seen: NetworkAddress;
  /** The reporter is on the public Internet itself. */
  readonly isOutside: boolean;
};

const agreedMax = 2; // one of each family

/** The reports of all peers. */
export class Observations {
  /** The newest last. */
  readonly #reports = new Map<PeerId, Report>();

  /**
   * Takes a peer's report in the place of its last one.
   *
   * @param report.remote Where the reporter is, as seen from here.
   */
  add(
    peer: PeerId,
    report: {
      readonly seen: NetworkAddress;
      readonly remote: NetworkAddress;
    },
  ): void {
    const seen = usableAddress(report.seen);
    this.#reports.delete(peer);
    // The own machine sees nothing of the outside.
    if (seen === undefined || reachOf(seen.ip) === "loopback") return;
    const isOutside = reachOf(report.remote.ip) === "public";
    this.#reports.set(peer, { seen, isOutside });
    for (const oldest of this.#reports.keys()) {
      if (this.#reports.size <= limits.observationsMax) break;
      this.#reports.delete(oldest);
    }
  }

  /** What was seen from elsewhere is no news after the network changed. */
  clear(): void {
    this.#reports.clear();
  }

  /** At most one of each family: the one that most reporters agree on. */
  agreed(): readonly NetworkAddress[] {
    const votes = new Map<string, Report[]>();
    for (const report of this.#reports.values()) {
      const text = addressText(report.seen);
      votes.set(text, [...votes.get(text) ?? [], report]);
    }
    const counted = [...votes.values()]
      .filter((reports) =>
        reports.length >= 2 || reports.some(({ isOutside }) => isOutside)
      )
      .sort((a, b) => b.length - a.length)
      .flatMap((reports) => reports.slice(0, 1).map(({ seen }) => seen));
    const isFirst = (seen: NetworkAddress) =>
      counted.find(({ ip }) => ip.includes(":") === seen.ip.includes(":"));
    return counted
      .filter((seen) => isSameAddress(isFirst(seen) ?? seen, seen))
      .slice(0, agreedMax);
  }
}
