// Gossip of a node: batches of all owners, and records, reach every node over
// the links there are. In come links and what the state has new; out go rights
// to everybody at once, word of the rest to neighbours, and what peers ask for.
// A link serves nothing else before both ends have settled what they know of
// rights.

import {
  asPlnError,
  type Bytes,
  ClosedError,
  LimitError,
  type PeerId,
  Scope,
  UnreachableError,
} from "../kernel/mod.ts";
import { type Link, protocols, unlessAborted } from "../transport/mod.ts";
import { newAnswerBudgets } from "./answer_queue.ts";
import type { Difference } from "./anti_entropy.ts";
import { GossipEngine } from "./gossip_engine.ts";
import { LinkExchange } from "./link_exchange.ts";
import type { GossipNeeds, GossipTransport } from "./needs.ts";
import { LinkPutOffs } from "./put_offs.ts";
import { Rounds } from "./rounds.ts";

/** Whose node it is. */
export type GossipConfig = { readonly self: PeerId };

/** Of this moment. */
export type GossipReport = {
  /** Peers that hear of news at once. */
  readonly neighbours: number;
  /** Documents that peers have and that are asked for. */
  readonly wanted: number;
  /** Documents that peers told of and did not bring when they were asked. */
  readonly unfilled: number;
  /** News that was dropped since a peer does not read; rounds find it. */
  readonly unannounced: number;
};

/** One of a node. Disposing ends its streams; links stay. */
export class Gossip implements AsyncDisposable {
  readonly #needs: GossipNeeds;
  readonly #config: GossipConfig;
  readonly #scope: Scope;
  readonly #engine: GossipEngine<LinkExchange>;
  readonly #rounds: Rounds;
  readonly #exchanges = new Map<string, LinkExchange>();
  readonly #putOffs: LinkPutOffs;
  readonly #answerBudgets = newAnswerBudgets();
  /** From whom a batch came, while it is being accepted. */
  readonly #sources = new WeakMap<Bytes, LinkExchange>();

  /** Serves nobody until it is attached to a transport. */
  constructor(needs: GossipNeeds, config: GossipConfig) {
    const { clock, log, records, signer, state } = needs;
    this.#needs = needs;
    this.#config = config;
    this.#scope = new Scope((task, cause) =>
      log.error("gossip.failed", { task, reason: asPlnError(cause).message })
    );
    this.#putOffs = this.#scope.use(new LinkPutOffs(needs));
    this.#engine = new GossipEngine<LinkExchange>({
      ...{ self: config.self, state, records },
      nowMs: () => clock.nowMs(),
      sha256: (bytes) => signer.sha256(bytes),
      onReady: (exchange) => exchange.wake(),
      isPutOff: (owner, exchange) => {
        if (!this.#putOffs.has(owner)) return false;
        this.#putOffs.note(owner, exchange);
        return true;
      },
    });
    this.#rounds = this.#scope.use(new Rounds(needs, this.#engine));
    this.#listen();
  }

  #listen(): void {
    const { records, state } = this.#needs;
    this.#scope.use(state.onBatch((batch, owner, { isUrgent }) => {
      const source = this.#sources.get(batch);
      if (isUrgent) this.#push(batch, { owner, source });
      else this.#changed(owner, source);
    }));
    this.#scope.use(state.onFork((owner) => this.#changed(owner)));
    if (records === undefined) return;
    this.#scope.use(records.onRecord((owner) => {
      this.#engine.recordChanged(owner);
      this.#rounds.arm();
    }));
  }

  /** Takes part in every link of a transport until this is disposed. */
  attach(transport: GossipTransport): void {
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

  /**
   * Resolves when the peer has said how far it knows this node's own document,
   * and what it had more of it was taken; or when the link ends. Never rejects.
   */
  async firstHeads(link: Link): Promise<void> {
    if (this.#scope.isClosed) return;
    await this.#exchangeOf(link).ownCopies;
  }

  /**
   * What this node and a peer have different documents of; empty: nothing.
   *
   * @throws {ClosedError} This node is closing.
   * @throws {LimitError} Asked too often; safe to retry a little later.
   * @throws {UnreachableError} The link ended before.
   * @throws The signal's reason when it aborts first.
   */
  async compare(
    link: Link,
    signal: AbortSignal,
  ): Promise<readonly Difference[]> {
    if (this.#scope.isClosed) throw new ClosedError("Gossip has ended");
    const exchange = this.#exchangeOf(link);
    const { compared } = exchange;
    if (!this.#engine.startRound(exchange)) {
      throw new LimitError(
        "That peer was compared with several times just now",
        {
          hint: "Try again in a few seconds",
        },
      );
    }
    const comparison = await unlessAborted(compared, signal);
    if (comparison !== undefined) return comparison.differences;
    throw new UnreachableError("The link ended before the peer answered");
  }

  /** Cheap enough for every status request. */
  report(): GossipReport {
    return this.#engine.counts;
  }

  #exchangeOf(link: Link): LinkExchange {
    const known = this.#exchanges.get(link.id);
    if (known !== undefined) return known;
    const exchange = new LinkExchange({
      ...this.#needs,
      self: this.#config.self,
      engine: this.#engine,
      onReceived: (batch, from) => void this.#sources.set(batch, from),
      putOffs: this.#putOffs,
      answerBudget: this.#answerBudgets.of(link.peer),
      onDue: () => this.#rounds.arm(),
    }, link);
    this.#exchanges.set(link.id, exchange);
    if (this.#scope.isClosed) return exchange;
    this.#engine.join(exchange, link.peer);
    this.#rounds.arm();
    // Documents that no right names yet would wait, and make room for others.
    void exchange.settled.then(() => {
      const isThere = this.#exchanges.get(link.id) === exchange;
      if (isThere) this.#rounds.join(exchange);
    });
    this.#scope.spawn(
      `gossip with ${link.peer.slice(0, 8)}`,
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
      this.#rounds.leave(exchange);
      this.#engine.leave(exchange);
    }
  }

  /** Rights, to everybody who is not known to have them. */
  #push(
    batch: Bytes,
    { owner, source }: {
      readonly owner: PeerId;
      readonly source: LinkExchange | undefined;
    },
  ): void {
    for (const exchange of this.#exchanges.values()) {
      if (exchange !== source) exchange.push(batch);
    }
    this.#engine.reached(owner);
  }

  #changed(owner: PeerId, source?: LinkExchange): void {
    const { state } = this.#needs;
    const place = state.placeOf(owner);
    if (place === undefined) return;
    this.#engine.changed(place, source);
    this.#rounds.arm();
  }

  /** Harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope[Symbol.asyncDispose]();
  }
}
