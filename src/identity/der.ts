// DER (ITU-T X.690, 2021) as far as the certificate profile needs it. Values
// go in as bytes and come out as bytes; the reader takes foreign input and
// accepts only the one canonical encoding, so that no two byte strings are the
// same certificate. It must never read past its input or recurse by itself.

import {
  assert,
  type Bytes,
  concatBytes,
  equalBytes,
  InputError,
  LimitError,
  utf8,
  utf8Text,
} from "../kernel/mod.ts";

/** Tags of the profile; all are single octets. */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectId: 0x06,
  utf8String: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
  dnsName: 0x82, // [2] IMPLICIT IA5String of GeneralName
  version: 0xa0, // [0] EXPLICIT of TBSCertificate
  extensions: 0xa3, // [3] EXPLICIT of TBSCertificate
} as const;

const lengthMax = 0xffff;

export function encodeDer(tag: number, ...contents: readonly Bytes[]): Bytes {
  const content = concatBytes(...contents);
  return concatBytes(Uint8Array.of(tag), encodeLength(content.length), content);
}

function encodeLength(length: number): Bytes {
  assert(length <= lengthMax, "a DER value of this program is small");
  if (length < 0x80) return Uint8Array.of(length);
  if (length < 0x100) return Uint8Array.of(0x81, length);
  return Uint8Array.of(0x82, length >>> 8, length & 0xff);
}

/**
 * A Time as RFC 5280 section 4.1.2.5 wants it: UTCTime through 2049, then
 * GeneralizedTime; whole seconds, rounded down.
 *
 * @throws {LimitError} Outside the years 1950 to 9999: the clock is wrong.
 */
export function encodeTime(timeMs: number): Bytes {
  const fromMs = Date.UTC(1950, 0, 1);
  const untilMs = Date.UTC(10_000, 0, 1);
  if (!(timeMs >= fromMs && timeMs < untilMs)) {
    throw new LimitError("A certificate can not hold this machine's time", {
      hint: "Set the clock and try again; look at it with: date",
    });
  }
  const digits = new Date(timeMs).toISOString().replaceAll(/\.\d+|\D/g, "");
  return Number(digits.slice(0, 4)) < 2050
    ? encodeDer(tags.utcTime, utf8(`${digits.slice(2)}Z`))
    : encodeDer(tags.generalizedTime, utf8(`${digits}Z`));
}

function fault(why: string): InputError {
  return new InputError(`A certificate is not in DER: ${why}`);
}

/** Reads the elements of one DER value in order; every throw is InputError. */
export class DerReader {
  readonly #bytes: Bytes;
  #offset = 0;

  constructor(bytes: Bytes) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  /** Whether the next element has `tag`. */
  isNext(tag: number): boolean {
    return this.#bytes[this.#offset] === tag;
  }

  /** The next element with its tag and length. */
  element(tag: number): Bytes {
    const start = this.#offset;
    this.content(tag);
    return this.#bytes.subarray(start, this.#offset);
  }

  /** The content of the next element. */
  content(tag: number): Bytes {
    if (!this.isNext(tag)) {
      throw fault(`tag 0x${tag.toString(16)} is missing`);
    }
    this.#offset++;
    const length = this.#length();
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw fault("it ends too early");
    const content = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return content;
  }

  nested(tag: number): DerReader {
    return new DerReader(this.content(tag));
  }

  /** Refuses what is left over. */
  end(): void {
    if (!this.isAtEnd) throw fault("it has extra bytes");
  }

  /** A Time, as milliseconds since 1970. */
  timeMs(): number {
    const start = this.#offset;
    const isShort = this.isNext(tags.utcTime);
    const content = this.content(isShort ? tags.utcTime : tags.generalizedTime);
    const text = utf8Text(content) ?? "";
    const century = Number(text.slice(0, 2)) < 50 ? "20" : "19"; // RFC 5280
    const parts = /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/
      .exec(isShort ? century + text : text)?.slice(1).map(Number);
    const [year = 0, month = 0, day, hour, minute, second] = parts ?? [];
    const timeMs = Date.UTC(year, month - 1, day, hour, minute, second);
    const isInRange = year >= 1950; // below, Date.UTC counts from 1900
    if (
      parts === undefined || !isInRange ||
      !equalBytes(
        encodeTime(timeMs),
        this.#bytes.subarray(start, this.#offset),
      )
    ) throw fault("a time is malformed");
    return timeMs;
  }

  #octet(): number {
    const octet = this.#bytes[this.#offset];
    if (octet === undefined) throw fault("it ends too early");
    this.#offset++;
    return octet;
  }

  #length(): number {
    const first = this.#octet();
    if (first < 0x80) return first;
    if (first !== 0x81 && first !== 0x82) {
      throw fault("a length is indefinite or too large");
    }
    let length = this.#octet();
    if (first === 0x82) length = (length << 8) | this.#octet();
    const isMinimal = length >= (first === 0x81 ? 0x80 : 0x100);
    if (!isMinimal) throw fault("a length is not minimal");
    return length;
  }
}
