// Who runs on a thread and for how long: limits end a call at its next check,
// turns are round-robin, and what two threads take from one budget never adds
// up to more than there is.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { Budget } from "../../src/threads/budget.ts";
import { CallState } from "../../src/guest/call_state.ts";
import { SeedError } from "../../src/threads/errors.ts";
import { Mail } from "../../src/threads/mail.ts";
import { Meter, verdict } from "../../src/guest/meter.ts";

/** A thread whose time and turns the test moves. */
class HandScope {
  ms = 1000;
  readonly turns: (() => void)[] = [];
  readonly timers: (() => void)[] = [];
  isMailWaiting = false;
  entered = 0;
  acknowledged = 0;
  readonly epoch = {
    memory: new WebAssembly.Memory({ initial: 1, maximum: 1 }),
    enter: () => void this.entered++,
    leave: () => void this.entered--,
    acknowledge: () => void this.acknowledged++,
  };
  readonly nowMs = () => this.ms;
  readonly soon = (run: () => void) => void this.turns.push(run);
  readonly after = (_ms: number, run: () => void) => void this.timers.push(run);

  /** Lets whoever is next have its turn. */
  async turn(): Promise<void> {
    this.turns.shift()?.();
    await Promise.resolve();
    await Promise.resolve();
  }
}

function openMeter(isMailUnread = () => false) {
  const scope = new HandScope();
  const isMailWaiting = () => scope.isMailWaiting;
  return { scope, meter: new Meter(scope, { isMailUnread, isMailWaiting }) };
}

function newCall(id: number, { cpuMs = 1000, leftMs = 5000 } = {}) {
  return new CallState(id, "", {
    deadlineMs: 1000 + leftMs,
    cpuMs,
    pace: { isLong: false },
    account: { cpuMs: 0 },
  });
}

Deno.test("a guest alone on its thread has longer turns", () => {
  const { scope, meter } = openMeter();
  const call = newCall(1);
  meter.enter(call);
  for (let tick = 1; tick <= 3; tick++) {
    scope.ms += 5;
    assert.equal(meter.tick(call), verdict.goOn);
    assert.equal(scope.acknowledged, tick);
  }
  scope.ms += 5;
  assert.equal(meter.tick(call), verdict.wait);
});

Deno.test("a guest over its processor time is over, and stays so", () => {
  const { scope, meter } = openMeter();
  const call = newCall(1, { cpuMs: 300 });
  meter.enter(call);
  scope.ms += 300;
  assert.notEqual(meter.tick(call), verdict.over);
  scope.ms += 1;
  assert.equal(meter.tick(call), verdict.over);
  assert.equal(call.fault?.reason, "timeout");
  assert.match(call.fault?.message ?? "", /more than 300 ms of processor time/);
  assert.equal(meter.tick(call), verdict.over);
});

Deno.test("time asleep is no processor time, but the deadline counts it", async () => {
  const { scope, meter } = openMeter(() => true);
  const call = newCall(1, { cpuMs: 100, leftMs: 1000 });
  meter.enter(call);
  scope.ms += 60;
  assert.equal(meter.tick(call), verdict.wait);
  const turn = meter.suspend(call);
  assert.equal(meter.awake, 0);
  scope.ms += 900;
  await scope.turn();
  await turn;
  assert.equal(call.cpuMs, 60);
  scope.ms += 30;
  assert.equal(meter.tick(call), verdict.wait);
  scope.ms += 11;
  assert.equal(meter.tick(call), verdict.over);
  assert.match(call.fault?.message ?? "", /deadline|processor/);
});

Deno.test("a call past its deadline is over at its next tick", () => {
  const { scope, meter } = openMeter();
  const call = newCall(1, { leftMs: 50 });
  meter.enter(call);
  scope.ms += 51;
  assert.equal(meter.tick(call), verdict.over);
  assert.equal(call.fault?.reason, "timeout");
  assert.match(call.fault?.message ?? "", /deadline/);
});

Deno.test("a call that was ended from outside is over at its next tick", () => {
  const { meter } = openMeter();
  const call = newCall(1);
  meter.enter(call);
  assert.equal(meter.tick(call), verdict.goOn);
  call.end(new SeedError("cancelled", "gone"));
  assert.equal(meter.tick(call), verdict.over);
  assert.equal(call.fault?.reason, "cancelled");
});

Deno.test("a guest has its slice before it must wait for others", () => {
  const { scope, meter } = openMeter(() => true);
  const call = newCall(1);
  meter.enter(call);
  scope.ms += 1.5;
  assert.equal(meter.tick(call), verdict.goOn);
  scope.ms += 0.5;
  assert.equal(meter.tick(call), verdict.wait);
});

Deno.test("suspended guests get their turns in order, one a turn", async () => {
  const { scope, meter } = openMeter();
  const order: number[] = [];
  for (const id of [1, 2, 3]) {
    const call = newCall(id);
    meter.enter(call);
    void meter.suspend(call).then(() => order.push(id));
  }
  assert.equal(meter.awake, 0);
  assert.equal(scope.entered, 0);
  assert.equal(scope.turns.length, 1);
  await scope.turn();
  assert.deepEqual(order, [1]);
  assert.equal(meter.awake, 1);
  await scope.turn();
  await scope.turn();
  assert.deepEqual(order, [1, 2, 3]);
  assert.equal(scope.turns.length, 0);
});

Deno.test("a turn lets messages in that wait", async () => {
  const { scope, meter } = openMeter();
  const call = newCall(1);
  meter.enter(call);
  scope.isMailWaiting = true;
  scope.ms += 5;
  assert.equal(meter.tick(call), verdict.wait);
  const turn = meter.suspend(call);
  assert.equal(scope.turns.length, 0);
  scope.timers.shift()?.();
  await turn;
  assert.equal(meter.awake, 1);
});

Deno.test("the epoch ticks only while some guest runs", async () => {
  const { scope, meter } = openMeter(() => true);
  const [first, second] = [newCall(1), newCall(2)];
  meter.enter(first);
  meter.enter(second);
  assert.equal(scope.entered, 1);
  meter.sleep(first);
  assert.equal(scope.entered, 1);
  meter.leave(second);
  assert.equal(scope.entered, 0);
  meter.wake(first);
  assert.equal(scope.entered, 1);
  meter.leave(first);
  assert.equal(scope.entered, 0);
  await scope.turn();
});

Deno.test("CallState.end() rejects all that the guest waits for, once", async () => {
  const call = newCall(1);
  const never = () => new Promise<never>(() => {});
  const waits = [call.wait(never), call.wait(never)];
  call.end(new SeedError("cancelled", "first"));
  call.end(new SeedError("timeout", "second"));
  for (const wait of waits) {
    await assert.rejects(wait, { message: "first" });
  }
  await assert.rejects(call.wait(() => Promise.resolve(1)), {
    message: "first",
  });
  assert.equal(await newCall(2).wait(() => Promise.resolve(7)), 7);
});

Deno.test("Mail.isWaiting is true from the announcement to the handling", () => {
  const pool = new Mail();
  const thread = new Mail(pool.buffer);
  assert.equal(thread.isWaiting, false);
  pool.posting();
  pool.posting();
  assert.equal(thread.isWaiting, true);
  thread.handled();
  assert.equal(thread.isWaiting, true);
  thread.handled();
  assert.equal(thread.isWaiting, false);
});

Deno.test("a budget is never exceeded by those who share it", () => {
  const pool = Budget.ofBytes(10 * 65_536 + 65_535);
  const [one, two] = [new Budget(pool.buffer), new Budget(pool.buffer)];
  assert.equal(one.takePages(6), true);
  assert.equal(two.takePages(5), false);
  assert.equal(two.takePages(4), true);
  assert.equal(one.takePages(1), false);
  assert.equal(pool.usedBytes, 10 * 65_536);
  one.givePages(6);
  assert.equal(two.takePages(6), true);
  assert.equal(two.fits(10), true);
  assert.equal(two.fits(11), false);
});

Deno.test("a budget counts instances up to their limit", () => {
  const budget = Budget.ofBytes(0);
  for (let i = 0; i < limits.guestInstancesMax; i++) {
    assert.equal(budget.takeInstance(), true);
  }
  assert.equal(budget.takeInstance(), false);
  assert.equal(budget.instances, limits.guestInstancesMax);
  budget.giveInstance();
  assert.equal(budget.takeInstance(), true);
});
