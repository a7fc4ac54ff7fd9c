// The time of simulated threads: what guests spend, what waits meanwhile, and
// when others see it. In, thread programs that look at the epoch as guests do;
// out, who did what at which virtual time. No real clock is read.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import type { SandboxThread, ThreadScope } from "../../src/ports/mod.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import {
  openSimSandbox,
  type SimSandbox,
  type ThreadProgram,
} from "../../src/sim/sandbox.ts";
import { openWorld, type World } from "../../src/sim/world.ts";

const signer = openSigner();

/** A world with threads of one program, and what they posted at which time. */
class ThreadLab {
  readonly world: World = openWorld(4711, { turn: openTurn() });
  readonly clock = openSimClock(this.world);
  readonly sandbox: SimSandbox;
  readonly heard: (readonly [atMs: number, message: unknown])[] = [];

  constructor(program: ThreadProgram) {
    const { clock, world: { random } } = this;
    this.sandbox = openSimSandbox({ clock, random, program, signer });
  }

  spawn(name = "thread"): SandboxThread {
    const thread = this.sandbox.spawn(name);
    thread.onMessage((message) => this.heard.push([this.nowMs, message]));
    return thread;
  }

  /** Of the world; microseconds are exact, what is below is rounding. */
  get nowMs(): number {
    return rounded(this.world.nowMs);
  }
}

function rounded(timeMs: number): number {
  return Math.round(timeMs * 1_000) / 1_000;
}

/** Looks at the epoch as a guest's loop does. */
function loop(scope: ThreadScope, rounds: number): void {
  const page = new Int32Array(scope.epoch.memory.buffer);
  scope.epoch.enter();
  for (let round = 0; round < rounds; round++) {
    if (page[0] !== 0) scope.epoch.acknowledge();
  }
  scope.epoch.leave();
}

/** A program that loops as often as each message says, then answers it. */
const looping: ThreadProgram = (scope) =>
  scope.onMessage((rounds) => {
    assert.ok(typeof rounds === "number");
    loop(scope, rounds);
    scope.post(rounds);
  });

Deno.test("SimSandbox ends a runaway at its limit, in virtual time", async () => {
  const lab = new ThreadLab((scope) =>
    scope.onMessage((limitMs) => {
      const startMs = scope.nowMs();
      let rounds = 0;
      for (; scope.nowMs() - startMs < Number(limitMs); rounds++) {
        loop(scope, 1);
      }
      scope.post(rounds);
    })
  );
  lab.spawn().post(300);
  await lab.world.settle();
  assert.deepEqual(lab.heard, [[300, 30_000]]);
});

Deno.test("SimSandbox spends 10 us at each look at the epoch", async () => {
  const lab = new ThreadLab(looping);
  const thread = lab.spawn();
  thread.post(1_000);
  await lab.world.settle();
  thread.post(1);
  await lab.world.settle();
  assert.deepEqual(lab.heard, [[10, 1_000], [10.01, 1]]);
});

Deno.test("SimSandbox handles messages one after the other", async () => {
  const lab = new ThreadLab(looping);
  const thread = lab.spawn();
  thread.post(1_000);
  thread.post(2_000);
  lab.world.after(15, () => thread.post(100));
  lab.world.after(500, () => thread.post(200));
  await lab.world.settle();
  assert.deepEqual(lab.heard, [
    [10, 1_000],
    [30, 2_000],
    [31, 100],
    [502, 200],
  ]);
});

Deno.test("SimSandbox gives each thread a processor", async () => {
  const lab = new ThreadLab(looping);
  for (const rounds of [3_000, 2_000, 1_000]) {
    lab.spawn(`thread ${rounds}`).post(rounds);
  }
  await lab.world.settle();
  assert.deepEqual(lab.heard, [[10, 1_000], [20, 2_000], [30, 3_000]]);
});

Deno.test("SimSandbox delivers posts when the thread has come so far", async () => {
  const lab = new ThreadLab((scope) =>
    scope.onMessage((parts) => {
      for (const part of parts as readonly string[]) {
        scope.post(part);
        loop(scope, 500);
        scope.post(part);
      }
    })
  );
  lab.spawn().post(["a", "b"]);
  await lab.world.settle();
  assert.deepEqual(lab.heard, [[0, "a"], [5, "a"], [5, "b"], [10, "b"]]);
});

Deno.test("SimSandbox runs timers late in a busy thread, in order", async () => {
  const lab = new ThreadLab((scope) =>
    scope.onMessage(() => {
      const startMs = scope.nowMs();
      const note = (text: string) => () =>
        scope.post([text, rounded(scope.nowMs() - startMs)]);
      scope.after(30, note("30"));
      scope.after(5, note("5"));
      loop(scope, 1_000);
      scope.after(5, note("10 + 5"));
      scope.soon(note("soon"));
    })
  );
  lab.spawn().post("go");
  await lab.world.settle();
  assert.deepEqual(lab.heard, [
    [10, ["5", 10]],
    [10, ["soon", 10]],
    [15, ["10 + 5", 15]],
    [30, ["30", 30]],
  ]);
});

Deno.test("SimSandbox runs soon() behind what came meanwhile", async () => {
  const lab = new ThreadLab((scope) =>
    scope.onMessage((message) => {
      scope.post(message);
      if (message !== "first") return;
      loop(scope, 1_000);
      scope.soon(() => {
        scope.post("soon");
        scope.soon(() => scope.post("sooner or later"));
      });
    })
  );
  const thread = lab.spawn();
  thread.post("first");
  lab.world.after(7, () => thread.post("second"));
  lab.world.after(8, () => thread.post("third"));
  await lab.world.settle();
  assert.deepEqual(lab.heard.map(([, message]) => message), [
    ...["first", "second", "third", "soon", "sooner or later"],
  ]);
});

Deno.test("SimSandbox counts what promises of a thread spend", async () => {
  const lab = new ThreadLab((scope) =>
    scope.onMessage(async (message) => {
      for (let step = 0; step < 5; step++) {
        await undefined;
        loop(scope, 100);
      }
      scope.post(message);
    })
  );
  const thread = lab.spawn();
  for (const message of ["a", "b", "c"]) thread.post(message);
  await lab.world.settle();
  assert.deepEqual(lab.heard, [[5, "a"], [10, "b"], [15, "c"]]);
});

Deno.test("SimSandbox lets a busy thread see memory when it comes to it", async () => {
  const word = new Int32Array(new SharedArrayBuffer(4));
  const lab = new ThreadLab((scope) =>
    scope.onMessage(() => {
      scope.post(Atomics.load(word, 0));
      loop(scope, 1_000);
    })
  );
  const thread = lab.spawn();
  thread.post("first");
  thread.post("second");
  lab.world.after(9, () => Atomics.store(word, 0, 9));
  await lab.world.settle();
  assert.deepEqual(lab.heard, [[0, 0], [10, 9]]);
});

Deno.test("SimSandbox keeps a thread's clocks together", async () => {
  const lab = new ThreadLab((scope) =>
    scope.onMessage(() => {
      const before = [scope.nowMs(), scope.wallMs()];
      loop(scope, 1_000);
      const after = [scope.nowMs(), scope.wallMs()];
      scope.post(
        after.map((timeMs, index) => rounded(timeMs - (before[index] ?? NaN))),
      );
    })
  );
  lab.spawn().post("go");
  await lab.world.settle();
  assert.deepEqual(lab.heard, [[10, [10, 10]]]);
});

for (const end of ["crash", "wedge", "terminate"] as const) {
  Deno.test(`SimSandbox threads do nothing after ${end}()`, async () => {
    let handled = 0;
    const lab = new ThreadLab((scope) =>
      scope.onMessage((message) => {
        handled++;
        loop(scope, 1_000);
        scope.post(message);
      })
    );
    const thread = lab.spawn();
    const failedAtMs: number[] = [];
    thread.onFailure(() => failedAtMs.push(lab.nowMs));
    for (const message of ["a", "b", "c"]) thread.post(message);
    lab.world.after(15, () => {
      if (end === "terminate") thread.terminate();
      else lab.sandbox[end](thread);
    });
    await lab.world.settle();
    // It was busy with "b": that was never posted.
    assert.equal(handled, 2);
    assert.deepEqual(lab.heard, [[10, "a"]]);
    assert.deepEqual(failedAtMs, end === "crash" ? [15] : []);
    assert.equal(lab.sandbox.threads().length, end === "wedge" ? 1 : 0);
  });
}

Deno.test("SimSandbox keeps its times over weeks", async () => {
  const lab = new ThreadLab(looping);
  const thread = lab.spawn();
  for (let week = 1; week <= 8; week++) {
    await lab.world.run(week * 7 * 24 * 3_600_000 + week / 7);
    const startMs = lab.world.nowMs;
    for (let index = 0; index < 100; index++) thread.post(index);
    await lab.world.settle();
    const lastMs = lab.heard.at(-1)?.[0] ?? NaN;
    assert.equal(rounded(lastMs - startMs), 49.5);
  }
});
