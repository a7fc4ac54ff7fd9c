// Strict reading of deterministic CBOR (RFC 8949 section 4.2.1), in one pass:
// what is not the shortest encoding of a value that Pollen sends is refused
// where it is met. Bytes come in, values go out, which keep nothing of them
// unless they are asked to. It must never allocate or recurse by what was
// announced, only by what has come.

import type { CborValue } from "./cbor_value.ts";
import { InputError } from "./errors.ts";

/** Messages nest a few levels; whoever nests deeper means harm. */
const nestingMax = 64;
/** Longer text is decoded by the system. */
const shortTextBytesMax = 32;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Reads one item after the other, and checks the form of each. */
export class CborReader {
  readonly #bytes: Uint8Array;
  readonly #isShared: boolean;
  #at = 0;
  #major = 0;

  /**
   * `bytes` must not change until the reading is over.
   *
   * @param options.isShared Byte strings are views of `bytes`, no copies.
   */
  constructor(
    bytes: Uint8Array,
    { isShared }: { readonly isShared: boolean },
  ) {
    this.#bytes = bytes;
    this.#isShared = isShared;
  }

  /**
   * The value of all the bytes.
   *
   * @throws {InputError} Truncated, trailing bytes, nested deeper than 64, not
   * deterministic, or of a kind that is never sent.
   */
  readAll(): CborValue {
    const value = this.#read(1);
    if (this.#at !== this.#bytes.length) throw malformed();
    return value;
  }

  #read(depth: number): CborValue {
    const argument = this.#head();
    switch (this.#major) {
      case 0:
        return argument;
      case 1:
        return negative(argument);
      case 2:
        return this.#byteString(this.#take(argument));
      case 3:
        return this.#text(this.#take(argument));
      case 4:
        return this.#array(this.#count(argument, 1), depth);
      case 5:
        return this.#map(this.#count(argument, 2), depth);
      case 7:
        if (argument === 20) return false;
        if (argument === 21) return true;
        if (argument === 22) return null;
        throw unwanted();
      default:
        throw unwanted();
    }
  }

  /** Sets the major type. @returns The argument: a value, length or count. */
  #head(): number | bigint {
    const initial = this.#byte();
    this.#major = initial >> 5;
    const info = initial & 0x1f;
    if (info < 24) return info;
    // Floats, and lengths that are not told.
    if (info > 27 || this.#major === 7) throw unwanted();
    if (info === 24) return shortest(this.#byte(), 24);
    if (info === 25) return shortest(this.#short(), 0x100);
    const high = this.#short() * 0x10000 + this.#short();
    if (info === 26) return shortest(high, 0x10000);
    const low = this.#short() * 0x10000 + this.#short();
    shortest(high, 1);
    return high < 2 ** 21
      ? high * 2 ** 32 + low
      : BigInt(high) << 32n | BigInt(low);
  }

  #byte(): number {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) throw malformed();
    return byte;
  }

  #short(): number {
    return this.#byte() << 8 | this.#byte();
  }

  #take(length: number | bigint): Uint8Array {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw malformed();
    this.#at = start + Number(length);
    return this.#bytes.subarray(start, this.#at);
  }

  #byteString(bytes: Uint8Array): Uint8Array {
    return this.#isShared ? bytes : new Uint8Array(bytes);
  }

  /** Each has `parts` items of at least one byte. */
  #count(count: number | bigint, parts: number): number {
    const items = Number(count) * parts;
    if (items > this.#bytes.length - this.#at) throw malformed();
    return Number(count);
  }

  #text(bytes: Uint8Array): string {
    let text = "";
    for (const byte of bytes.length > shortTextBytesMax ? [] : bytes) {
      if (byte >= 0x80) break;
      text += String.fromCharCode(byte);
    }
    if (text.length === bytes.length) return text;
    try {
      return decoder.decode(bytes);
    } catch (cause) {
      throw new InputError("A message holds text that is not UTF-8", { cause });
    }
  }

  #array(count: number, depth: number): readonly CborValue[] {
    if (count > 0) refuseDeeper(depth);
    const items: CborValue[] = [];
    for (let index = 0; index < count; index++) {
      items.push(this.#read(depth + 1));
    }
    return items;
  }

  /** Keys are texts, each after the one before by its encoding. */
  #map(count: number, depth: number): ReadonlyMap<string, CborValue> {
    if (count > 0) refuseDeeper(depth);
    const items = new Map<string, CborValue>();
    let before: Uint8Array | undefined;
    for (let index = 0; index < count; index++) {
      const start = this.#at;
      const key = this.#read(depth + 1);
      if (typeof key !== "string") throw unwanted();
      const encoded = this.#bytes.subarray(start, this.#at);
      if (before !== undefined && !isBefore(before, encoded)) {
        throw undetermined();
      }
      before = encoded;
      items.set(key, this.#read(depth + 1));
    }
    return items;
  }
}

function negative(argument: number | bigint): number | bigint {
  const isSafe = typeof argument === "number" &&
    argument < Number.MAX_SAFE_INTEGER;
  return isSafe ? -1 - argument : -1n - BigInt(argument);
}

function shortest(value: number, min: number): number {
  if (value < min) throw undetermined();
  return value;
}

function refuseDeeper(depth: number): void {
  if (depth < nestingMax) return;
  throw new InputError(`A message nests deeper than ${nestingMax}`);
}

function isBefore(one: Uint8Array, other: Uint8Array): boolean {
  const length = Math.min(one.length, other.length);
  for (let index = 0; index < length; index++) {
    const difference = (one[index] ?? 0) - (other[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return one.length < other.length;
}

function malformed(): InputError {
  return new InputError("A message is not well-formed CBOR");
}

function unwanted(): InputError {
  return new InputError("A message holds a kind of item that is never sent");
}

function undetermined(): InputError {
  return new InputError("A message is not in deterministic CBOR");
}
