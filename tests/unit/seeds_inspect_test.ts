// What people learn of a seed: the lines that it logs, at a bounded rate, and
// what it occupies on all threads.

import assert from "node:assert/strict";
import { openSimClock } from "../../src/sim/clock.ts";
import { openSimLog } from "../../src/sim/log.ts";
import { openWorld } from "../../src/sim/world.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { utf8 } from "../../src/kernel/mod.ts";
import { LogGate } from "../../src/seeds/log_gate.ts";
import { openAskingLab } from "../fixtures/seeds/asking_lab.ts";
import { SeedLab } from "../fixtures/seeds/seed_lab.ts";
import {
  echoWasm,
  guestWasm,
  text,
  userImports,
} from "../fixtures/seeds/wat.ts";

const line = text(1024, "a line of sixteen");
const loggingWasm = guestWasm(
  `${line.data}
  (func (export "log") (result i32) (local $i i32)
    (loop $on
      (call $log (i64.const 1) ${line.block})
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $on (i32.lt_u (local.get $i) (i32.const 100))))
    (i32.const 0))`,
  userImports,
);

Deno.test("lines carry their seed's name and their call's id", async () => {
  await using lab = new SeedLab();
  const seed = lab.add("s", loggingWasm);
  await lab.run(seed, "log");
  await lab.run(seed, "log");
  assert.equal(lab.lines.length, 200);
  const [first, last] = [lab.lines[0], lab.lines.at(-1)];
  assert.equal(first?.seed, "s");
  assert.equal(first?.level, "info");
  assert.equal(first?.text, "a line of sixteen");
  assert.notEqual(first?.call, last?.call);
});

Deno.test("a seed that logs without end is cut to a thousand lines a second", async () => {
  await using lab = new SeedLab();
  const seed = lab.add("flood", loggingWasm);
  const calls = Array.from(
    { length: 50 },
    () => lab.pool.call(lab.job(seed, "log")),
  );
  await lab.world.complete(Promise.all(calls));
  const seconds = lab.world.nowMs / 1_000;
  const flood = lab.lines.length;
  assert.ok(flood >= 1_000 && flood <= 1_000 * (1 + seconds), `${flood}`);
  await lab.run(lab.add("other", loggingWasm), "log");
  const others = lab.lines.filter((one) => one.seed === "other");
  assert.equal(others.length, 100, "another seed's lines pass");
  await lab.world.run(lab.world.nowMs + 2_000);
  assert.deepEqual(
    lab.log.records.map((at) => [at.event, at.fields]),
    [["seed.log_dropped", { seed: "flood", lines: 5_000 - flood }]],
  );
});

Deno.test("a pool that is disposed says what it dropped, and leaves", async () => {
  const lab = new SeedLab();
  const seed = lab.add("flood", loggingWasm);
  for (let call = 0; call < 15; call++) await lab.run(seed, "log");
  await lab[Symbol.asyncDispose]();
  await lab.world.run(lab.world.nowMs + 100);
  assert.equal(lab.world.timerCount, 0);
  assert.deepEqual(
    lab.log.records.map(({ event }) => event),
    ["seed.log_dropped"],
  );
});

Deno.test("what was dropped is said once a second, and at the end", async () => {
  const world = openWorld(3, { turn: openTurn() });
  const needs = { clock: openSimClock(world), log: openSimLog(world) };
  const gate = new LogGate(needs);
  const say = (count: number) => {
    let passed = 0;
    for (let index = 0; index < count; index++) {
      if (gate.admits("s", "x")) passed++;
    }
    return passed;
  };
  assert.equal(say(1_500), 1_000);
  await world.run(500);
  assert.equal(say(1_500), 500);
  await world.run(1_500);
  assert.equal(say(1_500), 1_000);
  gate[Symbol.dispose]();
  assert.deepEqual(
    needs.log.records.map((at) => [at.atMs, at.fields["lines"]]),
    [[1_000, 1_500], [1_500, 500]],
  );
  assert.equal(world.timerCount, 0);
});

Deno.test("long lines count by their length", async () => {
  const world = openWorld(3, { turn: openTurn() });
  const needs = { clock: openSimClock(world), log: openSimLog(world) };
  using gate = new LogGate(needs);
  const long = "x".repeat(4_096);
  let passed = 0;
  while (gate.admits("s", long)) passed++;
  assert.equal(passed, 64, "256 KiB at once");
  assert.ok(gate.admits("other", long));
  await world.run(1_000);
  assert.ok(gate.admits("s", long));
});

Deno.test("usage sums what all threads have of a seed", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab({ cores: 3 });
  await using _ = closing;
  const usage = () => lab.world.complete(lab.pool.usageOf(seed.key));
  const none = await usage();
  assert.deepEqual(none, {
    isolation: undefined,
    isolationReason: undefined,
    threads: 0,
    instances: 0,
    memoryBytes: 0,
    peakBytes: 0,
    cpuMs: 0,
    functions: undefined,
  });
  assert.equal(lab.pool.threadCounts.running, 0, "asking starts nothing");
  const calls = Array.from({ length: 20 }, () => ask());
  await lab.world.run(100);
  const busy = await usage();
  assert.equal(busy.threads, 2);
  assert.ok(busy.instances >= 20);
  assert.equal(busy.isolation, "restore");
  assert.deepEqual(busy.functions, ["ask", "fine", "stubborn"]);
  assert.ok(busy.memoryBytes >= 20 * 2 * 65_536);
  for (const answer of asked) answer(utf8("a"));
  await lab.world.complete(Promise.all(calls));
  assert.ok((await usage()).peakBytes >= 2 * 65_536);
});

Deno.test("usage says why a seed is not isolated as it wished", async () => {
  await using lab = new SeedLab();
  const touching = guestWasm(`(table $t 2 funcref) (elem declare func $f)
    (func $f) (func (export "f") (result i32)
      (table.set $t (i32.const 0) (ref.func $f)) (i32.const 0))`);
  const fresh = lab.add("touching", touching);
  await lab.run(fresh, "f");
  const usage = await lab.world.complete(lab.pool.usageOf(fresh.key));
  assert.equal(usage.isolation, "fresh");
  assert.match(usage.isolationReason ?? "", /table/);
  const settings = { isolation: "reuse" } as const;
  const reused = lab.add("reused", echoWasm, { settings });
  await lab.run(reused, "echo");
  const other = await lab.world.complete(lab.pool.usageOf(reused.key));
  assert.equal(other.isolation, "reuse");
  assert.equal(other.isolationReason, undefined);
});

Deno.test("usage tells what isolation turned out to be impossible later", async () => {
  await using lab = new SeedLab();
  const lateMs = Math.floor(lab.clock.wallMs()) + 5_000;
  // Its random number makes it start anew; late, it starts with 17 MiB more.
  const growing = guestWasm(
    `(func (export "_initialize")
      (drop (call $random (i32.const 0) (i32.const 8)))
      (drop (call $time (i32.const 0) (i64.const 0) (i32.const 64)))
      (if (i64.gt_u (i64.load (i32.const 64)) (i64.const ${lateMs}000000))
        (then (drop (memory.grow (i32.const 272))))))
    (func (export "f") (result i32) (i32.const 0))`,
    `(import "wasi_snapshot_preview1" "random_get"
      (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get"
      (func $time (param i32 i64 i32) (result i32)))`,
  );
  const seed = lab.add("s", growing);
  await lab.world.complete(lab.pool.load(seed));
  const usage = () => lab.world.complete(lab.pool.usageOf(seed.key));
  assert.equal((await usage()).isolation, "restore");
  await lab.world.run(10_000);
  await lab.run(seed, "f");
  await lab.world.run(lab.world.nowMs + 1_000);
  const { isolation, isolationReason } = await usage();
  assert.equal(isolation, "fresh");
  assert.match(isolationReason ?? "", /more than are put back quickly/);
});

Deno.test("usage of a thread that is lost meanwhile counts as nothing", async () => {
  await using lab = new SeedLab();
  const seed = lab.add("s", echoWasm);
  await lab.run(seed, "echo");
  const [worker] = lab.sandbox.threads();
  assert.ok(worker);
  lab.sandbox.wedge(worker);
  const usage = await lab.world.complete(lab.pool.usageOf(seed.key));
  assert.equal(usage.instances, 0);
  assert.ok(lab.world.nowMs <= 10_200);
  assert.equal(lab.pool.threadCounts.lost, 1);
});
