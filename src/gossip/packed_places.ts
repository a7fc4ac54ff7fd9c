// Places as bytes: 8 of the owner's prefix, then generation and seq as varints
// (LEB128, low bits first, at most 7 bytes), in heads 8 of the digest; one item
// after the other. Items go in and come out. Lengths are checked before
// anything is allocated; a number has one form.

import { type Bytes, fromHex, InputError, toHex } from "../kernel/mod.ts";
import { type HeadItem, type PlaceItem, prefixBytes } from "./places.ts";

/** Bytes of a document's digest. */
export const digestBytes = 8;
const varintBytesMax = 7;
const integerMax = 2 ** 48 - 1;
const itemBytesMax = prefixBytes + 2 * varintBytesMax;

/** Writes into room that was made for the most there can be. */
class Writer {
  readonly #bytes: Bytes;
  #length = 0;

  constructor(bytesMax: number) {
    this.#bytes = new Uint8Array(bytesMax);
  }

  put(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  putInteger(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = 0x80 | rest % 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  putPlace({ prefix, generation, seq }: PlaceItem): void {
    this.put(fromHex(prefix) ?? new Uint8Array(prefixBytes));
    this.putInteger(generation);
    this.putInteger(seq);
  }

  finish(): Bytes {
    return this.#bytes.slice(0, this.#length);
  }
}

/** Reads from the start to the end. */
class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  take(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw fault("ends too early");
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }

  takeInteger(): number {
    let value = 0;
    let unit = 1;
    for (let count = 1; count <= varintBytesMax; count++) {
      const [byte = 0] = this.take(1);
      value += (byte & 0x7f) * unit;
      unit *= 0x80;
      if (byte >= 0x80) continue;
      const isLonger = byte === 0 && count > 1;
      if (isLonger || value > integerMax) break;
      return value;
    }
    throw fault("has an unusable number");
  }

  takePlace(): PlaceItem {
    const prefix = toHex(this.take(prefixBytes));
    const generation = this.takeInteger();
    return { prefix, generation, seq: this.takeInteger() };
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at);
  }
}

function fault(why: string): InputError {
  return new InputError(`A list of places ${why}`);
}

/** All of them; the sender keeps to what the reader takes. */
export function encodePlaces(items: readonly PlaceItem[]): Bytes {
  const writer = new Writer(items.length * itemBytesMax);
  for (const item of items) writer.putPlace(item);
  return writer.finish();
}

/**
 * At most `countMax` of them.
 *
 * @throws {InputError} Too many, or malformed.
 */
export function decodePlaces(
  body: Uint8Array,
  { countMax }: { readonly countMax: number },
): readonly PlaceItem[] {
  if (body.length > countMax * itemBytesMax) throw fault("is too long");
  const reader = new Reader(body);
  const items: PlaceItem[] = [];
  while (!reader.isAtEnd) {
    if (items.length >= countMax) throw fault("is too long");
    items.push(reader.takePlace());
  }
  return items;
}

/** What a node has in the buckets that differ. */
export type BucketHeads = {
  /** Their numbers, rising. */
  readonly buckets: readonly number[];
  readonly heads: readonly HeadItem[];
};

const bitmapBytes = 8;

/** A bit for each bucket, the lowest of the first byte for the first one. */
export function encodeBucketHeads({ buckets, heads }: BucketHeads): Bytes {
  const headBytes = itemBytesMax + digestBytes;
  const writer = new Writer(bitmapBytes + heads.length * headBytes);
  const bitmap = new Uint8Array(bitmapBytes);
  for (const bucket of buckets) {
    const at = bucket >> 3;
    bitmap[at] = (bitmap[at] ?? 0) | 1 << (bucket & 7);
  }
  writer.put(bitmap);
  for (const head of heads) {
    writer.putPlace(head);
    writer.put(head.digest);
  }
  return writer.finish();
}

/**
 * At most `countMax` heads.
 *
 * @throws {InputError} Too many, or malformed.
 */
export function decodeBucketHeads(
  body: Uint8Array,
  { countMax }: { readonly countMax: number },
): BucketHeads {
  const headBytes = itemBytesMax + digestBytes;
  if (body.length > bitmapBytes + countMax * headBytes) {
    throw fault("is too long");
  }
  const reader = new Reader(body);
  const bitmap = reader.take(bitmapBytes);
  const buckets: number[] = [];
  for (let bucket = 0; bucket < 8 * bitmapBytes; bucket++) {
    if (((bitmap[bucket >> 3] ?? 0) >> (bucket & 7) & 1) === 1) {
      buckets.push(bucket);
    }
  }
  const heads: HeadItem[] = [];
  while (!reader.isAtEnd) {
    if (heads.length >= countMax) throw fault("is too long");
    const place = reader.takePlace();
    const digest = new Uint8Array(reader.take(digestBytes));
    heads.push({ ...place, digest });
  }
  return { buckets, heads };
}

/** How old a record is, then the record. */
export function encodeAged(ageMs: number, record: Uint8Array): Bytes {
  const writer = new Writer(varintBytesMax + record.length);
  writer.putInteger(Math.min(Math.max(0, Math.floor(ageMs)), integerMax));
  writer.put(record);
  return writer.finish();
}

/** @throws {InputError} Too long, or malformed. */
export function decodeAged(
  body: Uint8Array,
  { bytesMax }: { readonly bytesMax: number },
): { readonly ageMs: number; readonly record: Uint8Array } {
  if (body.length > varintBytesMax + bytesMax) throw fault("is too long");
  const reader = new Reader(body);
  const ageMs = reader.takeInteger();
  return { ageMs, record: reader.rest() };
}
