// With whom a node gossips: everybody while it has few links, else a few that
// it picks, and those that picked it. In come links that come and go, what
// peers say and the time; out goes who is a neighbour, and whom to tell.
// Picks are the highest random weights of the pairs (Thaler and Ravishankar,
// 1998), anew in each epoch, so that no clique closes itself off.

import {
  concatBytes,
  idBytes,
  limits,
  type PeerId,
  toHex,
  utf8,
} from "../kernel/mod.ts";

/** What a peer is told: whether it was picked. */
export type Follow<Link> = { readonly link: Link; readonly isOn: boolean };

type Row = { readonly peer: PeerId; weight: string };

/** Whom this node is, and how it hashes. */
export type NeighboursConfig = {
  readonly self: PeerId;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
};

/** Of all links of a node; times are monotonic milliseconds. */
export class Neighbours<Link> {
  readonly #config: NeighboursConfig;
  readonly #rows = new Map<Link, Row>();
  readonly #followers = new Set<Link>();
  #picks: ReadonlySet<Link> = new Set();
  #all: ReadonlySet<Link> = new Set();
  #epoch = 0;
  #epochEndMs: number;

  constructor(config: NeighboursConfig, nowMs: number) {
    this.#config = config;
    this.#epochEndMs = nowMs + limits.gossipEpochMs;
  }

  /** Whether everybody is one: news may leave sooner. */
  get isEverybody(): boolean {
    return this.#rows.size <= limits.gossipNeighboursAllMax;
  }

  /** Those picked and those that picked this node. */
  get all(): ReadonlySet<Link> {
    return this.#all;
  }

  /** Whether this node picked it. */
  isPick(link: Link): boolean {
    return this.#picks.has(link);
  }

  /** A new link. @returns Whom to tell what. */
  join(link: Link, peer: PeerId): readonly Follow<Link>[] {
    this.#rows.set(link, { peer, weight: this.#weightOf(peer) });
    return this.#pick();
  }

  /** A link is gone. @returns Whom to tell what. */
  leave(link: Link): readonly Follow<Link>[] {
    if (!this.#rows.delete(link)) return [];
    this.#followers.delete(link);
    return this.#pick();
  }

  /** A peer has said whether it picked this node. */
  followed(link: Link, isOn: boolean): void {
    if (!this.#rows.has(link)) return;
    if (isOn) this.#followers.add(link);
    else this.#followers.delete(link);
    this.#gather();
  }

  /** Whether the time has come to pick anew. @returns Whom to tell what. */
  tick(nowMs: number): readonly Follow<Link>[] {
    if (nowMs < this.#epochEndMs) return [];
    this.#epochEndMs = nowMs + limits.gossipEpochMs;
    this.#epoch++;
    for (const row of this.#rows.values()) {
      row.weight = this.#weightOf(row.peer);
    }
    return this.#pick();
  }

  #weightOf(peer: PeerId): string {
    const { self, sha256 } = this.#config;
    const epoch = utf8(`pln/neighbours ${this.#epoch} `);
    return toHex(sha256(concatBytes(epoch, idBytes(self), idBytes(peer))));
  }

  #pick(): readonly Follow<Link>[] {
    const before = this.#picks;
    const picks = new Set(this.isEverybody ? this.#rows.keys() : this.#best());
    this.#picks = picks;
    this.#gather();
    const follows: Follow<Link>[] = [];
    for (const link of picks) {
      if (!before.has(link)) follows.push({ link, isOn: true });
    }
    for (const link of before) {
      if (!picks.has(link) && this.#rows.has(link)) {
        follows.push({ link, isOn: false });
      }
    }
    return follows;
  }

  #best(): readonly Link[] {
    return this.#byWeight(this.#rows.keys()).slice(0, limits.gossipPicksMax);
  }

  /**
   * Followers beyond the limit are heard, and told nothing by themselves: who
   * has many would be asked by all of them. Which ones changes by epoch, so
   * that nobody holds a place for ever by having come first.
   */
  #gather(): void {
    const all = new Set(this.#picks);
    for (const link of this.#byWeight(this.#followers)) {
      if (all.size >= limits.gossipNeighboursMax) break;
      all.add(link);
    }
    this.#all = all;
  }

  /** The same order for as long as an epoch lasts. */
  #byWeight(links: Iterable<Link>): readonly Link[] {
    const weight = (link: Link) => this.#rows.get(link)?.weight ?? "";
    return [...links].sort((left, right) =>
      weight(left) < weight(right) ? -1 : 1
    );
  }
}
