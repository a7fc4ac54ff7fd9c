// Frames: u32 big-endian length of the rest, u8 kind, body. Chunks of any size
// go in, whole frames come out. An announced length is judged from its 4 bytes
// alone, before anything is allocated; after that, memory follows what has
// arrived, never what was announced. Bodies are views where that is cheap:
// whoever keeps a part of one copies it.

import {
  assert,
  type Bytes,
  emptyBytes,
  InputError,
  LimitError,
  type PlnError,
} from "../kernel/mod.ts";
import { reusedBytesMax } from "./chunk_source.ts";
import type { Frame } from "./link.ts";

/** Length and kind. */
export const frameHeadBytes = 5;
const lengthBytes = 4;

/** Room made for a body that has begun, however long it was announced. */
const firstRoomBytes = 64 * 1024;
/** More room is made by this factor of what has arrived. */
const roomPerArrivedMax = 4;
/** A view keeps its whole chunk alive: allowed up to this factor. */
const keptPerBodyMax = 4;

/** What a body that came in pieces is gathered in. */
type Gathering = { bytes: Bytes; filled: number };

/** Puts length and kind of a frame before its body. */
export function writeFrameHead(
  into: Uint8Array,
  offset: number,
  { kind, body }: { readonly kind: number; readonly body: Uint8Array },
): void {
  assert(kind > 0 && kind < 256, "a kind is one byte, not zero");
  const length = body.length + 1;
  into[offset] = length >>> 24;
  into[offset + 1] = length >>> 16;
  into[offset + 2] = length >>> 8;
  into[offset + 3] = length;
  into[offset + 4] = kind;
}

/** Cuts a stream of bytes into frames. After a fault it stays at fault. */
export class FrameParser {
  /** Of a body; judged when its frame begins. */
  frameBytesMax: number;
  #chunk: Uint8Array = emptyBytes;
  #offset = 0;
  readonly #head = new Uint8Array(frameHeadBytes);
  #headFilled = 0;
  /** Of the body that has begun. */
  #bodyBytes = 0;
  #gathering: Gathering | undefined;
  #fault: PlnError | undefined;

  constructor({ frameBytesMax }: { readonly frameBytesMax: number }) {
    this.frameBytesMax = frameBytesMax;
  }

  /** True when the bytes so far end inside a frame. */
  get isInsideFrame(): boolean {
    return this.#headFilled > 0 || this.#offset < this.#chunk.length;
  }

  /** Takes the next bytes, once `next` has nothing more, to read them in place. */
  push(chunk: Uint8Array): void {
    assert(this.#offset === this.#chunk.length, "earlier bytes are read first");
    this.#chunk = chunk;
    this.#offset = 0;
  }

  /**
   * The next whole frame; undefined when more bytes are needed.
   *
   * @throws {LimitError} A frame is announced longer than the limit.
   * @throws {InputError} A frame is announced without a kind.
   */
  next(): Frame | undefined {
    if (this.#fault !== undefined) throw this.#fault;
    if (!this.#readHead()) return this.#starve();
    const body = this.#readBody();
    if (body === undefined) return this.#starve();
    const kind = this.#head[lengthBytes] ?? 0;
    this.#headFilled = 0;
    return { kind, body };
  }

  #starve(): undefined {
    this.#chunk = emptyBytes;
    this.#offset = 0;
    return undefined;
  }

  /** True when length and kind of a frame are there. */
  #readHead(): boolean {
    if (this.#headFilled === frameHeadBytes) return true;
    const before = this.#headFilled;
    const chunk = this.#chunk;
    while (
      this.#headFilled < frameHeadBytes && this.#offset < chunk.length
    ) {
      this.#head[this.#headFilled++] = chunk[this.#offset++] ?? 0;
    }
    if (before < lengthBytes && this.#headFilled >= lengthBytes) {
      this.#judgeLength();
    }
    return this.#headFilled === frameHeadBytes;
  }

  #judgeLength(): void {
    const head = this.#head;
    const low = at(head, 1) << 16 | at(head, 2) << 8 | at(head, 3);
    const length = at(head, 0) * 2 ** 24 + low;
    this.#bodyBytes = length - 1;
    if (length === 0) {
      this.#fault = new InputError("A frame has no kind");
    } else if (this.#bodyBytes > this.frameBytesMax) {
      this.#fault = new LimitError(
        `A frame of ${this.#bodyBytes} bytes is over the limit of ` +
          `${this.frameBytesMax} here`,
      );
    }
    if (this.#fault !== undefined) throw this.#fault;
  }

  #readBody(): Bytes | undefined {
    const wanted = this.#bodyBytes;
    const here = this.#chunk.length - this.#offset;
    if (this.#gathering === undefined && here >= wanted) {
      const start = this.#offset;
      this.#offset += wanted;
      return bodyOf(this.#chunk, start, { length: wanted });
    }
    return this.#gather(Math.min(here, wanted));
  }

  /** Copies what is there, so that no chunk outlives its reading. */
  #gather(here: number): Bytes | undefined {
    if (here === 0 && this.#bodyBytes > 0) return undefined;
    const wanted = this.#bodyBytes;
    this.#gathering ??= { bytes: emptyBytes, filled: 0 };
    const { filled } = this.#gathering;
    const taken = Math.min(here, wanted - filled);
    const bytes = roomFor(this.#gathering, filled + taken, { wanted });
    const part = this.#chunk.subarray(this.#offset, this.#offset + taken);
    bytes.set(part, filled);
    this.#offset += taken;
    if (filled + taken < wanted) {
      this.#gathering = { bytes, filled: filled + taken };
      return undefined;
    }
    this.#gathering = undefined;
    return bytes;
  }
}

/** A buffer with what was gathered, and room for `needed` bytes. */
function roomFor(
  { bytes, filled }: Gathering,
  needed: number,
  { wanted }: { readonly wanted: number },
): Bytes {
  if (needed <= bytes.length) return bytes;
  const room = Math.max(firstRoomBytes, roomPerArrivedMax * needed);
  const larger = new Uint8Array(Math.min(wanted, room));
  larger.set(bytes.subarray(0, filled));
  return larger;
}

function at(bytes: Uint8Array, index: number): number {
  return bytes[index] ?? 0;
}

/**
 * Chunks are as large as the system's read buffer, however few bytes came; the
 * smallest ones come again with the next bytes.
 */
function bodyOf(
  chunk: Uint8Array,
  start: number,
  { length }: { readonly length: number },
): Bytes {
  const { byteLength } = chunk.buffer;
  const isWorthKeeping = byteLength > reusedBytesMax &&
    byteLength <= length * keptPerBodyMax;
  if (!isWorthKeeping) return chunk.slice(start, start + length);
  // No adapter reads into memory that threads share.
  return chunk.subarray(start, start + length) as Bytes;
}
