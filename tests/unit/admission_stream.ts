// Streams of frames as pairs in memory, in virtual time: a test may change or
// lose each frame on its way, and ends behave as those of a connection do.

import assert from "node:assert/strict";
import { LimitError, limits, UnreachableError } from "../../src/kernel/mod.ts";
import type { World } from "../../src/sim/mod.ts";
import type { Frame, FrameStream } from "../../src/transport/mod.ts";

/** What becomes of a frame on its way; undefined: it is lost. */
export type Meddler = (frame: Frame) => Frame | undefined;

/** One end of a stream in memory; a write takes a millisecond. */
export class MemoryStream implements FrameStream {
  readonly #queue: Frame[] = [];
  readonly #world: World;
  readonly #meddle: Meddler;
  #other: MemoryStream | undefined;
  #wake: PromiseWithResolvers<void> | undefined;
  #isEnded = false;
  #isDropped = false;
  #isReading = false;

  constructor(world: World, meddle: Meddler) {
    this.#world = world;
    this.#meddle = meddle;
  }

  static pair(
    world: World,
    meddle: { readonly up?: Meddler; readonly down?: Meddler } = {},
  ): readonly [MemoryStream, MemoryStream] {
    const same: Meddler = (frame) => frame;
    const opener = new MemoryStream(world, meddle.up ?? same);
    const acceptor = new MemoryStream(world, meddle.down ?? same);
    opener.#other = acceptor;
    acceptor.#other = opener;
    return [opener, acceptor];
  }

  async read(): Promise<Frame | undefined> {
    assert.ok(!this.#isReading, "one read at a time, as on a real one");
    this.#isReading = true;
    try {
      return await this.#read();
    } finally {
      this.#isReading = false;
    }
  }

  async #read(): Promise<Frame | undefined> {
    while (true) {
      if (this.#isDropped) throw new UnreachableError("The stream is dropped");
      const frame = this.#queue.shift();
      if (frame === undefined) {
        if (this.#isEnded) return undefined;
        this.#wake ??= Promise.withResolvers();
        await this.#wake.promise;
        continue;
      }
      if (frame.body.length <= limits.joinFrameBytesMax) return frame;
      throw new LimitError("The frame is over its limit");
    }
  }

  async write(kind: number, body: Uint8Array): Promise<void> {
    await pause(this.#world, 1);
    const other = this.#other;
    if (this.#isDropped || other === undefined || other.#isDropped) {
      throw new UnreachableError("The stream is gone");
    }
    const frame = this.#meddle({ kind, body: new Uint8Array(body) });
    if (frame === undefined) return;
    other.#queue.push(frame);
    other.#stir();
  }

  async end(): Promise<void> {
    await pause(this.#world, 1);
    this.#other?.finish();
  }

  /** Nothing more comes in; what came is still read. */
  finish(): void {
    this.#isEnded = true;
    this.#stir();
  }

  #stir(): void {
    this.#wake?.resolve();
    this.#wake = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#isDropped = true;
    this.#stir();
    this.#other?.finish();
    return Promise.resolve();
  }
}

export async function pause(world: World, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(delayMs, resolve);
  await promise;
}
