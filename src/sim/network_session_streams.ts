// The streams of one end of a simulated session: those it opens under the
// peer's limit, those the peer opens, and the room that each gives the other.
// In come packets for a stream, by who opened it and its number; out come
// streams in the order of their numbers, as QUIC has it.

import { limits, type UnreachableError } from "../kernel/mod.ts";
import type { SessionStream } from "../ports/mod.ts";
import { Inbox } from "./inbox.ts";
import { SimStream } from "./network_stream.ts";

/** Who opened a session, or a stream. */
export type Side = "dialler" | "acceptor";

/** Runs with the streams of the other end, later and once. */
export type StreamsPacket = (peer: SessionStreams) => void;

/** The peer learns of room only when more than this is new, as with quinn. */
const roomKept = limits.sessionStreamsMax / 8;

/** Of one end. */
export class SessionStreams {
  readonly #side: Side;
  readonly #send: (packet: StreamsPacket) => void;
  readonly #streams = new Map<string, SimStream>();
  readonly #incoming = new Inbox<SessionStream>();
  readonly #waiting: PromiseWithResolvers<void>[] = [];
  #openedMax: number = limits.sessionStreamsMax;
  #opened = 0;
  #accepted = 0;
  /** Streams of the peer that are over, of which it has not been told. */
  #ungranted = 0;
  #failure: UnreachableError | undefined;

  constructor(side: Side, send: (packet: StreamsPacket) => void) {
    this.#side = side;
    this.#send = send;
  }

  /** Those of either side that are not over. */
  get count(): number {
    return this.#streams.size;
  }

  /** Arrived on them, and not yet read. */
  get heldBytes(): number {
    let bytes = 0;
    for (const stream of this.#streams.values()) bytes += stream.heldBytes;
    return bytes;
  }

  async open(signal: AbortSignal): Promise<SessionStream> {
    signal.throwIfAborted();
    while (this.#opened >= this.#openedMax && this.#failure === undefined) {
      await this.#nextRoom(signal);
    }
    if (this.#failure !== undefined) throw this.#failure;
    return this.#make(this.#side, this.#opened++);
  }

  incoming(): AsyncIterable<SessionStream> {
    return this.#incoming.items();
  }

  /** The session has ended. */
  fail(failure: UnreachableError): void {
    this.#failure = failure;
    for (const waiting of this.#waiting.splice(0)) waiting.resolve();
    for (const stream of [...this.#streams.values()]) stream.fail(failure);
    this.#streams.clear();
    this.#incoming.close();
  }

  async #nextRoom(signal: AbortSignal): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.push(waiting);
    const abort = () => waiting.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      await waiting.promise;
    } finally {
      signal.removeEventListener("abort", abort);
      const at = this.#waiting.indexOf(waiting);
      if (at >= 0) this.#waiting.splice(at, 1);
    }
  }

  #make(opener: Side, index: number): SimStream {
    const key = `${opener} ${index}`;
    const stream = new SimStream({
      send: (run) =>
        this.#send((peer) => {
          const other = peer.#at(opener, index);
          if (other !== undefined) run(other);
        }),
      onOver: () => {
        this.#streams.delete(key);
        if (opener !== this.#side) this.#noteRoom();
      },
    });
    this.#streams.set(key, stream);
    return stream;
  }

  /** The peer's earlier streams come to be with it, as in QUIC. */
  #at(opener: Side, index: number): SimStream | undefined {
    while (opener !== this.#side && this.#accepted <= index) {
      this.#incoming.push(this.#make(opener, this.#accepted++));
    }
    return this.#streams.get(`${opener} ${index}`);
  }

  #noteRoom(): void {
    const streams = ++this.#ungranted;
    if (streams <= roomKept) return;
    this.#ungranted = 0;
    this.#send((peer) => peer.#grant(streams));
  }

  /** Streams of ours are over at the peer too: others may be opened. */
  #grant(streams: number): void {
    this.#openedMax += streams;
    for (const waiting of this.#waiting.splice(0, streams)) waiting.resolve();
  }
}
