// Calls on one thread, through the real thread program in virtual time: limits
// end every loop, long calls share the thread with short ones, and whatever a
// guest waits for can be taken from it (SCENARIOS.md S35, S37).

import assert from "node:assert/strict";
import { type Bytes, utf8, utf8Text } from "../../src/kernel/mod.ts";
import type { HttpAsk } from "../../src/ports/mod.ts";
import { ThreadLab } from "../fixtures/guest/thread_lab.ts";
import { guestWasm, text, userImports, wasm } from "../fixtures/seeds/wat.ts";

const uri = text(1024, "pln://seed/x/f");
const busyWasm = guestWasm(
  `${uri.data} (tag $ours)
  (func (export "loop") (result i32) (loop $on (br $on)) (unreachable))
  (func (export "stubborn") (result i32)
    (loop $on try (loop $in (br $in)) catch_all end (br $on)) (unreachable))
  (func $again (result i32) try (result i32) (call $again)
    catch_all (call $again) end)
  (func (export "recursion") (result i32) (call $again))
  (func (export "ask") (result i32)
    (call $give (call $request ${uri.block} (i64.const 0))) (i32.const 0))
  (func (export "askStubborn") (result i32)
    (loop $on try (drop (call $request ${uri.block} (i64.const 0)))
      catch_all end (br $on)) (unreachable))
  (func (export "fine") (result i32) (call $outByte (i32.const 7))
    (i32.const 0))`,
  userImports,
);

for (const fn of ["loop", "stubborn"]) {
  Deno.test(`S35: "${fn}" ends at its limit of processor time`, async () => {
    const lab = new ThreadLab();
    const { load } = await lab.load(busyWasm, { cpuMs: 300 });
    const startMs = lab.clock.nowMs();
    const [, , fault] = await lab.reply("failed", lab.start(load, fn));
    assert.equal(fault.reason, "timeout");
    assert.match(fault.message, /more than 300 ms of processor time/);
    assert.match(fault.hint ?? "", /--cpu/);
    const tookMs = lab.clock.nowMs() - startMs;
    assert.ok(tookMs >= 300 && tookMs < 320, `after ${tookMs} ms`);
    assert.deepEqual(await lab.call(load, "fine"), Uint8Array.of(7));
  });
}

Deno.test("S36: recursion without end fails the call, even if it catches all", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm);
  const id = lab.start(load, "recursion");
  const [, , fault] = await lab.reply("failed", id);
  assert.equal(fault.reason, "stack");
  assert.deepEqual(await lab.call(load, "fine"), Uint8Array.of(7));
});

Deno.test("S35: a loop ends at its deadline too", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm);
  const id = lab.start(load, "loop", { leftMs: 100 });
  const [, , fault] = await lab.reply("failed", id);
  assert.equal(fault.reason, "timeout");
  assert.match(fault.message, /deadline/);
});

Deno.test("S35: a start function that loops is refused", async () => {
  const lab = new ThreadLab();
  for (const name of ["_initialize", "_start", "start"]) {
    const start = name === "start"
      ? "(start $go)"
      : `(export "${name}" (func $go))`;
    const module = wasm(`(module (func $go (loop $on (br $on)))
      ${start} (func (export "f")))`);
    await assert.rejects(
      lab.load(module),
      /timeout: Seed "lab" does not start within 10 seconds/,
    );
  }
});

Deno.test("S35: small calls pass 16 loops on the same thread", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm, { cpuMs: 2_000 });
  const loops = Array.from({ length: 16 }, () => lab.start(load, "loop"));
  // Each has had its first slice.
  await lab.idle(200);
  for (let i = 0; i < 20; i++) {
    const startMs = lab.clock.nowMs();
    await lab.call(load, "fine");
    const tookMs = lab.clock.nowMs() - startMs;
    assert.ok(tookMs < 20, `call ${i} took ${tookMs} ms`);
    await lab.idle(3);
  }
  for (const id of loops) {
    const [, , fault] = await lab.reply("failed", id);
    assert.equal(fault.reason, "timeout");
  }
});

Deno.test("calls behind a loop in one batch do not wait for its end", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm, { cpuMs: 5_000 });
  const none = new Uint8Array(0);
  lab.post(
    ["call", 901, load, "loop", none, "", 60_000],
    ["call", 902, load, "fine", none, "", 60_000],
    ["call", 903, load, "loop", none, "", 60_000],
    ["call", 904, load, "fine", none, "", 60_000],
  );
  const startMs = lab.clock.nowMs();
  await lab.reply("done", 904);
  assert.ok(lab.clock.nowMs() - startMs < 40);
  assert.ok(lab.received.some(([tag, id]) => tag === "done" && id === 902));
  await lab.reply("failed", 901);
});

Deno.test("a small call behind 16 loops in one batch does not wait for their slices", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm, { cpuMs: 500 });
  const none = new Uint8Array(0);
  const loops = Array.from(
    { length: 16 },
    (_, index) =>
      ["call", 900 + index, load, "loop", none, "", 60_000] as const,
  );
  lab.post(...loops, ["call", 999, load, "fine", none, "", 60_000]);
  const startMs = lab.clock.nowMs();
  await lab.reply("done", 999);
  const tookMs = lab.clock.nowMs() - startMs;
  assert.ok(tookMs < 10, `${tookMs} ms`);
});

Deno.test("a loop that is cancelled ends within some slices", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm);
  for (const fn of ["loop", "stubborn"]) {
    const id = lab.start(load, fn);
    await lab.idle(100);
    const startMs = lab.clock.nowMs();
    lab.post(["cancel", id, { reason: "cancelled", message: "gone" }]);
    const [, , fault] = await lab.reply("failed", id);
    assert.equal(fault.reason, "cancelled");
    assert.ok(lab.clock.nowMs() - startMs < 60);
  }
});

Deno.test("S37: a guest that waits is cancelled at once, even if it catches that", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm);
  for (const fn of ["ask", "askStubborn"]) {
    const id = lab.start(load, fn);
    await lab.idle(50);
    lab.post(["cancel", id, { reason: "timeout", message: "late" }]);
    const [, , fault] = await lab.reply("failed", id);
    assert.deepEqual([fault.reason, fault.message], ["timeout", "late"]);
  }
  const requests = lab.received.filter(([tag]) => tag === "request");
  // An answer that comes too late harms nobody.
  for (const [, request] of requests) {
    lab.post(["answer", Number(request), utf8("late")]);
  }
  assert.deepEqual(await lab.call(load, "fine"), Uint8Array.of(7));
});

Deno.test("while guests wait, others of the same seed have instances of their own", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm);
  const ids = [1, 2, 3].map(() => lab.start(load, "ask"));
  await lab.idle(10);
  assert.deepEqual(await lab.call(load, "fine"), Uint8Array.of(7));
  const requests = lab.received.filter(([tag]) => tag === "request");
  assert.equal(requests.length, 3);
  for (const [, request, call] of requests) {
    lab.post(["answer", Number(request), utf8(`to ${call}`)]);
  }
  for (const id of ids) {
    const [, , output] = await lab.reply("done", id);
    assert.equal(utf8Text(output), `to ${id}`);
  }
});

Deno.test("a seed that is unloaded ends its calls in their own time", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm);
  const id = lab.start(load, "ask");
  await lab.idle(10);
  lab.post(["unload", load]);
  const late = lab.start(load, "fine");
  const [, , fault] = await lab.reply("failed", late);
  assert.equal(fault.reason, "lost");
  const request = lab.received.find(([tag]) => tag === "request");
  lab.post(["answer", Number(request?.[1]), utf8("still")]);
  const [, , output] = await lab.reply("done", id);
  assert.equal(utf8Text(output), "still");
  lab.post(["ping"]);
  await lab.reply("pong");
  assert.equal(lab.budget.instances, 0);
  assert.equal(lab.budget.usedBytes, 0);
});

Deno.test("a pong tells what each seed occupies and has used", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(busyWasm, { cpuMs: 50 });
  await lab.reply("failed", lab.start(load, "loop"));
  await lab.call(load, "fine");
  lab.post(["ping"]);
  const [, [usage]] = await lab.reply("pong");
  assert.equal(usage?.load, load);
  assert.ok(usage.cpuMs >= 50 && usage.cpuMs < 70, String(usage.cpuMs));
  assert.ok(usage.instances >= 1);
  assert.ok(usage.memoryBytes >= 4 * 65_536);
  assert.ok(usage.peakBytes >= 4 * 65_536);
});

const wish = (json: string) => text(2048, json);
const httpImports = `
  (import "extism:host/env" "http_request"
    (func $http (param i64 i64) (result i64)))
  (import "extism:host/env" "http_status_code" (func $status (result i32)))
  (import "extism:host/env" "http_headers" (func $headers (result i64)))`;

/** "get" answers the body, "status" the code, "headers" the headers. */
function fetchingWasm(json: string): Bytes {
  const request = wish(json);
  return guestWasm(
    `${request.data} ${text(1024, "sent").data}
    (func $fetch (result i64)
      (call $http ${request.block} (call $block (i32.const 1024) (i32.const 4))))
    (func (export "get") (result i32) (call $give (call $fetch)) (i32.const 0))
    (func (export "status") (result i32) (drop (call $fetch))
      (call $outU64 (i64.extend_i32_u (call $status))) (i32.const 0))
    (func (export "headers") (result i32) (drop (call $fetch))
      (call $give (call $headers)) (i32.const 0))
    (func (export "before") (result i32)
      (call $outU64 (i64.add (call $headers)
        (i64.extend_i32_u (call $status)))) (i32.const 0))`,
    httpImports,
  );
}

/** "send" sends a block that starts with the text, and another of zeros. */
function sendingWasm(
  json: string,
  { requestBytes = utf8(json).length, bodyBytes = 0 } = {},
): Bytes {
  return guestWasm(
    `${wish(json).data} (func (export "send") (result i32)
      (local $block i64) (local $at i32)
      (local.set $block (call $alloc (i64.const ${requestBytes})))
      (loop $next
        (call $store_u8
          (i64.add (local.get $block) (i64.extend_i32_u (local.get $at)))
          (i32.load8_u (i32.add (i32.const 2048) (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const ${
      wish(json).length
    }))))
      (drop (call $http (local.get $block) (call $alloc (i64.const ${bodyBytes}))))
      (i32.const 0))`,
    httpImports,
  );
}

/** What the guest asked for. */
async function askOf(lab: ThreadLab): Promise<[number, HttpAsk]> {
  const [, request, , ask] = await lab.reply("fetch");
  lab.received.length = 0;
  return [request, ask];
}

Deno.test("http_request asks outside, and brings body, status and headers", async () => {
  const lab = new ThreadLab();
  const json =
    `{"url":"https://example.com/a","method":"PUT","headers":{"x":"y"}}`;
  const { load } = await lab.load(fetchingWasm(json), { mayFetch: true });
  const headers = { "content-type": "text/plain" };
  const answers = new Map<string, string>();
  for (const fn of ["get", "status", "headers"]) {
    const id = lab.start(load, fn);
    const [request, ask] = await askOf(lab);
    assert.deepEqual(ask, {
      method: "PUT",
      url: "https://example.com/a",
      headers: { x: "y" },
      body: utf8("sent"),
    });
    const result = { status: 201, headers, body: utf8("made") };
    lab.post(["fetched", request, result]);
    const [, , output] = await lab.reply("done", id);
    answers.set(
      fn,
      fn === "status" ? String(output[0]) : utf8Text(output) ?? "",
    );
  }
  assert.equal(answers.get("get"), "made");
  assert.equal(answers.get("status"), "201");
  assert.deepEqual(JSON.parse(answers.get("headers") ?? ""), headers);
  const before = await lab.call(load, "before");
  assert.deepEqual([...before], [0, 0, 0, 0, 0, 0, 0, 0]);
});

Deno.test("http_request refuses what is too large, before anybody gets it", async () => {
  const lab = new ThreadLab();
  const url = "https://example.com/";
  const plain = JSON.stringify({ url });
  const headed = (bytes: number) =>
    JSON.stringify({
      url,
      headers: { x: "y".repeat(bytes - "x: \r\n".length) },
    });
  for (
    const [json, sizes, says] of [
      [
        plain,
        { requestBytes: 131_073 },
        /an HTTP request of 131073 bytes: 131072/,
      ],
      [
        plain,
        { bodyBytes: 4_194_305 },
        /an HTTP body of 4194305 bytes: 4194304/,
      ],
      [headed(65_537), {}, /HTTP headers of 65537 bytes: 65536 are allowed/],
    ] as const
  ) {
    const module = sendingWasm(json, sizes);
    const { load } = await lab.load(module, { mayFetch: true });
    const [, , fault] = await lab.reply("failed", lab.start(load, "send"));
    assert.equal(fault.reason, "egress");
    assert.match(fault.message, /^Seed "lab" may not send /);
    assert.match(fault.message, says);
    assert.match(fault.hint ?? "", /^Let the seed send /);
  }
  assert.ok(!lab.received.some(([tag]) => tag === "fetch"));
  const largest = sendingWasm(headed(65_536), { bodyBytes: 4_194_304 });
  const { load } = await lab.load(largest, { mayFetch: true });
  lab.start(load, "send");
  const [, ask] = await askOf(lab);
  assert.equal(ask.body.length, 4_194_304);
});

Deno.test("http_request without a grant says so, whatever it would send", async () => {
  const lab = new ThreadLab();
  const json = JSON.stringify({ url: "https://example.com/" });
  const sizes = { requestBytes: 131_073, bodyBytes: 4_194_305 };
  const { load } = await lab.load(sendingWasm(json, sizes));
  const [, , fault] = await lab.reply("failed", lab.start(load, "send"));
  assert.match(fault.message, /granted no host/);
  assert.equal(fault.hint, 'Seed it with "--allow-host" for that host');
});

Deno.test("http_request without a grant names the one that is missing", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(
    fetchingWasm(`{"url":"https://example.com/a"}`),
  );
  const [, , fault] = await lab.reply("failed", lab.start(load, "get"));
  assert.equal(fault.reason, "egress");
  assert.match(fault.message, /granted no host/);
  assert.equal(fault.hint, 'Seed it with "--allow-host example.com"');
  // An address may be one that no grant opens; a port belongs to the grant.
  const hints = {
    "http://169.254.169.254/": 'Seed it with "--allow-host" for that host',
    "http://a.example:81/": 'Seed it with "--allow-host a.example:81"',
  };
  for (const [url, hint] of Object.entries(hints)) {
    const other = await lab.load(fetchingWasm(JSON.stringify({ url })));
    const id = lab.start(other.load, "get");
    const [, , { hint: said }] = await lab.reply("failed", id);
    assert.equal(said, hint);
  }
});

Deno.test("http_request of what is no request is refused with the form", async () => {
  const lab = new ThreadLab();
  for (
    const json of [
      "",
      "{",
      "[]",
      "{}",
      `{"url":1}`,
      `{"url":"x","headers":{"a":1}}`,
    ]
  ) {
    const { load } = await lab.load(fetchingWasm(json), { mayFetch: true });
    const [, , fault] = await lab.reply("failed", lab.start(load, "get"));
    assert.equal(fault.reason, "egress", json);
    assert.match(fault.message, /no valid HTTP request/);
  }
});

Deno.test("a refused request ends the call with its reason and hint", async () => {
  const lab = new ThreadLab();
  const { load } = await lab.load(
    fetchingWasm(`{"url":"https://example.com/a"}`),
    { mayFetch: true },
  );
  const id = lab.start(load, "get");
  const [request] = await askOf(lab);
  const refusal = { reason: "egress", message: "no", hint: "grant" } as const;
  lab.post(["fetched", request, refusal]);
  const [, , fault] = await lab.reply("failed", id);
  assert.deepEqual(fault, refusal);
});

Deno.test("answers that come at once do not keep the thread from others", async () => {
  const poll =
    `(drop (call $poll (i32.const 1000) (i32.const 2000) (i32.const 1)
    (i32.const 3000)))`;
  const module = guestWasm(
    `${wish(`{"url":"https://example.com/"}`).data}
    (func (export "http") (result i32)
      (loop $on try (drop (call $http (call $block (i32.const 2048)
        (i32.const 30)) (i64.const 0))) catch_all end (br $on)) (unreachable))
    (func (export "poll") (result i32) (loop $on ${poll} (br $on)) (unreachable))
    (func (export "fine") (result i32) (call $outByte (i32.const 7))
      (i32.const 0))`,
    `${httpImports} (import "wasi_snapshot_preview1" "poll_oneoff"
      (func $poll (param i32 i32 i32 i32) (result i32)))`,
  );
  for (const fn of ["http", "poll"]) {
    const lab = new ThreadLab();
    const { load } = await lab.load(module, { cpuMs: 300 });
    const id = lab.start(load, fn);
    await lab.idle(50);
    const startMs = lab.clock.nowMs();
    await lab.call(load, "fine");
    assert.ok(lab.clock.nowMs() - startMs < 20, fn);
    const [, , fault] = await lab.reply("failed", id);
    assert.match(fault.message, /more than 300 ms of processor time/);
  }
});

Deno.test("a request with too large an input is refused before it leaves", async () => {
  const module = guestWasm(
    `(func (export "f") (result i32)
      (call $outByte (i64.eqz (call $request (i64.const 0)
        (call $alloc (i64.const 4194305))))) (i32.const 0))`,
    userImports,
  );
  const lab = new ThreadLab();
  const { load } = await lab.load(module);
  assert.deepEqual(await lab.call(load, "f"), Uint8Array.of(1));
  assert.ok(!lab.received.some(([tag]) => tag === "request"));
  const [line] = lab.received.filter(([tag]) => tag === "log");
  assert.match(String(line), /input of 4194305 bytes is refused/);
});
