// Calls by name: one deadline over all hops, who called, what callers
// are told when a call cannot be right, and what is counted.

import assert from "node:assert/strict";
import { type Bytes, limits, utf8 } from "../../src/kernel/mod.ts";
import { saturated } from "../../src/threads/mod.ts";
import {
  type Caller,
  SeedError,
  type SeedReason,
} from "../../src/seeds/mod.ts";
import {
  askingWasm,
  handingWasm,
  sayingWasm,
} from "../fixtures/seeds/callers.ts";
import {
  caller,
  endingOf,
  never,
  rejectsWith,
  SeedLab,
} from "../fixtures/seeds/seed_lab.ts";
import {
  echoWasm,
  guestWasm,
  text,
  userImports,
} from "../fixtures/seeds/wat.ts";

const to = (name: string, fn = "f") => `pln://seed/${name}/${fn}`;

function open(seeds: Readonly<Record<string, Bytes>>): SeedLab {
  const lab = new SeedLab();
  for (const [name, module] of Object.entries(seeds)) lab.add(name, module);
  return lab;
}

Deno.test("the same seed may be asked twice, and by another function", async () => {
  const uri = text(1024, to("a", "g"));
  const module = guestWasm(
    `${uri.data}
    (func (export "f") (result i32)
      (drop (call $request ${uri.block} (i64.const 0)))
      (call $give (call $request ${uri.block} (i64.const 0))) (i32.const 0))
    (func (export "g") (result i32) (call $outByte (i32.const 71)) (i32.const 0))`,
    userImports,
  );
  await using lab = open({ a: module });
  assert.equal(await lab.call("a", "f"), "G");
});

Deno.test("one deadline holds over all hops", async () => {
  const sleeping = guestWasm(
    `(func (export "f") (result i32)
      (i64.store (i32.const 536) (i64.const 400000000))
      (drop (call $poll (i32.const 512) (i32.const 1024)
        (i32.const 1) (i32.const 0)))
      (call $outByte (i32.const 90)) (i32.const 0))`,
    `(import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))`,
  );
  await using lab = open({ a: askingWasm(to("z")), z: sleeping });
  assert.equal(await lab.call("a", "f", { timeoutMs: 500 }), "Z");
  const beforeMs = lab.world.nowMs;
  await rejectsWith(lab.call("a", "f", { timeoutMs: 300 }), "timeout");
  assert.ok(lab.world.nowMs - beforeMs <= 350);
  await lab.world.settle();
  assert.equal(lab.pool.threadCounts.lost, 0);
});

Deno.test("a seed sees who called at the origin, and until when", async () => {
  const telling = guestWasm(
    `(func (export "f") (result i32)
      (call $give (call $caller_info)) (i32.const 0))`,
    userImports,
  );
  await using lab = open({ a: askingWasm(to("b")), b: telling });
  const startMs = lab.clock.wallMs();
  for (const name of ["a", "b"]) {
    const told = JSON.parse(await lab.call(name, "f", { timeoutMs: 5_000 }));
    assert.deepEqual(told, {
      peerKey: caller.peer,
      attributes: { role: "test" },
      deadlineUnixMs: startMs + 5_000,
    });
  }
});

Deno.test("a call that cannot be right is refused before it runs", async () => {
  await using lab = open({ echo: echoWasm });
  const ending = (seed: string, fn: string, more = {}) =>
    endingOf(lab.call(seed, fn, more));
  assert.equal(await ending("nobody", "f"), "PLN_NOT_FOUND");
  assert.equal(await ending("a\x1b[2J", "f"), "PLN_NOT_FOUND");
  assert.equal(await ending("echo", "a/b"), "PLN_INPUT");
  assert.equal(await ending("echo", ""), "PLN_INPUT");
  assert.equal(await ending("echo", "x".repeat(256)), "PLN_INPUT");
  for (const timeoutMs of [0, 0.5, -1, NaN, Infinity, 3_600_001]) {
    assert.equal(await ending("echo", "echo", { timeoutMs }), "PLN_INPUT");
  }
  assert.equal(await ending("echo", "echo", { timeoutMs: 3_600_000 }), "ok");
  assert.equal(await ending("echo", "echo", { timeoutMs: 1 }), "ok");
  const large = new Uint8Array(limits.callInputBytesMax + 1);
  const call = lab.calls.call(
    { seed: "echo", function: "echo" },
    large,
    { caller, signal: never },
  );
  assert.equal(await endingOf(call), "PLN_LIMIT");
});

Deno.test("the refusal of an unknown seed names those there are", async () => {
  await using lab = open({});
  const hintOf = async () => {
    const error = await lab.call("nobody", "f").catch((cause) => cause);
    return error.hint;
  };
  const elsewhere = "; or call it where it is: --on <node>";
  assert.equal(await hintOf(), `Seed one with "pln seed"${elsewhere}`);
  for (const name of ["a", "b", "c", "d", "e", "g"]) lab.add(name, echoWasm);
  assert.equal(await hintOf(), `Seeds: a, b, c, d, e${elsewhere}`);
});

Deno.test("a failed request is told in the hint of its seed's own error", async () => {
  await using lab = open({
    a: askingWasm(to("nobody")),
    odd: askingWasm("pln://seed/\x1b[2J/f"),
  });
  const error = await rejectsWith(lab.call("a", "f"), "seed");
  assert.equal(
    error.hint,
    'Its request to "pln://seed/nobody/f" failed: There is no seed "nobody"',
  );
  const odd = await rejectsWith(lab.call("odd", "f"), "seed");
  assert.ok(!odd.hint?.includes("\x1b"));
});

Deno.test("a failed request is no hint to other ends of its seed", async () => {
  const uri = text(1024, to("nobody"));
  await using lab = open({
    a: guestWasm(
      `${uri.data}
      (func $ask (drop (call $request ${uri.block} (i64.const 0))))
      (func (export "loop") (result i32)
        (call $ask) (loop $on (br $on)) (unreachable))
      (func (export "trap") (result i32) (call $ask) (unreachable))
      (func (export "exit") (result i32)
        (call $ask) (call $exit (i32.const 3)) (i32.const 0))`,
      `${userImports} (import "wasi_snapshot_preview1" "proc_exit"
        (func $exit (param i32)))`,
    ),
  });
  const hintOf = async (fn: string, reason: SeedReason) => {
    const call = lab.call("a", fn, { timeoutMs: 50 });
    return (await rejectsWith(call, reason)).hint ?? "";
  };
  assert.match(await hintOf("trap", "trap"), /^Its request to/);
  assert.match(await hintOf("exit", "exit"), /^Its request to/);
  assert.match(await hintOf("loop", "timeout"), /--timeout/);
});

Deno.test("S40: a call whose first seed ran is not refused half way", async () => {
  await using lab = open({
    hands: handingWasm(to("asks")),
    asks: askingWasm(to("echo", "echo")),
    echo: echoWasm,
  });
  const call = lab.pool.call.bind(lab.pool);
  const hops: string[] = [];
  lab.pool.call = (job) => {
    // Only what is nested passes a full queue.
    hops.push(`${job.seed.name} ${job.isNested ? "nested" : "first"}`);
    return call(job);
  };
  await lab.call("hands", "f");
  assert.deepEqual(hops, ["hands first", "asks nested", "echo nested"]);
});

Deno.test("statistics count calls, errors and percentiles by seed", async () => {
  await using lab = open({
    good: sayingWasm("good"),
    bad: guestWasm(`(func (export "f") (result i32) (unreachable))`),
  });
  const none = { calls: 0, errors: 0, errorsByReason: {}, running: 0 };
  const unknown = { p50Ms: undefined, p99Ms: undefined };
  assert.deepEqual(lab.calls.reportOf("good"), { ...none, ...unknown });
  for (const _ of [1, 2, 3]) await lab.call("good", "f");
  await endingOf(lab.call("bad", "f"));
  await endingOf(lab.call("nobody", "f"));
  const { p50Ms, p99Ms, ...counts } = lab.calls.reportOf("good");
  assert.deepEqual(counts, { ...none, calls: 3 });
  assert.ok(p50Ms !== undefined && p99Ms !== undefined && p50Ms <= p99Ms);
  assert.equal(lab.calls.reportOf("bad").errors, 1);
  assert.equal(lab.calls.reportOf("nobody").calls, 0);
  lab.calls.forget("good");
  assert.equal(lab.calls.reportOf("good").calls, 0);
});

Deno.test("statistics count errors by their reason", async () => {
  const why = text(1024, "because");
  await using lab = open({
    bad: guestWasm(`${why.data}
      (func (export "trap") (result i32) (unreachable))
      (func (export "fail") (result i32)
        (call $error_set ${why.block}) (i32.const 1))
      (func (export "loop") (result i32) (loop $on (br $on)) (unreachable))`),
  });
  for (const fn of ["trap", "trap", "fail", "none"]) {
    await endingOf(lab.call("bad", fn));
  }
  await endingOf(lab.call("bad", "loop", { timeoutMs: 50 }));
  const call = lab.pool.call;
  lab.pool.call = () => Promise.reject(saturated());
  await endingOf(lab.call("bad", "trap"));
  lab.pool.call = call;
  const { errors, errorsByReason } = lab.calls.reportOf("bad");
  assert.equal(errors, 6);
  assert.deepEqual(errorsByReason, {
    trap: 2,
    seed: 1,
    "no-function": 1,
    timeout: 1,
    saturated: 1,
  });
});

Deno.test("a caller that goes away cancels every hop", async () => {
  await using lab = open({ a: askingWasm(to("b")), b: askingWasm(to("c")) });
  const waits = Promise.withResolvers<Bytes>();
  lab.add("c", echoWasm, { readModule: () => waits.promise });
  const aborter = new AbortController();
  const who: Caller = caller;
  const call = lab.calls.call(
    { seed: "a", function: "f" },
    utf8(""),
    { caller: who, signal: aborter.signal },
  );
  const ending = call.then(() => undefined, (cause) => cause);
  await lab.world.run(100);
  assert.equal(lab.calls.reportOf("c").running, 1);
  aborter.abort();
  const error = await lab.world.complete(ending);
  assert.ok(error instanceof SeedError && error.reason === "cancelled");
  waits.resolve(echoWasm);
  await lab.world.settle();
  for (const name of ["a", "b", "c"]) {
    assert.equal(lab.calls.reportOf(name).running, 0, name);
  }
});

Deno.test("requests that are refused are logged, some a second, however many calls make them", async () => {
  await using lab = new SeedLab();
  lab.add("asker", askingWasm("pln://seed/nobody/f"));
  for (let i = 0; i < 50; i++) await endingOf(lab.call("asker", "f"));
  const logged = lab.log.records.filter(({ event }) =>
    event === "seed.request_failed"
  );
  assert.ok(logged.length >= 10 && logged.length <= 20, `${logged.length}`);
});

Deno.test("calls that fail are logged with their seed, some a second", async () => {
  await using lab = new SeedLab();
  lab.add("bad", guestWasm(`(func (export "f") (unreachable))`));
  for (let i = 0; i < 30; i++) {
    assert.equal(await endingOf(lab.call("bad", "f")), "trap");
  }
  const failed = lab.log.records.filter(({ event }) =>
    event === "seed.call_failed"
  );
  assert.ok(failed.length >= 10 && failed.length <= 20, `${failed.length}`);
  const [first] = failed;
  assert.equal(first?.level, "warn");
  assert.equal(first.fields["seed"], "bad");
  assert.equal(first.fields["function"], "f");
  assert.equal(first.fields["code"], "PLN_SEED_TRAP");
});
