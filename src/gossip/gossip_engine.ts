// Gossip of a whole node, without I/O: what its neighbours are told, whom it
// asks for what, and what rounds of anti-entropy find. In come links, frames,
// what is new here, and the time; out come frames for each link, and what its
// shell has to do. It does no work per owner but for owners that changed or
// that differ.

import { type Bytes, limits, type PeerId } from "../kernel/mod.ts";
import type { Frame } from "../transport/mod.ts";
import { compareBuckets, type Comparison } from "./anti_entropy.ts";
import { answerDigests, answerWant } from "./answers.ts";
import { LinkBudget } from "./link_budget.ts";
import { LinkRounds } from "./link_rounds.ts";
import {
  decodeDigests,
  encodeDigests,
  followMessage,
  kinds,
  requestBytesMax,
} from "./messages.ts";
import type { GossipState, RecordSource } from "./needs.ts";
import { type Follow, Neighbours } from "./neighbours.ts";
import { decodeBucketHeads, decodePlaces } from "./packed_places.ts";
import {
  isBehind,
  nowhere,
  type OwnerPlace,
  type PlaceItem,
  prefixOf,
} from "./places.ts";
import { RecordGossip } from "./record_gossip.ts";
import { Topic } from "./topic.ts";

/** What a shell has to do with a frame. */
export type GossipEffect =
  /** Send these where the frame came, one by one. */
  | { readonly type: "reply"; readonly frames: Iterable<Frame> }
  /** What came before has to be accepted first; then call `answered`. */
  | { readonly type: "wanted" }
  | { readonly type: "compared"; readonly comparison: Comparison }
  | { readonly type: "close"; readonly reason: string };

/** What the engine stands on; all of it is synchronous. */
export type GossipEngineConfig<Link> = {
  readonly self: PeerId;
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly state: GossipState;
  readonly records: RecordSource | undefined;
  /** The time of the event that is being handled. */
  readonly nowMs: () => number;
  /** A link has something to send: take it by `next`. */
  readonly onReady: (link: Link) => void;
  /** Whether an owner is asked about later; then the link is a source too. */
  readonly isPutOff: (owner: PeerId, link: Link) => boolean;
};

type Row = {
  readonly budget: LinkBudget;
  /** What it is to be told of being picked. */
  follow: boolean | undefined;
  readonly rounds: LinkRounds;
};

const tooMany: GossipEffect = { type: "close", reason: "Too many messages" };
const unusable: GossipEffect = {
  type: "close",
  reason: "Too many records that cannot be right",
};

/** One of a node; times are monotonic milliseconds. */
export class GossipEngine<Link> {
  readonly #config: GossipEngineConfig<Link>;
  readonly #documents: Topic<Link>;
  readonly #records: RecordGossip<Link>;
  readonly #neighbours: Neighbours<Link>;
  readonly #rows = new Map<Link, Row>();

  constructor(config: GossipEngineConfig<Link>) {
    const { self, sha256, state, records, onReady, nowMs } = config;
    this.#config = config;
    this.#neighbours = new Neighbours({ self, sha256 }, nowMs());
    this.#documents = new Topic({
      ...{ announce: kinds.announce, want: kinds.want, onReady, nowMs },
      share: {
        debtMax: limits.gossipDebtMax,
        delayTimesMax: limits.gossipDelayTimesMax,
      },
      placeOf: (prefix) => {
        const owner = state.ownerOf(prefix);
        return owner === undefined ? undefined : state.placeOf(owner);
      },
    });
    this.#records = new RecordGossip({ state, records, onReady, nowMs });
  }

  get #nowMs(): number {
    return this.#config.nowMs();
  }

  /** For status: of this moment. */
  get counts() {
    return {
      neighbours: this.#neighbours.all.size,
      wanted: this.#documents.wants.size,
      unfilled: this.#documents.wants.unfilled,
      unannounced: this.#documents.announcements.dropped,
    };
  }

  /** Undefined while nothing waits for a time. */
  get nextDueMs(): number | undefined {
    const [one, other] = [
      this.#documents.nextDueMs,
      this.#records.topic.nextDueMs,
    ];
    if (one === undefined || other === undefined) return one ?? other;
    return Math.min(one, other);
  }

  /** A new link; its peer is told what records there are. */
  join(link: Link, peer: PeerId): void {
    this.#rows.set(link, {
      budget: new LinkBudget(),
      follow: undefined,
      rounds: new LinkRounds(),
    });
    this.#follow(this.#neighbours.join(link, peer));
    this.#records.join(link);
  }

  /** A link is gone. */
  leave(link: Link): void {
    if (!this.#rows.delete(link)) return;
    this.#follow(this.#neighbours.leave(link));
    this.#documents.leave(link);
    this.#records.topic.leave(link);
  }

  /** A new stream to a link's peer: what was asked before is lost. */
  restart(link: Link): void {
    const row = this.#rows.get(link);
    if (row === undefined) return;
    row.rounds.restart();
    if (this.#neighbours.isPick(link)) row.follow = true;
    this.#documents.wants.restart(link);
    this.#records.topic.wants.restart(link);
  }

  /** Something is new here; `from` brought it, and it needs no pushing. */
  changed(place: OwnerPlace, from: Link | undefined): void {
    const { owner, generation, seq } = place;
    const item = { prefix: prefixOf(owner), generation, seq };
    this.#documents.spread(item, from, this.#neighbours);
  }

  /** An own document or a pushed batch: nobody has to be told. */
  reached(owner: PeerId): void {
    this.#documents.arrived(prefixOf(owner));
  }

  /** An owner's newest record is another one. */
  recordChanged(owner: PeerId): void {
    this.#records.changed(owner, this.#neighbours);
  }

  /**
   * Begins a round with a peer, unless one is under way.
   *
   * @returns False when the peer would take it for one too many.
   */
  startRound(link: Link): boolean {
    const row = this.#rows.get(link);
    if (row === undefined) return false;
    if (!row.rounds.start(this.#nowMs)) return false;
    this.#config.onReady(link);
    return true;
  }

  /** The peer has told that it has these. */
  told(link: Link, places: readonly OwnerPlace[]): void {
    if (!this.#rows.has(link)) return;
    const items = places.map(({ owner, generation, seq }) => ({
      ...{ prefix: prefixOf(owner), generation, seq },
    }));
    this.#announced(link, items);
  }

  /** What a peer's owner sent is too much now: it is asked for later. */
  putOff(owner: PeerId): readonly Link[] {
    return this.#documents.wants.drop(prefixOf(owner));
  }

  /** Something came that was asked of a peer. */
  heard(link: Link): void {
    this.#documents.wants.heard(link);
  }

  /** See `GossipEffect`: all that was wanted is accepted. */
  answered(link: Link): void {
    this.#documents.answered(link);
  }

  /** What has become due. */
  tick(): void {
    this.#follow(this.#neighbours.tick(this.#nowMs));
    this.#documents.tick();
    this.#records.topic.tick();
  }

  /** The next frame for a link; undefined when there is none. */
  next(link: Link): Frame | undefined {
    const row = this.#rows.get(link);
    if (row === undefined) return undefined;
    if (row.follow !== undefined) {
      const body = followMessage.encode({ isOn: row.follow });
      row.follow = undefined;
      return { kind: kinds.follow, body };
    }
    const documents = this.#documents.next(link);
    if (documents !== undefined) return documents;
    if (row.rounds.send(this.#nowMs)) {
      const body = encodeDigests(this.#config.state.buckets());
      return { kind: kinds.digests, body };
    }
    return this.#records.topic.next(link);
  }

  /**
   * What to do with a frame; undefined: nothing.
   *
   * @throws {InputError} It breaks the protocol: end the stream.
   */
  receive(link: Link, frame: Frame): GossipEffect | undefined {
    const row = this.#rows.get(link);
    if (row === undefined) return undefined;
    const { kind, body } = frame;
    if (kind === kinds.record) {
      if (row.budget.takeItems([body], this.#nowMs).length === 0) return;
      const isBorne = this.#records.take(link, body) || row.budget.bear();
      return isBorne ? undefined : unusable;
    }
    if (!row.budget.takeMessage(this.#nowMs)) return tooMany;
    switch (kind) {
      case kinds.announce:
        this.#announced(link, this.#items(row, body));
        return undefined;
      case kinds.want: {
        const items = this.#items(row, body, {
          countMax: limits.gossipWantItemsMax,
        });
        this.#documents.asked(items.length);
        return { type: "reply", frames: answerWant(this.#config.state, items) };
      }
      case kinds.wanted:
        return { type: "wanted" };
      case kinds.digests:
        if (!row.budget.takeDigests(this.#nowMs)) return tooMany;
        return this.#digests(body);
      case kinds.buckets:
        return this.#compared(link, { row, body });
      case kinds.records:
        this.#records.told(link, this.#items(row, body));
        return undefined;
      case kinds.wantRecords:
        return {
          type: "reply",
          frames: this.#records.answer(this.#items(row, body)),
        };
      case kinds.wantedRecords:
        this.#records.topic.answered(link);
        return undefined;
      case kinds.follow: {
        const options = { bytesMax: requestBytesMax };
        const { isOn } = followMessage.decode(body, options);
        this.#neighbours.followed(link, isOn);
        return undefined;
      }
      default:
        return undefined; // of a newer version
    }
  }

  #items(
    row: Row,
    body: Bytes,
    { countMax }: { readonly countMax: number } = {
      countMax: limits.gossipItemsMax,
    },
  ): readonly PlaceItem[] {
    const items = decodePlaces(body, { countMax });
    return row.budget.takeItems(items, this.#nowMs);
  }

  #announced(link: Link, items: readonly PlaceItem[]): void {
    const { isPutOff, state } = this.#config;
    for (const item of items) {
      const owner = state.ownerOf(item.prefix);
      const here = owner === undefined ? undefined : state.placeOf(owner);
      const isMore = isBehind(here ?? nowhere, item);
      if (isMore && owner !== undefined && isPutOff(owner, link)) continue;
      this.#documents.told(link, item);
    }
  }

  #digests(body: Bytes): GossipEffect {
    const theirs = decodeDigests(new Uint8Array(body));
    return { type: "reply", frames: answerDigests(this.#config.state, theirs) };
  }

  #compared(
    link: Link,
    { row, body }: { readonly row: Row; readonly body: Bytes },
  ): GossipEffect | undefined {
    if (!row.rounds.answer()) return undefined; // nobody asked
    const countMax = limits.replicasMax + 1;
    const heads = decodeBucketHeads(body, { countMax });
    const comparison = compareBuckets(this.#config.state, heads);
    const { behind, ahead, unlike } = comparison;
    this.#announced(link, behind);
    for (const item of ahead) {
      this.#documents.announce(item, [link], { delayMs: 0 });
    }
    for (const item of unlike) this.#documents.differs(link, item);
    return { type: "compared", comparison };
  }

  #follow(follows: readonly Follow<Link>[]): void {
    for (const { link, isOn } of follows) {
      const row = this.#rows.get(link);
      if (row === undefined) continue;
      row.follow = isOn;
      this.#config.onReady(link);
    }
  }
}
