// What every randomness promises (src/ports/random.ts). In, a way to open one;
// out, tests. The statistical bounds fail a fair source less than once in
// 10^9 runs.

import assert from "node:assert/strict";
import type { Random } from "../../src/ports/mod.ts";

export function randomContract(name: string, open: () => Random): void {
  const test = (behaviour: string, run: (random: Random) => void) =>
    Deno.test(`${name} ${behaviour}`, () => run(open()));

  test("bytes() has the length that was asked", (random) => {
    for (const length of [0, 1, 3, 4, 5, 31, 32, 65_536]) {
      assert.equal(random.bytes(length).length, length);
    }
  });

  test("bytes() refuses other lengths", (random) => {
    for (const length of [-1, 0.5, 65_537, NaN]) {
      assert.throws(() => random.bytes(length), /0 to 65536/);
    }
  });

  test("bytes() differ from draw to draw", (random) => {
    const drawn = new Set<string>();
    for (let round = 0; round < 1_000; round++) {
      drawn.add(random.bytes(16).toHex());
    }
    assert.equal(drawn.size, 1_000);
  });

  test("bytes() hold every bit equally often", (random) => {
    const counts = new Array<number>(8).fill(0);
    const bytes = random.bytes(65_536);
    for (const byte of bytes) {
      for (let bit = 0; bit < 8; bit++) {
        counts[bit] = (counts[bit] ?? 0) + ((byte >> bit) & 1);
      }
    }
    // 7 standard deviations of a fair coin.
    for (const count of counts) assert.ok(Math.abs(count - 32_768) < 900);
  });

  test("integer() stays below its bound and reaches every value", (random) => {
    for (const below of [1, 2, 3, 7, 10]) {
      const seen = new Set<number>();
      for (let round = 0; round < 500; round++) {
        const value = random.integer(below);
        assert.ok(Number.isInteger(value) && value >= 0 && value < below);
        seen.add(value);
      }
      assert.equal(seen.size, below);
    }
  });

  test("integer() has no bias towards low values", (random) => {
    // 3 * 2^30 shows the bias of a plain remainder at once: 1/2 for 1/3.
    const below = 3 * 2 ** 30;
    let low = 0;
    for (let round = 0; round < 9_000; round++) {
      if (random.integer(below) < 2 ** 30) low++;
    }
    assert.ok(Math.abs(low - 3_000) < 320);
  });

  test("integer() takes bounds up to 2^32", (random) => {
    let highest = 0;
    for (let round = 0; round < 200; round++) {
      highest = Math.max(highest, random.integer(2 ** 32));
    }
    assert.ok(highest >= 2 ** 31 && highest < 2 ** 32);
  });

  test("integer() refuses other bounds", (random) => {
    for (const below of [0, -1, 1.5, 2 ** 32 + 1, NaN]) {
      assert.throws(() => random.integer(below), /below 1 to 2\^32/);
    }
  });

  test("fork() differs from its parent and from other forks", (random) => {
    const forks = [random.fork("a"), random.fork("b"), random.fork("a")];
    const drawn = [random, ...forks].map((fork) => fork.bytes(16).toHex());
    assert.equal(new Set(drawn).size, 4);
  });
}
