// The system's cryptographic randomness. In, a length or a bound; out, bytes or
// an integer. A fork is the same source: its draws are independent anyway.
// Never seeded, never repeatable.

import { assert, type Bytes, uniformInteger } from "../kernel/mod.ts";
import type { Random } from "../ports/mod.ts";

const bytesMax = 65_536; // what one getRandomValues call may fill

export function openRandom(): Random {
  const word = new Uint32Array(1);
  const random: Random = {
    bytes(length: number): Bytes {
      assert(
        Number.isInteger(length) && length >= 0 && length <= bytesMax,
        "a random draw has 0 to 65536 bytes",
      );
      return crypto.getRandomValues(new Uint8Array(length));
    },
    integer(below: number): number {
      return uniformInteger(below, () => {
        crypto.getRandomValues(word);
        return word[0] ?? 0;
      });
    },
    fork: () => random,
  };
  return random;
}
