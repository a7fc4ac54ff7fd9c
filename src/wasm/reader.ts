// Reads bytes of a module, forward, never beyond an end that is fixed when a
// reader is made: out come bytes, integers (LEB128) and names. It allocates
// nothing but the text of names. Whatever the bytes are, reading either moves
// forward or throws a ModuleRefusal.
// Format: WebAssembly Core Specification 3.0, chapter 5 (binary format).

import { utf8Text } from "../kernel/mod.ts";
import { malformed } from "./refusal.ts";

const integer32BytesMax = 5;
const integer64BytesMax = 10;

export class Reader {
  readonly bytes: Uint8Array;
  readonly end: number;
  position: number;

  /** Reads from `position` up to `end`, which lies within `bytes`. */
  constructor(
    bytes: Uint8Array,
    range: { readonly position: number; readonly end: number },
  ) {
    this.bytes = bytes;
    this.position = range.position;
    this.end = range.end;
  }

  get isAtEnd(): boolean {
    return this.position >= this.end;
  }

  byte(): number {
    const byte = this.position < this.end
      ? this.bytes[this.position]
      : undefined;
    if (byte === undefined) throw endsEarly();
    this.position++;
    return byte;
  }

  /** Unsigned, 32 bits. */
  integer(): number {
    const first = this.byte();
    return first < 0x80 ? first : this.#longInteger(first & 0x7f);
  }

  #longInteger(low: number): number {
    let value = low;
    for (let shift = 7; shift < 28; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    const last = this.byte();
    if (last > 0x0f) throw tooLong();
    return value + last * 2 ** 28;
  }

  /** Passes over an integer of at most 32 bits, signed or not. */
  skipInteger(): void {
    this.#skipLeb(integer32BytesMax);
  }

  /** Passes over an integer of at most 64 bits, signed or not. */
  skipLongInteger(): void {
    this.#skipLeb(integer64BytesMax);
  }

  #skipLeb(lengthMax: number): void {
    for (let count = 0; count < lengthMax; count++) {
      if (this.byte() < 0x80) return;
    }
    throw tooLong();
  }

  skip(length: number): void {
    if (length > this.end - this.position) throw endsEarly();
    this.position += length;
  }

  /** A reader of the next `length` bytes, which this one passes over. */
  part(length: number): Reader {
    const position = this.position;
    this.skip(length);
    return new Reader(this.bytes, { position, end: this.position });
  }

  /** A name: its length and as many bytes of UTF-8. */
  text(): string {
    const { bytes, position, end } = this.part(this.integer());
    const text = utf8Text(bytes.subarray(position, end));
    if (text === undefined) throw malformed("a name is not UTF-8");
    return text;
  }
}

function endsEarly() {
  return malformed("it ends in the middle of something");
}

function tooLong() {
  return malformed("it has an integer that is too long");
}
