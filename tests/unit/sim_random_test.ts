// Repeatable randomness and the trace hash, against published vectors. In,
// seeds and texts; out, values that may never change: seeds of failures that
// people wrote down must keep their meaning.

import assert from "node:assert/strict";
import { utf8 } from "../../src/kernel/mod.ts";
import { openSimRandom, splitMix64 } from "../../src/sim/random.ts";
import { TextHash, Trace } from "../../src/sim/trace.ts";

function test(name: string, run: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: async () => await run() });
}

test("splitMix64() gives its published outputs", () => {
  // Seed 1234567, as in rosettacode.org/wiki/Pseudo-random_numbers/Splitmix64.
  const gamma = 0x9e3779b97f4a7c15n;
  const outputs = [1n, 2n, 3n].map((step) =>
    splitMix64(1234567n + step * gamma)
  );
  assert.deepEqual(outputs, [
    6457827717110365317n,
    3203168211198807973n,
    9817491932198370423n,
  ]);
});

test("openSimRandom() agrees with xoshiro128** step by step", () => {
  // The reference in plain bigint arithmetic, written from the paper.
  const gamma = 0x9e3779b97f4a7c15n;
  const low = splitMix64(4711n + gamma);
  const high = splitMix64(4711n + 2n * gamma);
  const mask = 0xffffffffn;
  const rotate = (x: bigint, k: bigint) => ((x << k) | (x >> (32n - k))) & mask;
  let s = [low & mask, low >> 32n, high & mask, high >> 32n];
  const next = () => {
    const [s0 = 0n, s1 = 0n, s2 = 0n, s3 = 0n] = s;
    const result = (rotate((s1 * 5n) & mask, 7n) * 9n) & mask;
    const t2 = s2 ^ s0;
    const t3 = s3 ^ s1;
    s = [s0 ^ t3, s1 ^ t2, t2 ^ ((s1 << 9n) & mask), rotate(t3, 11n)];
    return Number(result);
  };
  const random = openSimRandom(4711);
  for (let draw = 0; draw < 1_000; draw++) {
    assert.equal(random.integer(2 ** 32), next());
  }
});

test("openSimRandom() is the same for the same seed only", () => {
  const drawn = (seed: number) => openSimRandom(seed).bytes(32).toHex();
  assert.equal(drawn(7), drawn(7));
  const seeds = Array.from({ length: 1_000 }, (_, seed) => drawn(seed));
  assert.equal(new Set(seeds).size, 1_000);
});

test("a fork does not depend on draws or on other forks", () => {
  const plain = openSimRandom(7);
  const busy = openSimRandom(7);
  busy.bytes(1_000);
  busy.fork("other").bytes(10);
  assert.deepEqual(plain.fork("a").bytes(16), busy.fork("a").bytes(16));
  assert.deepEqual(plain.fork("a").bytes(16), busy.fork("a").bytes(16));
  const parent = openSimRandom(7);
  parent.fork("a");
  assert.deepEqual(parent.bytes(16), openSimRandom(7).bytes(16));
});

test("openSimRandom() refuses what is no seed", () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 53]) {
    assert.throws(() => openSimRandom(seed), /whole number/);
  }
});

test("TextHash is FNV-1a with 64 bits (RFC 9923 vectors)", () => {
  const hash = (text: string) => {
    const whole = new TextHash();
    whole.add(utf8(text));
    return whole.value().toString(16);
  };
  assert.equal(hash(""), "cbf29ce484222325");
  assert.equal(hash("a"), "af63dc4c8601ec8c");
  assert.equal(hash("foobar"), "85944171f73967e8");
});

test("Trace.hash() depends on event, fields, order and time only", () => {
  let nowMs = 0;
  const hashOf = (notes: readonly [string, Record<string, number>][]) => {
    const trace = new Trace(() => nowMs);
    for (const [event, fields] of notes) trace.note(event, fields);
    return trace.hash();
  };
  const first = hashOf([["a", { x: 1, y: 2 }], ["b", {}]]);
  assert.equal(hashOf([["a", { y: 2, x: 1 }], ["b", {}]]), first);
  assert.notEqual(hashOf([["b", {}], ["a", { x: 1, y: 2 }]]), first);
  assert.notEqual(hashOf([["a", { x: 1, y: 3 }], ["b", {}]]), first);
  nowMs = 1;
  assert.notEqual(hashOf([["a", { x: 1, y: 2 }], ["b", {}]]), first);
});

test("Trace keeps its first lines and counts the rest", () => {
  const trace = new Trace(() => 0);
  for (let index = 0; index < 100_010; index++) trace.note("event", { index });
  assert.equal(trace.length, 100_010);
  assert.equal(trace.lines.length, 100_000);
  assert.equal(trace.lines[1], '0 event {"index":1}');
});
