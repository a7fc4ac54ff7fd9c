// The life of calls in the pool: deadlines, cancellation at every stage, lost
// threads, saturation, nesting, and the end. Each call settles
// exactly once, and an idle pool leaves no timer behind.

import assert from "node:assert/strict";
import { type Bytes, limits, utf8 } from "../../src/kernel/mod.ts";
import type { SeedPool } from "../../src/seeds/mod.ts";
import {
  endingOf,
  rejectsWith,
  SeedLab,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { openAskingLab } from "../fixtures/seeds/asking_lab.ts";
import { echoWasm } from "../fixtures/seeds/wat.ts";

Deno.test("S37: a call that waits for its request ends at its deadline", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const ending = endingOf(ask({ timeoutMs: 1_000 }));
  assert.equal(await lab.world.complete(ending), "timeout");
  assert.ok(lab.world.nowMs <= 1_050);
  assert.equal(asked.length, 1);
  // The answer that comes too late is for nobody.
  asked[0]?.(utf8("late"));
  await lab.world.settle();
  assert.deepEqual(lab.pool.threadCounts, { running: 1, abandoned: 0 });
  assert.deepEqual(lab.log.records, []);
});

Deno.test("S37: a guest that catches its end gets nothing from then on", async () => {
  const { lab, closing, seed, asked, onRequest } = openAskingLab();
  await using _ = closing;
  const job = lab.job(seed, "stubborn", { onRequest, timeoutMs: 100 });
  const ending = endingOf(lab.pool.call(job));
  assert.equal(await lab.world.complete(ending), "timeout");
  await lab.world.settle();
  assert.equal(asked.length, 1, "no request after the end");
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
});

Deno.test("a call is cancelled before, while and after it waits", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const before = AbortSignal.abort();
  await rejectsWith(ask({ signal: before }), "cancelled");

  const loading = new AbortController();
  const { promise: bytes, resolve } = Promise.withResolvers<Bytes>();
  const late = lab.add("late", echoWasm, { readModule: () => bytes });
  const { signal } = loading;
  const waiting = endingOf(lab.pool.call(lab.job(late, "echo", { signal })));
  await lab.world.run(100);
  loading.abort();
  assert.equal(await lab.world.complete(waiting), "cancelled");
  resolve(echoWasm);

  const running = new AbortController();
  const suspended = endingOf(ask({ signal: running.signal }));
  await lab.world.run(200);
  assert.equal(asked.length, 1);
  running.abort();
  assert.equal(await lab.world.complete(suspended), "cancelled");

  const done = new AbortController();
  const output = await lab.run(seed, "fine", { signal: done.signal });
  done.abort();
  assert.equal(output.length, 0);
  await lab.world.settle();
});

Deno.test("a queued call is cancelled and does not run", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const parents = Array.from(
    { length: limits.callsPerThreadMax },
    () => endingOf(ask()),
  );
  const aborter = new AbortController();
  const queued = endingOf(ask({ signal: aborter.signal }));
  await lab.world.run(100);
  assert.equal(asked.length, limits.callsPerThreadMax);
  aborter.abort();
  assert.equal(await lab.world.complete(queued), "cancelled");
  for (const answer of asked) answer(utf8("a"));
  const endings = await lab.world.complete(Promise.all(parents));
  assert.deepEqual(new Set(endings), new Set(["ok"]));
  assert.equal(asked.length, limits.callsPerThreadMax);
});

Deno.test("a crashed thread loses what it started and nothing else", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const started = endingOf(ask());
  await lab.world.run(10);
  const waiting = Promise.all(
    Array.from({ length: 5 }, () => lab.pool.call(lab.job(seed, "fine"))),
  );
  const [thread] = lab.sandbox.threads();
  assert.ok(thread);
  lab.sandbox.wedge(thread);
  lab.sandbox.crash(thread);
  assert.equal(await lab.world.complete(started), "lost");
  await lab.world.complete(waiting);
  assert.equal(asked.length, 1);
  const [failed] = lab.log.records.map((record) => record.event);
  assert.equal(failed, "seed.thread_failed");
  await lab.world.settle();
});

Deno.test("S40: more calls than the queue holds are refused, safe to retry", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const most = limits.callsPerThreadMax + limits.callsQueuedMax;
  const calls = Array.from({ length: most + 50 }, () => endingOf(ask()));
  await lab.world.run(100);
  const refused = calls.slice(most);
  assert.deepEqual(
    new Set(await lab.world.complete(Promise.all(refused))),
    new Set(["PLN_SATURATED"]),
  );
  // Whoever waits in a thread is served all the same.
  const nested = lab.pool.call(lab.job(
    lab.add("echo", echoWasm),
    "echo",
    { isNested: true, input: "in" },
  ));
  assert.equal(textOf(await lab.world.complete(nested)), "in");
  while (asked.length > 0) {
    asked.shift()?.(utf8("a"));
    await lab.world.run(lab.world.nowMs + 1);
  }
  const endings = await lab.world.complete(Promise.all(calls.slice(0, most)));
  assert.deepEqual(new Set(endings), new Set(["ok"]));
});

Deno.test("nested calls do not wait behind a thread full of their parents", async () => {
  const { lab, closing, seed, onRequest } = openAskingLab();
  await using _ = closing;
  const nest = (depth: number): Promise<Bytes> =>
    lab.pool.call(lab.job(seed, depth === 0 ? "fine" : "ask", {
      isNested: depth < 8,
      onRequest: depth === 0 ? onRequest : async () => {
        await nest(depth - 1);
        return utf8(`${depth}`);
      },
    }));
  const roots = Array.from({ length: 100 }, () => nest(8));
  const outputs = await lab.world.complete(Promise.all(roots));
  assert.deepEqual(new Set(outputs.map(textOf)), new Set(["8"]));
});

Deno.test("disposing the pool settles every call, twice is harmless", async () => {
  const { lab, ask, asked, seed } = openAskingLab();
  const { promise, resolve } = Promise.withResolvers<Bytes>();
  const late = lab.add("late", echoWasm, { readModule: () => promise });
  const calls = [
    ...Array.from({ length: 70 }, () => ask()),
    lab.pool.call(lab.job(late, "echo", { isNested: true })),
  ].map(endingOf);
  const loading = endingOf(lab.pool.load(late));
  await lab.world.run(50);
  calls.push(endingOf(lab.pool.call(lab.job(seed, "fine"))));
  const closing = lab.pool[Symbol.asyncDispose]();
  const endings = await lab.world.complete(Promise.all(calls));
  assert.deepEqual(new Set(endings), new Set(["lost"]));
  assert.equal(await lab.world.complete(loading), "PLN_CLOSED");
  assert.equal(await endingOf(ask()), "PLN_CLOSED");
  assert.equal(await endingOf(lab.pool.load(seed)), "PLN_CLOSED");
  assert.equal(lab.sandbox.threads().length, 0);
  for (const answer of asked) answer(undefined);
  resolve(echoWasm);
  await lab.world.complete(closing);
  await lab.pool[Symbol.asyncDispose]();
  await lab.world.settle();
});

Deno.test("an idle pool has no timer and starts no thread", async () => {
  const { lab, closing, seed } = openAskingLab();
  await using _ = closing;
  const isIdle = (pool: SeedPool) => pool.threadCounts.running === 0;
  assert.ok(isIdle(lab.pool));
  assert.equal(lab.world.timerCount, 0);
  await lab.run(seed, "fine");
  await lab.world.run(lab.world.nowMs + 500);
  assert.equal(lab.world.timerCount, 0);
  assert.equal(lab.sandbox.threads().length, 1);
});

Deno.test("a slow start of a thread is not taken for a loop", async () => {
  const lab: SeedLab = new SeedLab({
    program: async (scope) => {
      await lab.clock.sleep(2_000, new AbortController().signal);
      const { serveSeedThread } = await import("../../src/seeds/mod.ts");
      serveSeedThread(scope);
    },
  });
  await using _ = lab;
  assert.equal((await lab.run(echoWasm, "echo")).length, 0);
  assert.equal(lab.pool.threadCounts.running, 1);
});

Deno.test("threads are started as calls need them, one fewer than cores", async () => {
  for (const [cores, threads] of [[1, 1], [2, 1], [4, 3]] as const) {
    const { lab, asked, ask } = openAskingLab(cores);
    const calls = Array.from({ length: 20 }, () => ask());
    await lab.world.run(100);
    assert.equal(lab.pool.threadCounts.running, threads);
    for (const answer of asked) answer(utf8("a"));
    await lab.world.complete(Promise.all(calls));
    await lab[Symbol.asyncDispose]();
  }
});
