// Calls that wait for a place of their seed: their order, who passes whom, how
// many may wait, and what is left of them afterwards, which is nothing.

import assert from "node:assert/strict";
import { type Bytes, limits } from "../../src/kernel/mod.ts";
import { Assignment } from "../../src/seeds/assignment.ts";
import { CallQueue } from "../../src/seeds/queue.ts";
import type { PendingCall } from "../../src/seeds/pending_call.ts";
import { Workers } from "../../src/seeds/workers.ts";
import { openHoldingLab } from "../fixtures/seeds/holding_lab.ts";
import { endingOf } from "../fixtures/seeds/seed_lab.ts";

const places = limits.callsPerSeedAndThreadMax;
const nestedPlaces = places * limits.callHopsMax;

function names(count: number, prefix = ""): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}`);
}

Deno.test("nested calls that wait pass first calls that wait", async () => {
  const { lab, held, hold } = openHoldingLab();
  await using _ = lab;
  const start = (name: string, isNested: boolean) =>
    void endingOf(hold(name, { isNested }));
  for (const name of names(nestedPlaces)) start(name, true);
  await lab.world.run(10);
  assert.equal(held.length, nestedPlaces);
  start("first", false);
  for (const name of ["nested a", "nested b"]) start(name, true);
  await lab.world.run(20);
  assert.equal(held.length, nestedPlaces, "there is a bound for them too");
  for (const one of held.splice(0)) {
    one.answer();
    await lab.world.run(lab.world.nowMs + 1);
    if (held.length === 2) break;
  }
  assert.deepEqual(held.map(({ name }) => name), ["nested a", "nested b"]);
});

Deno.test("S40: the queue is as long as ever after it was full", async () => {
  const { lab, held, hold } = openHoldingLab();
  await using _ = lab;
  for (let round = 0; round < 3; round++) {
    const most = places + limits.callsQueuedMax;
    const aborter = new AbortController();
    const { signal } = aborter;
    const calls = names(most).map((name, index) =>
      endingOf(hold(name, index >= most - 100 ? { signal } : {}))
    );
    assert.equal(await endingOf(hold("one more")), "PLN_SATURATED");
    await lab.world.run(lab.world.nowMs + 10);
    aborter.abort();
    while (held.length > 0) {
      for (const one of held.splice(0)) one.answer();
      await lab.world.run(lab.world.nowMs + 1);
    }
    const endings = await lab.world.complete(Promise.all(calls));
    assert.equal(endings.filter((one) => one === "ok").length, most - 100);
    assert.equal(endings.filter((one) => one === "cancelled").length, 100);
  }
});

Deno.test("calls that wait for a place end at their deadline, and did not run", async () => {
  const { lab, hold } = openHoldingLab();
  await using _ = lab;
  const start = (name: string, isNested: boolean, timeoutMs = 60_000) =>
    endingOf(hold(name, { isNested, timeoutMs }));
  for (const name of names(nestedPlaces)) void start(name, true);
  const [first, nested] = [start("f", false, 500), start("n", true, 300)];
  assert.equal(await lab.world.complete(nested), "PLN_SATURATED");
  assert.ok(lab.world.nowMs <= 330);
  assert.equal(await lab.world.complete(first), "PLN_SATURATED");
  assert.ok(lab.world.nowMs <= 530);
});

Deno.test("calls that wait at a lost thread keep their order", async () => {
  const { lab, held, add, module } = openHoldingLab();
  await using _ = lab;
  const { promise: bytes, resolve } = Promise.withResolvers<Bytes>();
  const late = add("late", () => bytes);
  const all = names(places + 5);
  for (const name of all) {
    const call = lab.pool.call(lab.job(late, "hold", { input: name }));
    void endingOf(call);
  }
  await lab.world.run(10);
  const [worker] = lab.sandbox.threads();
  assert.ok(worker);
  lab.sandbox.crash(worker);
  await lab.world.run(20);
  resolve(module);
  await lab.world.run(40);
  for (const one of held.slice()) one.answer();
  await lab.world.run(60);
  assert.deepEqual(held.map(({ name }) => name), all);
});

Deno.test("a queue gives its calls in order, whoever leaves it", () => {
  const queue = new CallQueue();
  const call = (id: number) => ({ id }) as unknown as PendingCall;
  const ids = () => [...queue].map(({ id }) => id);
  const [one, two, three, four] = [1, 2, 3, 4].map(call);
  assert.ok(one && two && three && four);
  for (const each of [one, two, three]) queue.add(each);
  assert.deepEqual(ids(), [1, 2, 3]);
  queue.remove(two);
  assert.deepEqual(ids(), [1, 3]);
  queue.putBack(two);
  assert.deepEqual(ids(), [2, 1, 3]);
  queue.remove(three);
  queue.add(four);
  assert.deepEqual(ids(), [2, 1, 4]);
  queue.remove(one);
  assert.deepEqual(ids(), [2, 4]);
  for (const each of [two, four]) queue.remove(each);
  assert.equal(queue.first, undefined);
  queue.putBack(three);
  queue.add(two);
  assert.deepEqual(ids(), [3, 2]);
  for (const each of queue) queue.remove(each);
  assert.deepEqual(ids(), []);
});

Deno.test("the ways of seeds that nobody calls are forgotten", () => {
  const assignment = new Assignment(
    new Workers(4, {
      canSpawn: () => true,
      spawn: () => assert.fail("no thread is needed"),
    }),
  );
  const [busy, loaded, idle] = ["busy", "loaded", "idle"]
    .map((key) => assignment.laneOf(key));
  assert.ok(busy && loaded && idle);
  busy.take(0);
  idle.take(1);
  idle.give(1);
  assignment.sweep(new Set(["loaded"]));
  assert.deepEqual([...assignment.lanes], [busy, loaded]);
  busy.give(0);
  assignment.sweep(new Set());
  assert.deepEqual([...assignment.lanes], []);
});
