// The exchange over one link: a thin shell that reads and writes frames for an
// engine and hands batches to the state. Streams go in, nothing comes out but
// what the state then holds. Each link has a writer of its own, so that a peer
// that never reads holds up nobody else, and itself only as far as the limits.

import {
  asPlnError,
  type Bytes,
  ClosedError,
  limits,
  type PeerId,
  PlnError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  closeCodes,
  type Frame,
  type FrameStream,
  type Link,
  protocols,
} from "../transport/mod.ts";
import {
  type ExchangeEffect,
  ExchangeEngine,
  type Outcome,
} from "./exchange_engine.ts";
import { batchKind, doneMessage, encodeBatchFrame } from "./messages.ts";
import type { OwnerPlace } from "./messages.ts";

/** What the exchange needs of the state. */
export interface ExchangeState {
  /** How far admins' documents reach here. */
  heads(): readonly {
    readonly admin: PeerId;
    readonly generation: number;
    readonly seq: number;
  }[];
  /** What somebody lacks of an admin's document. */
  batchesSince(
    owner: PeerId,
    place: { readonly generation: number; readonly seq: number },
  ): readonly Bytes[];
  /** Durable when it says "new". @throws {PlnError} Not stored. */
  accept(batch: Bytes, owner: PeerId): Promise<Outcome>;
  /** Tells of each new batch, with the very bytes that were accepted. */
  onBatch(handle: (batch: Bytes, owner: PeerId) => void): Disposable;
}

/** What one link's exchange takes. */
export type LinkExchangeNeeds = Pick<Ports, "clock" | "log"> & {
  readonly state: ExchangeState;
  /** Called before a batch of this link is handed to the state. */
  readonly onReceived: (batch: Bytes, from: LinkExchange) => void;
  readonly putOffs: PutOffs;
};

/** What all links of a node have put off. */
export interface PutOffs {
  has(owner: PeerId): boolean;
  /** This link's peer has more of an owner than is taken now. */
  note(owner: PeerId, from: LinkExchange): void;
  /** This link's peer has sent all that it has of an owner. */
  answered(owner: PeerId, from: LinkExchange): void;
}

/** Batches of one stream that are being accepted. */
class AcceptWindow {
  readonly #running = new Set<Promise<void>>();
  #bytes = 0;

  /** Waits while too much is under way; the order of `work` is kept. */
  async add(bytes: number, work: () => Promise<void>): Promise<void> {
    const isFull = this.#running.size >= limits.exchangeAcceptsMax ||
      this.#bytes + bytes > limits.exchangeAcceptBytesMax;
    if (isFull) await this.drain();
    const task = work();
    this.#running.add(task);
    this.#bytes += bytes;
    const end = () => {
      this.#running.delete(task);
      this.#bytes -= bytes;
    };
    void task.then(end, end);
  }

  async drain(): Promise<void> {
    await Promise.all(this.#running);
  }
}

/** Ends with its link, or when it is told. */
export class LinkExchange {
  readonly link: Link;
  readonly #needs: LinkExchangeNeeds;
  readonly #engine: ExchangeEngine;
  readonly #settled = Promise.withResolvers<void>();
  #wake = Promise.withResolvers<void>();

  constructor(needs: LinkExchangeNeeds, link: Link) {
    this.link = link;
    this.#needs = needs;
    this.#engine = new ExchangeEngine(
      () =>
        needs.state.heads().map(({ admin: owner, generation, seq }) => ({
          ...{ owner, generation, seq },
        })),
      {
        has: (owner) => needs.putOffs.has(owner),
        note: (owner) => needs.putOffs.note(owner, this),
      },
    );
    this.#engine.start(link.heads, needs.clock.nowMs());
    this.#checkSettled();
  }

  /** Resolves when what the peer's first heads promised is here. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  /** For the peer; returns at once. */
  push(owner: PeerId, batch: Bytes): void {
    this.#engine.push(owner, batch);
    this.#wake.resolve();
  }

  /** Asks for what was put off; returns at once. */
  askAgain(owner: PeerId): void {
    this.#engine.askAgain(owner, this.#needs.clock.nowMs());
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
    }
  }

  async #speak(signal: AbortSignal): Promise<void> {
    const { link } = this;
    try {
      await using stream = await link.openStream(protocols.state, signal);
      this.#engine.restart(this.#needs.clock.nowMs());
      await this.#both(stream, signal);
    } catch (cause) {
      if (!(cause instanceof PlnError)) throw cause;
      if (signal.aborted) return;
      const reason = cause.message;
      this.#needs.log.debug("rights.stream_lost", { peer: link.peer, reason });
    }
  }

  /** Reads and writes at once; the end of one is the end of both. */
  async #both(stream: FrameStream, signal: AbortSignal): Promise<void> {
    const end = new AbortController();
    const whole = AbortSignal.any([signal, end.signal]);
    const wake = () => this.#wake.resolve();
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
    while (!signal.aborted) {
      const frame = this.#engine.next();
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
    const window = new AcceptWindow();
    const drop = () => void this.#drop(stream);
    signal.addEventListener("abort", drop, { once: true });
    try {
      while (!signal.aborted) {
        const frame = await stream.read();
        if (frame === undefined) return;
        await this.#receive(stream, frame, { window });
      }
    } catch (cause) {
      if (!signal.aborted) throw cause;
    } finally {
      signal.removeEventListener("abort", drop);
      await window.drain();
    }
  }

  /** Ends a read and a write that are under way. */
  async #drop(stream: FrameStream): Promise<void> {
    try {
      await stream[Symbol.asyncDispose]();
    } catch (cause) {
      const reason = asPlnError(cause).message;
      this.#needs.log.debug("rights.stream_not_closed", { reason });
    }
  }

  async #receive(
    stream: FrameStream,
    frame: Frame,
    { window }: { readonly window: AcceptWindow },
  ): Promise<void> {
    const nowMs = () => this.#needs.clock.nowMs();
    const effect = this.#engine.receive(frame, nowMs());
    switch (effect?.type) {
      case "accept":
        await window.add(effect.batch.length, () => this.#accept(effect));
        break;
      case "answer":
        await this.#answer(stream, effect.need);
        break;
      case "answered":
        await window.drain();
        this.#engine.answered(effect.owner, nowMs());
        this.#needs.putOffs.answered(effect.owner, this);
        this.#checkSettled();
        break;
      case "close":
        this.#close(effect.reason);
        break;
      case undefined:
        break;
    }
    this.#wake.resolve(); // it may have made a need
  }

  async #answer(stream: FrameStream, need: OwnerPlace): Promise<void> {
    const { owner } = need;
    for (const batch of this.#needs.state.batchesSince(owner, need)) {
      await stream.write(batchKind, encodeBatchFrame(owner, batch));
    }
    await stream.write(doneMessage.kind, doneMessage.encode({ owner }));
  }

  async #accept(
    { owner, batch }: Extract<ExchangeEffect, { type: "accept" }>,
  ): Promise<void> {
    const { clock, log, onReceived, state } = this.#needs;
    onReceived(batch, this);
    try {
      const outcome = await state.accept(batch, owner);
      const effect = this.#engine.accepted(owner, outcome, {
        nowMs: clock.nowMs(),
        sizeBytes: batch.length,
      });
      if (effect?.type === "close") this.#close(effect.reason);
      this.#wake.resolve();
    } catch (cause) {
      if (cause instanceof ClosedError) return;
      const reason = asPlnError(cause).message;
      log.error("rights.batch_not_stored", { owner, reason });
    }
  }

  #checkSettled(): void {
    if (this.#engine.isSettled) this.#settled.resolve();
  }

  #close(reason: string): void {
    const { peer } = this.link;
    this.#needs.log.warn("rights.peer_closed", { peer, reason });
    this.link.close(closeCodes.quota, reason);
  }
}
