// The exchange with one peer, without I/O. In come what the peer has, frames
// and the fate of batches; out come the frames to send and what to do with
// received ones. It asks for what the peer has and this node lacks, hands on
// what is new, and forgets what a slow peer does not take: heads are sent
// instead, and the peer asks. It never holds more than its limits.

import { type Bytes, limits, type PeerId, TokenBucket } from "../kernel/mod.ts";
import type { Frame, RightsHead } from "../transport/mod.ts";
import {
  batchKind,
  doneMessage,
  encodeBatchFrame,
  headsMessage,
  needMessage,
  type OwnerPlace,
  parseBatchFrame,
  requestBytesMax,
} from "./messages.ts";

/** What to do with a frame that came. */
export type ExchangeEffect =
  | { readonly type: "accept"; readonly owner: PeerId; readonly batch: Bytes }
  | { readonly type: "answer"; readonly need: OwnerPlace }
  /** What came before has to be accepted first; then call `answered`. */
  | { readonly type: "answered"; readonly owner: PeerId }
  | { readonly type: "close"; readonly reason: string };

/** What became of a batch; as the state says. */
export type Outcome = "new" | "known" | "gap" | "later" | "refused";

/** What this node holds now. */
export type OwnPlaces = () => readonly OwnerPlace[];

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

const tooManyRequests: ExchangeEffect = {
  type: "close",
  reason: "Too many requests for batches",
};

const nowhere = { generation: 0, seq: 0 } as const;

function isBehind(
  own: Omit<OwnerPlace, "owner">,
  other: Omit<OwnerPlace, "owner">,
): boolean {
  if (own.generation !== other.generation) {
    return own.generation < other.generation;
  }
  return own.seq < other.seq;
}

function isSamePlace(left: OwnerPlace, right: OwnerPlace): boolean {
  return left.generation === right.generation && left.seq === right.seq;
}

/** One for each link. */
export class ExchangeEngine {
  readonly #ownPlaces: OwnPlaces;
  readonly #asks = new Map<PeerId, Ask>();
  /** An honest peer asks once per owner and answer: far less than this. */
  readonly #budget = new TokenBucket({
    burst: limits.exchangeRequestsMax,
    perSecond: limits.exchangeRequestsPerSecondMax,
  });
  /** Owners that the peer knew more about when the link began. */
  readonly #first = new Set<PeerId>();
  #requests: Frame[] = [];
  #batches: Frame[] = [];
  #batchBytes = 0;
  #areHeadsDue = true;
  #refused = 0;
  #refusedBytes = 0;
  readonly #putOff: PutOff;

  constructor(ownPlaces: OwnPlaces, putOff: PutOff = nothingPutOff) {
    this.#ownPlaces = ownPlaces;
    this.#putOff = putOff;
  }

  /** Whether all is answered that the peer's first heads promised. */
  get isSettled(): boolean {
    return this.#first.size === 0;
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
  push(owner: PeerId, batch: Bytes): void {
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
    const body = encodeBatchFrame(owner, batch);
    this.#batches.push({ kind: batchKind, body });
    this.#batchBytes += batch.length;
  }

  /** The next frame to write, when the one before was taken. */
  next(): Frame | undefined {
    if (this.#areHeadsDue) {
      this.#areHeadsDue = false;
      const body = headsMessage.encode({
        heads: this.#ownPlaces().slice(0, limits.rightsHeadsMax),
      });
      return { kind: headsMessage.kind, body };
    }
    const request = this.#requests.shift();
    if (request !== undefined) return request;
    const batch = this.#batches.shift();
    if (batch !== undefined) this.#batchBytes -= batch.body.length - 32;
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
      case batchKind:
        return { type: "accept", ...parseBatchFrame(body) };
      case doneMessage.kind:
        return { type: "answered", ...doneMessage.decode(body, options) };
      case headsMessage.kind:
      case needMessage.kind:
        if (!this.#budget.take(1, nowMs)) return tooManyRequests;
        if (kind === needMessage.kind) {
          return { type: "answer", need: needMessage.decode(body, options) };
        }
        for (const head of headsMessage.decode(body, options).heads) {
          if (!isBehind(this.#placeOf(head.owner), head)) continue;
          if (!this.#isPutOff(head.owner)) this.#ask(head.owner, nowMs);
        }
        return undefined;
      default:
        return undefined; // of a newer version
    }
  }

  /** The fate of a batch that the peer sent. */
  accepted(
    owner: PeerId,
    outcome: Outcome,
    { nowMs, sizeBytes = 0 }: {
      readonly nowMs: number;
      readonly sizeBytes?: number;
    },
  ): ExchangeEffect | undefined {
    switch (outcome) {
      case "gap":
        if (this.#isPutOff(owner)) return undefined;
        // It makes this node ask: as good as a request, and bounded like one.
        if (!this.#budget.take(1, nowMs)) return tooManyRequests;
        this.#ask(owner, nowMs);
        return undefined;
      case "later":
        this.#putOff.note(owner);
        return undefined;
      case "refused":
        return this.#refuse(sizeBytes);
      case "new":
      case "known":
        return undefined;
    }
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
    const ask = this.#asks.get(owner);
    if (ask?.isOpen !== true) return;
    ask.isOpen = false;
    if (ask.isAgain) this.#ask(owner, nowMs);
  }

  #placeOf(owner: PeerId): OwnerPlace {
    const place = this.#ownPlaces().find((one) => one.owner === owner);
    return place ?? { owner, ...nowhere };
  }

  /** False when the same was asked just now. */
  #ask(owner: PeerId, nowMs: number): boolean {
    if (this.#requests.length >= limits.exchangeAsksMax) return false;
    const place = this.#placeOf(owner);
    const last = this.#asks.get(owner);
    if (last !== undefined) {
      const agoMs = nowMs - last.atMs;
      if (last.isOpen && agoMs < limits.exchangeAskMsMax) {
        last.isAgain = true;
        return false;
      }
      const isIdle = !last.isOpen && isSamePlace(last.place, place);
      if (isIdle && agoMs < limits.exchangeAskAgainMsMin) return false;
    } else if (this.#asks.size >= limits.exchangeAsksMax) return false;
    this.#asks.set(owner, { place, atMs: nowMs, isOpen: true, isAgain: false });
    const body = needMessage.encode(place);
    this.#requests.push({ kind: needMessage.kind, body });
    return true;
  }
}
