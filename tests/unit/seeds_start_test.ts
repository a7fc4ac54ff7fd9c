// How a module starts, and that each call starts anew: start functions,
// initializers, and what one call leaves for the next, which is nothing.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import { endingOf, rejectsWith, SeedLab } from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text, userImports, wasm } from "../fixtures/seeds/wat.ts";

const sleepImport = `(import "wasi_snapshot_preview1" "poll_oneoff"
  (func $poll (param i32 i32 i32 i32) (result i32)))`;
const exitImport = `(import "wasi_snapshot_preview1" "proc_exit"
  (func $exit (param i32)))`;
/** Sleeps `ms`, with the subscription at 512. */
const sleep = (ms: number) =>
  `(i64.store (i32.const 536) (i64.const ${BigInt(ms) * 1_000_000n}))
  (drop (call $poll
    (i32.const 512) (i32.const 1024) (i32.const 1) (i32.const 0)))`;
/** Answers the byte at 0. */
const peek = `(func (export "f") (result i32)
  (call $out (i32.const 0) (i32.const 1)) (i32.const 0))`;
const poke = (value: number) =>
  `(i32.store8 (i32.const 0) (i32.const ${value}))`;

Deno.test("the one initializer of a module runs before each call", async () => {
  await using lab = new SeedLab();
  const cases: readonly (readonly [string, number])[] = [
    [`(func (export "_initialize") ${poke(1)})`, 1],
    [`(func (export "__wasm_call_ctors") ${poke(2)})`, 2],
    [`(func (export "_start") ${poke(3)})`, 3],
    [
      `(func (export "_start") ${poke(3)})
      (func (export "__wasm_call_ctors") ${poke(2)})
      (func (export "_initialize") ${poke(1)})`,
      1,
    ],
    [`(func (export "_initialize") (param i32) ${poke(4)})`, 0],
    [`(func $go ${poke(5)}) (start $go)`, 5],
  ];
  for (const [index, [declarations, byte]] of cases.entries()) {
    const seed = lab.add(`s${index}`, guestWasm(declarations + peek));
    for (const _ of [1, 2]) {
      assert.deepEqual([...await lab.run(seed, "f")], [byte], declarations);
    }
  }
});

Deno.test("an initializer that exits with 0 has started", async () => {
  await using lab = new SeedLab();
  const start = `(func (export "_start") ${
    poke(9)
  } (call $exit (i32.const 0)))`;
  const module = guestWasm(start + peek, exitImport);
  assert.deepEqual([...await lab.run(module, "f")], [9]);
});

Deno.test("R13: a module that cannot start is refused with the reason", async () => {
  await using lab = new SeedLab();
  const cases: readonly (readonly [Bytes, string])[] = [
    [guestWasm(`(func $go (unreachable)) (start $go) ${peek}`), "trap"],
    [guestWasm(`(func $go (call $go)) (start $go) ${peek}`), "stack"],
    [guestWasm(`(func (export "_initialize") (unreachable)) ${peek}`), "trap"],
    [
      guestWasm(
        `(func $go (call $exit (i32.const 2))) (start $go) ${peek}`,
        exitImport,
      ),
      "exit",
    ],
    [
      wasm(`(module (data (i32.const 65530) "1234567") (memory 1)
      (func (export "f")))`),
      "trap",
    ],
  ];
  for (const [index, [module, reason]] of cases.entries()) {
    const seed = lab.add(`s${index}`, module);
    const loading = lab.world.complete(endingOf(lab.pool.load(seed)));
    assert.equal(await loading, reason, `case ${index}`);
    assert.equal(await endingOf(lab.run(seed, "f")), reason, `case ${index}`);
  }
  assert.deepEqual(lab.pool.threadCounts, { running: 1, lost: 0 });
});

Deno.test("a start function may wait as any other", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(
    `(func $go ${sleep(300)} ${poke(8)}) (start $go) ${peek}`,
    sleepImport,
  );
  const seed = lab.add("s", module);
  await lab.world.complete(lab.pool.load(seed));
  assert.ok(lab.world.nowMs >= 300 && lab.world.nowMs <= 310);
  assert.deepEqual([...await lab.run(seed, "f")], [8]);
});

Deno.test("an initializer may sleep, but not for ever", async () => {
  await using lab = new SeedLab();
  const asleep = (ms: number) =>
    guestWasm(
      `(func (export "_initialize") ${sleep(ms)} ${poke(6)}) ${peek}`,
      sleepImport,
    );
  const brief = lab.add("brief", asleep(300));
  await lab.world.complete(lab.pool.load(brief));
  assert.ok(lab.world.nowMs >= 300 && lab.world.nowMs <= 310);
  assert.deepEqual([...await lab.run(brief, "f")], [6]);

  const endless = lab.add("endless", asleep(100_000_000));
  const beforeMs = lab.world.nowMs;
  const loading = lab.world.complete(lab.pool.load(endless));
  await rejectsWith(loading, "timeout", {
    message: /does not start within 10/,
  });
  const tookMs = lab.world.nowMs - beforeMs;
  assert.ok(tookMs >= 10_000 && tookMs <= 10_100, `${tookMs} ms`);
  assert.equal(lab.pool.threadCounts.lost, 0);
  await lab.world.settle();
});

Deno.test("what a module asks for while it is tried is refused", async () => {
  await using lab = new SeedLab();
  const uri = text(1024, "pln://seed/x/f");
  const module = guestWasm(
    `${uri.data} (func (export "_initialize")
      (call $log (i64.const 1) ${uri.block})
      (if (i64.eqz (call $request ${uri.block} (i64.const 0)))
        (then ${poke(1)}))) ${peek}`,
    userImports,
  );
  const seed = lab.add("s", module);
  await lab.world.complete(lab.pool.load(seed));
  assert.deepEqual(
    lab.lines.map((at) => [at.seed, at.text]),
    [["s", "pln://seed/x/f"]],
  );
  const refused = () =>
    lab.log.records.map(({ event, fields }) => [event, fields]);
  const message = "A seed cannot send requests while it starts";
  const fields = { seed: "s", uri: "pln://seed/x/f", message };
  assert.deepEqual(refused(), [["seed.request_refused", fields]]);
  lab.pool.unload(seed.key);
  await lab.world.complete(lab.pool.load(seed));
  assert.equal(refused().length, 1, "once is enough");
});

Deno.test("HTTP that a module sends while it is tried is refused", async () => {
  await using lab = new SeedLab();
  const ask = text(1024, '{"url":"https://a.example/"}');
  const module = guestWasm(
    `${ask.data} (func (export "_initialize")
      (drop (call $http ${ask.block} (i64.const 0)))) ${peek}`,
    `(import "extism:host/env" "http_request"
      (func $http (param i64 i64) (result i64)))`,
  );
  const settings = { allowHosts: ["a.example"] };
  const loading = lab.pool.load(lab.add("s", module, { settings }));
  await rejectsWith(lab.world.complete(loading), "egress", {
    message: "A seed cannot send requests while it starts",
  });
});

Deno.test("nothing of one call is left for the next", async () => {
  await using lab = new SeedLab();
  const key = text(1024, "secret");
  const module = guestWasm(
    `${key.data}
    (global $count (mut i32) (i32.const 0))
    (table $t 1 funcref)
    (elem declare func $mark)
    (func $mark)
    (func $seen (param $bit i32) (param $is i32)
      (i32.store8 (i32.const 0) (i32.or (i32.load8_u (i32.const 0))
        (i32.shl (i32.ne (i32.const 0) (local.get $is)) (local.get $bit)))))
    (func (export "f") (result i32) (local $i i64) (local $sum i64)
      (call $seen (i32.const 0) (i32.load (i32.const 64)))
      (call $seen (i32.const 1) (global.get $count))
      (call $seen (i32.const 2) (i32.ne (memory.size) (i32.const 2)))
      (call $seen (i32.const 3) (i64.ne (i64.const 0) (call $get ${key.block})))
      (call $seen (i32.const 4)
        (i32.eqz (ref.is_null (table.get $t (i32.const 0)))))
      ;; whatever a former call put into the exchange memory
      (local.set $i (call $alloc (i64.const 60000)))
      (loop $next
        (local.set $sum (i64.add (local.get $sum) (call $load (local.get $i))))
        (local.set $i (i64.add (local.get $i) (i64.const 8)))
        (br_if $next (i64.lt_u (local.get $i) (i64.const 60000))))
      (call $seen (i32.const 5) (i64.ne (i64.const 0) (local.get $sum)))
      ;; now leave as much as possible
      (i32.store (i32.const 64) (i32.const -1))
      (global.set $count (i32.const 1))
      (drop (memory.grow (i32.const 1)))
      (table.set $t (i32.const 0) (ref.func $mark))
      (call $set ${key.block} ${key.block})
      (local.set $i (call $alloc (i64.const 50000)))
      (loop $more
        (call $store_u64 (local.get $i) (i64.const -1))
        (local.set $i (i64.add (local.get $i) (i64.const 8)))
        (br_if $more (i64.lt_u (local.get $i) (i64.const 100000))))
      (call $out (i32.const 0) (i32.const 1))
      (i32.const 0))`,
    `(import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
    (import "extism:host/env" "var_set" (func $set (param i64 i64)))
    (import "extism:host/env" "load_u64"
      (func $load (param i64) (result i64)))`,
  );
  const seed = lab.add("s", module);
  // The key's own block is there each time, so bit 5 of a first call is set by
  // it alone: every later call must see exactly what the first one saw.
  const first = await lab.run(seed, "f");
  for (const _ of [1, 2, 3]) assert.deepEqual(await lab.run(seed, "f"), first);
  assert.equal((first[0] ?? 0) & 0b11111, 0);
});

Deno.test("two calls that sleep side by side do not meet", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(
    `(func (export "f") (result i32)
      (i32.store8 (i32.const 8) (call $load_u8 (call $input_offset)))
      ${sleep(100)}
      (call $out (i32.const 8) (i32.const 1)) (i32.const 0))`,
    sleepImport,
  );
  const seed = lab.add("s", module);
  const inputs = Array.from({ length: 60 }, (_, index) => index);
  const outputs = Promise.all(
    inputs.map((byte) =>
      lab.pool.call(lab.job(seed, "f", { input: Uint8Array.of(byte) }))
    ),
  );
  const bytes = (await lab.world.complete(outputs)).map(([byte]) => byte);
  assert.deepEqual(bytes, inputs);
  assert.ok(lab.world.nowMs >= 100 && lab.world.nowMs <= 110);
});
