// Writes bytes of a module into one buffer that doubles when it is full. In go
// bytes, integers (LEB128), names and ranges of the module that is rewritten;
// out comes one byte string. It knows nothing of what the bytes mean.
// Format: WebAssembly Core Specification 3.0, chapter 5 (binary format).

import { assert, type Bytes, utf8 } from "../kernel/mod.ts";

const capacityMin = 64;

export class Writer {
  #bytes: Bytes;
  #length = 0;

  /** `capacity` is a guess, not a limit. */
  constructor(capacity = capacityMin) {
    this.#bytes = new Uint8Array(Math.max(capacity, capacityMin));
  }

  get length(): number {
    return this.#length;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Unsigned, 32 bits. */
  integer(value: number): void {
    assert(value >= 0 && value < 2 ** 32, "an unsigned integer of 32 bits");
    let rest = value;
    while (rest >= 0x80) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>>= 7;
    }
    this.byte(rest);
  }

  /** Signed, 32 bits: the operand of i32.const. */
  signedInteger(value: number): void {
    let rest = value | 0;
    while (rest < -0x40 || rest > 0x3f) {
      this.byte((rest & 0x7f) | 0x80);
      rest >>= 7;
    }
    this.byte(rest & 0x7f);
  }

  text(value: string): void {
    const bytes = utf8(value);
    this.integer(bytes.length);
    this.all(bytes);
  }

  all(bytes: ArrayLike<number>): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Bytes of the original module. */
  range(bytes: Uint8Array, { from, to }: ByteRange): void {
    this.all(bytes.subarray(from, to));
  }

  /** What was written, without a copy: nothing may be written afterwards. */
  view(): Bytes {
    return this.#bytes.subarray(0, this.#length);
  }

  #reserve(more: number): void {
    const wanted = this.#length + more;
    if (wanted <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(wanted, this.#bytes.length * 2));
    grown.set(this.view());
    this.#bytes = grown;
  }
}

/** Positions in the original module; `to` is not part of it. */
export type ByteRange = { readonly from: number; readonly to: number };
