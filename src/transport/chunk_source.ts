// The bytes of a stream's incoming half, chunk by chunk. Whoever is not yet
// allowed to be served can be read ahead: what it sends is counted and kept, so
// that a flood is seen, and handed on unchanged once it may be served. It never
// keeps a chunk: the system's are 64 KiB long however few bytes they bring; and
// it reads into its smallest one again, which most reads are happy with.

import {
  assert,
  type Bytes,
  ClosedError,
  emptyBytes,
  PlnError,
  UnreachableError,
} from "../kernel/mod.ts";

const roomBytesMin = 1_024;
/** A stream that is idle keeps so much memory at the system's disposal. */
const idleRoomBytes = 512;
/** Chunks of buffers up to this long are overwritten by the next read. */
export const reusedBytesMax = idleRoomBytes;
const readRoomBytesMax = 128 * 1024;
/** How much the room grows when it was filled, and shrinks when it was not. */
const roomFactor = 8;

/** What went wrong with a stream, as the folders above know it. */
export function brokenStream(cause: unknown): PlnError {
  if (cause instanceof PlnError) return cause;
  return new UnreachableError("The stream broke off", { cause });
}

type Read = { readonly done: boolean; readonly value?: Uint8Array };

/** Reads at most so many bytes, into `spare` where it is large enough. */
type Reader = {
  read(bytesMax: number, spare: ArrayBufferLike | undefined): Promise<Read>;
  cancel(reason: unknown): Promise<void>;
};

/**
 * A read that waits holds its buffer, and one that the stream chooses has 64
 * KiB: too much for the idle streams of hundreds of peers.
 */
function openReader(readable: ReadableStream<Uint8Array>): Reader {
  const reader = ownBufferReader(readable);
  if (reader === undefined) return readable.getReader();
  return {
    read: (bytesMax, spare) => {
      const room = spare !== undefined && bytesMax <= spare.byteLength
        ? new Uint8Array(spare)
        : new Uint8Array(bytesMax);
      return reader.read(room);
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** Undefined when the stream is none of bytes. */
function ownBufferReader(
  readable: ReadableStream<Uint8Array>,
): ReadableStreamBYOBReader | undefined {
  try {
    return readable.getReader({ mode: "byob" });
  } catch (cause) {
    if (cause instanceof TypeError) return undefined;
    throw cause;
  }
}

/** One incoming half; nobody else may hold its reader. */
export class ChunkSource {
  readonly #reader: Reader;
  /** What the next read may bring. */
  #roomBytes = idleRoomBytes;
  /** Nobody reads in it any more when the next read begins. */
  #spare: ArrayBufferLike | undefined;
  /** Read ahead, or left over; not handed on yet. */
  #kept: Bytes = emptyBytes;
  #keptBytes = 0;
  #ahead: Promise<void> | undefined;
  #isAhead = false;
  #isReading = false;
  #isOver = false;
  #fault: PlnError | undefined;

  constructor(readable: ReadableStream<Uint8Array>) {
    this.#reader = openReader(readable);
  }

  /**
   * Reads and keeps bytes until `next` is called; `onBytes` hears how many
   * came each time and drops the source when they are too many.
   */
  readAhead(onBytes: (count: number) => void): void {
    assert(!this.#isReading && this.#ahead === undefined, "nothing was read");
    this.#isAhead = true;
    this.#ahead = this.#keepReading(onBytes);
  }

  /** Keeps what was read ahead, and reads no more until `next` is called. */
  stopReadingAhead(): void {
    this.#isAhead = false;
  }

  /**
   * The next bytes, at least one; undefined at the end. They are the caller's
   * until its next call, and for ever when their buffer is longer than
   * `reusedBytesMax`.
   *
   * @throws {UnreachableError} The stream was reset or the session is gone.
   * @throws {ClosedError} It was dropped here.
   */
  async next(): Promise<Uint8Array | undefined> {
    assert(!this.#isReading, "one read at a time");
    this.#isReading = true;
    this.#isAhead = false;
    try {
      if (this.#ahead !== undefined && this.#keptBytes === 0) await this.#ahead;
      return this.#takeKept() ?? await this.#read();
    } finally {
      this.#isReading = false;
    }
  }

  /** Puts back bytes that `next` has given, before what came meanwhile. */
  putBack(bytes: Uint8Array): void {
    const later = this.#takeKept();
    this.#keep(bytes);
    if (later !== undefined) this.#keep(later);
  }

  /** Tells the peer to stop; reads fail from now on. Harmless twice. */
  drop(): void {
    this.#fault ??= new ClosedError("The stream was dropped");
    this.#isAhead = false;
    this.#kept = emptyBytes;
    this.#keptBytes = 0;
    void this.#reader.cancel(this.#fault).catch(() => undefined);
  }

  /** Never rejects: `next` tells of a fault. */
  async #keepReading(onBytes: (count: number) => void): Promise<void> {
    while (this.#isAhead) {
      const chunk = await this.#read().catch(() => undefined);
      if (chunk === undefined) return;
      this.#keep(chunk);
      if (this.#isAhead) onBytes(chunk.length);
    }
  }

  async #read(): Promise<Uint8Array | undefined> {
    while (!this.#isOver && this.#fault === undefined) {
      const { done, value } = await this.#readOnce();
      this.#isOver ||= done;
      if (value !== undefined && value.length > 0) {
        if (this.#fault === undefined) return value;
      }
    }
    if (this.#fault !== undefined) throw this.#fault;
    return undefined;
  }

  async #readOnce(): Promise<Read> {
    try {
      const spare = this.#spare;
      this.#spare = undefined; // the read takes it over
      const read = await this.#reader.read(this.#roomBytes, spare);
      const buffer = read.value?.buffer;
      if (buffer?.byteLength === reusedBytesMax) this.#spare = buffer;
      this.#fitRoom(read.value?.length ?? 0);
      return read;
    } catch (cause) {
      this.#fault ??= brokenStream(cause);
      return { done: true };
    }
  }

  #fitRoom(filledBytes: number): void {
    if (filledBytes === this.#roomBytes) {
      const larger = this.#roomBytes * roomFactor;
      this.#roomBytes = Math.min(readRoomBytesMax, larger);
    } else if (filledBytes < this.#roomBytes / roomFactor) {
      const smaller = this.#roomBytes / roomFactor;
      this.#roomBytes = Math.max(idleRoomBytes, smaller);
    }
  }

  #keep(chunk: Uint8Array): void {
    const needed = this.#keptBytes + chunk.length;
    if (needed > this.#kept.length) {
      const room = new Uint8Array(Math.max(roomBytesMin, 2 * needed));
      room.set(this.#kept.subarray(0, this.#keptBytes));
      this.#kept = room;
    }
    this.#kept.set(chunk, this.#keptBytes);
    this.#keptBytes = needed;
  }

  #takeKept(): Uint8Array | undefined {
    if (this.#keptBytes === 0) return undefined;
    const bytes = this.#kept.subarray(0, this.#keptBytes);
    this.#kept = emptyBytes;
    this.#keptBytes = 0;
    return bytes;
  }
}
