// Inputs and results that travel in parts. Parts of an incoming one come in and
// fill it up to the length that was announced, never beyond; an outgoing one
// goes out cut into parts.

import { type Bytes, limits } from "../kernel/mod.ts";

/** Announced bytes that arrive part by part. */
export class IncomingBody {
  readonly #bytes: Bytes;
  #filled = 0;

  /** Takes the memory at once: the length was checked, and reserved. */
  constructor(length: number) {
    this.#bytes = new Uint8Array(length);
  }

  /** Whether nothing is missing. */
  get isComplete(): boolean {
    return this.#filled === this.#bytes.length;
  }

  /** Zeros where something is missing. */
  get bytes(): Bytes {
    return this.#bytes;
  }

  /** Announced length. */
  get length(): number {
    return this.#bytes.length;
  }

  /** False when that would be more than announced: nothing is taken. */
  add(part: Uint8Array): boolean {
    if (this.#filled + part.length > this.#bytes.length) return false;
    this.#bytes.set(part, this.#filled);
    this.#filled += part.length;
    return true;
  }
}

/** Memory for results on their way here, from all peers together. */
export class ResultRoom {
  #bytes = 0;

  /** Bytes that are taken now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** False when there is no room for so much. */
  take(bytes: number): boolean {
    if (this.#bytes + bytes > limits.wireCallBytesMax) return false;
    this.#bytes += bytes;
    return true;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

export type OutgoingParts = {
  readonly bytes: Bytes;
  /** Called once, when none of it is left here, sent or not. */
  readonly onGone?: () => void;
};

/** Bytes that leave part by part, between those of others. */
export class OutgoingBody {
  readonly #parts: OutgoingParts;
  #offset = 0;

  /** `kind` is that of each part's frame. */
  constructor(
    readonly number: number,
    readonly kind: number,
    parts: OutgoingParts,
  ) {
    this.#parts = parts;
  }

  /** Whether the last part was taken. */
  get isOver(): boolean {
    return this.#offset >= this.#parts.bytes.length;
  }

  /** The next part; a view. */
  take(): Bytes {
    const end = this.#offset + limits.wireCallFrameBytesMax;
    const part = this.#parts.bytes.subarray(this.#offset, end);
    this.#offset += part.length;
    return part;
  }

  /** For the outbox: it was sent, or is dropped. */
  leave(): void {
    this.#parts.onGone?.();
  }
}
