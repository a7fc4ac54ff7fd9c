// The exchange of rights with one peer, without I/O. In come what the peer has,
// frames and the fate of batches; out come the frames to send and what to do
// with received ones. It asks for what the peer has and this node lacks, hands
// on what is new, and forgets what a slow peer does not take: heads are sent
// instead, and the peer asks. It never holds more than its limits.

import { type Bytes, limits, type PeerId, TokenBucket } from "../kernel/mod.ts";
import type { Frame, RightsHead } from "../transport/mod.ts";
import {
  doneMessage,
  headsMessage,
  kinds,
  needMessage,
  requestBytesMax,
} from "./messages.ts";
import type { Outcome } from "./needs.ts";
import {
  isBehind,
  isSamePlace,
  nowhere,
  type OwnerPlace,
  type Place,
} from "./places.ts";

/** What to do with a frame that came. */
export type ExchangeEffect =
  | { readonly type: "accept"; readonly batch: Bytes }
  | { readonly type: "answer"; readonly need: OwnerPlace }
  /** Documents of others than admins, which the peer has. */
  | { readonly type: "told"; readonly places: readonly OwnerPlace[] }
  /** What came before has to be accepted first; then call `answered`. */
  | { readonly type: "answered"; readonly owner: PeerId }
  | { readonly type: "close"; readonly reason: string };

/** Between whom, and what this node holds now. */
export type ExchangeConfig = {
  readonly self: PeerId;
  readonly peer: PeerId;
  /** Of admins' documents. */
  readonly heads: () => readonly OwnerPlace[];
  readonly placeOf: (owner: PeerId) => Place | undefined;
  /**
   * From where on to ask for this node's own document when the peer is at
   * `shown`; undefined: it has nothing that is missing here. Default: from
   * this node's place of it.
   */
  readonly wantsOwn?: ((shown: Place) => Place | undefined) | undefined;
};

/** Owners that are asked about later, by whoever keeps their time. */
export type PutOff = {
  readonly has: (owner: PeerId) => boolean;
  /** The peer has more of this owner than is taken now. */
  readonly note: (owner: PeerId) => void;
};

const nothingPutOff: PutOff = { has: () => false, note: () => {} };

type Ask = {
  readonly place: OwnerPlace;
  readonly atMs: number;
  isOpen: boolean;
  /** Something of this owner did not fit while the answer was under way. */
  isAgain: boolean;
};

/** Ahead of every place. */
const anywhere: Place = {
  generation: limits.stateIntegerMax,
  seq: limits.stateIntegerMax,
};

const tooManyRequests: ExchangeEffect = {
  type: "close",
  reason: "Too many requests for batches",
};

/** One for each link. */
export class ExchangeEngine {
  readonly #config: ExchangeConfig;
  readonly #asks = new Map<PeerId, Ask>();
  /** An honest peer asks once per owner and answer: far less than this. */
  readonly #budget = new TokenBucket({
    burst: limits.exchangeRequestsMax,
    perSecond: limits.exchangeRequestsPerSecondMax,
  });
  /** Batches that led to a proof, or that the peer sent before it knew. */
  readonly #voids = new TokenBucket({
    burst: limits.exchangeVoidBurstMax,
    perSecond: limits.exchangeVoidPerSecondMax,
  });
  /** Owners that the peer knew more about when the link began. */
  readonly #first = new Set<PeerId>();
  #requests: Frame[] = [];
  #batches: Frame[] = [];
  #batchBytes = 0;
  #areHeadsDue = true;
  #areOwnCopiesHere = false;
  #refused = 0;
  #refusedBytes = 0;
  readonly #putOff: PutOff;

  constructor(config: ExchangeConfig, putOff: PutOff = nothingPutOff) {
    this.#config = config;
    this.#putOff = putOff;
  }

  /** Whether all is answered that the peer's first heads promised. */
  get isSettled(): boolean {
    return this.#first.size === 0;
  }

  /** Whether what the peer had first of this node's own document is here. */
  get hasOwnCopies(): boolean {
    return this.#areOwnCopiesHere;
  }

  /** Whether the peer was asked about an owner and has not answered. */
  isAsking(owner: PeerId): boolean {
    return this.#asks.get(owner)?.isOpen === true;
  }

  /** With the heads of the handshake; they tell of rights alone. */
  start(heads: readonly RightsHead[], nowMs: number): void {
    for (const { admin: owner, generation, rev: seq } of heads) {
      if (!isBehind(this.#placeOf(owner), { generation, seq })) continue;
      if (this.#isPutOff(owner)) continue;
      if (this.#ask(owner, nowMs)) this.#first.add(owner);
    }
  }

  /** A new stream: what was asked on the one before is lost. */
  restart(nowMs: number): void {
    const open = [...this.#asks].filter(([, { isOpen }]) => isOpen);
    this.#requests = [];
    this.#areHeadsDue = true;
    for (const [owner] of open) {
      this.#asks.delete(owner);
      this.#ask(owner, nowMs);
    }
  }

  /** A batch that is new here, for the peer. */
  push(batch: Bytes): void {
    if (this.#areHeadsDue) return; // the peer will ask for all it lacks
    const isFull = this.#batches.length >= limits.exchangeQueueBatchesMax ||
      (this.#batches.length > 0 &&
        this.#batchBytes + batch.length > limits.exchangeQueueBytesMax);
    if (isFull) {
      this.#batches = [];
      this.#batchBytes = 0;
      this.#areHeadsDue = true;
      return;
    }
    this.#batches.push({ kind: kinds.batch, body: batch });
    this.#batchBytes += batch.length;
  }

  /** The next frame to write, when the one before was taken. */
  next(): Frame | undefined {
    if (this.#areHeadsDue) {
      this.#areHeadsDue = false;
      const body = headsMessage.encode({ heads: this.#heads() });
      return { kind: headsMessage.kind, body };
    }
    const request = this.#requests.shift();
    if (request !== undefined) return request;
    const batch = this.#batches.shift();
    if (batch !== undefined) this.#batchBytes -= batch.body.length;
    return batch;
  }

  /**
   * What a frame asks for; undefined when that is nothing.
   *
   * @throws {InputError} It breaks the protocol: end the stream.
   */
  receive(frame: Frame, nowMs: number): ExchangeEffect | undefined {
    const { kind, body } = frame;
    const options = { bytesMax: requestBytesMax };
    switch (kind) {
      case kinds.batch:
        return { type: "accept", batch: new Uint8Array(body) };
      case doneMessage.kind: {
        const { owner } = doneMessage.decode(body, options);
        const isAsked = this.isAsking(owner) || this.#budget.take(1, nowMs);
        return isAsked ? { type: "answered", owner } : tooManyRequests;
      }
      case headsMessage.kind:
      case needMessage.kind:
        if (!this.#budget.take(1, nowMs)) return tooManyRequests;
        if (kind === needMessage.kind) {
          return { type: "answer", need: needMessage.decode(body, options) };
        }
        return this.#told(headsMessage.decode(body, options).heads, nowMs);
      default: // of a newer version
        return this.#budget.take(1, nowMs) ? undefined : tooManyRequests;
    }
  }

  /** Asks about admins and about itself; the rest has time. */
  #told(heads: readonly OwnerPlace[], nowMs: number): ExchangeEffect {
    const { self, peer } = this.#config;
    const admins = new Set(this.#config.heads().map(({ owner }) => owner));
    const places: OwnerPlace[] = [];
    for (const head of heads) {
      if (head.owner === self) {
        const from = this.#wantsOwn(head);
        if (from !== undefined) this.#ask(self, nowMs, { from });
        continue;
      }
      if (!isBehind(this.#placeOf(head.owner), head)) continue;
      if (this.#isPutOff(head.owner)) continue;
      const isLater = head.owner === peer && !admins.has(peer);
      if (isLater) places.push(head);
      else this.#ask(head.owner, nowMs);
    }
    if (!this.isAsking(self)) this.#areOwnCopiesHere = true;
    return { type: "told", places };
  }

  /** The fate of a batch that the peer sent; undefined: it names no owner. */
  accepted(
    owner: PeerId | undefined,
    outcome: Outcome,
    { nowMs, sizeBytes = 0, isVoid = false }: {
      readonly nowMs: number;
      readonly sizeBytes?: number;
      /** Whether its owner's newest generation is void here. */
      readonly isVoid?: boolean;
    },
  ): ExchangeEffect | undefined {
    if (outcome === "refused") {
      const isBorne = isVoid && this.#voids.take(1, nowMs);
      return isBorne ? undefined : this.#refuse(sizeBytes);
    }
    if (owner === undefined) return undefined;
    if (outcome === "later") this.#putOff.note(owner);
    if (outcome !== "gap" || this.#isPutOff(owner)) return undefined;
    // It makes this node ask: as good as a request, and bounded like one.
    if (!this.#budget.take(1, nowMs)) return tooManyRequests;
    const from = owner === this.#config.self
      ? this.#wantsOwn(anywhere)
      : undefined;
    this.#ask(owner, nowMs, { from });
    return undefined;
  }

  #refuse(sizeBytes: number): ExchangeEffect | undefined {
    this.#refused++;
    this.#refusedBytes += sizeBytes;
    const isTooMuch = this.#refused >= limits.exchangeRefusedMax ||
      this.#refusedBytes >= limits.exchangeRefusedBytesMax;
    return isTooMuch
      ? { type: "close", reason: "Too many batches that cannot be right" }
      : undefined;
  }

  /** If so, the peer will be asked in its time. */
  #isPutOff(owner: PeerId): boolean {
    if (!this.#putOff.has(owner)) return false;
    this.#putOff.note(owner);
    return true;
  }

  /** The time has come to ask about an owner that was put off. */
  askAgain(owner: PeerId, nowMs: number): void {
    this.#asks.delete(owner);
    this.#ask(owner, nowMs);
  }

  /** The peer has sent what it has of an owner, and it was accepted. */
  answered(owner: PeerId, nowMs: number): void {
    this.#first.delete(owner);
    if (owner === this.#config.self) this.#areOwnCopiesHere = true;
    const ask = this.#asks.get(owner);
    if (ask?.isOpen !== true) return;
    ask.isOpen = false;
    if (ask.isAgain) this.#ask(owner, nowMs);
  }

  #placeOf(owner: PeerId): OwnerPlace {
    const { generation, seq } = this.#config.placeOf(owner) ?? nowhere;
    return { owner, generation, seq };
  }

  #wantsOwn(shown: Place): Place | undefined {
    const { self, wantsOwn } = this.#config;
    if (wantsOwn !== undefined) return wantsOwn(shown);
    const place = this.#placeOf(self);
    return isBehind(place, shown) ? place : undefined;
  }

  /** Admins', then this node's own place, and what it has of the peer's. */
  #heads(): readonly OwnerPlace[] {
    const { heads, self, peer } = this.#config;
    const list = heads().slice(0, limits.rightsHeadsMax);
    for (const owner of [self, peer]) {
      const isThere = list.some((head) => head.owner === owner);
      const place = this.#placeOf(owner);
      if (!isThere && isBehind(nowhere, place)) list.push(place);
    }
    return list;
  }

  /** Forgets an answered question when there are many; false: none is. */
  #makeRoom(): boolean {
    if (this.#asks.size < limits.exchangeAsksMax) return true;
    for (const [owner, { isOpen }] of this.#asks) {
      if (!isOpen) return this.#asks.delete(owner);
    }
    return false;
  }

  /** False when the same was asked just now. */
  #ask(
    owner: PeerId,
    nowMs: number,
    { from }: { readonly from?: Place | undefined } = {},
  ): boolean {
    if (this.#requests.length >= limits.exchangeAsksMax) return false;
    const place = from === undefined
      ? this.#placeOf(owner)
      : { owner, generation: from.generation, seq: from.seq };
    const last = this.#asks.get(owner);
    if (last !== undefined) {
      const agoMs = nowMs - last.atMs;
      if (last.isOpen && agoMs < limits.exchangeAskMsMax) {
        last.isAgain = true;
        return false;
      }
      const isIdle = !last.isOpen && isSamePlace(last.place, place);
      if (isIdle && agoMs < limits.exchangeAskAgainMsMin) return false;
    } else if (!this.#makeRoom()) return false;
    this.#asks.set(owner, { place, atMs: nowMs, isOpen: true, isAgain: false });
    const body = needMessage.encode(place);
    this.#requests.push({ kind: needMessage.kind, body });
    return true;
  }
}
