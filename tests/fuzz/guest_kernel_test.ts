// The Extism kernel against guests that do anything: any sequence of calls with
// any offsets. Blocks stay inside what `reset` clears, the host reads inside
// the memory or fails with a SeedError, and nothing of one call is left.

import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import fc from "fast-check";
import { SeedError } from "../../src/threads/mod.ts";
import { newKernel } from "../fixtures/guest/kernel.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(400), seed: 4711 };

/** An offset or length: special, near a block, or any. */
const value = fc.oneof(
  fc.constantFrom(0n, 1n, 16n, 255n, 256n, 272n, 1n << 31n, -1n, 1n << 32n),
  fc.constantFrom((1n << 63n) - 1n, -(1n << 63n), 0xffff_fff0n, 65536n),
  fc.bigInt(0n, 70_000n),
  fc.bigInt(-(1n << 63n), (1n << 63n) - 1n),
);
/** A header's two words, forged: size class and next free block. */
const forged = fc.tuple(fc.bigInt(0n, 20n), fc.bigInt(0n, 70_000n))
  .map(([sizeClass, next]) => (next << 32n) | sizeClass);
const relative = fc.record({
  block: fc.nat(7),
  shift: fc.bigInt(-32n, 64n),
});
const step = fc.oneof(
  fc.record({ type: fc.constant("alloc" as const), length: value }),
  fc.record({
    type: fc.constant("small" as const),
    length: fc.bigInt(1n, 300n),
  }),
  fc.record({ type: fc.constant("free" as const), at: relative }),
  fc.record({ type: fc.constant("freeAny" as const), at: value }),
  fc.record({
    type: fc.constant("store" as const),
    at: relative,
    value: fc.oneof(value, forged),
  }),
  fc.record({ type: fc.constant("storeAny" as const), at: value, value }),
  fc.record({ type: fc.constant("output" as const), at: value, length: value }),
  fc.record({ type: fc.constant("error" as const), at: relative }),
  fc.record({ type: fc.constant("host" as const), length: fc.nat(70_000) }),
  fc.record({ type: fc.constant("read" as const), at: relative }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

type Guest = Record<string, (...values: (bigint | number)[]) => bigint>;

class Lab {
  readonly kernel = newKernel();
  readonly blocks: bigint[] = [272n];

  get top(): bigint {
    return BigInt(this.kernel.exports.high.value >>> 0);
  }

  run(step: Step): void {
    const { kernel } = this;
    const guest = kernel.exports as unknown as Guest;
    switch (step.type) {
      case "alloc":
      case "small":
        return this.#keep(guest.alloc!(step.length), step.length);
      case "free":
        return void guest.free!(this.#at(step.at));
      case "freeAny":
        return void guest.free!(step.at);
      case "store":
        return void guest.store_u64!(this.#at(step.at), step.value);
      case "storeAny":
        return void guest.store_u64!(step.at, step.value);
      case "output":
        return mayTrap(() => guest.output_set!(step.at, step.length));
      case "error":
        return void guest.error_set!(this.#at(step.at));
      case "host":
        return mayFail(() => {
          const bytes = new Uint8Array(step.length).fill(0xee);
          this.blocks.push(kernel.storeAnswer(bytes));
        });
      case "read":
        return mayFail(() => kernel.read(this.#at(step.at)));
    }
  }

  #keep(block: bigint, length: bigint): void {
    this.blocks.push(block);
    if (block === 0n) return;
    assert.ok(block >= 272n, `block at ${block}`);
    assert.ok(block + length <= this.top, `${block} + ${length}`);
  }

  #at({ block, shift }: { block: number; shift: bigint }): bigint {
    return (this.blocks.at(-1 - block % this.blocks.length) ?? 0n) + shift;
  }
}

function mayTrap(run: () => unknown): void {
  try {
    run();
  } catch (cause) {
    assert.ok(cause instanceof WebAssembly.RuntimeError, String(cause));
    assert.match(cause.message, /unreachable/);
  }
}

function mayFail(run: () => unknown): void {
  try {
    run();
  } catch (cause) {
    assert.ok(cause instanceof SeedError, String(cause));
  }
}

Deno.test("KernelInstance.restore() clears all that any guest can write", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const lab = new Lab();
      const { kernel } = lab;
      const empty = kernel.image();
      kernel.setInput(new Uint8Array(100).fill(0xdd));
      for (const one of steps) lab.run(one);
      mayFail(() => kernel.output());
      mayFail(() => kernel.error());
      const memory = Buffer.from(kernel.exports.memory.buffer);
      const above = memory.subarray(Number(lab.top));
      assert.ok(above.equals(Buffer.alloc(above.length)), "above the top");
      assert.ok(memory.subarray(0, 16).equals(Buffer.alloc(16)), "below 16");
      if (!kernel.restore(empty)) return;
      assert.ok(memory.equals(Buffer.alloc(memory.length)), "after it");
      const fresh = newKernel();
      const bytes = new Uint8Array(10).fill(1);
      assert.equal(kernel.store(bytes), fresh.store(bytes));
      assert.equal(kernel.error(), undefined);
      assert.equal(kernel.output().length, 0);
    }),
    runs,
  );
});
