// The exchange of admins' batches with all peers: grants, denies, redemptions
// and invites reach every node over the links there are. In come links and what
// the state has new; out go batches to everybody but the one they came from. A
// link serves nothing else before both ends have settled what they know.

import { asPlnError, type Bytes, type PeerId, Scope } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  type Link,
  type Protocol,
  protocols,
  type StreamHandler,
} from "../transport/mod.ts";
import { type ExchangeState, LinkExchange } from "./link_exchange.ts";
import { LinkPutOffs } from "./put_offs.ts";

/** What the exchange needs of the transport. */
export interface ExchangeTransport {
  /** Serves the streams of a protocol. */
  serve(protocol: Protocol, handler: StreamHandler): Disposable;
  /** Hears of each new link. */
  onLink(handle: (link: Link) => void): Disposable;
}

/** What the exchange takes of the world. */
export type RightsExchangeNeeds = Pick<Ports, "clock" | "log"> & {
  readonly state: ExchangeState;
};

/** One of a node. Disposing ends its streams; links stay. */
export class RightsExchange implements AsyncDisposable {
  readonly #needs: RightsExchangeNeeds;
  readonly #scope: Scope;
  readonly #exchanges = new Map<string, LinkExchange>();
  readonly #putOffs: LinkPutOffs;
  /** From whom a batch came, while it is being accepted. */
  readonly #sources = new WeakMap<Bytes, LinkExchange>();

  /** Serves nobody until it is attached to a transport. */
  constructor(needs: RightsExchangeNeeds) {
    this.#needs = needs;
    this.#scope = new Scope((task, cause) =>
      needs.log.error("rights.exchange_failed", {
        task,
        reason: asPlnError(cause).message,
      })
    );
    this.#putOffs = this.#scope.use(new LinkPutOffs(needs));
    this.#scope.use(
      needs.state.onBatch((batch, owner) => this.#push(batch, owner)),
    );
  }

  /** Takes part in every link of a transport until this is disposed. */
  attach(transport: ExchangeTransport): void {
    this.#scope.use(
      transport.serve(protocols.state, (stream, { link, signal }) => {
        const either = AbortSignal.any([signal, this.#scope.signal]);
        return this.#exchangeOf(link).serve(stream, either);
      }),
    );
    this.#scope.use(transport.onLink((link) => void this.#exchangeOf(link)));
  }

  /**
   * Resolves when this node knows what the peer knew of rights when the link
   * was made, when the link ends, or when `signal` aborts. Never rejects.
   */
  async settle(link: Link, signal: AbortSignal): Promise<void> {
    if (signal.aborted || this.#scope.isClosed) return;
    const aborted = Promise.withResolvers<void>();
    const abort = () => aborted.resolve();
    signal.addEventListener("abort", abort, { once: true });
    await Promise.race([this.#exchangeOf(link).settled, aborted.promise]);
    signal.removeEventListener("abort", abort);
  }

  #exchangeOf(link: Link): LinkExchange {
    const known = this.#exchanges.get(link.id);
    if (known !== undefined) return known;
    const exchange = new LinkExchange({
      ...this.#needs,
      onReceived: (batch, from) => void this.#sources.set(batch, from),
      putOffs: this.#putOffs,
    }, link);
    this.#exchanges.set(link.id, exchange);
    if (this.#scope.isClosed) return exchange;
    this.#scope.spawn(
      `exchange with ${link.peer.slice(0, 8)}`,
      (signal) => this.#run(exchange, signal),
    );
    return exchange;
  }

  async #run(exchange: LinkExchange, signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const { link } = exchange;
    void link.ended.then(() => end.abort());
    try {
      await exchange.run(AbortSignal.any([signal, end.signal]));
    } finally {
      this.#exchanges.delete(link.id);
      this.#putOffs.leave(exchange);
    }
  }

  #push(batch: Bytes, owner: PeerId): void {
    const source = this.#sources.get(batch);
    for (const exchange of this.#exchanges.values()) {
      if (exchange !== source) exchange.push(owner, batch);
    }
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}
