// What a guest may ask of its host: configuration, variables, log lines, who
// calls, and requests. Each has a limit; none may show one call to another.

import assert from "node:assert/strict";
import { limits, toHex, utf8 } from "../../src/kernel/mod.ts";
import { rejectsWith, SeedLab, textOf } from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text, userImports } from "../fixtures/seeds/wat.ts";

const variableImports = `
  (import "extism:host/env" "var_get" (func $get (param i64) (result i64)))
  (import "extism:host/env" "var_set" (func $set (param i64 i64)))`;
const configImport = `
  (import "extism:host/env" "config_get"
    (func $config (param i64) (result i64)))`;
const logImports = ["trace", "debug", "info", "warn", "error"].map((level) =>
  `(import "extism:host/env" "log_${level}" (func $log_${level} (param i64)))`
).join("\n");

Deno.test("config_get gives the seed's own values and 0 for others", async () => {
  await using lab = new SeedLab();
  const names = ["city", "empty", "none", "toString", "__proto__"];
  const keys = names.map((name, index) => text(1024 + 64 * index, name));
  const module = guestWasm(
    keys.map((key, index) =>
      `${key.data} (func (export "f${index}") (result i32)
        (call $give (call $config ${key.block})) (i32.const 0))
      (func (export "is${index}") (result i32)
        (call $outByte (i64.ne (i64.const 0) (call $config ${key.block})))
        (i32.const 0))`
    ).join("\n"),
    configImport,
  );
  const config = { city: "K\u00f6ln", empty: "" };
  const seed = lab.add("s", module, { config });
  assert.equal(textOf(await lab.run(seed, "f0")), "K\u00f6ln");
  for (const [index] of names.entries()) {
    const isThere = await lab.run(seed, `is${index}`);
    assert.deepEqual([...isThere], [index === 0 ? 1 : 0], names[index]);
  }
});

Deno.test("variables are set, read, replaced and removed", async () => {
  await using lab = new SeedLab();
  const key = text(1024, "k");
  const value = text(1040, "first");
  const other = text(1056, "second!");
  const module = guestWasm(
    `${key.data} ${value.data} ${other.data}
    (func (export "set") (result i32)
      (call $set ${key.block} ${value.block})
      (call $give (call $get ${key.block})) (i32.const 0))
    (func (export "replace") (result i32)
      (call $set ${key.block} ${value.block})
      (call $set ${key.block} ${other.block})
      (call $give (call $get ${key.block})) (i32.const 0))
    (func (export "remove") (result i32)
      (call $set ${key.block} ${value.block})
      (call $set ${key.block} (i64.const 0))
      (call $outU64 (call $get ${key.block})) (i32.const 0))
    (func (export "get") (result i32)
      (call $outU64 (call $get ${key.block})) (i32.const 0))`,
    variableImports,
  );
  const seed = lab.add("s", module);
  assert.equal(textOf(await lab.run(seed, "set")), "first");
  assert.equal(textOf(await lab.run(seed, "replace")), "second!");
  assert.equal(toHex(await lab.run(seed, "remove")), "00".repeat(8));
  assert.equal(toHex(await lab.run(seed, "get")), "00".repeat(8));
});

Deno.test("variables over the limit fail the call, and not the next", async () => {
  await using lab = new SeedLab();
  const [most, key] = [limits.variableBytesMax, text(1024, "k")];
  const setting = (bytes: number) =>
    `(call $set ${key.block} (call $alloc (i64.const ${bytes})))`;
  const module = guestWasm(
    `${key.data}
    (func (export "most") (result i32)
      ${setting(most - 1)} ${setting(most - 1)} ${setting(most - 1)}
      (i32.const 0))
    (func (export "over") (result i32) ${setting(most)} (i32.const 0))
    (func (export "many") (result i32) (local $i i32)
      (loop $next
        (i32.store (i32.const 2048) (local.get $i))
        (call $set (call $block (i32.const 2048) (i32.const 4)) ${key.block})
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)) (unreachable))`,
    variableImports,
  );
  const seed = lab.add("s", module);
  await rejectsWith(lab.run(seed, "over"), "variables");
  await rejectsWith(lab.run(seed, "many"), "variables");
  assert.equal((await lab.run(seed, "most")).length, 0);
});

Deno.test("names of variables are limited, never cut", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(
    `(func (export "f") (result i32)
      (call $var_set (call $block (i32.const 0) (i32.const 16385))
        (call $block (i32.const 0) (i32.const 1))) (i32.const 0))`,
    `(import "extism:host/env" "var_set" (func $var_set (param i64 i64)))`,
  );
  const message = "A variable's name may have 16384 bytes at most";
  await rejectsWith(lab.run(module, "f"), "variables", { message });
});

Deno.test("a variable that is refused leaves the former value", async () => {
  await using lab = new SeedLab();
  const key = text(1024, "k");
  const value = text(1040, "kept");
  const tooMuch = limits.variableBytesMax;
  const module = guestWasm(
    `${key.data} ${value.data}
    (func (export "f") (result i32)
      (call $set ${key.block} ${value.block})
      try
        (call $set ${key.block} (call $alloc (i64.const ${tooMuch})))
        (unreachable)
      catch_all end
      (call $give (call $get ${key.block})) (i32.const 0))`,
    variableImports,
  );
  assert.equal(textOf(await lab.run(module, "f")), "kept");
});

Deno.test("log functions give the seed's lines with their levels", async () => {
  await using lab = new SeedLab();
  const line = text(1024, "h\u00e9 \u2603");
  const levels = ["trace", "debug", "info", "warn", "error"];
  const module = guestWasm(
    `${line.data} (func (export "f") (result i32)
      ${levels.map((at) => `(call $log_${at} ${line.block})`).join("\n")}
      ${
      [0, 1, 2, 3, 4, -1].map((at) =>
        `(call $log (i64.const ${at}) ${line.block})`
      ).join("\n")
    } (i32.const 0))`,
    logImports + userImports,
  );
  await lab.run(module, "f");
  assert.deepEqual(lab.lines.map((at) => at.level), [
    ...["debug", "debug", "info", "warn", "error"],
    ...["debug", "info", "warn", "error", "info", "info"],
  ]);
  const [call] = lab.lines.map((at) => at.call);
  for (const at of lab.lines) {
    assert.deepEqual(
      [at.seed, at.text, at.call],
      ["seed0", "h\u00e9 \u2603", call],
    );
  }
});

Deno.test("the log of a call is cut, line by line and as a whole", async () => {
  await using lab = new SeedLab();
  const longest = limits.logLineCharactersMax;
  const loud = (block: string) =>
    guestWasm(
      `(func (export "f") (result i32) (local $i i32) (local $block i64)
        (local.set $block ${block})
        (loop $next
          (call $log_info (local.get $block))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (i32.const 1200))))
        (call $outByte (i32.const 1)) (i32.const 0))`,
      logImports,
    );
  const long = `(call $block (i32.const 0) (i32.const ${longest + 9}))`;
  for (const block of [long, "(i64.const 0)"]) {
    lab.lines.length = 0;
    await lab.world.run(lab.world.nowMs + 2_000); // the limit of lines a second is another one
    assert.deepEqual(await lab.run(loud(block), "f"), Uint8Array.of(1));
    assert.ok(lab.lines.length <= 1025, `${lab.lines.length} lines`);
    const characters = lab.lines.map((at) => at.text.length);
    const sum = characters.reduce((a, b) => a + b);
    assert.ok(sum <= limits.callLogBytesMax + longest, `${sum} characters`);
    assert.ok(Math.max(...characters) <= longest);
    const last = lab.lines.at(-1);
    if (block !== long) continue;
    assert.equal(last?.text, "The log of this call is full from here");
    assert.equal(last.level, "warn");
  }
});

Deno.test("each call has a log of its own", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(
    `(func (export "f") (result i32) (local $i i32) (local $block i64)
      (local.set $block (call $block (i32.const 0) (i32.const 4000)))
      (loop $next
        (call $log_info (local.get $block))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 100))))
      (i32.const 0))`,
    logImports,
  );
  const seed = lab.add("s", module);
  const counts: number[] = [];
  for (const _ of [1, 2]) {
    lab.lines.length = 0;
    await lab.run(seed, "f");
    counts.push(lab.lines.length);
  }
  assert.equal(counts[0], counts[1]);
  assert.ok((counts[0] ?? 0) > 10 && (counts[0] ?? 0) < 20, String(counts));
});

Deno.test("pollen_caller_info gives the caller's JSON, or 0", async () => {
  await using lab = new SeedLab();
  const module = guestWasm(
    `(func (export "f") (result i32)
      (call $give (call $caller_info)) (i32.const 0))
    (func (export "at") (result i32)
      (call $outU64 (call $caller_info)) (i32.const 0))`,
    userImports,
  );
  const seed = lab.add("s", module);
  const caller = '{"peerKey":"\u2603"}';
  assert.equal(textOf(await lab.run(seed, "f", { caller })), caller);
  assert.equal(toHex(await lab.run(seed, "at")), "00".repeat(8));
});

Deno.test("pollen_request gives the answer's block, 0 only on failure", async () => {
  await using lab = new SeedLab();
  const uri = text(1024, "pln://seed/x/f");
  const body = text(1100, "body \u2603");
  const module = guestWasm(
    `${uri.data} ${body.data}
    (func (export "f") (result i32)
      (call $give (call $request ${uri.block} ${body.block})) (i32.const 0))
    (func (export "empty") (result i32) (local $answer i64)
      (local.set $answer (call $request ${uri.block} (i64.const 0)))
      (call $outByte (i32.add
        (i32.mul (i32.const 2) (i64.ne (i64.const 0) (local.get $answer)))
        (i64.eqz (call $length (local.get $answer))))) (i32.const 0))`,
    userImports,
  );
  const seed = lab.add("s", module);
  const asked: string[][] = [];
  const onRequest = (to: string, input: Uint8Array<ArrayBuffer>) => {
    asked.push([to, textOf(input)]);
    return Promise.resolve(utf8("answer \u2603"));
  };
  assert.equal(
    textOf(await lab.run(seed, "f", { onRequest })),
    "answer \u2603",
  );
  assert.deepEqual(asked, [["pln://seed/x/f", "body \u2603"]]);
  const isEmpty = await lab.run(seed, "empty", {
    onRequest: () => Promise.resolve(new Uint8Array(0)),
  });
  assert.deepEqual([...isEmpty], [3], "a block, of length 0");
  const isNothing = await lab.run(seed, "empty");
  assert.deepEqual([...isNothing], [1], "no block");
});

Deno.test("a request that fails by accident still answers its guest", async () => {
  await using lab = new SeedLab();
  const uri = text(1024, "pln://seed/x/f");
  const module = guestWasm(
    `${uri.data} (func (export "f") (result i32)
      (call $outU64 (call $request ${uri.block} (i64.const 0))) (i32.const 0))`,
    userImports,
  );
  const onRequest = () => Promise.reject(new Error("a bug"));
  const output = await lab.run(module, "f", { onRequest });
  assert.equal(toHex(output), "00".repeat(8));
  assert.ok(lab.world.nowMs < 100, "not at its deadline");
  assert.deepEqual(lab.log.records.map((at) => at.event), [
    "seed.request_broke",
  ]);
});

Deno.test("an answer larger than the guest's room is a failure of memory", async () => {
  await using lab = new SeedLab();
  const uri = text(1024, "pln://seed/x/f");
  const module = guestWasm(
    `${uri.data} (func (export "f") (result i32)
      (drop (call $alloc (i64.const 20000000)))
      (drop (call $request ${uri.block} (i64.const 0))) (i32.const 0))`,
    userImports,
  );
  const large = new Uint8Array(limits.callOutputBytesMax);
  const onRequest = () => Promise.resolve(large);
  await rejectsWith(lab.run(module, "f", { onRequest }), "memory");
});
