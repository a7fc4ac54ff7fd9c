// Gossip about the newest record of each node, without I/O: whoever is told of a
// newer one asks for it, and takes it with its age. In come places and records
// of peers, out go questions and answers. Of owners whose documents are not here
// none is asked for; what cannot be right is counted.

import { type Bytes, limits, type PeerId } from "../kernel/mod.ts";
import type { Frame } from "../transport/mod.ts";
import { answerWantRecords } from "./answers.ts";
import { kinds } from "./messages.ts";
import type { GossipState, RecordSource } from "./needs.ts";
import { decodeAged } from "./packed_places.ts";
import { type PlaceItem, prefixOf } from "./places.ts";
import { type Audience, Topic, type TopicConfig } from "./topic.ts";

/** What it stands on. */
export type RecordGossipConfig<Link> =
  & Pick<TopicConfig<Link>, "nowMs" | "onReady">
  & {
    readonly state: GossipState;
    readonly records: RecordSource | undefined;
  };

/** Of all links of a node. */
export class RecordGossip<Link> {
  readonly topic: Topic<Link>;
  readonly #config: RecordGossipConfig<Link>;
  #from: Link | undefined;

  constructor(config: RecordGossipConfig<Link>) {
    this.#config = config;
    const { nowMs, onReady, records, state } = config;
    this.topic = new Topic({
      ...{ announce: kinds.records, want: kinds.wantRecords, onReady, nowMs },
      coalesceMs: limits.gossipRecordsCoalesceMs,
      share: {
        debtMax: limits.gossipRecordsDebtMax,
        delayTimesMax: limits.gossipRecordsDelayTimesMax,
      },
      placeOf: (prefix) => {
        const owner = state.ownerOf(prefix);
        return owner === undefined ? undefined : records?.placeOf(owner);
      },
    });
  }

  /** A new link: its peer is told what records there are. */
  join(link: Link): void {
    for (const place of this.#config.records?.places() ?? []) {
      const { owner, generation, seq } = place;
      const item = { prefix: prefixOf(owner), generation, seq };
      this.topic.announce(item, [link], { delayMs: 0 });
    }
  }

  /** An owner's newest record is another one. */
  changed(owner: PeerId, audience: Audience<Link>): void {
    const place = this.#config.records?.placeOf(owner);
    if (place === undefined) return;
    const { generation, seq } = place;
    const item = { prefix: prefixOf(owner), generation, seq };
    this.topic.spread(item, this.#from, audience);
  }

  /** A peer has told what it has. */
  told(link: Link, items: readonly PlaceItem[]): void {
    const { records, state } = this.#config;
    if (records === undefined) return;
    for (const item of items) {
      if (state.ownerOf(item.prefix) !== undefined) this.topic.told(link, item);
    }
  }

  /** What a peer asked for. */
  answer(items: readonly PlaceItem[]): Iterable<Frame> {
    const { nowMs, records, state } = this.#config;
    this.topic.asked(items.length);
    return answerWantRecords(state, records, { items, nowMs: nowMs() });
  }

  /**
   * A record that a peer sent.
   *
   * @returns False when it cannot be right.
   * @throws {InputError} It is too long.
   */
  take(link: Link, body: Bytes): boolean {
    const bytesMax = limits.recordBytesMax;
    const { ageMs, record } = decodeAged(body, { bytesMax });
    const { nowMs, records } = this.#config;
    this.topic.wants.heard(link);
    this.#from = link;
    const outcome = records?.accept(record, nowMs(), { ageMs });
    this.#from = undefined;
    return outcome !== "refused";
  }
}
