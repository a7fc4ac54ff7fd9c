// Writing of deterministic CBOR (RFC 8949 section 4.2.1). A value comes in, its
// one encoding goes out: shortest heads, map keys in the order of their own
// encodings. Room is kept between two values, since most are a few bytes. Other
// numbers than safe integers are written as floats, which no reader takes: who
// checks what comes in needs no second check of what goes out.

import { assert } from "./assert.ts";
import { type Bytes, utf8 } from "./bytes.ts";
import type { CborValue } from "./cbor_value.ts";

const roomBytesMin = 4 * 1024;
/** More than this is not kept for the next value. */
const roomBytesKept = 64 * 1024;
const headBytesMax = 9;
const integerMax = 2n ** 64n - 1n;
/** Longer text is encoded by the system. */
const shortTextMax = 32;

/** One value after the other; not while it encodes one. */
export class CborWriter {
  #room = new Uint8Array(roomBytesMin);
  #at = 0;

  /** The encoding of `value`, in memory of its own. */
  encode(value: CborValue): Bytes {
    this.#at = 0;
    this.#put(value);
    const bytes = this.#room.slice(0, this.#at);
    if (this.#room.length > roomBytesKept) {
      this.#room = new Uint8Array(roomBytesMin);
    }
    return bytes;
  }

  #put(value: CborValue): void {
    if (typeof value === "number") return this.#integer(value);
    if (typeof value === "string") return this.#text(value);
    if (typeof value === "boolean") return this.#head(7, value ? 21 : 20);
    if (value === null) return this.#head(7, 22);
    if (value instanceof Uint8Array) return this.#bytes(2, value);
    if (typeof value === "bigint") return this.#bigint(value);
    assert(typeof value === "object", "a value has a form in CBOR");
    if (isList(value)) return this.#array(value);
    this.#map(value instanceof Map ? [...value] : Object.entries(value));
  }

  #integer(value: number): void {
    if (!Number.isSafeInteger(value)) return this.#float(value);
    if (value >= 0) this.#head(0, value);
    else this.#head(1, -1 - value);
  }

  #float(value: number): void {
    this.#reserve(headBytesMax);
    const view = new DataView(this.#room.buffer);
    view.setUint8(this.#at, 0xfb);
    view.setFloat64(this.#at + 1, value);
    this.#at += headBytesMax;
  }

  #bigint(value: bigint): void {
    const argument = value < 0n ? -1n - value : value;
    assert(argument <= integerMax, "integers in CBOR have 64 bits");
    const major = value < 0n ? 1 : 0;
    if (argument <= Number.MAX_SAFE_INTEGER) {
      return this.#head(major, Number(argument));
    }
    this.#reserve(headBytesMax);
    this.#room[this.#at++] = major << 5 | 27;
    this.#unsigned(Number(argument >> 32n), 4);
    this.#unsigned(Number(argument & 0xffffffffn), 4);
  }

  #head(major: number, argument: number): void {
    this.#reserve(headBytesMax);
    const initial = major << 5;
    if (argument < 24) {
      this.#room[this.#at++] = initial | argument;
    } else if (argument < 0x100) {
      this.#room[this.#at++] = initial | 24;
      this.#room[this.#at++] = argument;
    } else if (argument < 0x10000) {
      this.#room[this.#at++] = initial | 25;
      this.#unsigned(argument, 2);
    } else if (argument < 2 ** 32) {
      this.#room[this.#at++] = initial | 26;
      this.#unsigned(argument, 4);
    } else {
      this.#room[this.#at++] = initial | 27;
      this.#unsigned(Math.floor(argument / 2 ** 32), 4);
      this.#unsigned(argument % 2 ** 32, 4);
    }
  }

  #unsigned(value: number, length: number): void {
    for (let shift = 8 * (length - 1); shift >= 0; shift -= 8) {
      this.#room[this.#at++] = value >>> shift;
    }
  }

  #bytes(major: number, bytes: Uint8Array): void {
    this.#head(major, bytes.length);
    this.#reserve(bytes.length);
    this.#room.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #text(text: string): void {
    if (text.length > shortTextMax) return this.#bytes(3, utf8(text));
    const start = this.#at;
    this.#head(3, text.length);
    this.#reserve(text.length);
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      if (code >= 0x80) {
        this.#at = start;
        return this.#bytes(3, utf8(text));
      }
      this.#room[this.#at++] = code;
    }
  }

  #array(items: readonly CborValue[]): void {
    this.#head(4, items.length);
    for (const item of items) this.#put(item);
  }

  #map(members: readonly (readonly [string, CborValue])[]): void {
    const rows = members.map(([name, value]) => {
      assert(typeof name === "string", "keys in CBOR are texts");
      return { key: utf8(name), value };
    });
    this.#head(5, rows.length);
    for (const { key, value } of rows.sort((a, b) => order(a.key, b.key))) {
      this.#bytes(3, key);
      this.#put(value);
    }
  }

  #reserve(length: number): void {
    const needed = this.#at + length;
    if (needed <= this.#room.length) return;
    const larger = new Uint8Array(Math.max(needed, 2 * this.#room.length));
    larger.set(this.#room.subarray(0, this.#at));
    this.#room = larger;
  }
}

function isList(value: object): value is readonly CborValue[] {
  return Array.isArray(value);
}

/** Of texts by their encodings: a longer one has the greater head. */
function order(one: Uint8Array, other: Uint8Array): number {
  if (one.length !== other.length) return one.length - other.length;
  const at = one.findIndex((byte, index) => byte !== other[index]);
  return at < 0 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}
