// What every clock promises (src/ports/clock.ts). In, a way to open a clock
// and to let its time pass; out, tests. No upper bound of time is asserted: a
// busy machine may be late, but never early.

import assert from "node:assert/strict";
import type { Clock } from "../../src/ports/mod.ts";

export type ClockHarness = {
  readonly clock: Clock;
  /** Lets at least this much of the clock's time pass. */
  elapse(durationMs: number): Promise<void>;
};

export function clockContract(name: string, open: () => ClockHarness): void {
  const test = (
    behaviour: string,
    run: (harness: ClockHarness) => Promise<void>,
  ) => Deno.test(`${name} ${behaviour}`, () => run(open()));

  test("nowMs() never goes back", async ({ clock, elapse }) => {
    let lastMs = clock.nowMs();
    for (let round = 0; round < 5; round++) {
      await elapse(round);
      const nowMs = clock.nowMs();
      assert.ok(nowMs >= lastMs);
      lastMs = nowMs;
    }
  });

  test("nowMs() passes with time", async ({ clock, elapse }) => {
    const beforeMs = clock.nowMs();
    await elapse(5);
    assert.ok(clock.nowMs() - beforeMs >= 5);
  });

  test("wallMs() counts whole milliseconds from 1970", async (harness) => {
    const { clock, elapse } = harness;
    await elapse(1.5);
    assert.ok(Number.isInteger(clock.wallMs()));
    assert.ok(clock.wallMs() > Date.UTC(2025, 0, 1));
    assert.ok(clock.wallMs() < Date.UTC(2200, 0, 1));
  });

  test("after() runs once, not before its delay", async (harness) => {
    const { clock, elapse } = harness;
    const startMs = clock.nowMs();
    const ranAtMs: number[] = [];
    clock.after(10, () => ranAtMs.push(clock.nowMs()));
    await elapse(60);
    assert.equal(ranAtMs.length, 1);
    assert.ok((ranAtMs[0] ?? 0) - startMs >= 10);
  });

  test("after(0) does not run inside the call", async (harness) => {
    const { clock, elapse } = harness;
    let hasRun = false;
    clock.after(0, () => {
      hasRun = true;
    });
    assert.equal(hasRun, false);
    await elapse(20);
    assert.equal(hasRun, true);
  });

  test("after() is cancelled by disposal", async ({ clock, elapse }) => {
    let hasRun = false;
    const timer = clock.after(5, () => {
      hasRun = true;
    });
    timer[Symbol.dispose]();
    timer[Symbol.dispose]();
    await elapse(30);
    assert.equal(hasRun, false);
  });

  test("after() may be disposed after it ran", async ({ clock, elapse }) => {
    let runs = 0;
    const timer = clock.after(1, () => runs++);
    await elapse(30);
    timer[Symbol.dispose]();
    await elapse(10);
    assert.equal(runs, 1);
  });

  test("after() keeps the order of equal deadlines", async (harness) => {
    const { clock, elapse } = harness;
    const order: number[] = [];
    for (let index = 0; index < 50; index++) {
      clock.after(5, () => order.push(index));
    }
    await elapse(60);
    assert.deepEqual(order, [...order].sort((a, b) => a - b));
    assert.equal(order.length, 50);
  });

  test("after() runs the earlier deadline first", async (harness) => {
    const { clock, elapse } = harness;
    const order: string[] = [];
    clock.after(25, () => order.push("late"));
    clock.after(2, () => order.push("early"));
    await elapse(80);
    assert.deepEqual(order, ["early", "late"]);
  });

  test("after() waits for a delay over 2^31 ms", async (harness) => {
    const { clock, elapse } = harness;
    let hasRun = false;
    using _timer = clock.after(2 ** 40, () => {
      hasRun = true;
    });
    await elapse(30);
    assert.equal(hasRun, false);
  });

  test("after() refuses a delay that is no time", ({ clock }) => {
    for (const delayMs of [-1, NaN, Infinity]) {
      assert.throws(() => clock.after(delayMs, () => {}), /0 or more/);
    }
    return Promise.resolve();
  });

  test("sleep() resolves after its delay", async ({ clock, elapse }) => {
    const startMs = clock.nowMs();
    let wokeMs = 0;
    const sleeping = clock.sleep(8, new AbortController().signal).then(() => {
      wokeMs = clock.nowMs();
    });
    await elapse(60);
    await sleeping;
    assert.ok(wokeMs - startMs >= 8);
  });

  test("sleep() rejects with the signal's reason", async (harness) => {
    const { clock, elapse } = harness;
    const abort = new AbortController();
    const sleeping = clock.sleep(3_600_000, abort.signal);
    const reason = new Error("enough");
    abort.abort(reason);
    await assert.rejects(sleeping, reason);
    await assert.rejects(clock.sleep(1, abort.signal), reason);
    await elapse(1);
  });
}
