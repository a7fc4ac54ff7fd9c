// What only a simulated clock can do: be wrong, jump, freeze and die; and the
// order of timers, against a model. In, virtual time; out, who ran when.

import assert from "node:assert/strict";
import fc from "fast-check";
import { openTurn } from "../../src/adapters/turn.ts";
import { TimerQueue } from "../../src/kernel/mod.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { openWorld } from "../../src/sim/world.ts";

const turn = openTurn();
const never = new AbortController().signal;

function test(name: string, run: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: async () => await run() });
}

test("SimClock's wall clock jumps, its monotonic time does not (S15)", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  const other = openSimClock(world);
  const startMs = clock.nowMs();
  const wallMs = clock.wallMs();
  assert.equal(wallMs, other.wallMs());
  await world.run(100);
  assert.equal(clock.wallMs(), wallMs + 100);
  clock.setWallOffset(-3_600_000);
  assert.equal(clock.wallMs(), wallMs + 100 - 3_600_000);
  assert.equal(other.wallMs(), wallMs + 100);
  assert.equal(clock.nowMs(), startMs + 100);
  clock.setWallOffset(0);
  assert.equal(clock.wallMs(), wallMs + 100);
});

test("SimClock starts its monotonic time anywhere", () => {
  const world = openWorld(1, { turn });
  const starts = new Set<number>();
  for (let node = 0; node < 10; node++) {
    starts.add(openSimClock(world).nowMs());
  }
  assert.equal(starts.size, 10);
});

test("SimClock counts the timers that are set, also held ones", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  const run = () => {};
  clock.after(10, run);
  const cancelled = clock.after(15, run);
  clock.after(20, run);
  assert.equal(clock.timerCount, 3);
  cancelled[Symbol.dispose]();
  assert.equal(clock.timerCount, 2);
  clock.freeze();
  await world.run(15);
  assert.equal(clock.timerCount, 2);
  clock.thaw();
  await world.run(15);
  assert.equal(clock.timerCount, 1);
});

test("SimClock.kill() leaves no timer in the world", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  const ran: string[] = [];
  clock.after(10, () => ran.push("before"));
  clock.kill();
  clock.after(10, () => ran.push("after"));
  assert.deepEqual([clock.timerCount, world.timerCount], [0, 0]);
  await world.run(100);
  assert.deepEqual(ran, []);
});

test("SimClock.freeze() holds timers until thaw(), in order (S06)", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  const order: string[] = [];
  const note = (name: string) => () => order.push(`${world.nowMs} ${name}`);
  clock.after(20, note("b"));
  clock.after(10, note("a"));
  const cancelled = clock.after(15, note("cancelled"));
  clock.after(90, note("late"));
  clock.freeze();
  await world.run(60);
  assert.deepEqual(order, []);
  cancelled[Symbol.dispose]();
  clock.thaw();
  await world.run(100);
  assert.deepEqual(order, ["60 a", "60 b", "90 late"]);
});

test("SimClock.freeze() may come again before held timers ran", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  let runs = 0;
  clock.after(1, () => runs++);
  clock.freeze();
  await world.run(5);
  clock.thaw();
  clock.freeze();
  await world.run(10);
  assert.equal(runs, 0);
  clock.thaw();
  await world.run(10);
  assert.equal(runs, 1);
});

test("SimClock.kill() ends all timers for good (S07)", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  let runs = 0;
  clock.after(10, () => runs++);
  void clock.sleep(10, never).then(() => runs++);
  clock.kill();
  clock.after(10, () => runs++);
  clock.thaw();
  await world.run(100);
  assert.equal(runs, 0);
});

test("TimerQueue agrees with a sorted list", () => {
  const command = fc.oneof(
    fc.record({ type: fc.constant("add" as const), at: fc.nat(20) }),
    fc.record({ type: fc.constant("cancel" as const), at: fc.nat(200) }),
    fc.record({ type: fc.constant("take" as const), at: fc.nat(20) }),
  );
  const commands = fc.array(command, { maxLength: 400 });
  fc.assert(
    fc.property(commands, (steps) => {
      const queue = new TimerQueue();
      const timers: Disposable[] = [];
      let model: { readonly id: number; readonly at: number }[] = [];
      let taken = -1;
      for (const step of steps) {
        if (step.type === "add") {
          const id = timers.length;
          timers.push(queue.add(step.at, () => {
            taken = id;
          }));
          model.push({ id, at: step.at });
          model.sort((left, right) => left.at - right.at || left.id - right.id);
        } else if (step.type === "cancel") {
          timers[step.at]?.[Symbol.dispose]();
          model = model.filter((timer) => timer.id !== step.at);
        } else {
          const first = model[0];
          const isDue = first !== undefined && first.at <= step.at;
          taken = -1;
          queue.takeDue(step.at)?.();
          assert.equal(taken, isDue ? first.id : -1);
          if (isDue) model.shift();
        }
        assert.equal(queue.size, model.length);
        assert.equal(queue.nextDeadlineMs, model[0]?.at);
      }
    }),
    { seed: 4711, numRuns: 300 },
  );
});

test("TimerQueue keeps no cancelled timers piling up", () => {
  const queue = new TimerQueue();
  const order: number[] = [];
  for (let id = 0; id < 5; id++) queue.add(10 - id, () => order.push(id));
  for (let round = 0; round < 100_000; round++) {
    queue.add(1e9, () => order.push(-1))[Symbol.dispose]();
  }
  assert.equal(queue.size, 5);
  let run = queue.takeDue(1e10);
  while (run !== undefined) {
    run();
    run = queue.takeDue(1e10);
  }
  assert.deepEqual(order, [4, 3, 2, 1, 0]);
  assert.equal(queue.size, 0);
});
