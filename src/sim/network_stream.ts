// One end of a simulated QUIC stream. In come writes of this end and segments
// of the other, which may overtake each other; out come segments and reads, in
// order. A write waits until the peer's window has room. As with the real one,
// aborting a writer looks like a clean end to the peer: it must never be kinder.

import { UnreachableError } from "../kernel/mod.ts";
import type { SessionStream } from "../ports/mod.ts";

/** What a receiver holds, read or not, before the sender has to wait. */
export const streamWindowBytes = 1024 * 1024;
const segmentBytesMax = 64 * 1024;
/** The receiver tells of room when this much of it is new. */
const creditBytesMin = streamWindowBytes / 8;

/** What a stream asks of its session. */
export type StreamWire = {
  /** Runs at the other end of this stream, later and once. */
  send(run: (peer: SimStream) => void): void;
  /** Both halves are over; the end that we sent has arrived. */
  onOver(): void;
};

/** Both halves, and what arrives from the other end. */
export class SimStream implements SessionStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
  readonly #receiving: ReceiveHalf;
  readonly #sending: SendHalf;

  constructor(wire: StreamWire) {
    const onOver = () => {
      if (this.#receiving.isOver && this.#sending.isOver) wire.onOver();
    };
    this.#receiving = new ReceiveHalf({ send: wire.send, onOver });
    this.#sending = new SendHalf({ send: wire.send, onOver });
    this.readable = this.#receiving.readable;
    this.writable = this.#sending.writable;
  }

  /** Arrived, and not yet read. */
  get heldBytes(): number {
    return this.#receiving.heldBytes;
  }

  /** A segment, or the end when it is undefined. */
  receive(sequence: number, segment: Uint8Array | undefined): void {
    this.#receiving.receive(sequence, segment);
  }

  /** The peer's reader has taken that much more. */
  credit(bytes: number): void {
    this.#sending.credit(bytes);
  }

  /** The peer's reader wants no more. */
  stop(): void {
    this.#sending.fail(new UnreachableError("The peer stopped reading"));
  }

  /** The end that we sent has arrived. */
  acknowledgeEnd(): void {
    this.#sending.acknowledgeEnd();
  }

  /** The session has ended. */
  fail(failure: UnreachableError): void {
    this.#receiving.fail(failure);
    this.#sending.fail(failure);
  }
}

class ReceiveHalf {
  readonly readable: ReadableStream<Uint8Array>;
  isOver = false;
  readonly #wire: StreamWire;
  #controller: ReadableByteStreamController | undefined;
  /** Segments that overtook others, by their sequence. */
  readonly #early = new Map<number, Uint8Array | undefined>();
  readonly #segments: (Uint8Array | undefined)[] = [];
  #nextSequence = 0;
  #isWanted = false;
  #uncreditedBytes = 0;

  constructor(wire: StreamWire) {
    this.#wire = wire;
    this.readable = new ReadableStream({
      type: "bytes",
      start: (controller: ReadableByteStreamController) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#isWanted = true;
        this.#serve();
      },
      cancel: () => {
        if (!this.isOver) this.#wire.send((peer) => peer.stop());
        this.#end();
      },
    }, { highWaterMark: 0 });
  }

  get heldBytes(): number {
    let bytes = 0;
    for (const segment of this.#segments) bytes += segment?.length ?? 0;
    for (const segment of this.#early.values()) bytes += segment?.length ?? 0;
    return bytes;
  }

  receive(sequence: number, segment: Uint8Array | undefined): void {
    if (segment === undefined) {
      this.#wire.send((peer) => peer.acknowledgeEnd());
    }
    if (this.isOver) return;
    this.#early.set(sequence, segment);
    while (this.#early.has(this.#nextSequence)) {
      this.#segments.push(this.#early.get(this.#nextSequence));
      this.#early.delete(this.#nextSequence++);
    }
    this.#serve();
  }

  fail(failure: UnreachableError): void {
    if (this.isOver) return;
    this.#controller?.error(failure);
    this.#end();
  }

  #serve(): void {
    const controller = this.#controller;
    if (!this.#isWanted || this.isOver || controller === undefined) return;
    if (this.#segments.length === 0) return;
    const segment = this.#segments.shift();
    this.#isWanted = false;
    if (segment === undefined) {
      controller.close();
      controller.byobRequest?.respond(0);
      return this.#end();
    }
    this.#uncreditedBytes += segment.length;
    controller.enqueue(segment);
    if (this.#uncreditedBytes < creditBytesMin) return;
    const bytes = this.#uncreditedBytes;
    this.#uncreditedBytes = 0;
    this.#wire.send((peer) => peer.credit(bytes));
  }

  #end(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#segments.length = 0;
    this.#early.clear();
    this.#wire.onOver();
  }
}

class SendHalf {
  readonly writable: WritableStream<Uint8Array>;
  isOver = false;
  readonly #wire: StreamWire;
  #controller: WritableStreamDefaultController | undefined;
  #roomBytes = streamWindowBytes;
  #room: PromiseWithResolvers<void> | undefined;
  #failure: UnreachableError | undefined;
  #sequence = 0;

  constructor(wire: StreamWire) {
    this.#wire = wire;
    this.writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      write: (chunk) => this.#write(chunk),
      close: () => this.#send(undefined),
      abort: () => this.#send(undefined),
    });
  }

  credit(bytes: number): void {
    this.#roomBytes += bytes;
    this.#room?.resolve();
    this.#room = undefined;
  }

  acknowledgeEnd(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.#wire.onOver();
  }

  fail(failure: UnreachableError): void {
    if (this.isOver) return;
    this.#failure = failure;
    this.#controller?.error(failure);
    this.#room?.reject(failure);
    this.#room = undefined;
    this.acknowledgeEnd();
  }

  async #write(chunk: Uint8Array): Promise<void> {
    let start = 0;
    while (start < chunk.length) {
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#roomBytes === 0) {
        this.#room = Promise.withResolvers();
        await this.#room.promise;
        continue;
      }
      const length = Math.min(segmentBytesMax, this.#roomBytes);
      const segment = chunk.slice(start, start + length);
      start += segment.length;
      this.#roomBytes -= segment.length;
      this.#send(segment);
    }
  }

  #send(segment: Uint8Array | undefined): void {
    const sequence = this.#sequence++;
    this.#wire.send((peer) => peer.receive(sequence, segment));
  }
}
