// Threads that die or hang, which no guest can cause: what had started there is
// lost, what had not starts elsewhere, the standby takes the place. A machine
// that stands still costs no thread.

import assert from "node:assert/strict";
import { type Bytes, emptyBytes, utf8 } from "../../src/kernel/mod.ts";
import { serveSeedThread } from "../../src/guest/mod.ts";
import { Budget, type ToThread } from "../../src/threads/mod.ts";
import type { SandboxThread } from "../../src/ports/mod.ts";
import { openAskingLab } from "../fixtures/seeds/asking_lab.ts";
import {
  endingOf,
  rejectsWith,
  SeedLab,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { echoWasm, guestWasm } from "../fixtures/seeds/wat.ts";

/** Not the module of any other seed here. */
const startingWasm = guestWasm(`(func (export "f"))`);

/** The one that has the calls: it was started first. */
function workerOf(lab: SeedLab): SandboxThread {
  const [worker] = lab.sandbox.threads();
  assert.ok(worker);
  return worker;
}

function eventsOf(lab: SeedLab): readonly string[] {
  return lab.log.records.map((record) => record.event);
}

Deno.test("a crashed thread loses what it had started and nothing else", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const started = endingOf(ask());
  const { promise: bytes, resolve } = Promise.withResolvers<Bytes>();
  const late = lab.add("late", echoWasm, { readModule: () => bytes });
  const waiting = lab.pool.call(lab.job(late, "echo", { input: "in" }));
  const loading = lab.pool.load(late);
  await lab.world.run(10);
  lab.sandbox.crash(workerOf(lab));
  assert.equal(await lab.world.complete(started), "lost");
  resolve(echoWasm);
  assert.equal(textOf(await lab.world.complete(waiting)), "in");
  assert.deepEqual((await loading).functions, ["echo"]);
  assert.equal((await lab.run(seed, "fine")).length, 0);
  assert.equal(asked.length, 1);
  assert.deepEqual(eventsOf(lab), ["seed.thread_failed"]);
  assert.deepEqual(lab.pool.threadCounts, { running: 2, lost: 1 });
});

Deno.test("the standby takes the place of a lost worker at once", async () => {
  const { lab, closing, seed } = openAskingLab();
  await using _ = closing;
  await lab.run(seed, "fine");
  await lab.world.run(lab.world.nowMs + 100);
  const [worker, standby] = lab.sandbox.threads();
  assert.ok(worker);
  lab.sandbox.crash(worker);
  await lab.world.run(lab.world.nowMs + 1);
  const [first, second] = lab.sandbox.threads();
  assert.equal(first, standby);
  assert.ok(second, "a new standby was started");
  await lab.run(seed, "fine");
  assert.equal(lab.sandbox.threads().length, 2, "and no other thread");
});

Deno.test("a lost standby costs no call", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const under = endingOf(ask());
  await lab.world.run(100);
  const [, standby] = lab.sandbox.threads();
  assert.ok(standby);
  // What it was asked to prepare is prepared by the next one.
  const late = lab.pool.call(lab.job(lab.add("late", echoWasm), "echo"));
  lab.sandbox.crash(standby);
  assert.equal((await lab.world.complete(late)).length, 0);
  asked[0]?.(utf8("a"));
  assert.equal(await lab.world.complete(under), "ok");
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
  assert.equal(lab.pool.threadCounts.lost, 1);
});

Deno.test("what a lost thread held of the node's memory is free again", async () => {
  const { lab, closing, ask } = openAskingLab({
    memoryBytes: 16 * 1024 * 1024,
  });
  await using _ = closing;
  for (let round = 0; round < 30; round++) {
    const calls = [1, 2, 3].map(() => endingOf(ask()));
    await lab.world.run(lab.world.nowMs + 100);
    lab.sandbox.crash(workerOf(lab));
    const endings = await lab.world.complete(Promise.all(calls));
    assert.deepEqual(endings, ["lost", "lost", "lost"], `round ${round}`);
  }
  assert.equal(lab.pool.threadCounts.lost, 30);
});

Deno.test("a lost thread that runs on cannot free anything twice", () => {
  const budget = Budget.ofBytes(10 * 65_536);
  const share = Budget.newShare();
  const [lost, other] = [
    new Budget(budget.buffer, share),
    new Budget(budget.buffer),
  ];
  assert.ok(lost.takePages(4) && lost.takeInstance() && other.takePages(6));
  budget.takeBack(share);
  lost.givePages(4);
  lost.giveInstance();
  budget.takeBack(share);
  assert.equal(budget.usedBytes, 6 * 65_536);
  assert.equal(budget.instances, 0);
});

Deno.test("a lost thread that runs on can take nothing any more", () => {
  const budget = Budget.ofBytes(10 * 65_536);
  const share = Budget.newShare();
  const lost = new Budget(budget.buffer, share);
  assert.ok(lost.takePages(1) && lost.takeInstance());
  budget.takeBack(share);
  assert.equal(lost.takePages(1), false);
  assert.equal(lost.takeInstance(), false);
  assert.equal(budget.usedBytes, 0);
  assert.equal(budget.instances, 0);
  const next = new Budget(budget.buffer);
  assert.ok(next.takePages(10), "nothing of it is lost for good");
});

Deno.test("a load whose module came late finds out that its thread hangs", async () => {
  await using lab = new SeedLab();
  await lab.run(lab.add("first", echoWasm), "echo");
  await lab.world.run(lab.world.nowMs + 1_000);
  const { promise: bytes, resolve } = Promise.withResolvers<Bytes>();
  const late = lab.add("late", startingWasm, { readModule: () => bytes });
  const loading = lab.pool.load(late);
  await lab.world.run(lab.world.nowMs + 1_000);
  lab.sandbox.wedge(workerOf(lab));
  resolve(startingWasm);
  const { functions } = await lab.world.complete(loading);
  assert.deepEqual(functions, ["f"]);
  assert.deepEqual(eventsOf(lab), ["seed.thread_silent"]);
  assert.equal(lab.pool.threadCounts.lost, 1);
});

Deno.test("a thread that hangs is given up after ten seconds", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const calls = [1, 2, 3].map(() => endingOf(ask({ timeoutMs: 60_000 })));
  await lab.world.run(10);
  assert.equal(asked.length, 3);
  lab.sandbox.wedge(workerOf(lab));
  await lab.world.run(9_000);
  assert.equal(lab.pool.threadCounts.lost, 0);
  const endings = await lab.world.complete(Promise.all(calls));
  assert.deepEqual(new Set(endings), new Set(["lost"]));
  assert.ok(lab.world.nowMs <= 10_100, `after ${lab.world.nowMs} ms`);
  assert.deepEqual(eventsOf(lab), ["seed.thread_silent"]);
  assert.equal(lab.pool.threadCounts.lost, 1);
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
});

Deno.test("a caller of a thread that hangs is answered at its deadline", async () => {
  const { lab, closing, ask } = openAskingLab();
  await using _ = closing;
  const call = endingOf(ask({ timeoutMs: 500 }));
  await lab.world.run(10);
  lab.sandbox.wedge(workerOf(lab));
  assert.equal(await lab.world.complete(call), "timeout");
  assert.ok(lab.world.nowMs <= 550);
});

Deno.test("a standby may prepare for half a minute, not longer", async () => {
  const lab: SeedLab = new SeedLab({
    program: (scope) => {
      let isFirst = true;
      serveSeedThread({
        ...scope,
        onMessage: (handle) =>
          scope.onMessage(async (batch) => {
            const messages = batch as readonly ToThread[];
            const isPreparing = messages.some(([tag]) => tag === "prepare");
            if (isPreparing && isFirst) {
              isFirst = false;
              await lab.clock.sleep(25_000, new AbortController().signal);
            }
            handle(batch);
          }),
      });
    },
  });
  await using _ = lab;
  const seed = lab.add("s", echoWasm);
  assert.equal(
    (await lab.run(seed, "echo", { timeoutMs: 60_000 })).length,
    0,
  );
  assert.equal(lab.pool.threadCounts.lost, 0);
  await lab.world.run(lab.world.nowMs + 100);
  const [, standby] = lab.sandbox.threads();
  assert.ok(standby);
  lab.sandbox.wedge(standby);
  const other = lab.add("other", echoWasm, {
    settings: { memoryBytes: 1024 * 1024 },
  });
  const beforeMs = lab.world.nowMs;
  await lab.run(other, "echo", { timeoutMs: 100_000 });
  const tookMs = lab.world.nowMs - beforeMs;
  assert.ok(tookMs >= 55_000 && tookMs <= 55_200, `${tookMs} ms`);
  assert.equal(lab.pool.threadCounts.lost, 1);
});

Deno.test("S06: a process that stands still loses no thread", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const call = endingOf(ask({ timeoutMs: 600_000 }));
  await lab.world.run(10);
  lab.clock.freeze();
  await lab.world.run(120_000);
  lab.clock.thaw();
  await lab.world.run(125_000);
  assert.deepEqual(lab.pool.threadCounts, { running: 2, lost: 0 });
  asked[0]?.(utf8("a"));
  assert.equal(await lab.world.complete(call), "ok");
});

Deno.test("a module that crashes each thread fails after three", async () => {
  for (const tag of ["prepare", "load"]) {
    await using lab = new SeedLab({
      program: (scope) => {
        serveSeedThread({
          ...scope,
          onMessage: (handle) =>
            scope.onMessage((batch) => {
              for (const [one] of batch as readonly ToThread[]) {
                if (one === tag) throw new Error("crash");
              }
              handle(batch);
            }),
        });
      },
    });
    const seed = lab.add("s", echoWasm);
    await rejectsWith(lab.run(seed, "echo"), "lost");
    assert.equal(lab.log.records.length, 3, tag);
    await rejectsWith(lab.world.complete(lab.pool.load(seed)), "lost");
    assert.equal(lab.pool.threadCounts.lost, 6);
    await lab.world.settle();
  }
});

Deno.test("a thread that always crashes at its start does not run wild", async () => {
  await using lab = new SeedLab({
    program: () => {
      throw new Error("crash");
    },
  });
  const seed = lab.add("s", echoWasm);
  const call = lab.job(seed, "echo", { input: emptyBytes });
  assert.equal(
    await lab.world.complete(endingOf(lab.pool.call(call))),
    "lost",
  );
  await lab.world.run(lab.world.nowMs + 60_000);
  const { lost, running } = lab.pool.threadCounts;
  assert.ok(lost <= 8, `${lost} threads`);
  assert.equal(running, 0);
});

Deno.test("S43 without file descriptors no thread is started, and calls say so", async () => {
  const { lab, closing, seed } = openAskingLab({ cores: 3 });
  await using _ = closing;
  const start = () => lab.pool.call(lab.job(seed, "fine"));
  lab.sandbox.canSpawn = () => false;
  assert.equal(await endingOf(start()), "PLN_SATURATED");
  assert.equal(lab.sandbox.threads().length, 0);
  lab.sandbox.canSpawn = () => true;
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
  lab.sandbox.canSpawn = () => false;
  // Many at once would spread over two workers: one has to do.
  const calls = Array.from({ length: 60 }, start);
  await lab.world.complete(Promise.all(calls));
  await lab.world.run(lab.world.nowMs + 200);
  assert.equal(lab.sandbox.threads().length, 1);
});
