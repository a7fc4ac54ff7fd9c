// Gossip over one link: a thin shell that reads and writes frames for engines
// and hands batches to the state. Streams go in, nothing comes out but what the
// state then holds. Each link has a writer of its own, so that a peer that never
// reads holds up nobody else, and itself only as far as the limits.

import {
  asPlnError,
  type Bytes,
  ClosedError,
  limits,
  type PeerId,
  PlnError,
  type TokenBucket,
} from "../kernel/mod.ts";
import {
  closeCodes,
  type Frame,
  type FrameStream,
  type Link,
  protocols,
} from "../transport/mod.ts";
import { AcceptWindow } from "./accept_window.ts";
import { AnswerQueue } from "./answer_queue.ts";
import { answerNeed } from "./answers.ts";
import type { Comparison } from "./anti_entropy.ts";
import { ExchangeEngine } from "./exchange_engine.ts";
import type { GossipEngine } from "./gossip_engine.ts";
import { kinds } from "./messages.ts";
import type { GossipNeeds, Outcome } from "./needs.ts";
import { voidSeq } from "./places.ts";

/** What one link's exchange takes. */
export type LinkExchangeNeeds = GossipNeeds & {
  readonly self: PeerId;
  readonly engine: GossipEngine<LinkExchange>;
  /** Called before a batch of this link is handed to the state. */
  readonly onReceived: (batch: Bytes, from: LinkExchange) => void;
  readonly putOffs: PutOffs;
  /** What the peer may be sent that it asks for. */
  readonly answerBudget: TokenBucket;
  /** The engine may have something due earlier than before. */
  readonly onDue: () => void;
};

/** What all links of a node have put off. */
export interface PutOffs {
  has(owner: PeerId): boolean;
  /** This link's peer has more of an owner than is taken now. */
  note(owner: PeerId, from: LinkExchange): void;
  /** This link's peer has sent all that it has of an owner. */
  answered(owner: PeerId, from: LinkExchange): void;
}

/** One stream that is read, whoever opened it. */
type Reading = {
  readonly window: AcceptWindow;
  readonly answers: AnswerQueue;
  /** The first half of a proof, until the second comes. */
  half: Bytes | undefined;
};

/** Ends with its link, or when it is told. */
export class LinkExchange {
  readonly link: Link;
  readonly #needs: LinkExchangeNeeds;
  readonly #rights: ExchangeEngine;
  readonly #settled = Promise.withResolvers<void>();
  readonly #ownCopies = Promise.withResolvers<void>();
  #compared = Promise.withResolvers<Comparison | undefined>();
  #wake = Promise.withResolvers<void>();

  constructor(needs: LinkExchangeNeeds, link: Link) {
    this.link = link;
    this.#needs = needs;
    const { state, self, putOffs } = needs;
    this.#rights = new ExchangeEngine({
      ...{ self, peer: link.peer },
      heads: () =>
        state.heads().map(({ admin: owner, generation, seq }) => ({
          ...{ owner, generation, seq },
        })),
      placeOf: (owner) => state.placeOf(owner),
      wantsOwn: state.wantsOwn?.bind(state),
    }, {
      has: (owner) => putOffs.has(owner),
      note: (owner) => putOffs.note(owner, this),
    });
    this.#rights.start(link.heads, needs.clock.nowMs());
    this.#checkSettled();
  }

  /** Resolves when what the peer's first heads promised is here. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** Resolves when what the peer had of this node's own document is here. */
  get ownCopies(): Promise<void> {
    return this.#ownCopies.promise;
  }

  /** What the next round finds; undefined when the link ends before. */
  get compared(): Promise<Comparison | undefined> {
    return this.#compared.promise;
  }

  /** For the peer, before everything else; returns at once. */
  push(batch: Bytes): void {
    this.#rights.push(batch);
    this.wake();
  }

  /** Asks for what was put off; returns at once. */
  askAgain(owner: PeerId): void {
    this.#rights.askAgain(owner, this.#needs.clock.nowMs());
    this.wake();
  }

  /** An engine has something to send. */
  wake(): void {
    this.#wake.resolve();
  }

  /** Speaks on a stream of its own until the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    try {
      while (!signal.aborted) {
        await this.#speak(signal);
        await this.#needs.clock.sleep(limits.exchangeReopenMs, signal);
      }
    } catch (cause) {
      if (!signal.aborted) throw cause;
    } finally {
      this.#settled.resolve(); // nothing more will come
      this.#ownCopies.resolve();
      this.#compared.resolve(undefined);
    }
  }

  async #speak(signal: AbortSignal): Promise<void> {
    const { link } = this;
    const { clock, engine, log } = this.#needs;
    try {
      await using stream = await link.openStream(protocols.state, signal);
      this.#rights.restart(clock.nowMs());
      engine.restart(this);
      await this.#both(stream, signal);
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      if (signal.aborted) return;
      const reason = cause.message;
      log.debug("gossip.stream_lost", { peer: link.peer, reason });
    }
  }

  /** Reads and writes at once; the end of one is the end of both. */
  async #both(stream: FrameStream, signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const whole = AbortSignal.any([signal, end.signal]);
    const wake = () => this.wake();
    whole.addEventListener("abort", wake, { once: true });
    const ended = (task: Promise<void>) => task.finally(() => end.abort());
    const results = await Promise.allSettled([
      ended(this.#write(stream, whole)),
      ended(this.serve(stream, whole)),
    ]);
    for (const result of results) {
      if (result.status === "rejected") throw result.reason;
    }
  }

  async #write(stream: FrameStream, signal: AbortSignal): Promise<void> {
    const { engine } = this.#needs;
    while (!signal.aborted) {
      const frame = this.#rights.next() ?? engine.next(this);
      if (frame !== undefined) {
        await stream.write(frame.kind, frame.body);
        continue;
      }
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  /** Reads a stream, whoever opened it, until its end or the signal's. */
  async serve(stream: FrameStream, signal: AbortSignal): Promise<void> {
    const drop = () => void this.#drop(stream);
    const window = new AcceptWindow();
    const { answerBudget: budget, clock } = this.#needs;
    const options = { clock, budget, signal, onFault: drop };
    const answers = new AnswerQueue(stream, options);
    const reading: Reading = { window, answers, half: undefined };
    signal.addEventListener("abort", drop, { once: true });
    try {
      while (!signal.aborted) {
        const frame = await stream.read();
        if (frame === undefined) return;
        await this.#receive(frame, reading);
      }
    } catch (cause) {
      if (!signal.aborted) throw cause;
    } finally {
      signal.removeEventListener("abort", drop);
      await this.#drop(stream); // or an answer waits for ever
      await answers[Symbol.asyncDispose]();
      await window.drain();
    }
  }

  /** Ends a read and a write that are under way. */
  async #drop(stream: FrameStream): Promise<void> {
    try {
      await stream[Symbol.asyncDispose]();
    } catch (cause) {
      const reason = asPlnError(cause).message;
      this.#needs.log.debug("gossip.stream_not_closed", { reason });
    }
  }

  async #receive(frame: Frame, reading: Reading): Promise<void> {
    if (frame.kind === kinds.fork) await this.#takeFork(frame, reading);
    else if (frame.kind <= kinds.done) await this.#takeRights(frame, reading);
    else await this.#takeGossip(frame, reading);
    this.wake(); // it may have made a need
    this.#needs.onDue();
  }

  async #takeRights(
    frame: Frame,
    { window, answers }: Reading,
  ): Promise<void> {
    const { clock, engine, putOffs, state } = this.#needs;
    const nowMs = clock.nowMs();
    const effect = this.#rights.receive(frame, nowMs);
    switch (effect?.type) {
      case "accept":
        engine.heard(this);
        await window.add(
          effect.batch.length,
          () => this.#accept(effect.batch),
        );
        break;
      case "answer":
        await answers.add(answerNeed(state, effect.need));
        break;
      case "told":
        engine.told(this, effect.places);
        this.#checkSettled();
        break;
      case "answered":
        await window.drain();
        this.#rights.answered(effect.owner, clock.nowMs());
        putOffs.answered(effect.owner, this);
        this.#checkSettled();
        break;
      case "close":
        this.#close(effect.reason);
        break;
      case undefined:
        break;
    }
  }

  async #takeGossip(
    frame: Frame,
    { window, answers }: Reading,
  ): Promise<void> {
    const { engine } = this.#needs;
    const effect = engine.receive(this, frame);
    switch (effect?.type) {
      case "reply":
        await answers.add(effect.frames);
        break;
      case "wanted":
        await window.drain();
        engine.answered(this);
        break;
      case "compared":
        this.#compared.resolve(effect.comparison);
        this.#compared = Promise.withResolvers();
        break;
      case "close":
        this.#close(effect.reason);
        break;
      case undefined:
        break;
    }
  }

  async #takeFork({ body }: Frame, reading: Reading): Promise<void> {
    const second = new Uint8Array(body);
    const { half: first, window } = reading;
    reading.half = first === undefined ? second : undefined;
    if (first === undefined) return;
    const { engine, state } = this.#needs;
    engine.heard(this);
    await window.add(first.length + second.length, async () => {
      const store = () => state.acceptFork({ first, second });
      this.#judge(await this.#stored(store), second);
    });
  }

  async #accept(batch: Bytes): Promise<void> {
    const { onReceived, state } = this.#needs;
    onReceived(batch, this);
    const outcome = await this.#stored(() => state.accept(batch));
    this.#judge(outcome, batch);
  }

  /** Undefined when it could not be stored. */
  async #stored(store: () => Promise<Outcome>): Promise<Outcome | undefined> {
    try {
      return await store();
    } catch (cause) {
      if (cause instanceof ClosedError) return undefined;
      const reason = asPlnError(cause).message;
      this.#needs.log.error("gossip.batch_not_stored", { reason });
      return undefined;
    }
  }

  #judge(outcome: Outcome | undefined, batch: Bytes): void {
    if (outcome === undefined || outcome === "new" || outcome === "known") {
      return;
    }
    const { clock, engine, putOffs, state } = this.#needs;
    const owner = state.placeIn(batch)?.owner;
    if (outcome === "later" && owner !== undefined) {
      for (const link of engine.putOff(owner)) putOffs.note(owner, link);
    }
    const effect = this.#rights.accepted(owner, outcome, {
      nowMs: clock.nowMs(),
      sizeBytes: batch.length,
      isVoid: owner !== undefined && state.placeOf(owner)?.seq === voidSeq,
    });
    if (effect?.type === "close") this.#close(effect.reason);
    this.wake();
  }

  #checkSettled(): void {
    if (this.#rights.isSettled) this.#settled.resolve();
    if (this.#rights.hasOwnCopies) this.#ownCopies.resolve();
  }

  #close(reason: string): void {
    const { peer } = this.link;
    this.#needs.log.warn("gossip.peer_closed", { peer, reason });
    this.link.close(closeCodes.quota, reason);
  }
}
