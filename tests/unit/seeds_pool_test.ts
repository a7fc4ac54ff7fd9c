// The life of calls in the pool: deadlines, cancellation at every stage,
// saturation, nesting, and the end. Each call settles exactly once, and what
// nobody uses leaves neither thread nor timer behind.

import assert from "node:assert/strict";
import { type Bytes, limits, utf8 } from "../../src/kernel/mod.ts";
import { serveSeedThread } from "../../src/guest/mod.ts";
import type { ToThread } from "../../src/threads/mod.ts";
import {
  endingOf,
  rejectsWith,
  SeedLab,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { openAskingLab } from "../fixtures/seeds/asking_lab.ts";
import { echoWasm } from "../fixtures/seeds/wat.ts";

Deno.test("S37: a call that waits for its request ends at its deadline", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const ending = endingOf(ask({ timeoutMs: 1_000 }));
  assert.equal(await lab.world.complete(ending), "timeout");
  assert.ok(lab.world.nowMs <= 1_050);
  assert.equal(asked.length, 1);
  // The answer that comes too late is for nobody.
  asked[0]?.(utf8("late"));
  await lab.world.settle();
  assert.deepEqual(lab.pool.threadCounts, { running: 0, lost: 0 });
  assert.deepEqual(lab.log.records, []);
});

Deno.test("S37: a guest that catches its end gets nothing from then on", async () => {
  const { lab, closing, seed, asked, onRequest } = openAskingLab();
  await using _ = closing;
  const job = lab.job(seed, "stubborn", { onRequest, timeoutMs: 100 });
  const ending = endingOf(lab.pool.call(job));
  assert.equal(await lab.world.complete(ending), "timeout");
  await lab.world.settle();
  assert.equal(asked.length, 1, "no request after the end");
  assert.equal(await endingOf(lab.run(seed, "fine")), "ok");
});

Deno.test("a call is cancelled before, while and after it waits", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const before = AbortSignal.abort();
  await rejectsWith(ask({ signal: before }), "cancelled");

  const loading = new AbortController();
  const { promise: bytes, resolve } = Promise.withResolvers<Bytes>();
  const late = lab.add("late", echoWasm, { readModule: () => bytes });
  const { signal } = loading;
  const waiting = endingOf(lab.pool.call(lab.job(late, "echo", { signal })));
  await lab.world.run(100);
  loading.abort();
  assert.equal(await lab.world.complete(waiting), "cancelled");
  resolve(echoWasm);

  const running = new AbortController();
  const suspended = endingOf(ask({ signal: running.signal }));
  await lab.world.run(200);
  assert.equal(asked.length, 1);
  running.abort();
  assert.equal(await lab.world.complete(suspended), "cancelled");

  const done = new AbortController();
  const output = await lab.run(seed, "fine", { signal: done.signal });
  done.abort();
  assert.equal(output.length, 0);
  await lab.world.settle();
});

Deno.test("a queued call is cancelled and does not run", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const parents = Array.from(
    { length: limits.callsPerSeedAndThreadMax },
    () => endingOf(ask()),
  );
  const aborter = new AbortController();
  const queued = endingOf(ask({ signal: aborter.signal }));
  await lab.world.run(100);
  assert.equal(asked.length, limits.callsPerSeedAndThreadMax);
  aborter.abort();
  assert.equal(await lab.world.complete(queued), "cancelled");
  for (const answer of asked) answer(utf8("a"));
  const endings = await lab.world.complete(Promise.all(parents));
  assert.deepEqual(new Set(endings), new Set(["ok"]));
  assert.equal(asked.length, limits.callsPerSeedAndThreadMax);
});

Deno.test("S40: more calls than the queue holds are refused, safe to retry", async () => {
  const { lab, closing, asked, ask } = openAskingLab();
  await using _ = closing;
  const most = limits.callsPerSeedAndThreadMax + limits.callsQueuedMax;
  const calls = Array.from({ length: most + 50 }, () => endingOf(ask()));
  await lab.world.run(100);
  const refused = calls.slice(most);
  assert.deepEqual(
    new Set(await lab.world.complete(Promise.all(refused))),
    new Set(["PLN_SATURATED"]),
  );
  // Another seed's calls do not wait behind those of a full one.
  const other = lab.pool.call(lab.job(lab.add("other", echoWasm), "echo"));
  assert.equal(textOf(await lab.world.complete(other)), "");
  // Whoever waits in a thread is served all the same.
  const nested = lab.pool.call(lab.job(
    lab.add("echo", echoWasm),
    "echo",
    { isNested: true, input: "in" },
  ));
  assert.equal(textOf(await lab.world.complete(nested)), "in");
  while (asked.length > 0) {
    asked.shift()?.(utf8("a"));
    await lab.world.run(lab.world.nowMs + 1);
  }
  const endings = await lab.world.complete(Promise.all(calls.slice(0, most)));
  assert.deepEqual(new Set(endings), new Set(["ok"]));
});

Deno.test("nested calls do not wait behind a thread full of their parents", async () => {
  const { lab, closing, seed, onRequest } = openAskingLab();
  await using _ = closing;
  const nest = (depth: number): Promise<Bytes> =>
    lab.pool.call(lab.job(seed, depth === 0 ? "fine" : "ask", {
      isNested: depth < 8,
      onRequest: depth === 0 ? onRequest : async () => {
        await nest(depth - 1);
        return utf8(`${depth}`);
      },
    }));
  const roots = Array.from({ length: 100 }, () => nest(8));
  const outputs = await lab.world.complete(Promise.all(roots));
  assert.deepEqual(new Set(outputs.map(textOf)), new Set(["8"]));
});

Deno.test("disposing the pool settles every call, twice is harmless", async () => {
  const { lab, ask, asked, seed } = openAskingLab();
  const { promise, resolve } = Promise.withResolvers<Bytes>();
  const late = lab.add("late", echoWasm, { readModule: () => promise });
  const calls = [
    ...Array.from({ length: 70 }, () => ask()),
    lab.pool.call(lab.job(late, "echo", { isNested: true })),
  ].map(endingOf);
  const loading = endingOf(lab.pool.load(late));
  await lab.world.run(50);
  calls.push(endingOf(lab.pool.call(lab.job(seed, "fine"))));
  const closing = lab.pool[Symbol.asyncDispose]();
  const endings = await lab.world.complete(Promise.all(calls));
  assert.deepEqual(new Set(endings), new Set(["lost"]));
  assert.equal(await lab.world.complete(loading), "PLN_CLOSED");
  assert.equal(await endingOf(ask()), "PLN_CLOSED");
  assert.equal(await endingOf(lab.pool.load(seed)), "PLN_CLOSED");
  assert.equal(lab.sandbox.threads().length, 0);
  for (const answer of asked) answer(undefined);
  resolve(echoWasm);
  await lab.world.complete(closing);
  await lab.pool[Symbol.asyncDispose]();
  await lab.world.settle();
});

Deno.test("a pool that nobody uses has neither thread nor timer", async () => {
  const { lab, closing, seed } = openAskingLab();
  await using _ = closing;
  assert.equal(lab.pool.threadCounts.running, 0);
  assert.equal(lab.world.timerCount, 0);
  await lab.run(seed, "fine");
  assert.equal(lab.pool.threadCounts.running, 1, "one worker");
  await lab.world.run(lab.world.nowMs + 100);
  assert.equal(lab.pool.threadCounts.running, 2, "and one standby");
  for (let minute = 1; minute <= 4; minute++) {
    await lab.world.run(minute * 60_000);
    assert.equal(lab.sandbox.threads().length, 2, `after ${minute} minutes`);
  }
  await lab.world.run(9 * 60_000);
  assert.equal(lab.sandbox.threads().length, 0);
  assert.equal(lab.world.timerCount, 0);
  assert.equal((await lab.run(seed, "fine")).length, 0, "and starts again");
});

Deno.test("a seed that is called once a minute stays where it is", async () => {
  const reads: string[] = [];
  await using lab = new SeedLab();
  const seed = lab.add("s", echoWasm, {
    readModule: () => {
      reads.push("s");
      return Promise.resolve(echoWasm);
    },
  });
  for (let minute = 0; minute < 20; minute++) {
    await lab.run(seed, "echo");
    await lab.world.run(lab.world.nowMs + 60_000);
  }
  assert.equal(reads.length, 1);
  assert.equal(lab.pool.threadCounts.running, 2);
});

Deno.test("a thread that starts slowly is waited for", async () => {
  const lab: SeedLab = new SeedLab({
    program: async (scope) => {
      await lab.clock.sleep(5_000, new AbortController().signal);
      serveSeedThread(scope);
    },
  });
  await using _ = lab;
  assert.equal((await lab.run(echoWasm, "echo")).length, 0);
  assert.equal(lab.pool.threadCounts.lost, 0);
});

Deno.test("workers are started as calls need them, one fewer than cores", async () => {
  for (const [cores, workers] of [[1, 1], [2, 1], [4, 3]] as const) {
    const { lab, asked, ask } = openAskingLab({ cores });
    const calls = Array.from({ length: 20 }, () => ask());
    await lab.world.run(100);
    assert.equal(lab.pool.threadCounts.running, workers + 1, "and the standby");
    for (const answer of asked) answer(utf8("a"));
    await lab.world.complete(Promise.all(calls));
    await lab[Symbol.asyncDispose]();
  }
});

Deno.test("guests get half of the machine's memory together, others wait", async () => {
  const { lab, closing, asked, ask } = openAskingLab({
    memoryBytes: 4 * 1024 * 1024,
  });
  await using _ = closing;
  const calls = Array.from({ length: 20 }, () => ask());
  await lab.world.run(100);
  // Each has 2 pages of 64 KiB and some for its host: of 32 there are.
  assert.ok(asked.length >= 3 && asked.length <= 15, `${asked.length} at once`);
  while (asked.length > 0) {
    for (const answer of asked.splice(0)) answer(utf8("a"));
    await lab.world.run(lab.world.nowMs + 100);
  }
  const outputs = await lab.world.complete(Promise.all(calls));
  assert.deepEqual(new Set(outputs.map(textOf)), new Set(["a"]));
});

Deno.test("a pool that is disposed leaves no timer", async () => {
  const { lab, closing, seed, asked, ask } = openAskingLab();
  await using _ = closing;
  const call = endingOf(ask());
  await lab.run(seed, "fine");
  assert.equal(asked.length, 1);
  await lab.world.complete(lab.pool[Symbol.asyncDispose]());
  await lab.world.run(lab.world.nowMs + 100);
  assert.equal(lab.world.timerCount, 0);
  assert.equal(await call, "lost");
});

Deno.test("a running guest can see each batch that is posted", async () => {
  const { lab, closing, seed } = openAskingLab();
  await using _ = closing;
  const mails: Int32Array[] = [];
  const batches: number[] = [];
  const spawn = lab.sandbox.spawn.bind(lab.sandbox);
  lab.sandbox.spawn = (name) => {
    const thread = spawn(name);
    const post = thread.post.bind(thread);
    const index = batches.push(0) - 1;
    thread.post = (batch, transfer) => {
      const [[tag, mail] = []] = batch as readonly ToThread[];
      if (tag === "open") mails[index] = new Int32Array(mail);
      batches[index] = (batches[index] ?? 0) + 1;
      post(batch, transfer);
    };
    return thread;
  };
  const calls = Array.from(
    { length: 50 },
    () => lab.pool.call(lab.job(seed, "fine")),
  );
  await lab.world.complete(Promise.all(calls));
  assert.deepEqual(mails.map(([count]) => count), batches);
  const [ofWorker = 0] = batches;
  assert.ok(ofWorker >= 4 && ofWorker <= 8, "they leave by thirty-two");
});

Deno.test("a call listens to its caller's signal no longer than it lasts", async () => {
  const { lab, closing, seed } = openAskingLab();
  await using _ = closing;
  const { signal } = new AbortController();
  let listeners = 0;
  const { addEventListener, removeEventListener } = signal;
  signal.addEventListener = (...given: Parameters<typeof addEventListener>) => {
    listeners++;
    addEventListener.apply(signal, given);
  };
  signal.removeEventListener = (
    ...given: Parameters<typeof removeEventListener>
  ) => {
    listeners--;
    removeEventListener.apply(signal, given);
  };
  const call = lab.pool.call(lab.job(seed, "fine", { signal }));
  assert.equal(listeners, 1);
  await lab.world.complete(call);
  assert.equal(listeners, 0);
});

Deno.test("a large input is given away, a small one is copied", async () => {
  await using lab = new SeedLab();
  const seed = lab.add("echo", echoWasm);
  const small = new Uint8Array(1_000).fill(1);
  const large = new Uint8Array(100_000).fill(2);
  const part = new Uint8Array(200_000).fill(3).subarray(50_000, 150_000);
  for (const input of [small, large, part]) {
    const expected = input.slice();
    assert.deepEqual(await lab.run(seed, "echo", { input }), expected);
  }
  assert.equal(small.length, 1_000);
  assert.equal(large.length, 0);
  assert.equal(part.length, 100_000, "its buffer has other users");
  const again = lab.pool.call(lab.job(seed, "echo", { input: large }));
  await assert.rejects(again, { message: "bytes are given away once" });
  assert.equal((await lab.run(seed, "echo", { input: small })).length, 1_000);
});
