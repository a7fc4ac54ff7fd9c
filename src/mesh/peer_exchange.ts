// What linked peers tell each other of third ones, over the peers protocol: on
// a new link some of the links there are, later those that came up since. Rows
// are hints, a dial to them proves who is there; lost ones are heard again from
// others. What one peer may tell is rationed, as is what this node tells.

import {
  limits,
  type PeerId,
  PlnError,
  Scope,
  TokenBucket,
  UnreachableError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  type Frame,
  type Link,
  noteFault,
  protocols,
  type StreamHandler,
  unlessAborted,
} from "../transport/mod.ts";
import { dialOrder, distinct, reachOf } from "./addresses.ts";
import { type PeerRow, PeersMessage } from "./messages.ts";
import type { MeshTransport } from "./needs.ts";

const bytesMax = protocols.peers.frameBytesMax;

/** What the exchange takes of the world. */
export type ExchangeNeeds =
  & Pick<Ports, "clock" | "log" | "random">
  & { readonly transport: Pick<MeshTransport, "links" | "serve"> };

/** Hears rows of peers; who told them is proven, the rows are not. */
export type RowsHandler = (
  teller: PeerId,
  rows: readonly PeerRow[],
) => void;

/** Tells and hears until it is disposed. */
export class PeerExchange implements AsyncDisposable {
  readonly #needs: ExchangeNeeds;
  readonly #onRows: RowsHandler;
  readonly #scope: Scope;
  readonly #rations = new WeakMap<Link, TokenBucket>();
  readonly #fresh = new Set<PeerId>();
  #timer: Disposable | undefined;

  /** Serves the protocol at once. */
  constructor(needs: ExchangeNeeds, onRows: RowsHandler) {
    this.#needs = needs;
    this.#onRows = onRows;
    this.#scope = new Scope((task, cause) =>
      needs.log.error("peers.failed", { task, cause })
    );
    this.#scope.use(needs.transport.serve(protocols.peers, this.#hear));
    this.#scope.defer(() => this.#timer?.[Symbol.dispose]());
  }

  /** Tells a new peer of others, and soon the others of it. */
  linked(link: Link): void {
    if (this.#scope.isClosed) return;
    const others = this.#some([...this.#needs.transport.links.keys()]);
    this.#tell(link, others);
    this.#fresh.add(link.peer);
    // News of a storm leave together.
    this.#timer ??= this.#needs.clock.after(limits.peersTellMs, () => {
      this.#timer = undefined;
      this.#tellFresh();
    });
  }

  /** Ends what is being told. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }

  #tellFresh(): void {
    const fresh = this.#some([...this.#fresh]);
    this.#fresh.clear();
    const { links } = this.#needs.transport;
    const peers = this.#sample([...links.keys()], limits.peersTellLinksMax);
    for (const peer of peers) {
      const link = links.get(peer);
      if (link !== undefined) this.#tell(link, fresh);
    }
  }

  #some(peers: PeerId[]): readonly PeerId[] {
    // One more than fits: the receiver itself is left out.
    return this.#sample(peers, limits.peersToldMax + 1);
  }

  /** At most `count` of them, any. */
  #sample<T>(items: T[], count: number): readonly T[] {
    const { random } = this.#needs;
    if (items.length <= count) return items;
    for (let at = 0; at < count; at++) {
      const from = at + random.integer(items.length - at);
      const [one, other] = [items[at], items[from]] as [T, T];
      items[at] = other;
      items[from] = one;
    }
    return items.slice(0, count);
  }

  #tell(link: Link, peers: readonly PeerId[]): void {
    const rows = peers
      .filter((peer) => peer !== link.peer)
      .slice(0, limits.peersToldMax)
      .flatMap((peer) => this.#rowOf(peer, link) ?? []);
    if (rows.length === 0 || this.#scope.isClosed) return;
    this.#scope.spawn("peers.tell", async (closing) => {
      const limit = new AbortController();
      const giveUp = () => limit.abort(new UnreachableError("It takes long"));
      using _timer = this.#needs.clock.after(limits.peersTellMsMax, giveUp);
      closing.addEventListener("abort", giveUp, { once: true });
      try {
        await this.#send(link, { rows, signal: limit.signal });
      } catch (cause) {
        // The link went, or its other end speaks an older version.
        if (!(cause instanceof PlnError)) throw cause;
        const { peer } = link;
        this.#needs.log.debug("peers.untold", { peer, cause });
      } finally {
        closing.removeEventListener("abort", giveUp);
      }
    });
  }

  /** Where it was met, then where it says it is. */
  #rowOf(peer: PeerId, { remote }: Link): PeerRow | undefined {
    const link = this.#needs.transport.links.get(peer);
    if (link === undefined) return undefined;
    const known = distinct([link.remote, ...link.hello?.addresses ?? []]);
    // This machine's loopback means nothing on another one.
    const isNear = reachOf(remote.ip) === "loopback";
    const addresses = dialOrder(known, { lastGood: link.remote })
      .filter(({ ip }) => isNear || reachOf(ip) !== "loopback")
      .slice(0, limits.peerAddressesToldMax);
    return addresses.length === 0 ? undefined : { peer, addresses };
  }

  async #send(
    link: Link,
    { rows, signal }: {
      readonly rows: readonly PeerRow[];
      readonly signal: AbortSignal;
    },
  ): Promise<void> {
    await using stream = await link.openStream(protocols.peers, signal);
    const body = PeersMessage.encode({ rows });
    await unlessAborted(stream.write(PeersMessage.kind, body), signal);
    await unlessAborted(stream.end(), signal);
    // Its end says that the rows have arrived: dropping it may lose them.
    await unlessAborted(stream.read(), signal);
  }

  readonly #hear: StreamHandler = async (stream, { link }) => {
    while (true) {
      const frame = await stream.read();
      if (frame === undefined) return;
      // A kind of a newer version.
      if (frame.kind !== PeersMessage.kind) continue;
      const rows = this.#rowsOf(frame, link);
      if (rows === undefined) return;
      const { clock } = this.#needs;
      const count = this.#rationOf(link)
        .takeSome(rows.length, clock.nowMs());
      if (count > 0) this.#onRows(link.peer, rows.slice(0, count));
      if (count < rows.length) return;
    }
  };

  /** Undefined when no node of ours sends such. */
  #rowsOf({ body }: Frame, link: Link): readonly PeerRow[] | undefined {
    try {
      return PeersMessage.decode(body, { bytesMax }).rows;
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      const { peer } = link;
      this.#needs.log.warn("peers.frame_refused", { peer, cause });
      noteFault(link, "peers");
      return undefined;
    }
  }

  #rationOf(link: Link): TokenBucket {
    const known = this.#rations.get(link);
    if (known !== undefined) return known;
    const ration = new TokenBucket({
      burst: limits.peersToldPerLinkMax,
      perSecond: limits.peersToldPerLinkAndSecond,
    });
    this.#rations.set(link, ration);
    return ration;
  }
}
