// The shell of the link table: it keeps the live links, and does what the table
// decides. Proven connections come in; out go links that are served, drained or
// closed, and the news of them. Every timer and task of a link ends with it.

import {
  ConflictError,
  limits,
  type PeerId,
  PlnError,
  type Scope,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { Arrivals } from "./arrivals.ts";
import { within } from "./deadline.ts";
import type { Gatekeeper, Link, LinkEnd } from "./link.ts";
import { LinkListeners } from "./link_listeners.ts";
import { type LinkEffect, LinkTable } from "./links.ts";
import { closeCodes } from "./protocols.ts";
import { type Refusals, shown } from "./refusals.ts";
import type { Router } from "./router.ts";
import type { SessionLink } from "./session_link.ts";

/** The other parts of a transport. */
export type ConnectionParts = {
  readonly gatekeeper: Gatekeeper;
  readonly refusals: Refusals;
  readonly router: Router;
  readonly tasks: Scope;
};

/** One proven connection, whether it is its peer's link or not. */
type Entry = {
  readonly link: SessionLink;
  readonly arrivals: Arrivals;
  /** Set once its streams are served. */
  gate: Promise<void> | undefined;
  drain: Disposable | undefined;
};

/** Every proven connection of a node. */
export class Connections {
  /** One per peer. */
  readonly links = new Map<PeerId, SessionLink>();
  readonly #needs: Pick<Ports, "clock" | "log">;
  readonly #parts: ConnectionParts;
  readonly #table: LinkTable;
  readonly #entries = new Map<string, Entry>();
  readonly #listeners: LinkListeners;

  constructor(
    needs: Pick<Ports, "clock" | "log">,
    own: PeerId,
    parts: ConnectionParts,
  ) {
    this.#needs = needs;
    this.#parts = parts;
    this.#table = new LinkTable(own);
    this.#listeners = new LinkListeners(needs.log, "onLink");
  }

  /** Whether one more would be too many. */
  get isFull(): boolean {
    return this.#entries.size >= limits.linksMax;
  }

  /** Those that drain or wait included. */
  get all(): readonly SessionLink[] {
    return [...this.#entries.values()].map(({ link }) => link);
  }

  /** What a dial to this peer should say that it replaces. */
  replacedBy(peer: PeerId): readonly string[] {
    return this.#table.replacedBy(peer);
  }

  /** See `Transport.onLink`. */
  onLink(handle: (link: Link) => void): Disposable {
    return this.#listeners.add(handle);
  }

  /** Takes a connection that was proven just now. */
  add(
    link: SessionLink,
    arrivals: Arrivals,
    options: { readonly replaces: readonly string[] },
  ): void {
    const { tasks } = this.#parts;
    const isRefused = this.isFull || this.#entries.has(link.id) ||
      tasks.isClosed;
    if (isRefused) {
      return link.close(closeCodes.quota, "no room for another link");
    }
    const { peer, id, isDialer, bootId } = link;
    const entry: Entry = { link, arrivals, gate: undefined, drain: undefined };
    this.#entries.set(id, entry);
    tasks.spawn(`link ${peer.slice(0, 8)}`, () => this.#run(entry));
    const { replaces } = options;
    this.#apply(this.#table.add({ peer, id, isDialer, bootId, replaces }));
  }

  async #run(entry: Entry): Promise<void> {
    const { link } = entry;
    void link.ended.then((end) => this.#ended(entry, end));
    await link.run();
    await link.ended;
  }

  #apply(effects: readonly LinkEffect[]): void {
    for (const effect of effects) {
      const entry = this.#entries.get(effect.id);
      if (entry !== undefined) this.#do(entry, effect);
    }
  }

  #do(entry: Entry, effect: LinkEffect): void {
    const { link } = entry;
    switch (effect.type) {
      case "serve":
        return this.#serve(entry);
      case "drain":
        return this.#drain(entry);
      case "close":
        if (effect.code === closeCodes.clone) this.#reportClone(link);
        return link.close(effect.code, effect.reason);
      case "probe":
        return this.#parts.tasks.spawn("probe", () => this.#probe(link));
    }
  }

  #serve(entry: Entry): void {
    const { link, arrivals } = entry;
    const { peer, remote, isDialer, version } = link;
    this.links.set(peer, link);
    this.#needs.log.info("link.open", {
      ...{ peer, remote: shown(remote), isDialer, version },
      link: link.id.slice(0, 16),
    });
    this.#listeners.tell(link);
    entry.gate = this.#settle(link);
    this.#parts.router.start(link, arrivals, { gate: entry.gate });
  }

  /** Its streams are served until it is closed: the peer may use it yet. */
  #drain(entry: Entry): void {
    const { link, arrivals } = entry;
    if (entry.gate === undefined) {
      const current = this.links.get(link.peer);
      const gate = current && this.#entries.get(current.id)?.gate;
      entry.gate = gate ?? Promise.resolve();
      this.#parts.router.start(link, arrivals, { gate: entry.gate });
    }
    entry.drain = this.#needs.clock.after(
      limits.duplicateDrainMs,
      () => link.close(closeCodes.duplicate, "another connection is in use"),
    );
  }

  /** Never rejects: the link is closed when its peer may not stay. */
  async #settle(link: SessionLink): Promise<void> {
    const { gatekeeper } = this.#parts;
    try {
      await within(
        this.#needs.clock,
        gatekeeper.settle(link, link.serving),
        {
          delayMs: limits.settleMsMax,
          signal: link.serving,
          late: () => new UnreachableError("The peer's rights came too late"),
        },
      );
    } catch (cause) {
      if (!link.serving.aborted) {
        this.#needs.log.debug("link.unsettled", { peer: link.peer, cause });
      }
    }
    link.judge();
  }

  async #probe(link: SessionLink): Promise<void> {
    let isAlive = true;
    try {
      await within(this.#needs.clock, link.ping(link.serving), {
        delayMs: limits.cloneProbeMs,
        signal: link.serving,
        late: () => new UnreachableError("No answer"),
      });
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      isAlive = false;
    }
    this.#apply(this.#table.probed(link.id, isAlive));
  }

  #ended(entry: Entry, end: LinkEnd): void {
    const { link } = entry;
    entry.drain?.[Symbol.dispose]();
    this.#entries.delete(link.id);
    const isCurrent = this.links.get(link.peer) === link;
    if (isCurrent) this.links.delete(link.peer);
    const level = isCurrent ? "info" : "debug";
    this.#needs.log[level]("link.closed", {
      ...{ peer: link.peer, link: link.id.slice(0, 16), ...end },
    });
    const isKnown = link.isKnownToPeer(end);
    this.#apply(this.#table.ended(link.id, { isKnown }));
  }

  #reportClone({ peer, remote }: SessionLink): void {
    this.#parts.refusals.add({
      reason: "clone",
      from: remote,
      peer,
      cause: new ConflictError(
        `Two processes use the identity ${peer.slice(0, 8)}`,
        { hint: "Stop one of them, or give it an identity of its own" },
      ),
    });
  }
}
