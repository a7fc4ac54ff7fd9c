// Links that this node uses before their peers have proven themselves, at most
// one per peer: for those who have a request at hand. In come such links; they
// go when they are proven, or end. Nobody else hears of them: neither is one the
// peer's link, nor does it compete with that.

import type { PeerId } from "../kernel/mod.ts";
import type { Log } from "../ports/mod.ts";
import type { Connections } from "./connections.ts";
import type { Authenticated } from "./handshake.ts";
import type { Link } from "./link.ts";
import { LinkListeners } from "./link_listeners.ts";
import type { LinkMaker } from "./link_maker.ts";
import type { LinkParts, SessionLink } from "./session_link.ts";

/** The other parts of a transport. */
export type ProvisionalParts = {
  readonly maker: Pick<LinkMaker, "make">;
  readonly connections: Pick<Connections, "isFull" | "links">;
};

/** Of one node. */
export class ProvisionalLinks {
  readonly #links = new Map<PeerId, SessionLink>();
  readonly #parts: ProvisionalParts;
  readonly #listeners: LinkListeners;

  constructor(log: Log, parts: ProvisionalParts) {
    this.#parts = parts;
    this.#listeners = new LinkListeners(log, "provisional");
  }

  get all(): readonly SessionLink[] {
    return [...this.#links.values()];
  }

  /** The one to this peer. */
  get(peer: PeerId): SessionLink | undefined {
    const link = this.#links.get(peer);
    return link?.isOver === true ? undefined : link;
  }

  /**
   * The link of a session whose peer may be sent first requests, until it is
   * proven or ends; undefined when there is a better one, or one like it.
   */
  open(parts: Omit<LinkParts, "isDialer">): SessionLink | undefined {
    const { maker, connections } = this.#parts;
    const { peer } = parts.proven;
    const isNeedless = connections.isFull || connections.links.has(peer) ||
      this.get(peer) !== undefined;
    if (isNeedless) return undefined;
    const link = maker.make({ ...parts, isDialer: true, isProvisional: true });
    this.#links.set(peer, link);
    void link.ended.then(() => this.#remove(link));
    this.#listeners.tell(link);
    return link;
  }

  /** Its peer is proven: it is a link like all others from now on. */
  prove(link: SessionLink, proven: Authenticated): SessionLink {
    this.#remove(link);
    link.prove(proven);
    return link;
  }

  #remove(link: SessionLink): void {
    if (this.#links.get(link.peer) === link) this.#links.delete(link.peer);
  }

  /** What `connecting` brings, or the peer's link here if that is earlier. */
  async earliest(peer: PeerId, connecting: Promise<Link>): Promise<Link> {
    const arrived = Promise.withResolvers<Link>();
    using _news = this.#listeners.add((link) => {
      if (link.peer === peer) arrived.resolve(link);
    });
    const there = this.get(peer);
    if (there !== undefined) arrived.resolve(there);
    return await Promise.race([arrived.promise, connecting]);
  }
}
