// One call of a guest, through the real thread program: its output, its errors
// and the ways it can fail. Each failure must name its reason; none may harm
// the thread.

import assert from "node:assert/strict";
import { equalBytes, limits } from "../../src/kernel/mod.ts";
import { rejectsWith, SeedLab, textOf } from "../fixtures/seeds/seed_lab.ts";
import { echoWasm, guestWasm, text, wasm } from "../fixtures/seeds/wat.ts";

const failure = text(64, "it \u2603 failed");

Deno.test("Guest.run() gives back what the guest set as its output", async () => {
  await using lab = new SeedLab();
  const output = await lab.run(echoWasm, "echo", { input: "ping \u2603" });
  assert.equal(textOf(output), "ping \u2603");
});

Deno.test("Guest.run() gives empty bytes when no output was set", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`(func (export "f") (result i32) (i32.const 0))
    (func (export "g"))`);
  assert.equal((await lab.run(module, "f")).length, 0);
  assert.equal((await lab.run(module, "g")).length, 0);
});

Deno.test("Guest.run() carries 4 MiB in and out", async () => {
  await using lab = new SeedLab();
  const input = new Uint8Array(limits.callInputBytesMax).fill(0x5a);
  const output = await lab.run(echoWasm, "echo", { input: input.slice() });
  assert.ok(equalBytes(output, input));
});

Deno.test("a non-zero return value without an error is no failure", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`(func (export "f") (result i32)
    (call $outByte (i32.const 7)) (i32.const -1))`);
  assert.deepEqual(await lab.run(module, "f"), Uint8Array.of(7));
});

Deno.test("an error that the guest set fails the call with its text", async () => {
  await using lab = new SeedLab();
  for (const code of [0, 1]) {
    const module = guestWasm(`${failure.data}
      (func (export "f") (result i32)
        (call $error_set ${failure.block}) (i32.const ${code}))`);
    const message = "it \u2603 failed";
    await rejectsWith(lab.run(module, "f"), "seed", { message });
  }
});

Deno.test("an error that was taken back does not fail the call", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`${failure.data}
    (func (export "f") (result i32)
      (call $error_set ${failure.block})
      (call $error_set (i64.const 0)) (i32.const 0))`);
  assert.equal((await lab.run(module, "f")).length, 0);
});

Deno.test("an error without text is told as unknown", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`(func (export "f") (result i32)
    (call $error_set (i64.const 12345678)) (i32.const 1))`);
  await rejectsWith(lab.run(module, "f"), "seed", { message: "unknown error" });
});

Deno.test("a long error of a guest is cut", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`(func (export "f") (result i32)
    (call $error_set (call $block (i32.const 0) (i32.const 60000)))
    (i32.const 1))`);
  const error = await rejectsWith(lab.run(module, "f"), "seed");
  assert.equal(error.message.length, limits.seedErrorCharactersMax);
});

Deno.test("a trap names its function", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`(func $deep (unreachable))
    (func (export "f") (result i32) (call $deep) (i32.const 0))`);
  await rejectsWith(lab.run(module, "f"), "trap", {
    message: /^The seed trapped: unreachable \(in \S*deep\)$/,
  });
});

Deno.test("a trap in a function without a name says what trapped", async () => {
  await using lab = new SeedLab();
  const module = wasm(
    `(module (memory 1)
      (func $x (drop (i32.load (i32.const -1))))
      (func (export "f") (result i32) (call $x) (i32.const 0)))`,
    { names: false },
  );
  await rejectsWith(lab.run(module, "f"), "trap", {
    message: /memory access out of bounds$/,
  });
});

Deno.test("a trap shows no control characters of a function's name", async () => {
  await using lab = new SeedLab();
  const module = wasm(`(module
    (func $evil (unreachable))
    (func (export "f") (result i32) (call $evil) (i32.const 0)))`);
  const name = new TextDecoder("latin1").decode(module).lastIndexOf("evil");
  module.set([0x1b, 0x5b, 0x32, 0x4a], name);
  const error = await rejectsWith(lab.run(module, "f"), "trap");
  assert.match(error.message, /^[ -~]+$/);
});

Deno.test("recursion without end is a stack failure", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`(func $f (export "f") (result i32) (call $f))`);
  await rejectsWith(lab.run(module, "f"), "stack");
});

Deno.test("S36: recursion and growth without end leave the thread usable", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(`
    (func $deep (export "deep") (result i32) (call $deep))
    (func (export "grow") (result i32)
      (loop $more
        (br_if $more (i32.ne (i32.const -1) (memory.grow (i32.const 1024)))))
      (unreachable))
    (func (export "fine") (result i32)
      (call $outByte (memory.size)) (i32.const 0))`);
  const seed = lab.add("s", module);
  await rejectsWith(lab.run(seed, "deep"), "stack");
  await rejectsWith(lab.run(seed, "grow"), "memory", {
    message: /^The seed was refused more memory than \d+ bytes and trapped: /,
  });
  assert.deepEqual(await lab.run(seed, "fine"), Uint8Array.of(2));
  assert.equal(lab.pool.threadCounts.lost, 0);
});

Deno.test("an output outside of the exchange memory is a trap", async () => {
  await using lab = new SeedLab();
  const ranges = [[0, 1e9], [1e9, 1], [-1, 2], [2, -1], [-1, -1]];
  for (const [offset, length] of ranges) {
    const module = guestWasm(`(func (export "f") (result i32)
      (call $output_set (i64.const ${offset}) (i64.const ${length}))
      (i32.const 0))`);
    await rejectsWith(lab.run(module, "f"), "trap");
  }
});

Deno.test("an output over the limit is refused", async () => {
  await using lab = new SeedLab();
  const give = (bytes: number) =>
    guestWasm(`(func (export "f") (result i32)
      (call $output_set (call $alloc (i64.const ${bytes})) (i64.const ${bytes}))
      (i32.const 0))`);
  const most = limits.callOutputBytesMax;
  assert.equal((await lab.run(give(most), "f")).length, most);
  await rejectsWith(lab.run(give(most + 1), "f"), "output", {
    message: /over the limit of 16777216$/,
  });
});

Deno.test("an exception that the guest does not catch is a trap", async () => {
  await using lab = new SeedLab();
  const module = wasm(`(module (tag $t)
    (func (export "f") (result i32) (throw $t)))`);
  await rejectsWith(lab.run(module, "f"), "trap", { message: /exception/ });
});

Deno.test("only functions without parameters can be called", async () => {
  await using lab = new SeedLab();
  const module = wasm(`(module
    (memory (export "memory") 1)
    (global (export "global") i32 (i32.const 0))
    (table (export "table") 1 funcref)
    (func (export "malloc") (param i32) (result i32) (i32.const 0))
    (func (export "long") (result i64) (i64.const 0))
    (func (export "pair") (result i32 i32) (i32.const 0) (i32.const 0))
    (func (export "_initialize"))
    (func (export "__wasm_call_ctors"))
    (func (export "_start"))
    (func (export "a/b") (result i32) (i32.const 0))
    (func (export "fine") (result i32) (i32.const 0)))`);
  const seed = lab.add("s", module);
  const facts = await lab.world.complete(lab.pool.load(seed));
  assert.deepEqual(facts.functions, ["fine"]);
  // deno-fmt-ignore
  const refused = [
    "memory", "global", "table", "malloc", "long", "pair", "_initialize",
    "__wasm_call_ctors", "_start", "a/b", "", "toString", "__proto__", "Fine",
  ];
  for (const fn of refused) {
    const error = await rejectsWith(lab.run(seed, fn), "no-function");
    assert.equal(error.outcome, "not-found");
  }
  assert.equal((await lab.run(seed, "fine")).length, 0);
});

Deno.test("a host function that a guest exports again can be called", async () => {
  await using lab = new SeedLab();
  const module = wasm(`(module
    (import "wasi_snapshot_preview1" "sched_yield" (func $y (result i32)))
    (import "extism:host/env" "get_log_level" (func $l (result i32)))
    (import "extism:host/user" "pollen_request"
      (func $r (param i64 i64) (result i64)))
    (export "y" (func $y)) (export "l" (func $l)) (export "r" (func $r)))`);
  const seed = lab.add("s", module);
  assert.equal((await lab.run(seed, "y")).length, 0);
  assert.equal((await lab.run(seed, "l")).length, 0);
  await rejectsWith(lab.run(seed, "r"), "no-function");
});
