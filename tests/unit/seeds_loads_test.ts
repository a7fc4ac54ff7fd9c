// Modules on their way to threads and off them again: what does not load, which
// ones a thread keeps, and calls of a seed that is replaced under them.

import assert from "node:assert/strict";
import { type Bytes, limits, utf8 } from "../../src/kernel/mod.ts";
import { openAskingLab } from "../fixtures/seeds/asking_lab.ts";
import {
  endingOf,
  rejectsWith,
  SeedLab,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { echoWasm } from "../fixtures/seeds/wat.ts";

Deno.test("a module that crashes each thread fails after three", async () => {
  await using lab = new SeedLab({
    program: (scope) => {
      scope.onMessage((batch) => {
        if (JSON.stringify(batch).includes("load")) throw new Error("crash");
      });
    },
  });
  const seed = lab.add("s", echoWasm);
  await rejectsWith(lab.run(seed, "echo"), "lost");
  assert.equal(lab.log.records.length, 3);
  await rejectsWith(lab.world.complete(lab.pool.load(seed)), "lost");
  await lab.world.settle();
});

Deno.test("a module that does not load fails every call that waits for it", async () => {
  await using lab = new SeedLab();
  const broken = lab.add("broken", utf8("no module"));
  const unreadable = lab.add("gone", echoWasm, {
    readModule: () => Promise.reject(new Error("no such file")),
  });
  for (
    const [seed, reason] of [[broken, "invalid"], [unreadable, "lost"]] as const
  ) {
    const calls = Array.from(
      { length: 10 },
      () => endingOf(lab.pool.call(lab.job(seed, "echo"))),
    );
    const endings = await lab.world.complete(Promise.all(calls));
    assert.deepEqual(new Set(endings), new Set([reason]));
    const again = await rejectsWith(lab.run(seed, "echo"), reason);
    assert.ok(again.hint);
  }
  await lab.world.settle();
});

Deno.test("a thread keeps the modules that were used last", async () => {
  await using lab = new SeedLab();
  const most = limits.compiledModulesPerThreadMax;
  const reads = new Map<string, number>();
  const seeds = Array.from({ length: most + 1 }, (_, index) => {
    const name = `s${index}`;
    return lab.add(name, echoWasm, {
      readModule: () => {
        reads.set(name, (reads.get(name) ?? 0) + 1);
        return Promise.resolve(echoWasm);
      },
    });
  });
  const [first, second] = seeds;
  assert.ok(first && second);
  for (const seed of seeds.slice(0, most)) await lab.run(seed, "echo");
  await lab.run(first, "echo");
  await lab.run(seeds[most] ?? first, "echo"); // second is the oldest now
  await lab.run(first, "echo");
  assert.equal(reads.get("s0"), 1);
  await lab.run(second, "echo");
  assert.equal(reads.get("s1"), 2);
});

Deno.test("modules that are all loading at once are trimmed afterwards", async () => {
  await using lab = new SeedLab();
  const most = limits.compiledModulesPerThreadMax;
  const names = Array.from({ length: most + 8 }, (_, index) => `s${index}`);
  let reads = 0;
  const readModule = () => {
    reads++;
    return Promise.resolve(echoWasm);
  };
  const seeds = names.map((name) => lab.add(name, echoWasm, { readModule }));
  const calls = seeds.map((seed) => lab.pool.call(lab.job(seed, "echo")));
  await lab.world.complete(Promise.all(calls));
  assert.equal(reads, most + 8);
  await lab.run(lab.add("one more", echoWasm), "echo");
  for (const seed of seeds) await lab.run(seed, "echo");
  assert.equal(reads, 2 * (most + 8), "each was dropped before it came again");
});

Deno.test("calls that started go on when their seed is replaced", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const started = ask();
  await lab.world.run(10);
  lab.pool.unload(seed.key);
  const next = lab.add("asking", echoWasm);
  assert.equal(textOf(await lab.run(next, "echo", { input: "new" })), "new");
  asked[0]?.(utf8("old"));
  assert.equal(textOf(await lab.world.complete(started)), "old");
});

Deno.test("calls that wait for a replaced module are lost; it is not kept", async () => {
  await using lab = new SeedLab();
  const { promise, resolve } = Promise.withResolvers<Bytes>();
  const posted: unknown[] = [];
  const spawn = lab.sandbox.spawn.bind(lab.sandbox);
  lab.sandbox.spawn = (name) => {
    const thread = spawn(name);
    const post = thread.post.bind(thread);
    thread.post = (message) => {
      posted.push(message);
      post(message);
    };
    return thread;
  };
  const late = lab.add("late", echoWasm, { readModule: () => promise });
  const waiting = endingOf(lab.pool.call(lab.job(late, "echo")));
  await lab.world.run(10);
  lab.pool.unload(late.key);
  assert.equal(await lab.world.complete(waiting), "lost");
  resolve(echoWasm);
  await lab.world.settle();
  assert.ok(!JSON.stringify(posted).includes('"load"'));
});

Deno.test("a queued call of a replaced seed runs what it was accepted for", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const parents = Array.from({ length: limits.callsPerThreadMax }, () => ask());
  await lab.world.run(10);
  const queued = lab.pool.call(lab.job(seed, "fine"));
  lab.pool.unload(seed.key);
  for (const answer of asked) answer(utf8("a"));
  assert.equal((await lab.world.complete(queued)).length, 0);
  await lab.world.complete(Promise.all(parents));
});
