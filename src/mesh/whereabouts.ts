// Where this node is: what its interfaces, its operator and its peers say, put
// together, and whether that changed since the last look. In come reports of
// peers and the time, out go its addresses. A liar among the peers can add an
// address that nobody answers at, and nothing else.

import type { PeerId } from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import { type OwnAddressConfig, ownAddresses } from "./addresses.ts";
import { Observations } from "./observations.ts";
import { type Awakening, Wakefulness } from "./wakefulness.ts";

/** What whereabouts are found out with. */
export type WhereaboutsNeeds = Pick<Ports, "clock"> & {
  /** Where the endpoint listens. */
  readonly local: () => NetworkAddress;
  readonly localIps: () => readonly string[];
};

/** What a look found. */
export type Look = Awakening & {
  /** The own addresses are others than at the last look. */
  readonly isElsewhere: boolean;
};

/** One per node. */
export class Whereabouts {
  readonly #needs: WhereaboutsNeeds;
  readonly #announce: OwnAddressConfig;
  readonly #observations = new Observations();
  readonly #wakefulness: Wakefulness;
  #lastText: string;

  /** The first look. */
  constructor(needs: WhereaboutsNeeds, announce: OwnAddressConfig) {
    this.#needs = needs;
    this.#announce = announce;
    this.#wakefulness = new Wakefulness(this.#surroundings());
    this.#lastText = this.#text();
  }

  /** A linked peer sees this node at `seen`, and is at `remote` itself. */
  observed(
    peer: PeerId,
    report: {
      readonly seen: NetworkAddress;
      readonly remote: NetworkAddress;
    },
  ): void {
    this.#observations.add(peer, report);
  }

  /** The best first; for peers and invites. */
  addresses(): readonly NetworkAddress[] {
    return ownAddresses(this.#announce, {
      localIps: this.#needs.localIps(),
      local: this.#needs.local(),
      observed: this.#observations.agreed(),
    });
  }

  /** To be called at most every `tickMs`. */
  look(tickMs: number): Look {
    const found = this.#wakefulness.look(this.#surroundings(), tickMs);
    // What was seen in another network is no news.
    if (found.hasMoved) this.#observations.clear();
    const text = this.#text();
    const isElsewhere = text !== this.#lastText;
    this.#lastText = text;
    return { ...found, isElsewhere };
  }

  #surroundings() {
    const { clock, localIps } = this.#needs;
    return {
      nowMs: clock.nowMs(),
      wallMs: clock.wallMs(),
      localIps: localIps(),
    };
  }

  #text(): string {
    return JSON.stringify(this.addresses());
  }
}
