// A uniform integer below a bound, out of uniform 32-bit draws. The production
// and the simulated randomness share it, so that both are free of modulo bias.
// Method: rejection of the lowest 2^32 mod `below` draws (OpenBSD's
// arc4random_uniform); fewer than two draws are expected for any bound.

import { assert } from "./assert.ts";

/** An integer from 0 to `below` - 1; `below` from 1 to 2^32. */
export function uniformInteger(below: number, draw: () => number): number {
  assert(
    Number.isInteger(below) && below >= 1 && below <= 2 ** 32,
    "a random integer is below 1 to 2^32",
  );
  const rejectedBelow = 2 ** 32 % below;
  while (true) {
    const value = draw();
    if (value >= rejectedBelow) return value % below;
  }
}
