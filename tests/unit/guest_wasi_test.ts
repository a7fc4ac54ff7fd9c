// WASI preview 1 as guests meet it: nothing but clocks, randomness, exit,
// standard output as log lines and sleep in virtual time. All else says no with
// the errno that toolchains expect.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import { rejectsWith, SeedLab } from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text } from "../fixtures/seeds/wat.ts";

const wasi = "wasi_snapshot_preview1";
const imports = `
  (import "${wasi}" "fd_write"
    (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "${wasi}" "fd_read"
    (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "${wasi}" "fd_fdstat_get"
    (func $fdstat (param i32 i32) (result i32)))
  (import "${wasi}" "fd_close" (func $close (param i32) (result i32)))
  (import "${wasi}" "fd_seek"
    (func $seek (param i32 i64 i32 i32) (result i32)))
  (import "${wasi}" "fd_prestat_get"
    (func $prestat (param i32 i32) (result i32)))
  (import "${wasi}" "path_open" (func $open
    (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "${wasi}" "sock_shutdown"
    (func $shutdown (param i32 i32) (result i32)))
  (import "${wasi}" "proc_raise" (func $raise (param i32) (result i32)))
  (import "${wasi}" "proc_exit" (func $exit (param i32)))
  (import "${wasi}" "random_get"
    (func $random (param i32 i32) (result i32)))
  (import "${wasi}" "clock_time_get"
    (func $clock (param i32 i64 i32) (result i32)))
  (import "${wasi}" "clock_res_get"
    (func $resolution (param i32 i32) (result i32)))
  (import "${wasi}" "environ_sizes_get"
    (func $environ (param i32 i32) (result i32)))
  (import "${wasi}" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))`;

/** A guest whose export "f" runs `code` and answers `bytes` from `at`. */
function wasiGuest(code: string, { at = 0, bytes = 0, data = "" } = {}): Bytes {
  return guestWasm(
    `${data} (func (export "f") (result i32) ${code}
      (call $out (i32.const ${at}) (i32.const ${bytes})) (i32.const 0))`,
    imports,
  );
}

/** Code that stores the errno of `call` as the byte at `at`. */
function errnoAt(at: number, call: string): string {
  return `(i32.store8 (i32.const ${at}) (call ${call}))`;
}

/** Code and data that write each text to a file descriptor. */
function writing(fd: number, texts: readonly string[]) {
  const parts = texts.map((value, index) => text(4096 + index * 8192, value));
  return {
    data: parts.map((part) => part.data).join("\n"),
    code: parts.map((part, index) =>
      `(i32.store (i32.const 16) (i32.const ${4096 + index * 8192}))
      (i32.store (i32.const 20) (i32.const ${part.length}))
      (drop (call $fd_write
        (i32.const ${fd}) (i32.const 16) (i32.const 1) (i32.const 24)))`
    ).join("\n"),
  };
}

Deno.test("stdout and stderr become lines, however they are split", async () => {
  await using lab = new SeedLab();
  const out = writing(1, ["one\ntw", "o\n\nthree"]);
  await lab.run(wasiGuest(out.code, out), "f");
  const err = writing(2, ["oops\n"]);
  await lab.run(wasiGuest(err.code, err), "f");
  assert.deepEqual(lab.lines.map((at) => [at.level, at.text]), [
    ...["one", "two", "", "three"].map((line) => ["info", line]),
    ["warn", "oops"],
  ]);
});

Deno.test("a character that is split over two writes stays one", async () => {
  await using lab = new SeedLab();
  const module = wasiGuest(
    [[4096, 2], [4098, 2], [4096, 2]].map(([at, length]) =>
      `(i32.store (i32.const 16) (i32.const ${at}))
      (i32.store (i32.const 20) (i32.const ${length}))
      (drop (call $fd_write
        (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))`
    ).join("\n"),
    { data: text(4096, "\u2603\n").data },
  );
  await lab.run(module, "f");
  assert.deepEqual(lab.lines.map((at) => at.text), ["\u2603", "\ufffd"]);
});

Deno.test("what was printed before a trap or an exit is not lost", async () => {
  await using lab = new SeedLab();
  const out = writing(1, ["last words"]);
  for (const end of ["(unreachable)", "(call $exit (i32.const 3))"]) {
    lab.lines.length = 0;
    const seed = lab.add(`s${end}`, wasiGuest(out.code + end, out));
    await assert.rejects(lab.run(seed, "f"));
    assert.deepEqual(lab.lines.map((at) => at.text), ["last words"]);
  }
});

Deno.test("a long text without a line end is logged in parts", async () => {
  await using lab = new SeedLab();
  const out = writing(1, ["x".repeat(3000), "y".repeat(3000), "z"]);
  await lab.run(wasiGuest(out.code, out), "f");
  assert.deepEqual(lab.lines.map((at) => at.text.length), [4096, 1]);
});

Deno.test("fd_write tells how much it took, over all vectors", async () => {
  await using lab = new SeedLab();
  const module = wasiGuest(
    `(i32.store (i32.const 16) (i32.const 64))
    (i32.store (i32.const 20) (i32.const 5))
    (i32.store (i32.const 24) (i32.const 64))
    (i32.store (i32.const 28) (i32.const 7))
    ${
      errnoAt(
        8,
        "$fd_write (i32.const 1) (i32.const 16) (i32.const 2) (i32.const 0)",
      )
    }`,
    { bytes: 9 },
  );
  assert.deepEqual(
    [...await lab.run(module, "f")],
    [12, 0, 0, 0, 0, 0, 0, 0, 0],
  );
});

Deno.test("files, sockets and signals answer with their errno", async () => {
  await using lab = new SeedLab();
  const calls: readonly (readonly [string, number])[] = [
    ["$fd_write (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)", 8],
    [
      "$fd_write (i32.const 1) (i32.const 0) (i32.const 1025) (i32.const 0)",
      28,
    ],
    ["$fd_write (i32.const 1) (i32.const -8) (i32.const 1) (i32.const 0)", 21],
    ["$fd_read (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)", 0],
    ["$fd_read (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)", 8],
    ["$fdstat (i32.const 1) (i32.const 512)", 0],
    ["$fdstat (i32.const 3) (i32.const 512)", 8],
    ["$fdstat (i32.const -1) (i32.const 512)", 8],
    ["$fdstat (i32.const 1) (i32.const 131070)", 21],
    ["$close (i32.const 2)", 0],
    ["$close (i32.const 3)", 8],
    ["$seek (i32.const 1) (i64.const 0) (i32.const 0) (i32.const 0)", 70],
    ["$prestat (i32.const 3) (i32.const 0)", 8],
    [
      "$open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 1) " +
      "(i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0)",
      8,
    ],
    ["$shutdown (i32.const 3) (i32.const 0)", 8],
    ["$raise (i32.const 9)", 58],
    ["$random (i32.const 0) (i32.const 1048577)", 28],
    ["$random (i32.const 131064) (i32.const 9)", 21],
    ["$environ (i32.const 512) (i32.const 516)", 0],
    ["$environ (i32.const 512) (i32.const -1)", 21],
    ["$poll (i32.const 512) (i32.const 1024) (i32.const 0) (i32.const 0)", 28],
    ["$poll (i32.const 512) (i32.const 1024) (i32.const 65) (i32.const 0)", 28],
  ];
  const module = wasiGuest(
    calls.map(([call], index) => errnoAt(256 + index, call)).join("\n"),
    { at: 256, bytes: calls.length },
  );
  const errnos = [...await lab.run(module, "f")];
  for (const [index, [call, errno]] of calls.entries()) {
    assert.equal(errnos[index], errno, call);
  }
});

Deno.test("proc_exit with 0 ends a call well, with its output", async () => {
  await using lab = new SeedLab();
  const code = `(call $outByte (i32.const 9)) (call $exit (i32.const 0))
    (unreachable)`;
  assert.deepEqual(await lab.run(wasiGuest(code), "f"), Uint8Array.of(9));
});

Deno.test("proc_exit with another code fails the call", async () => {
  await using lab = new SeedLab();
  for (const code of [1, 255, -1]) {
    const module = wasiGuest(`(call $exit (i32.const ${code}))`);
    const message = `The seed called exit(${code})`;
    await rejectsWith(lab.run(module, "f"), "exit", { message });
  }
});

Deno.test("random_get fills memory, differently each time", async () => {
  await using lab = new SeedLab();
  const module = wasiGuest(
    `(drop (call $random (i32.const 8) (i32.const 16)))`,
    { bytes: 32 },
  );
  const seed = lab.add("s", module);
  const [one, two] = [await lab.run(seed, "f"), await lab.run(seed, "f")];
  assert.notDeepEqual(one, two);
  for (const bytes of [one, two]) {
    assert.deepEqual([...bytes.subarray(0, 8)], Array(8).fill(0));
    assert.deepEqual([...bytes.subarray(24)], Array(8).fill(0));
  }
});

Deno.test("clocks tell the wall time and a time that never runs back", async () => {
  await using lab = new SeedLab();
  const module = wasiGuest(
    `(drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0)))
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 8)))
    (drop (call $resolution (i32.const 1) (i32.const 16)))`,
    { bytes: 24 },
  );
  await lab.world.run(12_345);
  const output = await lab.run(module, "f");
  const view = new DataView(output.buffer);
  const at = (offset: number) => Number(view.getBigUint64(offset, true)) / 1e6;
  assert.ok(Math.abs(at(0) - lab.clock.wallMs()) < 5);
  assert.ok(at(8) >= 1, "Go takes 0 for a broken clock");
  assert.ok([at(0), at(8)].every(Number.isInteger), "whole milliseconds");
  assert.equal(at(16), 1);
});

Deno.test("poll_oneoff sleeps in the host's time and reports the event", async () => {
  await using lab = new SeedLab();
  const sleepMs = 300_000;
  const module = wasiGuest(
    `(i64.store (i32.const 512) (i64.const 77))
    (i32.store (i32.const 528) (i32.const 1))
    (i64.store (i32.const 536) (i64.const ${BigInt(sleepMs) * 1_000_000n}))
    ${
      errnoAt(
        4,
        "$poll (i32.const 512) (i32.const 1024) (i32.const 1) (i32.const 0)",
      )
    }
    (i64.store (i32.const 8) (i64.load (i32.const 1024)))
    (i32.store (i32.const 16) (i32.load (i32.const 1032)))
    (drop (call $clock (i32.const 1) (i64.const 0) (i32.const 24)))`,
    { bytes: 32 },
  );
  const startMs = lab.clock.nowMs();
  const output = await lab.run(module, "f", { timeoutMs: 2 * sleepMs });
  const view = new DataView(output.buffer);
  assert.equal(view.getUint32(0, true), 1, "events");
  assert.equal(view.getUint32(4, true), 0, "errno");
  assert.equal(view.getBigUint64(8, true), 77n, "user data");
  assert.equal(view.getUint32(16, true), 0, "error and type of the event");
  const sleptMs = Number(view.getBigUint64(24, true)) / 1e6 - startMs;
  assert.ok(sleptMs >= sleepMs && sleptMs < sleepMs + 100, `${sleptMs} ms`);
});

Deno.test("poll_oneoff waits until an absolute time, not twice as long", async () => {
  await using lab = new SeedLab();
  await lab.world.run(5_000);
  const atNs = BigInt(lab.clock.wallMs() + 700) * 1_000_000n;
  const module = wasiGuest(
    `(i32.store (i32.const 528) (i32.const 0))
    (i64.store (i32.const 536) (i64.const ${atNs}))
    (i32.store16 (i32.const 552) (i32.const 1))
    (drop (call $poll
      (i32.const 512) (i32.const 1024) (i32.const 1) (i32.const 0)))`,
  );
  const beforeMs = lab.clock.nowMs();
  await lab.run(module, "f");
  const sleptMs = lab.clock.nowMs() - beforeMs;
  assert.ok(sleptMs >= 699 && sleptMs < 710, `${sleptMs} ms`);
});

Deno.test("poll_oneoff refuses files at once, beside a clock", async () => {
  await using lab = new SeedLab();
  const module = wasiGuest(
    `(i64.store (i32.const 536) (i64.const 60000000000))
    (i64.store (i32.const 560) (i64.const 5))
    (i32.store8 (i32.const 568) (i32.const 1))
    (drop (call $poll
      (i32.const 512) (i32.const 1024) (i32.const 2) (i32.const 0)))
    (i64.store (i32.const 8) (i64.load (i32.const 1024)))
    (i32.store (i32.const 16) (i32.load (i32.const 1032)))`,
    { bytes: 20 },
  );
  const output = await lab.run(module, "f");
  assert.ok(lab.world.nowMs < 100, "it did not sleep");
  assert.deepEqual([...output.subarray(0, 4)], [1, 0, 0, 0]);
  assert.deepEqual([...output.subarray(8)], [
    ...[5, 0, 0, 0, 0, 0, 0, 0],
    ...[8, 0, 1, 0], // bad file, of a read
  ]);
});

Deno.test("poll_oneoff with bad pointers is errno fault, before and after", async () => {
  await using lab = new SeedLab();
  const module = wasiGuest(
    `(i64.store (i32.const 536) (i64.const 1000000))
    ${
      ["(i32.const -8) (i32.const 64)", "(i32.const 512) (i32.const -8)"]
        .map((pointers, index) =>
          errnoAt(index, `$poll ${pointers} (i32.const 1) (i32.const 0)`)
        ).join("\n")
    } ${
      errnoAt(
        2,
        "$poll (i32.const 512) (i32.const 64) (i32.const 1) (i32.const -2)",
      )
    }`,
    { bytes: 3 },
  );
  assert.deepEqual([...await lab.run(module, "f")], [21, 21, 21]);
});
