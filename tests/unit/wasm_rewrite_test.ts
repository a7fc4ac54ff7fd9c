// What a rewritten module looks like from outside: its plan, its exports, its
// limits. In go modules as text; the engine says what came out.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import {
  hidden,
  hooks,
  ModuleRefusal,
  prepareModule,
  rewriteModule,
} from "../../src/wasm/mod.ts";
import { rewriterVersion } from "../../src/threads/mod.ts";
import { wasm } from "../fixtures/seeds/wat.ts";
import { prepared, RewrittenGuest } from "./wasm_lab.ts";

const { Module } = WebAssembly;

Deno.test("rewriteModule() gives a plan of imports, exports and memory", () => {
  const { plan } = prepared(`(module
    (import "a" "first" (func (param i32 i64) (result f32)))
    (import "b" "second" (func (param externref v128)))
    (memory (export "memory") 2 5)
    (func (export "f") (param f64) (result i32 i64)
      (i32.const 1) (i64.const 2))
    (func $hidden))`);
  assert.deepEqual(plan, {
    imports: [
      { module: "a", name: "first", signature: "iI:f" },
      { module: "b", name: "second", signature: "rv:" },
    ],
    exports: [{ name: "f", signature: "F:iI" }],
    memory: { minPages: 2, maxPages: 5 },
    types: 4 + 3, // its own, and those that are added
    tableEntriesMax: 0,
    globals: [],
    hasStart: false,
    unrestorable: undefined,
  });
});

Deno.test("rewriteModule() turns the guest's memory into a capped import", () => {
  const text = (size: string) => `(module (memory (export "m") ${size}))`;
  const memoryOf = (size: string) => prepared(text(size), 16).plan.memory;
  assert.deepEqual(memoryOf("1"), { minPages: 1, maxPages: 16 });
  assert.deepEqual(memoryOf("1 4"), { minPages: 1, maxPages: 4 });
  assert.deepEqual(memoryOf("16 65536"), { minPages: 16, maxPages: 16 });
  assert.deepEqual(memoryOf("0 0"), { minPages: 0, maxPages: 0 });
  const guest = new RewrittenGuest(wasm(text("1 65536")));
  assert.equal(guest.exports["m"], guest.memory);
  assert.deepEqual(
    Module.imports(new Module(guest.bytes)),
    [
      { module: hidden.namespace, name: hidden.memory, kind: "memory" },
      { module: hidden.namespace, name: hidden.epoch, kind: "memory" },
    ],
  );
});

Deno.test("rewriteModule() adds the epoch alone to a module without memory", () => {
  const { bytes, plan } = prepared('(module (func (export "f")))');
  assert.equal(plan.memory, undefined);
  assert.deepEqual(
    Module.imports(new Module(bytes)).map(({ name }) => name),
    [hidden.epoch],
  );
  assert.deepEqual(
    Module.exports(new Module(bytes)).map(({ name }) => name),
    ["f", hidden.hooks],
  );
});

Deno.test("rewriteModule() makes an empty module one with hooks", () => {
  const { bytes } = prepared("(module)");
  const exports = Module.exports(new Module(bytes));
  assert.deepEqual(exports, [{ name: hidden.hooks, kind: "table" }]);
});

Deno.test("a rewritten module keeps its exports and adds hidden ones", () => {
  const guest = new RewrittenGuest(wasm(`(module
    (memory 1) (table (export "t") 3 funcref) (tag (export "e"))
    (global (export "g") i32 (i32.const 7))
    (global $own (mut i64) (i64.const 8))
    (func $start) (start $start)
    (func (export "f")))`));
  assert.deepEqual(Object.keys(guest.exports).sort(), [
    ...[hidden.global(1), hidden.hooks, hidden.pages, hidden.start],
    ...["e", "f", "g", "t"],
  ]);
  const table = guest.exports[hidden.hooks] as WebAssembly.Table;
  assert.equal(table.length, Object.keys(hooks).length);
  assert.throws(() => table.grow(1), RangeError);
});

Deno.test("a rewritten module runs its start function when asked, not before", () => {
  const started: number[] = [];
  const guest = new RewrittenGuest(
    wasm(`(module
      (import "a" "told" (func $told (param i32)))
      (func $start (call $told (i32.const 5))) (start $start))`),
    { imports: { a: { told: (value: number) => started.push(value) } } },
  );
  assert.equal(guest.plan.hasStart, true);
  assert.deepEqual(started, []);
  guest.call(hidden.start);
  assert.deepEqual(started, [5]);
});

Deno.test("mutable globals are exported by their index, and can be put back", () => {
  const guest = new RewrittenGuest(wasm(`(module
    (global $zero (mut i32) (i32.const 1))
    (global $fixed i32 (i32.const 2))
    (global $two (mut i64) (i64.const 3))
    (global $three (mut f32) (f32.const 4))
    (global $four (mut f64) (f64.const 5))
    (func (export "change")
      (global.set $zero (i32.const 10)) (global.set $two (i64.const 30))
      (global.set $three (f32.const 40)) (global.set $four (f64.const 50))))`));
  assert.deepEqual(guest.plan.globals, [0, 2, 3, 4]);
  const values = () =>
    guest.plan.globals.map((index) =>
      guest.exports[hidden.global(index)] as WebAssembly.Global
    );
  const before = values().map(({ value }) => value as number | bigint);
  guest.call("change");
  assert.deepEqual(values().map(({ value }) => value), [10, 30n, 40, 50]);
  values().forEach((global, at) => global.value = before[at]);
  assert.deepEqual(values().map(({ value }) => value), [1, 3n, 4, 5]);
});

const unrestorable: readonly (readonly [name: string, body: string, RegExp])[] =
  [
    [
      "table.set",
      `(table 1 externref)
       (func (table.set 0 (i32.const 0) (ref.null extern)))`,
      /^it changes tables$/,
    ],
    [
      "table.grow",
      `(table 1 externref)
       (func (drop (table.grow 0 (ref.null extern) (i32.const 1))))`,
      /^it changes tables$/,
    ],
    [
      "table.fill",
      `(table 1 externref)
       (func (table.fill 0 (i32.const 0) (ref.null extern) (i32.const 1)))`,
      /^it changes tables$/,
    ],
    [
      "table.copy",
      `(table 1 funcref) (table 1 funcref)
       (func (table.copy 0 1 (i32.const 0) (i32.const 0) (i32.const 1)))`,
      /^it changes tables$/,
    ],
    [
      "table.init",
      `(table 1 funcref) (func $f) (elem $e func $f)
       (func (table.init $e (i32.const 0) (i32.const 0) (i32.const 1)))`,
      /^it changes tables$/,
    ],
    [
      "elem.drop",
      "(func $f) (elem $e func $f) (func (elem.drop $e))",
      /^it drops data or element segments$/,
    ],
    [
      "data.drop",
      '(memory 1) (data $d "x") (func (data.drop $d))',
      /^it drops data or element segments$/,
    ],
    [
      "a mutable reference",
      "(global (mut externref) (ref.null extern))",
      /^it has mutable globals that hold references or vectors$/,
    ],
    [
      "a mutable vector",
      "(global (mut v128) (v128.const i32x4 0 0 0 0))",
      /^it has mutable globals that hold references or vectors$/,
    ],
    [
      "1001 mutable globals",
      "(global (mut i32) (i32.const 0))".repeat(1001),
      /^it has more than 1000 mutable globals$/,
    ],
  ];

for (const [name, body, reason] of unrestorable) {
  Deno.test(`the plan says that ${name} makes a module unrestorable`, () => {
    const { plan } = prepared(`(module ${body}
      (global $last (mut i32) (i32.const 0)))`);
    assert.match(plan.unrestorable ?? "", reason);
    assert.deepEqual(plan.globals, []);
  });
}

Deno.test("reading tables, memory.init and fixed references stay restorable", () => {
  const { plan } = prepared(`(module
    (memory 1) (data $d "x") (table 1 funcref) (func $f) (elem declare func $f)
    (global externref (ref.null extern))
    (global v128 (v128.const i32x4 0 0 0 0))
    ${
    "(global (mut i32) (i32.const 0))".repeat(limits.moduleRestoredGlobalsMax)
  }
    (func (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))
    (func (drop (table.size 0)) (drop (table.get 0 (i32.const 0))))
    (func (drop (ref.func $f))))`);
  assert.equal(plan.unrestorable, undefined);
  assert.equal(plan.globals.length, limits.moduleRestoredGlobalsMax);
});

Deno.test("tables that nothing grows keep their smallest size", () => {
  const { bytes, plan } = prepared(`(module
    (table (export "a") 10 funcref) (table (export "b") 5 100000000 funcref))`);
  assert.equal(plan.tableEntriesMax, 15);
  const { exports } = new WebAssembly.Instance(new Module(bytes), epochOnly());
  assert.throws(() => (exports["b"] as WebAssembly.Table).grow(1), RangeError);
});

Deno.test("tables that may grow share what the limit leaves over", () => {
  const max = limits.moduleTableEntriesMax;
  const { bytes, plan } = prepared(`(module
    (table (export "a") 10 externref) (table (export "b") 10 20 externref)
    (func (export "grow") (param i32) (result i32)
      (table.grow 0 (ref.null extern) (local.get 0))))`);
  const share = (max - 20) / 2;
  assert.equal(plan.tableEntriesMax, 10 + share + 20);
  const { exports } = new WebAssembly.Instance(new Module(bytes), epochOnly());
  const grow = exports["grow"] as (more: number) => number;
  assert.equal(grow(share + 1), -1);
  assert.equal(grow(share), 10);
  assert.equal(grow(1), -1);
});

function epochOnly(): WebAssembly.Imports {
  const memory = new WebAssembly.Memory({
    initial: 1,
    maximum: 1,
    shared: true,
  });
  return { [hidden.namespace]: { [hidden.epoch]: memory } };
}

Deno.test("of custom sections only the names stay, so that traps show them", () => {
  const original = wasm(`(module
    (func $culprit unreachable)
    (func (export "f") (call $culprit)))`);
  const extra = [0, 6, 3, 0x61, 0x62, 0x63, 1, 2];
  const guest = new RewrittenGuest(Uint8Array.from([...original, ...extra]));
  const module = new Module(guest.bytes);
  assert.equal(Module.customSections(module, "abc").length, 0);
  assert.equal(Module.customSections(module, "name").length, 1);
  assert.throws(() => guest.call("f"), (cause: Error) => {
    assert.match(cause.stack ?? "", /culprit/);
    return true;
  });
});

Deno.test("rewriteModule() is repeatable and leaves its input alone", () => {
  const original = wasm(`(module (memory 1)
    (func (export "f") (loop (drop (memory.size)) (br 0))))`);
  const copy = original.slice();
  const caps = { memoryPagesMax: 16 };
  assert.deepEqual(
    rewriteModule(original, caps),
    rewriteModule(original, caps),
  );
  assert.deepEqual(original, copy);
  assert.ok(Number.isInteger(rewriterVersion) && rewriterVersion > 0);
});

Deno.test("a rewritten module is refused when it comes again", () => {
  const { bytes } = prepared('(module (func (export "f")))');
  assert.throws(
    () => prepareModule(bytes, { memoryPagesMax: 16 }),
    (cause) => cause instanceof ModuleRefusal && /reserved/.test(cause.message),
  );
});
