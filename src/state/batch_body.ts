// The body of a batch, read in one pass: deterministic CBOR of one known form
// (RFC 8949 section 4.2.1). Foreign bytes come in; out come members whose
// encoding was the only one there is. A general decoder would build the value,
// encode it again and compare: most of what a batch costs beside its signature.
// Never allocates by a length that goes beyond the bytes that are there.

import {
  type Bytes,
  type ErrorKind,
  limits,
  PlnError,
  utf8Text,
} from "../kernel/mod.ts";

/** A batch that breaks the protocol; it is dropped and counted (R01, R03). */
export class BatchError extends PlnError {
  /** Fetching the same bytes again fails again. */
  readonly code = "PLN_BATCH";
  /** Of its owner, or of whoever passed it on. */
  readonly kind: ErrorKind = "peer";
}

const major = { integer: 0, bytes: 2, text: 3, array: 4, map: 5 } as const;
type Major = typeof major[keyof typeof major];

const isFalse = 0xf4;
const isTrue = 0xf5;
const isNull = 0xf6;

/** Shorter texts that are plain ASCII need no decoder. */
const shortBytesMax = 96;

/** Reads item after item; each method throws {BatchError} for another one. */
export class BodyReader {
  readonly #bytes: Bytes;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(
      bytes.buffer,
      bytes.byteOffset,
      bytes.byteLength,
    );
  }

  /** The member that comes next has to be this one. */
  key(name: string): void {
    const start = this.#offset;
    const end = start + 1 + name.length;
    if (this.#bytes[start] !== 0x60 + name.length) throw memberFault(name);
    for (let at = start + 1; at < end; at++) {
      if (this.#bytes[at] !== name.charCodeAt(at - start - 1)) {
        throw memberFault(name);
      }
    }
    this.#offset = end;
  }

  /** @returns How many members there are. */
  map(): number {
    return this.#head(major.map, "map");
  }

  /** @returns How many items there are. */
  array(what: string): number {
    return this.#head(major.array, what);
  }

  /** From 0 to below 2^48. */
  integer(what: string): number {
    const value = this.#head(major.integer, what);
    if (value <= limits.stateIntegerMax) return value;
    throw new BatchError(`A batch's ${what} is no integer below 2^48`);
  }

  boolean(what: string): boolean {
    const byte = this.#bytes[this.#offset++];
    if (byte === isTrue || byte === isFalse) return byte === isTrue;
    throw new BatchError(`A batch has no ${what}`);
  }

  /** A part of what is read. */
  bytes(what: string, length: number): Bytes {
    const found = this.#head(major.bytes, what);
    if (found === length) return this.#take(length);
    throw new BatchError(`A batch's ${what} has not ${length} bytes`);
  }

  /** Undefined for null. */
  textOrNull(what: string): string | undefined {
    if (this.#bytes[this.#offset] !== isNull) return this.text(what);
    this.#offset++;
    return undefined;
  }

  text(what: string): string {
    const found = this.#take(this.#head(major.text, what));
    if (found.length <= shortBytesMax) {
      const short = asciiOf(found);
      if (short !== undefined) return short;
    }
    const text = utf8Text(found);
    if (text !== undefined) return text;
    throw new BatchError(`A batch's ${what} is no UTF-8`);
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#offset === this.#bytes.length) return;
    throw new BatchError("A batch has something after its end");
  }

  #take(length: number): Bytes {
    const start = this.#offset;
    if (length > this.#bytes.length - start) {
      throw new BatchError("A batch is cut off");
    }
    this.#offset = start + length;
    return this.#bytes.subarray(start, this.#offset);
  }

  /** The number in an item's head, in the shortest form there is. */
  #head(kind: Major, what: string): number {
    const initial = this.#bytes[this.#offset];
    if (initial === undefined || initial >> 5 !== kind) {
      throw new BatchError(`A batch's ${what} is of another kind`);
    }
    this.#offset++;
    const info = initial & 0x1f;
    if (info < 24) return info;
    const [length, least] = widths[info - 24] ?? [0, 0];
    const at = this.#offset;
    if (length === 0 || length > this.#bytes.length - at) {
      throw new BatchError(`A batch's ${what} is malformed`);
    }
    this.#offset += length;
    const value = this.#numberAt(at, length);
    if (value >= least) return value;
    throw new BatchError(`A batch's ${what} is not in its shortest form`);
  }

  /** Above 2^53 it is not exact, and over every limit all the same. */
  #numberAt(at: number, length: number): number {
    switch (length) {
      case 1:
        return this.#view.getUint8(at);
      case 2:
        return this.#view.getUint16(at);
      case 4:
        return this.#view.getUint32(at);
      default:
        return this.#view.getUint32(at) * 2 ** 32 +
          this.#view.getUint32(at + 4);
    }
  }
}

/** Bytes after a head's first, and the least number that needs so many. */
const widths = [[1, 24], [2, 256], [4, 65_536], [8, 2 ** 32]] as const;

function memberFault(name: string): BatchError {
  return new BatchError(`A batch has another member in the place of "${name}"`);
}

function asciiOf(bytes: Uint8Array): string | undefined {
  for (let at = 0; at < bytes.length; at++) {
    if ((bytes[at] ?? 0) > 0x7f) return undefined;
  }
  // Not spread: that walks an iterator, and takes five times as long.
  const codes = bytes as unknown as number[];
  return String.fromCharCode.apply(undefined, codes);
}
