// Which worker gets a call: the seed's preferred one, others when that one has
// clearly more to do, none when all places of the seed are taken. Full seeds
// hold up nobody else, and waiting calls move in as places come free.

import assert from "node:assert/strict";
import { type Bytes, limits, utf8 } from "../../src/kernel/mod.ts";
import type { ToThread } from "../../src/threads/mod.ts";
import type { SandboxThread } from "../../src/ports/mod.ts";
import { openAskingLab } from "../fixtures/seeds/asking_lab.ts";
import { endingOf, SeedLab, textOf } from "../fixtures/seeds/seed_lab.ts";
import { echoWasm, guestWasm } from "../fixtures/seeds/wat.ts";

/** Counts the calls that each thread gets. */
function countCalls(lab: SeedLab): () => readonly number[] {
  const counts = new Map<SandboxThread, number>();
  const spawn = lab.sandbox.spawn.bind(lab.sandbox);
  lab.sandbox.spawn = (name) => {
    const thread = spawn(name);
    const post = thread.post.bind(thread);
    thread.post = (batch, transfer) => {
      const calls = (batch as readonly ToThread[])
        .filter(([tag]) => tag === "call");
      const before = counts.get(thread) ?? 0;
      if (calls.length > 0) counts.set(thread, before + calls.length);
      post(batch, transfer);
    };
    return thread;
  };
  return () => [...counts.values()].sort((a, b) => b - a);
}

Deno.test("a seed that is called one by one stays on one worker", async () => {
  await using lab = new SeedLab({ cores: 5 });
  const counts = countCalls(lab);
  const seed = lab.add("s", echoWasm);
  for (let call = 0; call < 50; call++) await lab.run(seed, "echo");
  assert.deepEqual(counts(), [50]);
  assert.ok(lab.pool.threadCounts.running <= 2, "it, and the standby");
});

Deno.test("seeds spread over the workers", async () => {
  await using lab = new SeedLab({ cores: 5 });
  const counts = countCalls(lab);
  for (let index = 0; index < 40; index++) {
    await lab.run(lab.add(`s${index}`, echoWasm), "echo");
  }
  const [most = 0, second, third, least = 0] = counts();
  assert.ok(second && third);
  assert.ok(most <= 20 && least >= 4, `${counts()}`);
});

Deno.test("many calls at once spill over to idle workers", async () => {
  const { lab, closing, asked, ask } = openAskingLab({ cores: 4 });
  await using _ = closing;
  const counts = countCalls(lab);
  const calls = Array.from({ length: 60 }, () => ask());
  await lab.world.run(100);
  assert.equal(asked.length, 60);
  const [most = 0, , least = 0] = counts();
  assert.ok(most - least <= 5 && least >= 15, `${counts()}`);
  for (const answer of asked) answer(utf8("a"));
  await lab.world.complete(Promise.all(calls));
});

Deno.test("calls of a slow seed do not queue up on one core", async () => {
  await using lab = new SeedLab({ cores: 4 });
  const counts = countCalls(lab);
  // 20,000 rounds: some 200 ms of a simulated processor.
  const seed = lab.add(
    "slow",
    guestWasm(`(func (export "f") (result i32) (local $i i32)
      (loop $on
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $on (i32.lt_u (local.get $i) (i32.const 20000))))
      (i32.const 0))`),
  );
  await lab.run(seed, "f");
  const calls = [1, 2, 3].map(() => lab.pool.call(lab.job(seed, "f")));
  await lab.world.complete(Promise.all(calls));
  assert.deepEqual(counts(), [2, 1, 1]);
});

Deno.test("a full seed lets no more in, and others pass", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const most = limits.callsPerSeedAndThreadMax;
  const calls = Array.from({ length: most + 10 }, () => ask());
  await lab.world.run(200);
  assert.equal(asked.length, most);
  const echo = lab.add("echo", echoWasm);
  assert.equal(textOf(await lab.run(echo, "echo", { input: "in" })), "in");
  for (let freed = 1; freed <= 10; freed++) {
    asked[freed - 1]?.(utf8("a"));
    await lab.world.run(lab.world.nowMs + 20);
    assert.equal(asked.length, most + freed, "one out, one in");
  }
  for (const answer of asked) answer(utf8("a"));
  await lab.world.complete(Promise.all(calls));
});

Deno.test("calls that wait start in the order in which they came", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const most = limits.callsPerSeedAndThreadMax;
  const parents = Array.from({ length: most }, () => ask());
  const order: number[] = [];
  const abort = new AbortController();
  const calls = [0, 1, 2, 3, 4].map((number) =>
    lab.pool.call(lab.job(seed, "ask", {
      signal: number === 2 ? abort.signal : undefined,
      onRequest: () => {
        order.push(number);
        return Promise.resolve(utf8("a"));
      },
    }))
  );
  const endings = Promise.all(calls.map(endingOf));
  await lab.world.run(200);
  abort.abort();
  for (const answer of asked) answer(utf8("a"));
  await lab.world.complete(Promise.all(parents));
  assert.deepEqual(
    await lab.world.complete(endings),
    ["ok", "ok", "cancelled", "ok", "ok"],
  );
  assert.deepEqual(order, [0, 1, 3, 4]);
});

Deno.test("nested calls pass their waiting elders", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const most = limits.callsPerSeedAndThreadMax;
  const parents = Array.from({ length: most + 5 }, () => ask());
  await lab.world.run(200);
  const nested = Array.from(
    { length: 100 },
    (): Promise<Bytes> =>
      lab.pool.call(lab.job(seed, "fine", { isNested: true })),
  );
  await lab.world.complete(Promise.all(nested));
  assert.equal(asked.length, most);
  for (const answer of asked) answer(utf8("a"));
  await lab.world.run(lab.world.nowMs + 200);
  for (const answer of asked) answer(utf8("a"));
  await lab.world.complete(Promise.all(parents));
});
