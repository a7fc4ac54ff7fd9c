// What others have and this node lacks: who is asked for it, one at a time, so
// that each batch comes once. In come places that peers told, places that were
// reached, answers and the time; out go lists to ask a peer for. Who is silent
// for a while, or brings nothing, gives way to the next who has it. Nothing
// waits for a document that nobody brings.

import { limits } from "../kernel/mod.ts";
import { isBehind, nowhere, type Place, type PlaceItem } from "./places.ts";
import { Unfilled } from "./unfilled.ts";

type Want<Link> = {
  /** Who has how much of it; the first is asked first, then the idlest. */
  readonly sources: Map<Link, Place>;
  asked: Link | undefined;
  /** Of the question; of the choice while it waits to be sent. */
  askedMs: number;
  /** The whole document: its digest differs, not its place. */
  isWhole: boolean;
};

type Queue = {
  /** Owners that this link's peer is to be asked for. */
  readonly chosen: Set<string>;
  /** Questions without an answer, the oldest first. */
  readonly open: (readonly string[])[];
  readonly unfilled: Unfilled;
  /** Owners that its peer is asked for, or is to be. */
  load: number;
  /** When something came last. */
  heardMs: number;
};

/** Where this node is; undefined when it has nothing of that owner. */
export type PlaceOf = (prefix: string) => Place | undefined;

/** Of all links of a node; times are monotonic milliseconds. */
export class Wants<Link> {
  readonly #placeOf: PlaceOf;
  readonly #nowMs: () => number;
  readonly #wants = new Map<string, Want<Link>>();
  readonly #queues = new Map<Link, Queue>();
  /** Those who were asked, by when that was. */
  readonly #asked = new Map<string, number>();

  /** `nowMs` is the time of the event that is being handled. */
  constructor(placeOf: PlaceOf, nowMs: () => number) {
    this.#placeOf = placeOf;
    this.#nowMs = nowMs;
  }

  /** Documents that are asked for, or wait to be. */
  get size(): number {
    return this.#wants.size;
  }

  /** Owners that somebody told of, that it was asked for and did not bring. */
  get unfilled(): number {
    const prefixes = new Set<string>();
    for (const { unfilled } of this.#queues.values()) {
      for (const item of unfilled.items()) {
        if (isBehind(this.#here(item.prefix), item)) prefixes.add(item.prefix);
      }
    }
    return prefixes.size;
  }

  /** A peer has told what it has. @returns Whether to ask somebody now. */
  announced(link: Link, item: PlaceItem): boolean {
    const { prefix, generation, seq } = item;
    if (!isBehind(this.#here(prefix), item)) return false;
    return this.#note(link, { prefix, generation, seq }) !== undefined;
  }

  /** A peer has another document at the same place: all of it is wanted. */
  differs(link: Link, item: PlaceItem): boolean {
    if (this.#wants.has(item.prefix)) return false;
    const want = this.#note(link, item);
    if (want === undefined) return false;
    want.isWhole = true;
    return true;
  }

  /** Who has said to have all of this, or more. */
  holders(item: PlaceItem): readonly Link[] {
    const { sources } = this.#wants.get(item.prefix) ?? {};
    if (sources === undefined) return [];
    return [...sources].filter(([, place]) => !isBehind(place, item))
      .map(([link]) => link);
  }

  /** This node got further. @returns Whom to ask for the rest, if anybody. */
  arrived(prefix: string): Link | undefined {
    const want = this.#wants.get(prefix);
    if (want === undefined || want.isWhole) return undefined;
    const here = this.#here(prefix);
    const { asked } = want;
    for (const [link, place] of want.sources) {
      if (isBehind(here, place)) continue;
      want.sources.delete(link);
      if (link === asked) {
        this.#queues.get(link)?.unfilled.filled(prefix);
        this.#release(prefix, want);
      }
    }
    return want.asked === undefined ? this.#next(prefix) : undefined;
  }

  /** It comes later by another way. @returns Who has it. */
  drop(prefix: string): readonly Link[] {
    const want = this.#wants.get(prefix);
    if (want === undefined) return [];
    this.#release(prefix, want);
    this.#forget(prefix);
    return [...want.sources.keys()];
  }

  /** Something came from a peer: it is not silent. */
  heard(link: Link): void {
    const queue = this.#queues.get(link);
    if (queue !== undefined) queue.heardMs = this.#nowMs();
  }

  /**
   * The next question to a peer, at most `gossipWantItemsMax` owners with where
   * this node is; undefined when there is none, or too many are open.
   */
  take(link: Link): readonly PlaceItem[] | undefined {
    const queue = this.#queues.get(link);
    if (queue === undefined || queue.chosen.size === 0) return undefined;
    if (queue.open.length >= limits.gossipWantsOpenMax) return undefined;
    const items: PlaceItem[] = [];
    for (const prefix of queue.chosen) {
      if (items.length >= limits.gossipWantItemsMax) break;
      queue.chosen.delete(prefix);
      const want = this.#wants.get(prefix);
      if (want === undefined) continue;
      want.askedMs = this.#nowMs();
      this.#watch(prefix);
      const place = want.isWhole ? nowhere : this.#here(prefix);
      items.push({ prefix, generation: place.generation, seq: place.seq });
    }
    if (items.length === 0) return undefined;
    queue.open.push(items.map(({ prefix }) => prefix));
    queue.heardMs = this.#nowMs();
    return items;
  }

  /**
   * A peer has sent what the oldest question to it asked for, and it was
   * accepted. @returns Whom to ask for the rest.
   */
  answered(link: Link): ReadonlySet<Link> {
    const queue = this.#queues.get(link);
    const next = new Set<Link>([link]);
    for (const prefix of queue?.open.shift() ?? []) {
      const want = this.#wants.get(prefix);
      if (want?.asked !== link) continue;
      this.#add(next, this.#pass(prefix, want)); // else it had arrived
    }
    return next;
  }

  /** Undefined when nobody was asked anything. */
  get nextDueMs(): number | undefined {
    const [dueMs] = this.#asked.values();
    return dueMs;
  }

  /** Gives up on who was silent. @returns Whom to ask instead. */
  due(): ReadonlySet<Link> {
    const next = new Set<Link>();
    for (const [prefix, dueMs] of this.#asked) {
      if (dueMs > this.#nowMs()) break; // in the order of their times
      this.#asked.delete(prefix);
      const want = this.#wants.get(prefix);
      if (want?.asked === undefined) continue;
      const queue = this.#queues.get(want.asked);
      const heardMs = Math.max(queue?.heardMs ?? 0, want.askedMs);
      const isHeard = this.#nowMs() - heardMs < limits.gossipWantMsMax &&
        this.#nowMs() - want.askedMs < limits.exchangeAskMsMax;
      if (isHeard) this.#watch(prefix);
      else this.#add(next, this.#pass(prefix, want));
    }
    return next;
  }

  /** A new stream: what was asked on the one before is asked again. */
  restart(link: Link): void {
    const queue = this.#queues.get(link);
    for (const prefixes of queue?.open.splice(0) ?? []) {
      for (const prefix of prefixes) {
        if (this.#wants.get(prefix)?.asked === link) queue?.chosen.add(prefix);
      }
    }
  }

  /** A link is gone. @returns Whom to ask instead. */
  leave(link: Link): ReadonlySet<Link> {
    this.#queues.delete(link);
    const next = new Set<Link>();
    for (const [prefix, want] of this.#wants) {
      if (want.asked === link) this.#add(next, this.#pass(prefix, want));
      else if (want.sources.delete(link) && want.sources.size === 0) {
        this.#forget(prefix);
      }
    }
    return next;
  }

  #here(prefix: string): Place {
    return this.#placeOf(prefix) ?? nowhere;
  }

  #note(
    link: Link,
    { prefix, generation, seq }: PlaceItem,
  ): Want<Link> | undefined {
    const queue = this.#queueOf(link);
    if (!queue.unfilled.mayAsk(prefix, this.#nowMs())) return undefined;
    const known = this.#wants.get(prefix);
    if (known === undefined && !this.#hasRoomFor(queue)) return undefined;
    const want: Want<Link> = known ??
      {
        sources: new Map(),
        asked: undefined,
        askedMs: this.#nowMs(),
        isWhole: false,
      };
    const { sources } = want;
    const isRoom = sources.has(link) || sources.size < limits.gossipSourcesMax;
    if (isRoom) sources.set(link, { generation, seq });
    this.#wants.set(prefix, want);
    if (want.asked !== undefined) return undefined;
    this.#choose(prefix, want, link);
    return want;
  }

  /**
   * When there are too many, whoever is to be asked for the most gives one up:
   * who makes owners up takes no room from others. Rounds find it again.
   */
  #hasRoomFor({ load }: Queue): boolean {
    if (this.#wants.size < limits.gossipWantsMax) return true;
    let busiest: Queue | undefined;
    for (const queue of this.#queues.values()) {
      if (queue.load > (busiest?.load ?? load + 1)) busiest = queue;
    }
    const [prefix] = busiest?.chosen ?? [];
    if (prefix === undefined) return false;
    this.drop(prefix);
    return true;
  }

  #choose(
    prefix: string,
    want: Want<Link>,
    link: Link,
  ): void {
    want.asked = link;
    want.askedMs = this.#nowMs();
    const queue = this.#queueOf(link);
    queue.chosen.add(prefix);
    queue.load++;
    this.#watch(prefix);
  }

  /** Who was asked has failed and is asked no more; the next one is. */
  #pass(prefix: string, want: Want<Link>): Link | undefined {
    const { asked, sources } = want;
    if (asked !== undefined) {
      const place = sources.get(asked) ?? nowhere;
      this.#queues.get(asked)?.unfilled.failed(
        { prefix, ...place },
        this.#nowMs(),
      );
      sources.delete(asked);
    }
    this.#release(prefix, want);
    return this.#next(prefix);
  }

  #next(prefix: string): Link | undefined {
    const want = this.#wants.get(prefix);
    const link = this.#idlest(want?.sources.keys() ?? []);
    if (want === undefined || link === undefined) {
      this.#forget(prefix);
      return undefined;
    }
    this.#choose(prefix, want, link);
    return link;
  }

  /** Of those who have it; the one told first of several. */
  #idlest(links: Iterable<Link>): Link | undefined {
    let idlest: Link | undefined;
    let least = Infinity;
    for (const link of links) {
      const load = this.#queues.get(link)?.load ?? 0;
      if (load < least) [idlest, least] = [link, load];
    }
    return idlest;
  }

  #release(prefix: string, want: Want<Link>): void {
    const { asked } = want;
    const queue = asked === undefined ? undefined : this.#queues.get(asked);
    queue?.chosen.delete(prefix);
    if (queue !== undefined) queue.load--;
    want.asked = undefined;
    this.#asked.delete(prefix);
  }

  #forget(prefix: string): void {
    this.#wants.delete(prefix);
    this.#asked.delete(prefix);
  }

  #watch(prefix: string): void {
    this.#asked.delete(prefix); // the newest stand last
    this.#asked.set(prefix, this.#nowMs() + limits.gossipWantMsMax);
  }

  #add(links: Set<Link>, link: Link | undefined): void {
    if (link !== undefined) links.add(link);
  }

  #queueOf(link: Link): Queue {
    const known = this.#queues.get(link);
    if (known !== undefined) return known;
    const unfilled = new Unfilled();
    const chosen = new Set<string>();
    const queue = { chosen, open: [], unfilled, load: 0, heardMs: 0 };
    this.#queues.set(link, queue);
    return queue;
  }
}
