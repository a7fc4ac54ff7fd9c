// Guests that run away (SCENARIOS.md S35): they end at their limit of processor
// time, at their deadline or when their caller goes, and everybody else on their
// thread is served meanwhile. None of them costs a thread.

import assert from "node:assert/strict";
import { loopingStartWasm, loopingWasm } from "../fixtures/seeds/looping.ts";
import { endingOf, rejectsWith, SeedLab } from "../fixtures/seeds/seed_lab.ts";
import { echoWasm } from "../fixtures/seeds/wat.ts";

/** Two cores: all seeds share one worker. */
function openLab(cpuMs = 300): SeedLab {
  const lab = new SeedLab();
  lab.add("bad", loopingWasm, { settings: { cpuMs } });
  lab.add("good", echoWasm);
  return lab;
}

/** Starts a call without waiting for it. */
function start(
  lab: SeedLab,
  [name, fn]: readonly [string, string],
  options: Parameters<SeedLab["job"]>[2] = {},
) {
  const seed = lab.seeds.get(name);
  assert.ok(seed, name);
  return lab.pool.call(lab.job(seed, fn, options));
}

/** No thread was lost, and none is stuck. */
async function assertWhole(lab: SeedLab): Promise<void> {
  assert.equal(lab.pool.threadCounts.lost, 0);
  assert.deepEqual(lab.log.records, []);
  const good = endingOf(start(lab, ["good", "echo"]));
  assert.equal(await lab.world.complete(good), "ok");
  await lab.world.settle();
  assert.deepEqual(lab.pool.threadCounts, { running: 0, lost: 0 });
}

Deno.test("S35: a looping guest ends at its limit of processor time", async () => {
  await using lab = openLab();
  const call = start(lab, ["bad", "loop"]);
  await rejectsWith(lab.world.complete(call), "timeout", {
    message: "The seed used more than 300 ms of processor time",
  });
  assert.ok(lab.world.nowMs >= 300 && lab.world.nowMs <= 350);
  await assertWhole(lab);
});

Deno.test("S35: the caller of a looping guest is answered at its deadline", async () => {
  await using lab = openLab(3_600_000);
  const call = start(lab, ["bad", "loop"], { timeoutMs: 200 });
  await rejectsWith(lab.world.complete(call), "timeout");
  assert.ok(lab.world.nowMs >= 200 && lab.world.nowMs <= 230);
  await assertWhole(lab);
});

Deno.test("S35: a looping guest ends when its caller goes away", async () => {
  await using lab = openLab(3_600_000);
  const aborter = new AbortController();
  const { signal } = aborter;
  const call = endingOf(start(lab, ["bad", "loop"], { signal }));
  await lab.world.run(100);
  aborter.abort();
  assert.equal(await lab.world.complete(call), "cancelled");
  assert.equal(lab.world.nowMs, 100);
  await lab.world.run(130);
  const seed = lab.seeds.get("bad");
  assert.ok(seed);
  const usage = await lab.world.complete(lab.pool.usageOf(seed.key));
  assert.ok(usage.cpuMs <= 130, "and runs no longer");
  await assertWhole(lab);
});

Deno.test("S35: small calls pass sixteen looping ones on their thread", async () => {
  await using lab = openLab(2_000);
  await lab.world.complete(start(lab, ["good", "echo"]));
  const loops = Array.from(
    { length: 16 },
    () => endingOf(start(lab, ["bad", "loop"], { timeoutMs: 1_000 })),
  );
  await lab.world.run(100);
  for (let round = 0; round < 10; round++) {
    const beforeMs = lab.world.nowMs;
    await lab.world.complete(start(lab, ["good", "echo"]));
    const tookMs = lab.world.nowMs - beforeMs;
    assert.ok(tookMs <= 20, `after ${tookMs} ms`);
  }
  const endings = await lab.world.complete(Promise.all(loops));
  assert.deepEqual(new Set(endings), new Set(["timeout"]));
  await assertWhole(lab);
});

Deno.test("S35: a guest that loops after it waited ends as well", async () => {
  await using lab = openLab();
  const onRequest = async () => {
    await lab.clock.sleep(5_000, new AbortController().signal);
    return undefined;
  };
  const call = start(lab, ["bad", "asks"], { onRequest });
  await rejectsWith(lab.world.complete(call), "timeout");
  const tookMs = lab.world.nowMs;
  assert.ok(tookMs >= 5_300 && tookMs <= 5_350, "waiting is not running");
  await assertWhole(lab);
});

Deno.test("a seed that ran away is called like any other", async () => {
  await using lab = openLab();
  for (const _ of [1, 2, 3]) {
    const call = endingOf(start(lab, ["bad", "loop"]));
    assert.equal(await lab.world.complete(call), "timeout");
    const fine = start(lab, ["bad", "fine"], { input: "in" });
    assert.equal((await lab.world.complete(fine)).length, 2);
  }
  await assertWhole(lab);
});

Deno.test("R13: a start function that loops is refused, alone", async () => {
  await using lab = openLab();
  await lab.world.complete(start(lab, ["good", "echo"]));
  const looping = lab.add("starting", loopingStartWasm);
  const loading = endingOf(lab.pool.load(looping));
  const waiting = endingOf(start(lab, ["starting", "f"]));
  await lab.world.run(1_000);
  const beforeMs = lab.world.nowMs;
  await lab.world.complete(start(lab, ["good", "echo"]));
  assert.ok(lab.world.nowMs - beforeMs <= 30);
  assert.equal(await lab.world.complete(loading), "timeout");
  assert.ok(lab.world.nowMs <= 11_000);
  assert.equal(await waiting, "timeout");
  await assertWhole(lab);
});

Deno.test("a looping start function ends when its seed is unseeded", async () => {
  await using lab = openLab();
  const looping = lab.add("starting", loopingStartWasm);
  const loading = endingOf(lab.pool.load(looping));
  await lab.world.run(500);
  lab.pool.unload(looping.key);
  assert.equal(await lab.world.complete(loading), "lost");
  assert.equal(lab.world.nowMs, 500);
  await lab.world.complete(start(lab, ["good", "echo"]));
  assert.ok(lab.world.nowMs <= 550, "and is gone from its thread");
  await assertWhole(lab);
});

Deno.test("S37: a guest asleep beside a looping one sleeps on", async () => {
  await using lab = openLab(1_000);
  const sleeping = endingOf(start(lab, ["bad", "asks"], {
    timeoutMs: 4_000,
    onRequest: async () => {
      await lab.clock.sleep(3_000, new AbortController().signal);
      return undefined;
    },
  }));
  await lab.world.run(100);
  const looping = endingOf(start(lab, ["bad", "loop"]));
  assert.equal(await lab.world.complete(looping), "timeout");
  assert.ok(lab.world.nowMs < 2_000);
  assert.equal(await lab.world.complete(sleeping), "timeout");
  assert.ok(lab.world.nowMs >= 3_999, "after its sleep");
  await assertWhole(lab);
});
