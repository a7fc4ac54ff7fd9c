// Modules on their way to threads and off them again: what does not load, which
// ones a thread keeps, and calls of a seed that is replaced under them.

import assert from "node:assert/strict";
import { type Bytes, limits, utf8 } from "../../src/kernel/mod.ts";
import type { ToThread } from "../../src/threads/mod.ts";
import { openAskingLab } from "../fixtures/seeds/asking_lab.ts";
import {
  endingOf,
  rejectsWith,
  SeedLab,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { echoWasm } from "../fixtures/seeds/wat.ts";

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

/** Counts what is posted to threads, by tag. */
function countPosts(lab: SeedLab): Map<string, number> {
  const counts = new Map<string, number>();
  const spawn = lab.sandbox.spawn.bind(lab.sandbox);
  lab.sandbox.spawn = (name) => {
    const thread = spawn(name);
    const post = thread.post.bind(thread);
    thread.post = (batch, transfer) => {
      for (const [tag] of batch as readonly ToThread[]) {
        counts.set(tag, (counts.get(tag) ?? 0) + 1);
      }
      post(batch, transfer);
    };
    return thread;
  };
  return counts;
}

Deno.test("a thread keeps the modules that were used last", async () => {
  await using lab = new SeedLab();
  const posts = countPosts(lab);
  const most = limits.compiledModulesPerThreadMax;
  const seeds = Array.from(
    { length: most + 1 },
    (_, index) => lab.add(`s${index}`, echoWasm),
  );
  const [first, second] = seeds;
  assert.ok(first && second);
  for (const seed of seeds.slice(0, most)) await lab.run(seed, "echo");
  await lab.run(first, "echo");
  await lab.run(seeds[most] ?? first, "echo"); // second is the oldest now
  assert.equal(posts.get("load"), most + 1);
  assert.equal(posts.get("unload"), 1);
  await lab.run(first, "echo");
  assert.equal(posts.get("load"), most + 1);
  await lab.run(second, "echo");
  assert.equal(posts.get("load"), most + 2);
});

Deno.test("modules that are all loading at once are trimmed afterwards", async () => {
  await using lab = new SeedLab();
  const posts = countPosts(lab);
  const most = limits.compiledModulesPerThreadMax;
  const names = Array.from({ length: most + 8 }, (_, index) => `s${index}`);
  const seeds = names.map((name) => lab.add(name, echoWasm));
  const calls = seeds.map((seed) => lab.pool.call(lab.job(seed, "echo")));
  await lab.world.complete(Promise.all(calls));
  assert.equal(posts.get("load"), most + 8);
  await lab.run(lab.add("one more", echoWasm), "echo");
  assert.equal(posts.get("unload"), 9);
});

Deno.test("seeds and workers that share a module compile it once", async () => {
  await using lab = new SeedLab({ cores: 4 });
  const posts = countPosts(lab);
  let reads = 0;
  const readModule = () => {
    reads++;
    return Promise.resolve(echoWasm);
  };
  const add = (name: string, more = {}) =>
    lab.add(name, echoWasm, { readModule, ...more });
  const seeds = [add("a"), add("b"), add("c", { config: { x: "y" } })];
  const calls = seeds.flatMap((seed) =>
    Array.from({ length: 20 }, () => lab.pool.call(lab.job(seed, "echo")))
  );
  await lab.world.complete(Promise.all(calls));
  assert.equal(reads, 1);
  assert.equal(posts.get("prepare"), 1);
  assert.ok((posts.get("load") ?? 0) > 3, "on several workers");
  // The memory cap is part of what a module is rewritten for.
  const large = add("d", { settings: { memoryBytes: 128 * 1024 * 1024 } });
  await lab.run(large, "echo");
  assert.equal(posts.get("prepare"), 2);
});

Deno.test("a module is prepared for as long as any thread has it", async () => {
  await using lab = new SeedLab();
  const posts = countPosts(lab);
  const [one, two] = [lab.add("a", echoWasm), lab.add("b", echoWasm)];
  await lab.run(one, "echo");
  await lab.run(two, "echo");
  lab.pool.unload(one.key);
  await lab.run(one, "echo");
  assert.equal(posts.get("prepare"), 1);
  lab.pool.unload(one.key);
  lab.pool.unload(two.key);
  await lab.run(two, "echo");
  assert.equal(posts.get("prepare"), 2);
});

Deno.test("what nobody called for five minutes is unloaded", async () => {
  await using lab = new SeedLab();
  const posts = countPosts(lab);
  const [idle, used] = [lab.add("a", echoWasm), lab.add("b", echoWasm)];
  await lab.run(idle, "echo");
  for (let minute = 1; minute <= 5; minute++) {
    await lab.run(used, "echo");
    await lab.world.run(minute * 60_000 - 1);
  }
  assert.equal(posts.get("unload"), undefined);
  await lab.run(used, "echo");
  await lab.world.run(6 * 60_000 + 1);
  assert.equal(posts.get("unload"), 1);
  await lab.run(used, "echo");
  assert.equal(posts.get("load"), 2);
  await lab.run(idle, "echo");
  assert.equal(posts.get("load"), 3);
});

Deno.test("a call that takes longer than that keeps its module", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const posts = countPosts(lab);
  const call = ask({ timeoutMs: 3_600_000 });
  await lab.world.run(20 * 60_000);
  assert.equal(posts.get("unload"), undefined);
  asked[0]?.(utf8("late"));
  assert.equal(textOf(await lab.world.complete(call)), "late");
  await lab.run(seed, "fine");
  assert.equal(posts.get("load"), 1);
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
  const posts = countPosts(lab);
  const late = lab.add("late", echoWasm, { readModule: () => promise });
  const waiting = endingOf(lab.pool.call(lab.job(late, "echo")));
  await lab.world.run(10);
  lab.pool.unload(late.key);
  assert.equal(await lab.world.complete(waiting), "lost");
  resolve(echoWasm);
  await lab.world.settle();
  assert.equal(posts.get("load"), undefined);
});

Deno.test("a queued call of a replaced seed runs what it was accepted for", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const parents = Array.from(
    { length: limits.callsPerSeedAndThreadMax },
    () => ask(),
  );
  await lab.world.run(200);
  assert.equal(asked.length, parents.length);
  const queued = lab.pool.call(lab.job(seed, "fine"));
  lab.pool.unload(seed.key);
  for (const answer of asked) answer(utf8("a"));
  assert.equal((await lab.world.complete(queued)).length, 0);
  await lab.world.complete(Promise.all(parents));
});
