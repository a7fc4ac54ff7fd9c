// Guests that do not return (SCENARIOS.md S35, wall part): their callers are
// answered by the deadline, everybody else is served elsewhere, the thread is
// given up, and a seed that costs two threads is refused. Slow is not runaway.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import {
  runawayWasm,
  serveRunawayThread,
  spinningName,
} from "../fixtures/seeds/runaway.ts";
import { endingOf, rejectsWith, SeedLab } from "../fixtures/seeds/seed_lab.ts";
import { echoWasm, guestWasm } from "../fixtures/seeds/wat.ts";

const openLab = (cores = 2) =>
  new SeedLab({ cores, program: serveRunawayThread });

/** Starts a call without waiting for it. */
function start(
  lab: SeedLab,
  [name, fn]: readonly [string, string],
  options: Parameters<SeedLab["job"]>[2] = {},
) {
  const seed = lab.seeds.get(name);
  assert.ok(seed, name);
  return endingOf(lab.pool.call(lab.job(seed, fn, options)));
}

Deno.test("S35: the caller of a looping guest is answered at its deadline", async () => {
  await using lab = openLab();
  const seed = lab.add("bad", runawayWasm);
  await rejectsWith(lab.run(seed, "loop", { timeoutMs: 1_000 }), "timeout", {
    message: '"loop" of seed "bad" did not end by its deadline',
  });
  assert.ok(lab.world.nowMs >= 1_000 && lab.world.nowMs <= 1_050);
});

Deno.test("S35: calls behind a looping guest finish on another thread", async () => {
  await using lab = openLab();
  lab.add("bad", runawayWasm);
  lab.add("good", echoWasm);
  const looping = start(lab, ["bad", "loop"], { timeoutMs: 5_000 });
  const others = Array.from(
    { length: 20 },
    () => start(lab, ["good", "echo"]),
  );
  const endings = await lab.world.complete(Promise.all(others));
  assert.deepEqual(new Set(endings), new Set(["ok"]));
  assert.ok(lab.world.nowMs < 1_000, `after ${lab.world.nowMs} ms`);
  assert.equal(await lab.world.complete(looping), "timeout");
});

Deno.test("S35: a looping guest's thread is abandoned after a grace", async () => {
  await using lab = openLab();
  const seed = lab.add("bad", runawayWasm);
  const ending = start(lab, ["bad", "loop"], { timeoutMs: 1_000 });
  await lab.world.run(2_900);
  assert.equal(lab.pool.threadCounts.abandoned, 0);
  await lab.world.run(3_200);
  assert.deepEqual(lab.pool.threadCounts, { running: 0, abandoned: 1 });
  assert.equal(await ending, "timeout");
  assert.deepEqual(
    lab.log.records.map((at) => [at.event, at.fields]),
    [["seed.thread_abandoned", { seed: "bad", digest: "digest of bad" }]],
  );
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
  await lab.world.settle();
});

Deno.test("S35: a seed that cost two threads is refused, others are not", async () => {
  await using lab = openLab();
  const seed = lab.add("bad", runawayWasm);
  const good = lab.add("good", echoWasm);
  for (const _ of [1, 2]) {
    assert.equal(lab.pool.refusalOf(seed.digest), undefined);
    await rejectsWith(lab.run(seed, "loop", { timeoutMs: 500 }), "timeout");
    await lab.world.settle();
  }
  const message = 'Seed "bad" is refused: 2 of its calls never ended and ' +
    "hold a thread each";
  const error = await rejectsWith(lab.run(seed, "fine"), "refused", {
    message,
  });
  assert.match(error.hint ?? "", /pln restart/);
  assert.match(lab.pool.refusalOf(seed.digest) ?? "", /never ended/);
  await rejectsWith(lab.world.complete(lab.pool.load(seed)), "refused");
  const again = lab.add("alias", runawayWasm, { digest: seed.digest });
  await rejectsWith(lab.run(again, "fine"), "refused");
  assert.equal(lab.pool.refusalOf(good.digest), undefined);
  assert.equal(await endingOf(lab.run(good, "echo")), "ok");
});

Deno.test("S35: all seeds are refused once eight threads are lost", async () => {
  await using lab = openLab();
  for (let index = 0; index < limits.abandonedThreadsMax; index++) {
    const seed = lab.add(`bad${index}`, runawayWasm);
    await rejectsWith(lab.run(seed, "loop", { timeoutMs: 100 }), "timeout");
    await lab.world.settle();
  }
  assert.equal(lab.pool.threadCounts.abandoned, 8);
  const good = lab.add("good", echoWasm);
  const message = /calls of bad0, .*bad7 never ended and hold all 8 threads$/;
  await rejectsWith(lab.run(good, "echo"), "refused", { message });
});

Deno.test("S35: as many loops at once as there are threads starve nobody", async () => {
  await using lab = openLab();
  lab.add("bad", runawayWasm);
  lab.add("good", echoWasm);
  const loops = [1, 2, 3].map(() =>
    start(lab, ["bad", "loop"], { timeoutMs: 2_000 })
  );
  await lab.world.run(1_000);
  const good = start(lab, ["good", "echo"], { timeoutMs: 10_000 });
  assert.equal(await lab.world.complete(good), "ok");
  for (const loop of loops) assert.equal(await loop, "timeout");
  await lab.world.settle();
  // The third loop began only where a thread came free, and is not charged
  // to any other seed.
  assert.equal(lab.pool.refusalOf("digest of good"), undefined);
});

Deno.test("a slow guest that ends is not abandoned, nor its thread lost", async () => {
  await using lab = openLab();
  const seed = lab.add("slow", runawayWasm);
  const slow = start(lab, ["slow", "loop3000"], { timeoutMs: 5_000 });
  await lab.world.run(1_000);
  const other = start(lab, ["slow", "fine"]);
  await lab.world.run(2_000);
  assert.equal(await other, "ok", "on another thread");
  assert.equal(await lab.world.complete(slow), "ok");
  assert.equal(lab.world.nowMs, 3_000);
  assert.equal(lab.pool.threadCounts.abandoned, 0);
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
  await lab.world.settle();
});

Deno.test("a guest that ends within the grace costs only its own call", async () => {
  await using lab = openLab();
  lab.add("slow", runawayWasm);
  const slow = start(lab, ["slow", "loop300"], { timeoutMs: 100 });
  assert.equal(await lab.world.complete(slow), "timeout");
  await lab.world.settle();
  assert.deepEqual(lab.pool.threadCounts, { running: 1, abandoned: 0 });
});

Deno.test("a call that started late may run for as long as it was given", async () => {
  await using lab = openLab();
  lab.add("slow", runawayWasm);
  // One second of work each, on one thread and the two beside it: the last
  // ones start shortly before their deadline and end after it.
  const calls = Array.from(
    { length: 12 },
    () => start(lab, ["slow", "loop3000"], { timeoutMs: 7_000 }),
  );
  const endings = await lab.world.complete(Promise.all(calls));
  await lab.world.settle();
  assert.ok(endings.includes("timeout") && endings.includes("ok"));
  assert.equal(lab.pool.threadCounts.abandoned, 0);
  assert.equal(lab.pool.refusalOf("digest of slow"), undefined);
});

Deno.test("a cancelled call's guest may go on until its deadline", async () => {
  await using lab = openLab();
  lab.add("slow", runawayWasm);
  const aborter = new AbortController();
  const { signal } = aborter;
  const slow = start(lab, ["slow", "loop3000"], { timeoutMs: 5_000, signal });
  await lab.world.run(500);
  aborter.abort();
  assert.equal(await lab.world.complete(slow), "cancelled");
  await lab.world.settle();
  assert.equal(lab.pool.threadCounts.abandoned, 0);
});

Deno.test("R13: a start function that loops is refused, and costs one thread", async () => {
  await using lab = openLab();
  const spinning = lab.add(spinningName, runawayWasm);
  lab.add("good", echoWasm);
  const loading = endingOf(lab.pool.load(spinning));
  const waiting = start(lab, [spinningName, "fine"], { timeoutMs: 60_000 });
  await lab.world.run(1_000);
  const good = start(lab, ["good", "echo"]);
  assert.equal(await lab.world.complete(good), "ok");
  assert.ok(lab.world.nowMs < 2_000);
  assert.equal(await lab.world.complete(loading), "timeout");
  assert.equal(await lab.world.complete(waiting), "timeout");
  await lab.world.settle();
  assert.equal(lab.pool.threadCounts.abandoned, 1);
});

Deno.test("a looping start function is noticed after it was unseeded", async () => {
  await using lab = openLab();
  const spinning = lab.add(spinningName, runawayWasm);
  const loading = endingOf(lab.pool.load(spinning));
  await lab.world.run(1_000);
  lab.pool.unload(spinning.key);
  assert.equal(await lab.world.complete(loading), "lost");
  await lab.world.settle();
  assert.equal(lab.pool.threadCounts.abandoned, 1);
});

Deno.test("a load behind a looping guest moves to another thread", async () => {
  await using lab = openLab();
  lab.add("bad", runawayWasm);
  const good = lab.add("good", echoWasm);
  const looping = start(lab, ["bad", "loop"], { timeoutMs: 20_000 });
  await lab.world.run(10);
  const facts = await lab.world.complete(lab.pool.load(good));
  assert.deepEqual(facts.functions, ["echo"]);
  assert.ok(lab.world.nowMs < 1_000, `after ${lab.world.nowMs} ms`);
  assert.equal(await lab.world.complete(looping), "timeout");
});

Deno.test("a call that waits for its module moves when the thread is lost", async () => {
  await using lab = openLab();
  lab.add("bad", runawayWasm);
  const { promise, resolve } = Promise.withResolvers<typeof echoWasm>();
  lab.add("late", echoWasm, { readModule: () => promise });
  const looping = start(lab, ["bad", "loop"], { timeoutMs: 500 });
  const late = start(lab, ["late", "echo"], { timeoutMs: 60_000 });
  await lab.world.run(3_000);
  assert.equal(lab.pool.threadCounts.abandoned, 1);
  assert.equal(await looping, "timeout");
  resolve(echoWasm);
  assert.equal(await lab.world.complete(late), "ok");
});

Deno.test("S37: a guest asleep beside a looping one is told of the loss", async () => {
  await using lab = openLab();
  lab.add("bad", runawayWasm);
  const asleep = guestWasm(
    `(func (export "f") (result i32)
      (i64.store (i32.const 536) (i64.const 60000000000))
      (drop (call $poll (i32.const 512) (i32.const 1024)
        (i32.const 1) (i32.const 0)))
      (i32.const 0))`,
    `(import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))`,
  );
  lab.add("asleep", asleep);
  const sleeping = start(lab, ["asleep", "f"], { timeoutMs: 100_000 });
  await lab.world.run(100);
  const looping = start(lab, ["bad", "loop"], { timeoutMs: 1_000 });
  assert.equal(await lab.world.complete(looping), "timeout");
  assert.equal(await lab.world.complete(sleeping), "lost");
});
