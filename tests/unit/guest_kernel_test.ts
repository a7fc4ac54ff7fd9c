// The Extism kernel: blocks, input, output and error as guests and the host see
// them. Offsets may be anything; whatever a guest does, `reset` leaves nothing.

import assert from "node:assert/strict";
import { limits, utf8 } from "../../src/kernel/mod.ts";
import type { KernelExports } from "../../src/guest/kernel_instance.ts";
import { kernelBase64 } from "../../src/guest/kernel_generated.ts";
import { newKernel } from "../fixtures/guest/kernel.ts";
import { kernelModuleText } from "../guest/build_kernel.ts";

/** The functions that guests get, beside the host's own. */
type GuestSide = KernelExports & {
  alloc(length: bigint): bigint;
  free(offset: bigint): void;
  load_u8(offset: bigint): number;
  load_u64(offset: bigint): bigint;
  store_u8(offset: bigint, value: number): void;
  store_u64(offset: bigint, value: bigint): void;
  input_offset(): bigint;
  input_length(): bigint;
  input_load_u8(index: bigint): number;
  input_load_u64(index: bigint): bigint;
  output_set(offset: bigint, length: bigint): void;
  error_set(offset: bigint): void;
  error_get(): bigint;
};

function open() {
  const kernel = newKernel();
  return { kernel, guest: kernel.exports as unknown as GuestSide };
}

Deno.test("kernel_generated.ts is what kernel.wat compiles to", async () => {
  const path = new URL("../../src/guest/kernel_generated.ts", import.meta.url);
  assert.equal(await Deno.readTextFile(path), await kernelModuleText());
});

Deno.test("the kernel's memory ends at the limit", () => {
  const { guest } = open();
  const module = new WebAssembly.Module(Uint8Array.fromBase64(kernelBase64));
  const hooks = WebAssembly.Module.imports(module).map(({ name }) => name);
  assert.deepEqual(hooks, ["tick", "suspend", "grow", "allow"]);
  let bytes = 0n;
  while (guest.alloc(1_000_000n) !== 0n) bytes += 1_000_000n;
  assert.ok(guest.memory.buffer.byteLength <= limits.kernelBytesMax);
  assert.ok(bytes >= BigInt(limits.kernelBytesMax) - 2_000_000n);
});

Deno.test("alloc() gives blocks that do not overlap, of the length asked", () => {
  const { guest } = open();
  const lengths = [1n, 15n, 16n, 17n, 4096n, 65536n, 65537n, 1_000_000n];
  const blocks = lengths.map((length) => ({
    length,
    at: guest.alloc(length),
  }));
  for (const [index, { at, length }] of blocks.entries()) {
    assert.equal(guest.length(at), length);
    assert.equal(at % 16n, 0n);
    const next = blocks[index + 1];
    if (next !== undefined) assert.ok(at + length <= next.at - 16n);
  }
});

Deno.test("alloc() gives 0 for nothing and for more than there is", () => {
  const { guest } = open();
  const refused = [0n, -1n, 1n << 28n, (1n << 28n) + 1n, 1n << 31n, 1n << 32n];
  for (const length of [...refused, (1n << 63n) - 1n, -(1n << 63n)]) {
    assert.equal(guest.alloc(length), 0n, `${length}`);
  }
  assert.notEqual(guest.alloc(1n), 0n);
});

Deno.test("free() makes small blocks available again, once", () => {
  const { guest } = open();
  const block = guest.alloc(100n);
  guest.free(block);
  assert.equal(guest.length(block), 0n);
  guest.free(block);
  assert.equal(guest.alloc(70n), block, "the same class of size");
  assert.notEqual(guest.alloc(70n), block);
  const large = guest.alloc(70_000n);
  guest.free(large);
  assert.notEqual(guest.alloc(70_000n), large, "large ones are not reused");
  for (const offset of [0n, 1n, 17n, -16n, 1n << 40n]) guest.free(offset);
});

Deno.test("freed blocks of many sizes do not make the memory grow", () => {
  const { guest } = open();
  for (let round = 0; round < 1000; round++) {
    for (const length of [5n, 300n, 9000n, 65536n]) {
      guest.free(guest.alloc(length));
    }
  }
  assert.ok((guest.high.value >>> 0) < 256 * 1024);
});

Deno.test("load and store reach what is allocated, and ignore all else", () => {
  const { guest } = open();
  const block = guest.alloc(16n);
  guest.store_u64(block, 0x1122334455667788n);
  guest.store_u8(block + 1n, 0xff);
  assert.equal(guest.load_u64(block), 0x112233445566ff88n);
  assert.equal(guest.load_u8(block + 7n), 0x11);
  const outside = [block + 16n, 1n << 31n, 1n << 32n, -1n, -8n, -(1n << 63n)];
  for (const offset of outside) {
    guest.store_u64(offset, -1n);
    guest.store_u8(offset, 1);
    assert.equal(guest.load_u64(offset), 0n, `${offset}`);
    assert.equal(guest.load_u8(offset), 0, `${offset}`);
  }
  assert.equal(guest.load_u64(block + 9n), 0n, "across the end");
  for (let offset = 0n; offset < 256n; offset++) {
    guest.store_u8(offset, 7);
    guest.store_u64(offset, -1n);
    assert.equal(guest.load_u8(offset), 0, `${offset}`);
  }
});

Deno.test("length() of what is no block is 0", () => {
  const { guest } = open();
  const block = guest.alloc(100n);
  const others = [0n, 16n, 256n, block + 1n, block + 8n, 1n << 20n, -block];
  for (const offset of others) assert.equal(guest.length(offset), 0n);
});

Deno.test("the input is read by index, to its end and no further", () => {
  const { kernel, guest } = open();
  kernel.setInput(utf8("0123456789"));
  assert.equal(guest.input_length(), 10n);
  assert.equal(guest.length(guest.input_offset()), 10n);
  assert.equal(guest.input_load_u8(9n), 0x39);
  assert.equal(guest.input_load_u64(2n), 0x3938373635343332n);
  for (const index of [10n, 11n, -1n, 1n << 63n, 1n << 32n]) {
    assert.equal(guest.input_load_u8(index), 0);
    assert.equal(guest.input_load_u64(index), 0n);
  }
  assert.equal(guest.input_load_u64(3n), 0n, "seven bytes are not eight");
});

Deno.test("an empty input is no block", () => {
  const { kernel, guest } = open();
  kernel.setInput(new Uint8Array(0));
  assert.deepEqual([guest.input_offset(), guest.input_length()], [0n, 0n]);
});

Deno.test("KernelInstance.read() copies a block", () => {
  const { kernel, guest } = open();
  const offset = kernel.store(utf8("abc"));
  const bytes = kernel.read(offset);
  assert.deepEqual(bytes, utf8("abc"));
  guest.store_u8(offset, 0x7a);
  assert.deepEqual(bytes, utf8("abc"));
  assert.equal(kernel.read(0n), undefined);
  assert.equal(kernel.read(-1n), undefined);
});

Deno.test("KernelInstance.storeAnswer() tells an empty answer from none", () => {
  const { kernel, guest } = open();
  assert.equal(kernel.store(new Uint8Array(0)), 0n);
  const offset = kernel.storeAnswer(new Uint8Array(0));
  assert.notEqual(offset, 0n);
  assert.equal(guest.length(offset), 0n);
});

Deno.test("a header that a guest forged is out of bounds, not a read", () => {
  const { kernel, guest } = open();
  const block = guest.alloc(16n);
  for (const length of [1n << 62n, -1n, 1n << 32n, 1n << 20n]) {
    guest.store_u64(block - 16n, length);
    assert.throws(() => kernel.read(block), { reason: "memory" });
  }
  guest.error_set(block);
  assert.throws(() => kernel.error(), { reason: "memory" });
});

Deno.test("a free list that a guest forged gives no block outside", () => {
  const { guest } = open();
  // The size class and the next free block share one word of a free header.
  const links = [0n, 16n, 256n, 271n, 0x7fffffffn, 0xffffffffn, 0xfffffff0n];
  for (const link of links) {
    const block = guest.alloc(16n);
    guest.free(block);
    guest.store_u64(block - 8n, (link << 32n) | 4n);
    assert.equal(guest.alloc(16n), block);
    const given = guest.alloc(16n);
    const top = BigInt(guest.high.value >>> 0);
    assert.ok(given === 0n || (given >= 272n && given + 16n <= top), `${link}`);
  }
});

Deno.test("output() and error() give what the guest set", () => {
  const { kernel, guest } = open();
  assert.equal(kernel.output().length, 0);
  assert.equal(kernel.error(), undefined);
  const block = kernel.store(utf8("output"));
  guest.output_set(block, 3n);
  guest.error_set(block);
  assert.deepEqual(kernel.output(), utf8("out"));
  assert.deepEqual(kernel.error(), utf8("output"));
  assert.equal(guest.error_get(), block);
  const top = BigInt(guest.high.value >>> 0);
  guest.output_set(top, 0n);
  assert.throws(() => guest.output_set(top, 1n), WebAssembly.RuntimeError);
  assert.throws(() => guest.output_set(-1n, 2n), WebAssembly.RuntimeError);
  assert.throws(() => guest.output_set(1n, -1n), WebAssembly.RuntimeError);
});

Deno.test("setInput() and store() say when there is no room", () => {
  const { kernel } = open();
  const large = new Uint8Array(limits.kernelBytesMax);
  assert.throws(() => kernel.setInput(large), { reason: "memory" });
  assert.throws(() => kernel.store(large), { reason: "memory" });
});

Deno.test("the kernel's memory grows only as its host allows", () => {
  const asked: number[] = [];
  const allow = (pages: number) => asked.push(pages) > 2 ? 0 : 1;
  const guest = newKernel({ allow }).exports as unknown as GuestSide;
  assert.notEqual(guest.alloc(200_000n), 0n);
  assert.notEqual(guest.alloc(200_000n), 0n);
  assert.equal(guest.alloc(200_000n), 0n);
  assert.notEqual(guest.alloc(1000n), 0n);
  assert.equal(asked.length, 3);
});

Deno.test("restore() brings an empty kernel back, or refuses a large one", () => {
  const { kernel, guest } = open();
  const empty = kernel.image();
  kernel.setInput(utf8("secret"));
  const block = kernel.store(utf8("secret"));
  guest.free(guest.alloc(1000n));
  guest.output_set(block, 6n);
  guest.error_set(block);
  assert.equal(kernel.restore(empty), true);
  const bytes = new Uint8Array(guest.memory.buffer);
  assert.ok(bytes.every((byte) => byte === 0));
  assert.equal(kernel.output().length, 0);
  assert.equal(kernel.error(), undefined);
  assert.equal(guest.input_length(), 0n);
  assert.equal(guest.alloc(6n), newKernel().store(utf8("secret")));
  guest.alloc(5_000_000n);
  assert.equal(kernel.restore(empty), false);
});

Deno.test("restore() brings blocks back that were there before the call", () => {
  const { kernel, guest } = open();
  const block = kernel.store(utf8("before"));
  const image = kernel.image();
  guest.store_u8(block, 0x21);
  kernel.store(utf8("secret of the call"));
  guest.free(block);
  assert.equal(kernel.restore(image), true);
  assert.deepEqual(kernel.read(block), utf8("before"));
  const next = kernel.store(utf8("x"));
  assert.equal(next, block + 32n);
  const bytes = new Uint8Array(guest.memory.buffer).subarray(Number(next) + 1);
  assert.ok(bytes.every((byte) => byte === 0));
});
