// What this node has and its neighbours may not know: for each of them the
// newest place of each owner, until it leaves in one message with others.
// Places come in with whom they are for; lists come out. What somebody is known
// to have is never announced to it. Bounded: what falls out is found by the
// rounds of anti-entropy.

import { limits } from "../kernel/mod.ts";
import { isBehind, type Place, type PlaceItem } from "./places.ts";

type Pending = {
  readonly places: Map<string, Place>;
  /** Whether they may leave now. */
  isReady: boolean;
};

/** Of all links of a node. */
export class Announcements<Link> {
  readonly #pending = new Map<Link, Pending>();
  #dropped = 0;

  /** Places that were dropped since too many waited. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Waits for `flush`. */
  note(link: Link, { prefix, generation, seq }: PlaceItem): void {
    const { places } = this.#of(link);
    if (!places.has(prefix) && places.size >= limits.gossipPendingMax) {
      const [oldest = ""] = places.keys();
      places.delete(oldest);
      this.#dropped++;
    }
    places.set(prefix, { generation, seq });
  }

  /** A link's peer has told that it has something itself. */
  heard(link: Link, item: PlaceItem): void {
    const places = this.#pending.get(link)?.places;
    const place = places?.get(item.prefix);
    if (place === undefined || isBehind(item, place)) return;
    places?.delete(item.prefix);
  }

  /** What waits may leave. @returns To whom. */
  flush(): readonly Link[] {
    const links: Link[] = [];
    for (const [link, pending] of this.#pending) {
      if (pending.places.size === 0) continue;
      pending.isReady = true;
      links.push(link);
    }
    return links;
  }

  /** One message for a link; undefined when nothing may leave. */
  take(link: Link): readonly PlaceItem[] | undefined {
    const pending = this.#pending.get(link);
    if (pending?.isReady !== true) return undefined;
    const { places } = pending;
    const items: PlaceItem[] = [];
    for (const [prefix, place] of places) {
      if (items.length >= limits.gossipItemsMax) break;
      items.push({ prefix, ...place });
      places.delete(prefix);
    }
    if (places.size === 0) this.#pending.delete(link);
    return items.length === 0 ? undefined : items;
  }

  /** A link is gone. */
  leave(link: Link): void {
    this.#pending.delete(link);
  }

  #of(link: Link): Pending {
    const known = this.#pending.get(link);
    if (known !== undefined) return known;
    const pending = { places: new Map<string, Place>(), isReady: false };
    this.#pending.set(link, pending);
    return pending;
  }
}
