// What happened in a simulated world, as text and as one running hash. Two
// runs of one seed must leave equal traces; the kept lines show where unequal
// ones part. Hash: FNV-1a, 64 bits (Fowler, Noll and Vo; RFC 9923), which is
// quick and no protection against an adversary. Bounded: it forgets, loudly.

import { canonicalJson, type JsonValue, utf8 } from "../kernel/mod.ts";

/** Plain values only: their canonical JSON is hashed. */
export type TraceFields = Readonly<Record<string, JsonValue>>;

/** FNV-1a over bytes, in two halves of 32 bits: no bigint per byte. */
export class TextHash {
  #high = 0xcbf29ce4;
  #low = 0x84222325;

  add(bytes: Uint8Array): void {
    let high = this.#high;
    let low = this.#low;
    for (const byte of bytes) {
      low = (low ^ byte) >>> 0;
      // Times the prime 2^40 + 0x1b3.
      const product = low * 0x1b3;
      const carry = Math.floor(product / 2 ** 32);
      high = (Math.imul(high, 0x1b3) + carry + (low << 8)) >>> 0;
      low = product >>> 0;
    }
    this.#high = high;
    this.#low = low;
  }

  value(): bigint {
    return (BigInt(this.#high) << 32n) | BigInt(this.#low);
  }
}

const linesKeptMax = 100_000;

/** Events of one run, in order. */
export class Trace {
  readonly #nowMs: () => number;
  readonly #hash = new TextHash();
  readonly #lines: string[] = [];
  #length = 0;

  /** `nowMs` is the world's virtual time, noted with every event. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** How many events were noted. */
  get length(): number {
    return this.#length;
  }

  /** The first 100,000 events, one line each. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Adds an event at the present time; members in any order. */
  note(event: string, fields: TraceFields = {}): void {
    const line = `${this.#nowMs()} ${event} ${canonicalJson(fields)}`;
    this.#hash.add(utf8(`${line}\n`));
    this.#length++;
    if (this.#lines.length < linesKeptMax) this.#lines.push(line);
  }

  /** 16 hex digits over all events so far. */
  hash(): string {
    return this.#hash.value().toString(16).padStart(16, "0");
  }
}
