// The simulated world: order of events, virtual time, replay. None of it needs
// a permission. In, seeds and scenarios; out, what must be equal in every run.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { replay } from "../../src/sim/replay.ts";
import { openWorld, SimulationError, type World } from "../../src/sim/world.ts";

const turn = openTurn();
const never = new AbortController().signal;

function test(name: string, run: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: async () => await run() });
}

test("World.run() runs timers by deadline, then by insertion", async () => {
  const world = openWorld(1, { turn });
  const order: string[] = [];
  const at = (delayMs: number, name: string) =>
    world.after(delayMs, () => order.push(`${world.nowMs} ${name}`));
  at(20, "c");
  at(10, "a");
  at(20, "d");
  at(10, "b");
  at(21, "not yet");
  await world.run(20);
  assert.deepEqual(order, ["10 a", "10 b", "20 c", "20 d"]);
  assert.equal(world.nowMs, 20);
  assert.equal(world.timerCount, 1);
});

test("World.run() ends at its virtual time with nothing to do", async () => {
  const world = openWorld(1, { turn });
  await world.run(86_400_000);
  assert.equal(world.nowMs, 86_400_000);
  await assert.rejects(world.run(1), /does not go back/);
});

test("World.run() ends all promise work between two timers", async () => {
  const world = openWorld(1, { turn });
  const order: string[] = [];
  const chain = async (links: number) => {
    for (let link = 0; link < links; link++) await undefined;
    order.push(`chain at ${world.nowMs}`);
  };
  world.after(1, () => void chain(100_000));
  world.after(2, () => order.push("timer"));
  await world.run(2);
  assert.deepEqual(order, ["chain at 1", "timer"]);
});

test("World.run() carries streams through without time", async () => {
  const world = openWorld(1, { turn });
  const pass = () => new TransformStream<number, number>();
  const source = new TransformStream<number, number>();
  let stream = source.readable;
  for (let hop = 0; hop < 50; hop++) stream = stream.pipeThrough(pass());
  const seen: number[] = [];
  const reading = (async () => {
    for await (const value of stream) seen.push(value);
  })();
  const writer = source.writable.getWriter();
  world.after(5, () => {
    void writer.write(1);
    void writer.close();
  });
  await world.run(5);
  assert.deepEqual(seen, [1]);
  await reading;
});

test("World.run() refuses to run twice at once", async () => {
  const world = openWorld(1, { turn });
  const first = world.run(10);
  await assert.rejects(world.run(10), /one run/);
  await first;
});

test("World.run() lets an error of a timer through, and goes on", async () => {
  const world = openWorld(1, { turn });
  let ran = 0;
  world.after(1, () => {
    throw new RangeError("bug");
  });
  world.after(2, () => ran++);
  await assert.rejects(world.run(5), RangeError);
  await world.run(5);
  assert.equal(ran, 1);
});

test("World.outside() stops virtual time until the work is done", async () => {
  const world = openWorld(1, { turn });
  let hashedAtMs = -1;
  const hash = async () => {
    const bytes = new Uint8Array(1_000_000);
    await world.outside(crypto.subtle.digest("SHA-256", bytes));
    hashedAtMs = world.nowMs;
  };
  world.after(1, () => void hash());
  world.after(2, () => assert.equal(hashedAtMs, 1));
  await world.run(10);
  assert.equal(hashedAtMs, 1);
});

test("World.settle() ends when no timer is left", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  let steps = 0;
  const work = async () => {
    for (; steps < 5; steps++) await clock.sleep(1_000, never);
  };
  void work();
  await world.settle();
  assert.equal(steps, 5);
  assert.equal(world.nowMs, 5_000);
});

test("World.settle() names the seed when timers never end", async () => {
  const world = openWorld(4711, { turn });
  const again = () => void world.after(10, again);
  again();
  await assert.rejects(world.settle({ withinMs: 1_000 }), (error) => {
    assert.ok(error instanceof SimulationError);
    assert.match(error.message, /1 timers .* 1000 ms \(seed 4711\)/);
    return true;
  });
});

test("World.complete() drives until a promise settles", async () => {
  const world = openWorld(1, { turn });
  const clock = openSimClock(world);
  const answer = async () => {
    await clock.sleep(500, never);
    return 42;
  };
  assert.equal(await world.complete(answer()), 42);
  assert.equal(world.nowMs, 500);
  const failure = async () => {
    await clock.sleep(500, never);
    throw new RangeError("no");
  };
  await assert.rejects(world.complete(failure()), RangeError);
});

test("World.complete() says why it cannot end", async () => {
  const world = openWorld(7, { turn });
  const stuck = Promise.withResolvers<void>();
  await assert.rejects(world.complete(stuck.promise), /Nothing .*seed 7/);
  const again = () => void world.after(10, again);
  again();
  await assert.rejects(
    world.complete(stuck.promise, { withinMs: 100 }),
    /not settled within 100 ms \(seed 7\)/,
  );
});

async function race(world: World): Promise<void> {
  const random = world.random.fork("race");
  for (let node = 0; node < 20; node++) {
    const clock = openSimClock(world, { name: `node ${node}` });
    const work = async () => {
      for (let round = 0; round < 10; round++) {
        await clock.sleep(random.integer(100), never);
        world.trace.note("round", { node, round });
      }
    };
    void work();
  }
  await world.settle();
}

test("replay() gives one hash per seed", async () => {
  const first = await replay(race, { seed: 1, turn });
  assert.match(first, /^[0-9a-f]{16}$/);
  assert.equal(await replay(race, { seed: 1, turn }), first);
  assert.notEqual(await replay(race, { seed: 2, turn }), first);
});

test("replay() finds real randomness, with seed and event", async () => {
  let leak = 0;
  const scenario = async (world: World) => {
    world.trace.note("same", {});
    world.trace.note("leak", { leak: leak++ });
    await world.settle();
  };
  await assert.rejects(replay(scenario, { seed: 99, turn }), (error) => {
    assert.ok(error instanceof SimulationError);
    assert.match(error.message, /seed 99 differ: event 2 .*0.* then .*1/);
    return true;
  });
});

test("replay() finds an event that only one run has", async () => {
  let runs = 0;
  const scenario = (world: World) => {
    if (runs++ === 0) world.trace.note("extra", {});
    return Promise.resolve();
  };
  await assert.rejects(
    replay(scenario, { seed: 5, turn }),
    /seed 5 differ: event 1 .*extra.*then missing/,
  );
});

test("replay() names the seed of a scenario that fails", async () => {
  const scenario = async (world: World) => {
    await world.run(250);
    assert.equal(1, 2, "views differ");
  };
  await assert.rejects(replay(scenario, { seed: 31, turn }), (error) => {
    assert.ok(error instanceof SimulationError);
    assert.match(error.message, /seed 31 at 250 ms: views differ/);
    assert.ok(error.cause instanceof assert.AssertionError);
    return true;
  });
});
