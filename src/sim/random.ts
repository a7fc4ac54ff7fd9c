// Repeatable randomness. In, a seed of 64 bits; out, draws that are the same
// in every run on every machine. Generator: xoshiro128** 1.1 (Blackman and
// Vigna, prng.di.unimi.it); seeds and forks by SplitMix64 (Steele, Lea and
// Flood, OOPSLA 2014). Never for secrets: whoever sees draws can go on.

import { assert, type Bytes, uniformInteger, utf8 } from "../kernel/mod.ts";
import type { Random } from "../ports/mod.ts";
import { TextHash } from "./trace.ts";

const mask64 = (1n << 64n) - 1n;
const goldenGamma = 0x9e3779b97f4a7c15n;
const bytesMax = 65_536;

/** Randomness of a seed number, which every run prints. */
export function openSimRandom(seed: number): Random {
  assert(
    Number.isSafeInteger(seed) && seed >= 0,
    "a seed is a whole number from 0 to 2^53 - 1",
  );
  return new SimRandom(BigInt(seed));
}

/** One output of SplitMix64 for a state that was advanced already. */
export function splitMix64(state: bigint): bigint {
  let z = state & mask64;
  z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & mask64;
  z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & mask64;
  return z ^ (z >> 31n);
}

class SimRandom implements Random {
  readonly #seed: bigint;
  readonly #forks = new Map<string, number>();
  readonly #state: Uint32Array;

  constructor(seed: bigint) {
    this.#seed = seed;
    const low = splitMix64(seed + goldenGamma);
    const high = splitMix64(seed + 2n * goldenGamma);
    this.#state = new Uint32Array(
      BigUint64Array.of(low, high === 0n ? 1n : high).buffer,
    );
  }

  bytes(length: number): Bytes {
    assert(
      Number.isInteger(length) && length >= 0 && length <= bytesMax,
      "a random draw has 0 to 65536 bytes",
    );
    const bytes = new Uint8Array(length);
    for (let offset = 0; offset < length; offset += 4) {
      const word = this.#draw();
      for (let index = 0; index < 4 && offset + index < length; index++) {
        bytes[offset + index] = word >>> (8 * index);
      }
    }
    return bytes;
  }

  integer(below: number): number {
    return uniformInteger(below, () => this.#draw());
  }

  /**
   * Depends on the seed, the name and how often that name was forked here;
   * not on what was drawn, nor on forks of other names.
   */
  fork(name: string): Random {
    const count = (this.#forks.get(name) ?? 0) + 1;
    this.#forks.set(name, count);
    const hash = new TextHash();
    hash.add(utf8(`${count} ${name}`));
    return new SimRandom(
      splitMix64(splitMix64(this.#seed ^ goldenGamma) ^ hash.value()),
    );
  }

  #draw(): number {
    const state = this.#state;
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = state;
    const result = Math.imul(rotateLeft(Math.imul(s1, 5), 7), 9) >>> 0;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    state[1] = s1 ^ t2;
    state[0] = s0 ^ t3;
    state[2] = t2 ^ (s1 << 9);
    state[3] = rotateLeft(t3, 11);
    return result;
  }
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
