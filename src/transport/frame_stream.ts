// Streams of frames over a session's streams of bytes: the opener's end, and
// the acceptor's end, which learns from the first byte what the stream is for.
// Bytes of the session go in, frames of bounded length come out. It never
// reads beyond the frame it was asked for, so a stream can change hands.

import { assert, UnreachableError } from "../kernel/mod.ts";
import type { SessionStream } from "../ports/mod.ts";
import { ChunkSource } from "./chunk_source.ts";
import { FrameWriter, type WriteGate } from "./frame_writer.ts";
import { FrameParser } from "./frames.ts";
import type { Frame, FrameStream } from "./link.ts";

/** How frames are put on a stream. */
export type FrameStreamOptions = {
  /** Of a body that comes in. */
  readonly frameBytesMax: number;
  /** Sent at once, before any frame: the protocol of a stream we open. */
  readonly firstByte?: number;
  /** Asked before bytes are handed to the system. */
  readonly gate?: WriteGate | undefined;
};

/** The frames of a stream that carries nothing else; nothing was read yet. */
export function openFrameStream(
  stream: SessionStream,
  options: FrameStreamOptions,
): BoundedFrameStream {
  const source = new ChunkSource(stream.readable);
  return new BoundedFrameStream(source, stream.writable, options);
}

/** A stream that a peer opened, until somebody serves it. */
export class ArrivedStream implements AsyncDisposable {
  readonly #stream: SessionStream;
  readonly #source: ChunkSource;
  #frames: FrameStream | undefined;

  constructor(stream: SessionStream) {
    this.#stream = stream;
    this.#source = new ChunkSource(stream.readable);
  }

  /** Counts and keeps what comes, until the first byte is asked for. */
  readAhead(onBytes: (count: number) => void): void {
    this.#source.readAhead(onBytes);
  }

  /** What comes from now on waits in the peer's windows. */
  stopReadingAhead(): void {
    this.#source.stopReadingAhead();
  }

  /**
   * The id of the stream's protocol; undefined when it ended before.
   *
   * @throws {UnreachableError} The stream was reset or the link is gone.
   */
  async readFirstByte(): Promise<number | undefined> {
    const chunk = await this.#source.next();
    if (chunk === undefined) return undefined;
    if (chunk.length > 1) this.#source.putBack(chunk.subarray(1));
    return chunk[0];
  }

  /** The frames after the first byte; disposed with this. Call it once. */
  frames(options: FrameStreamOptions): BoundedFrameStream {
    assert(this.#frames === undefined, "frames are taken once");
    const { writable } = this.#stream;
    const frames = new BoundedFrameStream(this.#source, writable, options);
    this.#frames = frames;
    return frames;
  }

  /** Drops both halves; harmless twice. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#frames !== undefined) {
      return await this.#frames[Symbol.asyncDispose]();
    }
    this.#source.drop();
    new FrameWriter(this.#stream.writable, {}).drop();
  }
}

/** Frames both ways; the limit of incoming ones may change between two. */
export class BoundedFrameStream implements FrameStream {
  readonly #source: ChunkSource;
  readonly #writer: FrameWriter;
  readonly #parser: FrameParser;

  constructor(
    source: ChunkSource,
    writable: WritableStream<Uint8Array>,
    options: FrameStreamOptions,
  ) {
    this.#source = source;
    this.#writer = new FrameWriter(writable, options);
    this.#parser = new FrameParser(options);
  }

  /** For frames whose head was not read yet. */
  set frameBytesMax(bytes: number) {
    this.#parser.frameBytesMax = bytes;
  }

  /** See `FrameStream.read`; one at a time. */
  async read(): Promise<Frame | undefined> {
    while (true) {
      const frame = this.#parser.next();
      if (frame !== undefined) return frame;
      const chunk = await this.#source.next();
      if (chunk === undefined) break;
      this.#parser.push(chunk);
    }
    if (!this.#parser.isInsideFrame) return undefined;
    throw new UnreachableError("The stream ended inside a frame");
  }

  /** See `FrameStream.write`; leave `body` as it is until then. */
  write(kind: number, body: Uint8Array): Promise<void> {
    return this.#writer.write(kind, body);
  }

  /** See `FrameStream.end`. */
  end(): Promise<void> {
    return this.#writer.end();
  }

  /** Drops both halves; harmless twice, and after `end`. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#source.drop();
    this.#writer.drop();
    return Promise.resolve();
  }
}
