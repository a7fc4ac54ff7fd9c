// What one call may see of the call before it, through the real thread program:
// nothing, unless the seed wished to be reused. Also how instances are kept,
// put back, initialised anew and given up.

import assert from "node:assert/strict";
import { emptyBytes } from "../../src/kernel/mod.ts";
import { ThreadLab } from "../fixtures/guest/thread_lab.ts";
import { guestWasm, text, wasm } from "../fixtures/seeds/wat.ts";

const variables = `
  (import "extism:host/env" "var_get" (func $var_get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $var_set (param i64 i64)))`;
const key = text(64, "key");

/** Each function answers with what it finds, and leaves a trace there. */
const tracesWasm = guestWasm(
  `${key.data}
  (global $global (mut i32) (i32.const 7))
  (global $wide (mut i64) (i64.const 7))
  (global $float (mut f64) (f64.const 7))
  (func (export "stored") (result i32)
    (call $outByte (i32.load8_u (i32.const 70000)))
    (i32.store8 (i32.const 70000) (i32.const 1)) (i32.const 0))
  (func (export "global") (result i32)
    (call $outByte (i32.add (global.get $global) (i32.add
      (i32.wrap_i64 (global.get $wide))
      (i32.trunc_f64_s (global.get $float)))))
    (global.set $global (i32.const 1))
    (global.set $wide (i64.const 1))
    (global.set $float (f64.const 1)) (i32.const 0))
  (func (export "variable") (result i32)
    (call $outByte (i64.ne (i64.const 0) (call $var_get ${key.block})))
    (call $var_set ${key.block} ${key.block}) (i32.const 0))
  (func (export "grown") (result i32) (local $at i32)
    (call $outByte (memory.size))
    (drop (memory.grow (i32.const 3)))
    (i32.store8 (i32.const 262143) (i32.const 1)) (i32.const 0))
  (func (export "beyond") (result i32)
    (call $outByte (i32.load8_u (i32.const 262143)))
    (i32.store8 (i32.const 262143) (i32.const 1)) (i32.const 0))
  (func (export "exchange") (result i32) (local $block i64)
    (local.set $block (call $alloc (i64.const 8)))
    (call $outByte (call $load_u8 (local.get $block)))
    (call $store_u8 (local.get $block) (i32.const 9)) (i32.const 0))
  (func (export "fails") (result i32)
    (i32.store8 (i32.const 70000) (i32.const 1)) (unreachable))`,
  variables,
);

/** What `fn` found at its first, second and third call. */
async function findings(lab: ThreadLab, load: number, fn: string) {
  const found: (number | undefined)[] = [];
  for (let i = 0; i < 3; i++) found.push((await lab.call(load, fn))[0]);
  return found;
}

for (const isolation of ["restore", "fresh"] as const) {
  Deno.test(`no call sees a trace of the one before (${isolation})`, async () => {
    const lab = new ThreadLab();
    const loaded = await lab.load(tracesWasm, { isolation });
    assert.deepEqual(loaded.isolation, isolation);
    const { load } = loaded;
    assert.deepEqual(await findings(lab, load, "stored"), [0, 0, 0]);
    assert.deepEqual(await findings(lab, load, "global"), [21, 21, 21]);
    assert.deepEqual(await findings(lab, load, "variable"), [0, 0, 0]);
    assert.deepEqual(await findings(lab, load, "grown"), [2, 2, 2]);
    assert.deepEqual(await findings(lab, load, "exchange"), [0, 0, 0]);
    await assert.rejects(lab.call(load, "fails"), /trap/);
    assert.deepEqual(await findings(lab, load, "stored"), [0, 0, 0]);
  });
}

Deno.test("a restored memory is clean beyond the size that the guest sees", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(tracesWasm);
  await lab.call(load, "grown");
  // The same instance, whose real memory stays large.
  const found = await findings(lab, load, "beyond");
  assert.deepEqual(found, [0, 0, 0]);
});

Deno.test("a reused seed sees what it kept, but no exchange memory", async () => {
  const lab = new ThreadLab();
  const { load, isolation } = await lab.load(tracesWasm, {
    isolation: "reuse",
  });
  assert.equal(isolation, "reuse");
  assert.deepEqual(await findings(lab, load, "stored"), [0, 1, 1]);
  assert.deepEqual(await findings(lab, load, "global"), [21, 3, 3]);
  assert.deepEqual(await findings(lab, load, "variable"), [0, 1, 1]);
  assert.deepEqual(await findings(lab, load, "exchange"), [0, 0, 0]);
});

Deno.test("a module that changes tables gets fresh instances, and says why", async () => {
  const module = guestWasm(`(table $t 4 funcref)
    (func $f) (elem declare func $f)
    (func (export "f") (result i32)
      (call $outByte (ref.is_null (table.get $t (i32.const 0))))
      (table.set $t (i32.const 0) (ref.func $f)) (i32.const 0))`);
  const lab = new ThreadLab();
  const { load, isolation, reason } = await lab.load(module);
  assert.equal(isolation, "fresh");
  assert.match(reason ?? "", /table/);
  assert.deepEqual(await findings(lab, load, "f"), [1, 1, 1]);
});

Deno.test("a module with a large memory gets fresh instances, and says why", async () => {
  const module = wasm(`(module (memory (export "memory") 300)
    (func (export "f") (i32.store8 (i32.const 19000000) (i32.const 1))))`);
  const lab = new ThreadLab();
  const { load, isolation, reason } = await lab.load(module);
  assert.equal(isolation, "fresh");
  assert.match(reason ?? "", /\d{8} bytes/);
  assert.deepEqual(await lab.call(load, "f"), emptyBytes);
});

Deno.test("what a start function and an initialiser did is there at each call", async () => {
  const module = guestWasm(`
    (global $init (mut i32) (i32.const 0))
    (func $start (i32.store8 (i32.const 100) (i32.const 5))) (start $start)
    (func (export "_initialize")
      (i32.store8 (i32.const 101)
        (i32.add (i32.load8_u (i32.const 100)) (i32.const 1)))
      (global.set $init (i32.const 3)))
    (func (export "f") (result i32)
      (call $outByte (i32.add (global.get $init) (i32.add
        (i32.load8_u (i32.const 100)) (i32.load8_u (i32.const 101)))))
      (i32.store8 (i32.const 100) (i32.const 0))
      (i32.store8 (i32.const 101) (i32.const 0))
      (global.set $init (i32.const 0)) (i32.const 0))`);
  for (const isolation of ["restore", "fresh"] as const) {
    const lab = new ThreadLab();
    const { load } = await lab.load(module, { isolation });
    assert.deepEqual(await findings(lab, load, "f"), [14, 14, 14]);
  }
});

Deno.test("data that an initialiser cleared stays cleared in further instances", async () => {
  const module = guestWasm(
    `(data (i32.const 8192) "\\07")
    (func (export "_initialize") (i32.store8 (i32.const 8192) (i32.const 0)))
    (func (export "sleep") (result i32) (local $n i32)
      (call $outByte (i32.load8_u (i32.const 8192)))
      (i32.store (i32.const 1000) (i32.const 0))
      (i64.store (i32.const 1024) (i64.const 50000000))
      (drop (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1)
        (i32.const 3000))) (i32.const 0))`,
    `(import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))`,
  );
  const lab = new ThreadLab();
  const { load } = await lab.load(module);
  // Three at once need three instances, two of them made from the snapshot.
  const calls = [1, 2, 3].map(() => lab.start(load, "sleep"));
  for (const id of calls) {
    const [, , output] = await lab.reply("done", id);
    assert.deepEqual([...output], [0]);
  }
});

/** Draws 8 random bytes when it starts, and answers with them. */
const seededWasm = guestWasm(
  `(func (export "_initialize")
    (drop (call $random (i32.const 64) (i32.const 8))))
  (func (export "draw") (result i32)
    (call $outU64 (i64.load (i32.const 64))) (i32.const 0))`,
  `(import "wasi_snapshot_preview1" "random_get"
    (func $random (param i32 i32) (result i32)))`,
);

Deno.test("a generator seeded at start does not repeat once the thread was idle", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(seededWasm);
  const drawn = new Set<string>();
  for (let i = 0; i < 5; i++) {
    drawn.add(String(await lab.call(load, "draw")));
    await lab.idle(100);
  }
  assert.equal(drawn.size, 5);
});

Deno.test("instances go back to the budget when a seed is unloaded", async () => {
  const lab = new ThreadLab();
  const before = lab.budget.usedBytes;
  const { load } = await lab.load(tracesWasm);
  await lab.call(load, "stored");
  assert.ok(lab.budget.usedBytes > before);
  assert.ok(lab.budget.instances > 0);
  lab.post(["unload", load], ["ping"]);
  await lab.reply("pong");
  assert.equal(lab.budget.usedBytes, before);
  assert.equal(lab.budget.instances, 0);
});

Deno.test("idle instances go after a while, but for one", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(sleepingWasm());
  const calls = Array.from({ length: 8 }, () => lab.start(load, "sleep"));
  for (const id of calls) await lab.reply("done", id);
  assert.ok(lab.budget.instances >= 8);
  await lab.idle(30_000);
  assert.equal(lab.budget.instances, 1);
  await lab.call(load, "sleep");
});

/** Each call sleeps 50 ms. */
function sleepingWasm() {
  return guestWasm(
    `(func (export "sleep") (result i32)
      (i64.store (i32.const 1024) (i64.const 50000000))
      (drop (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1)
        (i32.const 3000))) (i32.const 0))`,
    `(import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))`,
  );
}

Deno.test("a call waits for room when the budget is full, and gets it", async () => {
  const lab = new ThreadLab({ budgetBytes: 20 * 65_536 });
  const { load } = await lab.load(sleepingWasm());
  const calls = Array.from({ length: 12 }, () => lab.start(load, "sleep"));
  let most = 0;
  for (const id of calls) {
    await lab.reply("done", id);
    most = Math.max(most, lab.budget.usedBytes);
  }
  assert.ok(most <= 20 * 65_536);
});

Deno.test("a seed that can never fit into the budget is refused", async () => {
  const lab = new ThreadLab({ budgetBytes: 10 * 65_536 });
  const module = wasm(`(module (memory (export "memory") 20)
    (func (export "f")))`);
  await assert.rejects(lab.load(module), /memory: .*more than this node/);
});

Deno.test("memory.grow is refused at the seed's cap, and the trap says so", async () => {
  const module = guestWasm(`(func (export "f") (result i32)
    (loop $more (br_if $more
      (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))
    (unreachable))`);
  const lab = new ThreadLab();
  const { load } = await lab.load(module, {}, { memoryPagesMax: 16 });
  await assert.rejects(
    lab.call(load, "f"),
    /memory: .*1048576 bytes and trapped: unreachable/,
  );
});

Deno.test("initialising anew has no more time than a call, and is tried once", async () => {
  const lab = new ThreadLab();
  const loopsFrom = BigInt(Math.floor(lab.clock.nowMs()) + 100) * 1_000_000n;
  const module = guestWasm(
    `(func (export "_initialize")
      (drop (call $random (i32.const 64) (i32.const 8)))
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 72)))
      (if (i64.gt_u (i64.load (i32.const 72)) (i64.const ${loopsFrom}))
        (then (loop $on (br $on)))))
    (func (export "f"))`,
    `(import "wasi_snapshot_preview1" "random_get"
      (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get"
      (func $clock (param i32 i64 i32) (result i32)))`,
  );
  const { load } = await lab.load(module, { cpuMs: 50 });
  await lab.idle(200);
  const warnings = () => lab.received.filter(([tag]) => tag === "log");
  for (let i = 0; i < 3; i++) {
    await lab.call(load, "f");
    await lab.idle(500);
  }
  const [warning, ...others] = warnings();
  assert.deepEqual(others, []);
  assert.match(String(warning), /initialised again: .*more than 50 ms/);
  lab.post(["unload", load], ["ping"]);
  await lab.reply("pong");
  assert.equal(lab.budget.instances, 0);
});

Deno.test("a generator seeded at start does not repeat after calls that failed", async () => {
  const module = guestWasm(
    `(func (export "_initialize")
      (drop (call $random (i32.const 64) (i32.const 8))))
    (func (export "draw") (result i32)
      (call $exit (i32.or (i32.const 1) (i32.load16_u (i32.const 64))))
      (i32.const 0))`,
    `(import "wasi_snapshot_preview1" "random_get"
      (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))`,
  );
  const lab = new ThreadLab();
  const { load } = await lab.load(module);
  const drawn = new Set<string>();
  for (let i = 0; i < 4; i++) {
    const [, , fault] = await lab.reply("failed", lab.start(load, "draw"));
    drawn.add(fault.message);
    await lab.idle(200);
  }
  assert.equal(drawn.size, 4, [...drawn].join());
});

Deno.test("what an initialiser answers is no answer of a call", async () => {
  const word = text(64, "boom");
  const sayings = [
    `(call $out ${word.range})`,
    `(call $error_set ${word.block})`,
  ];
  for (const saying of sayings) {
    const module = guestWasm(
      `${word.data} (func (export "_initialize") ${saying})
      (func (export "f"))`,
    );
    for (const isolation of ["restore", "fresh", "reuse"] as const) {
      const lab = new ThreadLab();
      const { load } = await lab.load(module, { isolation });
      for (let i = 0; i < 3; i++) {
        assert.deepEqual(await lab.call(load, "f"), emptyBytes);
      }
    }
  }
});

Deno.test("instances that wait make room for others that are needed", async () => {
  const lab = new ThreadLab({ budgetBytes: 60 * 65_536 });
  // One instance fits, two do not.
  const large = wasm(`(module (memory (export "memory") 30)
    (func (export "f")))`);
  const hog = await lab.load(large, { isolation: "reuse" });
  await lab.call(hog.load, "f");
  const other = await lab.load(large, { isolation: "reuse" });
  const startMs = lab.clock.nowMs();
  await lab.call(other.load, "f");
  await lab.call(other.load, "f");
  await lab.call(hog.load, "f");
  assert.ok(lab.clock.nowMs() - startMs < 1_000);
});

Deno.test("a thread without room asks the others, and does as it is asked", async () => {
  const lab = new ThreadLab({ budgetBytes: 30 * 65_536 });
  const { load } = await lab.load(sleepingWasm());
  await lab.call(load, "sleep");
  const held = lab.budget.usedBytes;
  lab.post(["trim"], ["ping"]);
  await lab.reply("pong");
  assert.ok(lab.budget.usedBytes < held);
  assert.ok(lab.budget.takePages(20), "as another thread would");
  const id = lab.start(load, "sleep", { leftMs: 1_000 });
  await lab.reply("starved");
  const [, , fault] = await lab.reply("failed", id);
  assert.equal(fault.reason, "memory");
  assert.match(fault.message, /memory for seeds is full/);
});

Deno.test("initialising anew ends although the initialiser sleeps", async () => {
  const lab = new ThreadLab();
  const sleepsFrom = BigInt(Math.floor(lab.clock.nowMs()) + 100) * 1_000_000n;
  const module = guestWasm(
    `(func (export "_initialize")
      (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 72)))
      (if (i64.gt_u (i64.load (i32.const 72)) (i64.const ${sleepsFrom}))
        (then (i64.store (i32.const 1024) (i64.const 3600000000000))
          (drop (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1)
            (i32.const 3000))))))
    (func (export "f"))`,
    `(import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get"
      (func $clock (param i32 i64 i32) (result i32)))`,
  );
  const { load } = await lab.load(module);
  await lab.idle(200);
  await lab.call(load, "f");
  await lab.idle(100);
  assert.equal(lab.budget.instances, 2, "one initialises");
  await lab.idle(15_000);
  assert.equal(lab.budget.instances, 1);
  const [warning] = lab.received.filter(([tag]) => tag === "log");
  assert.match(String(warning), /does not start within 10 seconds/);
});
