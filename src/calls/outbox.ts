// What leaves on one stream: small frames at once, long bodies part by part and
// in turns, so that none holds the others up. It counts what the system has not
// taken yet: whoever feeds it looks at that, for the queue has no end.

import { type Bytes, limits } from "../kernel/mod.ts";
import type { FrameStream } from "../transport/mod.ts";
import type { OutgoingBody } from "./bodies.ts";
import { encodePart } from "./messages.ts";

/** A stream refuses twice as many: calls under way must still be answered. */
const unsentFramesMax = limits.frameWritesMax / 2;

export class Outbox {
  readonly #stream: FrameStream;
  readonly #onBroken: (cause: unknown) => void;
  #bodies: OutgoingBody[] = [];
  #isPumping = false;
  #unsentBytes = 0;
  #unsentFrames = 0;
  #room: PromiseWithResolvers<void> | undefined;

  /** `onBroken` may be called more than once. */
  constructor(stream: FrameStream, onBroken: (cause: unknown) => void) {
    this.#stream = stream;
    this.#onBroken = onBroken;
  }

  /** Whether the peer takes less than it is sent. */
  get isFull(): boolean {
    return this.#unsentBytes > limits.wireCallUnsentBytesMax ||
      this.#unsentFrames > unsentFramesMax;
  }

  /** Sends a frame behind those that were sent before. */
  send(kind: number, body: Bytes): void {
    this.#unsentBytes += body.length;
    this.#unsentFrames++;
    this.#stream.write(kind, body).then(
      () => this.#taken(body.length),
      this.#onBroken,
    );
  }

  /** Sends bytes in parts. */
  sendBody(body: OutgoingBody): void {
    this.#bodies.push(body);
    if (this.#isPumping) return;
    this.#isPumping = true;
    this.#pump().catch(this.#onBroken);
  }

  /** Takes a body back that nobody wants any more. */
  drop(number: number): void {
    const body = this.#bodies.find((one) => one.number === number);
    if (body === undefined) return;
    this.#remove(body);
    body.leave();
  }

  /** Resolves when there is room; also when the stream has ended. */
  async room(): Promise<void> {
    if (!this.isFull) return;
    this.#room ??= Promise.withResolvers();
    await this.#room.promise;
  }

  /** The stream has ended. */
  close(): void {
    const bodies = this.#bodies;
    this.#bodies = [];
    for (const body of bodies) body.leave();
    this.#unsentBytes = 0;
    this.#unsentFrames = 0;
    this.#makeRoom();
  }

  async #pump(): Promise<void> {
    try {
      let body = this.#bodies[0];
      while (body !== undefined) {
        const part = encodePart(body.number, body.take());
        await this.#stream.write(body.kind, part);
        // It may have been dropped meanwhile.
        if (this.#remove(body)) {
          if (body.isOver) body.leave();
          else this.#bodies.push(body);
        }
        body = this.#bodies[0];
      }
    } finally {
      this.#isPumping = false;
    }
  }

  #remove(body: OutgoingBody): boolean {
    const at = this.#bodies.indexOf(body);
    if (at >= 0) this.#bodies.splice(at, 1);
    return at >= 0;
  }

  #taken(bytes: number): void {
    this.#unsentBytes -= bytes;
    this.#unsentFrames--;
    if (!this.isFull) this.#makeRoom();
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
