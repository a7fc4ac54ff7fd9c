// One kind of news, documents or records: what is announced to whom, and what
// is wanted of whom, with the numbers that it has on the wire. In comes what is
// new here and what peers have; out come frames for each link, and word of who
// has something to send.

import { limits } from "../kernel/mod.ts";
import type { Frame } from "../transport/mod.ts";
import { Announcements } from "./announcements.ts";
import { FairShare, type FairShareOptions } from "./fair_share.ts";
import { encodePlaces } from "./packed_places.ts";
import type { PlaceItem } from "./places.ts";
import { type PlaceOf, Wants } from "./wants.ts";

/** How it is told, and where this node is. */
export type TopicConfig<Link> = {
  readonly announce: number;
  readonly want: number;
  readonly placeOf: PlaceOf;
  /** The time of the event that is being handled. */
  readonly nowMs: () => number;
  /** A link has something to send. */
  readonly onReady: (link: Link) => void;
  /** How long news wait for others; that of changes of state unless told. */
  readonly coalesceMs?: number;
  readonly share: FairShareOptions;
};

/** Who hears of news: see `Neighbours`. */
export type Audience<Link> = {
  readonly all: ReadonlySet<Link>;
  /** Whether those are all there are. */
  readonly isEverybody: boolean;
};

/** Of all links of a node; times are monotonic milliseconds. */
export class Topic<Link> {
  readonly announcements = new Announcements<Link>();
  readonly wants: Wants<Link>;
  readonly #config: TopicConfig<Link>;
  readonly #share: FairShare;
  #flushMs: number | undefined;

  constructor(config: TopicConfig<Link>) {
    this.#config = config;
    this.#share = new FairShare(config.share);
    this.wants = new Wants(config.placeOf, config.nowMs);
  }

  /** Undefined while nothing waits for a time. */
  get nextDueMs(): number | undefined {
    const { nextDueMs } = this.wants;
    if (nextDueMs === undefined) return this.#flushMs;
    return Math.min(nextDueMs, this.#flushMs ?? Infinity);
  }

  /** Something new leaves with other news, at the latest after `delayMs`. */
  announce(
    item: PlaceItem,
    links: readonly Link[],
    { delayMs }: { readonly delayMs: number },
  ): void {
    if (links.length === 0) return;
    for (const link of links) this.announcements.note(link, item);
    const dueMs = this.#config.nowMs() + delayMs;
    this.#flushMs = Math.min(this.#flushMs ?? Infinity, dueMs);
  }

  /** Something is new here, and `from` brought it. */
  spread(
    item: PlaceItem,
    from: Link | undefined,
    { all, isEverybody }: Audience<Link>,
  ): void {
    const holders = new Set(this.wants.holders(item));
    const links = [...all].filter((link) =>
      link !== from && !holders.has(link)
    );
    const { gossipCoalesceMs, gossipCoalesceNearMs } = limits;
    const soonMs = isEverybody ? gossipCoalesceNearMs : gossipCoalesceMs;
    const usualMs = this.#config.coalesceMs ?? soonMs;
    // What is its own nobody else has: that is told as soon as ever.
    const delayMs = from === undefined ? usualMs : this.#share.delayMs(usualMs);
    if (from !== undefined) this.#share.got();
    this.announce(item, links, { delayMs });
    this.arrived(item.prefix);
  }

  /** A peer has asked for so many. */
  asked(count: number): void {
    this.#share.gave(count);
  }

  /** A peer has told what it has. */
  told(link: Link, item: PlaceItem): void {
    this.announcements.heard(link, item);
    if (this.wants.announced(link, item)) this.#config.onReady(link);
  }

  /** A peer has another document at the same place. */
  differs(link: Link, item: PlaceItem): void {
    if (this.wants.differs(link, item)) this.#config.onReady(link);
  }

  /** This node got further. */
  arrived(prefix: string): void {
    const next = this.wants.arrived(prefix);
    if (next !== undefined) this.#config.onReady(next);
  }

  /** The oldest question to a peer is answered. */
  answered(link: Link): void {
    this.#wake(this.wants.answered(link));
  }

  /** What has become due. */
  tick(): void {
    this.#wake(this.wants.due());
    if (this.#flushMs === undefined || this.#flushMs > this.#config.nowMs()) {
      return;
    }
    this.#flushMs = undefined;
    this.#wake(this.announcements.flush());
  }

  /** A question, then news; undefined when there is neither. */
  next(link: Link): Frame | undefined {
    const { announce, want } = this.#config;
    const wanted = this.wants.take(link);
    if (wanted !== undefined) {
      return { kind: want, body: encodePlaces(wanted) };
    }
    const news = this.announcements.take(link);
    if (news === undefined) return undefined;
    return { kind: announce, body: encodePlaces(news) };
  }

  /** A link is gone. */
  leave(link: Link): void {
    this.announcements.leave(link);
    this.#wake(this.wants.leave(link));
  }

  #wake(links: Iterable<Link>): void {
    for (const link of links) this.#config.onReady(link);
  }
}
