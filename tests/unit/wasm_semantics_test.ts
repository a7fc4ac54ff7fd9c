// Rewritten modules do what their originals do: each test runs both and
// compares every result and every trap. Where the host means another answer
// (a smaller memory), the test says which.

import assert from "node:assert/strict";
import { wasm } from "../fixtures/seeds/wat.ts";
import { assertSame, endingOf, RewrittenGuest } from "./wasm_lab.ts";

const some = [-7, -1, 0, 1, 2, 3, 5, 100, 2 ** 31 - 1];

/** Every function with each of some numbers. */
function callsOf(...names: readonly string[]) {
  return names.flatMap((name) => some.map((value) => [name, value] as const));
}

Deno.test("memory.size and memory.grow answer as in the original", () => {
  assertSame(
    wasm(`(module
      (memory 1 4)
      (func (export "size") (result i32) (memory.size))
      (func (export "grow") (param i32) (result i32)
        (memory.grow (local.get 0)))
      (func (export "both") (param i32) (result i32 i32 i32)
        (memory.size) (memory.grow (local.get 0)) (memory.size)))`),
    [
      ["size"],
      ["both", 1],
      ["grow", 0],
      ["grow", 1],
      ["size"],
      ["grow", 2],
      ["grow", -1],
      ["grow", 1],
      ["both", 1],
      ["size"],
    ],
  );
});

const growing = wasm(`(module
  (memory 1 100)
  (func (export "size") (result i32) (memory.size))
  (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
  (func (export "load") (param i32) (result i32)
    (i32.load8_u (local.get 0))))`);

Deno.test("memory.grow gives -1 at the cap, and the memory stays usable", () => {
  const guest = new RewrittenGuest(growing, { pagesMax: 3 });
  assert.equal(guest.call("grow", 2), 1);
  assert.equal(guest.call("grow", 1), -1);
  assert.equal(guest.call("size"), 3);
  assert.equal(guest.call("load", 3 * 65_536 - 1), 0);
  assert.throws(() => guest.call("load", 3 * 65_536), WebAssembly.RuntimeError);
  assert.equal(guest.memory?.buffer.byteLength, 3 * 65_536);
});

Deno.test("the guest believes in the size that the host sets", () => {
  const guest = new RewrittenGuest(growing, { pagesMax: 3 });
  guest.call("grow", 2);
  guest.pages.value = 1;
  assert.equal(guest.call("size"), 1);
  assert.equal(guest.call("grow", 1), 1);
  assert.equal(guest.call("size"), 2);
  assert.equal(guest.memory?.buffer.byteLength, 3 * 65_536);
});

Deno.test("branches, tables of branches and blocks with values stay", () => {
  assertSame(
    wasm(`(module
      (type $pair (func (param i32 i32) (result i32 i32)))
      (func (export "table") (param i32) (result i32)
        (block $a (block $b (block $c
          (br_table $a $b $c $a (local.get 0)))
          (return (i32.const 30)))
          (return (i32.const 20)))
        (i32.const 10))
      (func (export "value") (param i32) (result i32)
        (block $outer (result i32)
          (block $inner (result i32)
            (br_table $inner $outer (i32.const 5) (local.get 0)))
          (i32.add (i32.const 100))))
      (func (export "swap") (param i32) (result i32 i32)
        (local.get 0) (i32.const 9)
        (block (type $pair) (br_if 0 (i32.eqz (local.get 0)))
          (drop) (drop) (i32.const 1) (i32.const 2)))
      (func (export "sum") (param i32) (result i32)
        (i32.const 0) (local.get 0)
        (loop $again (param i32 i32) (result i32)
          (local.set 0) (i32.add (local.get 0))
          (i32.shr_u (local.get 0) (i32.const 1))
          (local.tee 0)
          (br_if $again (i32.gt_s (local.get 0) (i32.const 90)))
          (drop)))
      (func (export "choose") (param i32) (result i32)
        (if (result i32) (local.get 0)
          (then (if (result i32) (i32.gt_s (local.get 0) (i32.const 1))
            (then (i32.const 3)) (else (return (i32.const 4)))))
          (else (i32.const 5)))))`),
    callsOf("table", "value", "swap", "sum", "choose"),
  );
});

Deno.test("calls, indirect calls and their traps stay", () => {
  assertSame(
    wasm(`(module
      (type $t (func (param i32) (result i32)))
      (table $a 1 externref) (table $b 6 funcref)
      (elem (table $b) (i32.const 1) func $double $recurse $other $trap)
      (func $double (type $t) (i32.mul (local.get 0) (i32.const 2)))
      (func $recurse (type $t)
        (if (result i32) (i32.le_s (local.get 0) (i32.const 0))
          (then (i32.const 0))
          (else (i32.add (i32.const 1)
            (call $recurse (i32.sub (i32.and (local.get 0) (i32.const 63))
              (i32.const 1)))))))
      (func $other)
      (func $trap (type $t) unreachable)
      (func (export "indirect") (param i32) (result i32)
        (call_indirect $b (type $t) (i32.const 21) (local.get 0)))
      (func (export "direct") (param i32) (result i32)
        (call $recurse (call $double (local.get 0)))))`),
    callsOf("indirect", "direct"),
  );
});

Deno.test("tail calls stay", () => {
  assertSame(
    wasm(`(module
      (type $t (func (param i32) (result i32)))
      (table funcref (elem $even $odd $self))
      (func $even (type $t)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
        (return_call $odd (i32.sub (local.get 0) (i32.const 1))))
      (func $odd (type $t)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
        (return_call_indirect (type $t)
          (i32.sub (local.get 0) (i32.const 1)) (i32.const 0)))
      (func $self (type $t)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
        (return_call $self (i32.sub (local.get 0) (i32.const 1))))
      (func (export "even") (param i32) (result i32)
        (return_call $even (i32.and (local.get 0) (i32.const 0xffff))))
      (func (export "far") (param i32) (result i32)
        (return_call $self (i32.const 500000))))`),
    callsOf("even", "far"),
  );
});

Deno.test("legacy exceptions stay: catch, catch_all, rethrow, delegate", () => {
  assertSame(
    wasm(`(module
      (tag $a (param i32)) (tag $b (param i32 i64)) (tag $c)
      (func $throw (param i32) (result i32)
        (if (i32.eq (local.get 0) (i32.const 1))
          (then (throw $a (i32.const 11))))
        (if (i32.eq (local.get 0) (i32.const 2))
          (then (throw $b (i32.const 22) (i64.const 33))))
        (if (i32.eq (local.get 0) (i32.const 3)) (then (throw $c)))
        (if (i32.eq (local.get 0) (i32.const 5)) (then (unreachable)))
        (i32.const 4))
      (func (export "caught") (param i32) (result i32)
        (try (result i32)
          (do (call $throw (local.get 0)))
          (catch $a)
          (catch $b (drop) (i32.add (i32.const 1)))
          (catch_all (i32.const 55))))
      (func (export "again") (param i32) (result i32)
        (try (result i32)
          (do (try $inner (result i32)
            (do (call $throw (local.get 0)))
            (catch_all (rethrow $inner))))
          (catch $a (i32.mul (i32.const 3)))))
      (func (export "handed") (param i32) (result i32)
        (try $outer (result i32)
          (do (try (result i32)
            (do (try (result i32)
              (do (call $throw (local.get 0)))
              (delegate $outer)))
            (catch_all (i32.const 1000))))
          (catch $a (i32.sub (i32.const 2)))
          (catch_all (i32.const 66)))))`),
    callsOf("caught", "again", "handed"),
  );
});

Deno.test("vectors, sign extension and saturating numbers stay", () => {
  assertSame(
    wasm(`(module
      (memory 1) (data (i32.const 0) "abcdefghijklmnopqrstuvwxyz")
      (func (export "vector") (param i32) (result i32)
        (i32x4.extract_lane 2
          (i32x4.add
            (i8x16.shuffle 0 1 2 3 16 17 18 19 8 9 10 11 4 5 6 7
              (i32x4.splat (local.get 0)) (v128.load offset=3 (i32.const 1)))
            (v128.load8_lane 3 (i32.const 2)
              (v128.bitselect (v128.const i32x4 1 2 3 4)
                (v128.const i64x2 5 6) (v128.const i32x4 7 -8 9 -10))))))
      (func (export "extend") (param i32) (result i64)
        (i64.extend8_s (i64.extend_i32_u (i32.extend16_s (local.get 0)))))
      (func (export "saturate") (param i32) (result i64)
        (i64.trunc_sat_f64_s (f64.mul (f64.const 1e300)
          (f64.convert_i32_s (local.get 0))))))`),
    callsOf("vector", "extend", "saturate"),
  );
});

Deno.test("tables and segments stay: get, set, init, copy, drop", () => {
  assertSame(
    wasm(`(module
      (type $t (func (result i32)))
      (table $a 4 8 funcref) (table $b 4 funcref)
      (memory 1) (data $d "0123456789")
      (elem $e func $one $two $three)
      (func $one (result i32) (i32.const 1))
      (func $two (result i32) (i32.const 2))
      (func $three (result i32) (i32.const 3))
      (func (export "init") (param i32)
        (table.init $a $e (local.get 0) (i32.const 0) (i32.const 3)))
      (func (export "copy") (param i32)
        (table.copy $b $a (local.get 0) (i32.const 0) (i32.const 2)))
      (func (export "set") (param i32)
        (table.set $b (local.get 0) (ref.func $two)))
      (func (export "grow") (param i32) (result i32)
        (table.grow $a (ref.func $three) (i32.and (local.get 0) (i32.const 3))))
      (func (export "size") (param i32) (result i32) (table.size $a))
      (func (export "isNull") (param i32) (result i32)
        (ref.is_null (table.get $a (local.get 0))))
      (func (export "call") (param i32) (result i32)
        (call_indirect $b (type $t) (local.get 0)))
      (func (export "data") (param i32) (result i32)
        (memory.init $d (local.get 0) (i32.const 2) (i32.const 5))
        (i32.load (local.get 0)))
      (func (export "drop") (param i32) (data.drop $d) (elem.drop $e)))`),
    [
      ...callsOf("call", "isNull", "init", "copy", "call", "isNull", "set"),
      ...callsOf("call", "data", "size", "grow", "size", "isNull"),
      ...callsOf("drop", "init", "data"),
    ],
  );
});

Deno.test("start functions, globals and typed select stay", () => {
  assertSame(
    wasm(`(module
      (global $g (export "global") (mut i64) (i64.const -5))
      (global $r externref (ref.null extern))
      (func $start (global.set $g (i64.add (global.get $g) (i64.const 3))))
      (start $start)
      (func (export "add") (param i32) (result i64)
        (global.set $g (i64.add (global.get $g)
          (i64.extend_i32_s (local.get 0))))
        (global.get $g))
      (func (export "select") (param i32) (result i32)
        (ref.is_null (select (result externref) (global.get $r) (ref.null extern)
          (local.get 0)))))`),
    callsOf("add", "select"),
  );
});

const MiB = 1024 * 1024;

/** Fills and copies in a memory of 3 MiB, and says what is where. */
const bulk = wasm(`(module
  (memory 48)
  (func (export "fill") (param i32 i32 i32)
    (memory.fill (local.get 0) (local.get 1) (local.get 2)))
  (func (export "copy") (param i32 i32 i32)
    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
  (func (export "mark") (param $n i32) (local $i i32)
    (loop $next
      (i32.store (i32.shl (local.get $i) (i32.const 2))
        (i32.mul (local.get $i) (i32.const 0x9e3779b1)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n)))))
  (func (export "sum") (result i32) (local $i i32) (local $sum i32)
    (loop $next
      (local.set $sum (i32.add (i32.rotl (local.get $sum) (i32.const 5))
        (i32.load (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 4)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const ${3 * MiB}))))
    (local.get $sum)))`);

type Range = readonly [to: number, from: number, length: number];

const ranges: readonly Range[] = [
  [0, 0, 0],
  [10, 20, 100],
  [20, 10, 100],
  [0, 1, 3 * MiB - 1],
  [1, 0, 3 * MiB - 1],
  [0, 0, 3 * MiB],
  [MiB, 5, 2 * MiB],
  [5, MiB + 77, 2 * MiB - 100],
  [700_001, 300_003, MiB + 5],
  [300_003, 700_001, MiB + 5],
  [0, 2 * MiB, 256 * 1024],
  [3, 2 * MiB, 256 * 1024 + 1],
  [256 * 1024, 0, 512 * 1024],
];

for (const [to, from, length] of ranges) {
  Deno.test(`memory.copy and fill of ${length} bytes from ${from} to ${to} stay`, () => {
    assertSame(
      bulk,
      [
        ["mark", 3 * MiB / 4],
        ["copy", to, from, length],
        ["sum"],
        ["fill", to, from, length],
        ["sum"],
      ],
      { pagesMax: 48 },
    );
  });
}

const outside: readonly Range[] = [
  [0, 0, 3 * MiB + 1],
  [1, 0, 3 * MiB],
  [0, 1, 3 * MiB],
  [0, 0, -1],
  [-1, 0, 1],
  [-1, -1, -1],
  [2 * MiB, 0, 2 * MiB],
  [0, 2 * MiB, 2 * MiB],
  [3 * MiB, 0, 0],
  [3 * MiB + 1, 0, 0],
];

Deno.test("memory.copy and fill beyond the memory write nothing", () => {
  assertSame(
    bulk,
    [
      ["mark", 3 * MiB / 4],
      ...outside.flatMap((range) => [
        ["copy", ...range] as const,
        ["sum"] as const,
        ["fill", ...range] as const,
        ["sum"] as const,
      ]),
    ],
    { pagesMax: 48 },
  );
});

Deno.test("what a yield hook throws ends the guest only if it is a trap", () => {
  const catching = wasm(`(module
    (func (export "f") (result i32)
      (try (result i32) (do (loop) (i32.const 1))
        (catch_all (i32.const 2)))))`);
  const trap = endingTrap();
  const endings = [new Error("told to end"), trap].map((error) => {
    const guest: RewrittenGuest = new RewrittenGuest(catching, {
      epoch: 1,
      onYield: () => {
        guest.epoch = 0;
        throw error;
      },
    });
    return endingOf(() => guest.call("f"));
  });
  assert.deepEqual(endings, [
    "gives number 2",
    `throws RuntimeError: ${trap.message}`,
  ]);
});

/** The error of a trap of WebAssembly's own. */
function endingTrap(): Error {
  const module = new WebAssembly.Module(
    wasm('(module (func (export "f") unreachable))'),
  );
  const { exports } = new WebAssembly.Instance(module);
  try {
    (exports["f"] as () => void)();
  } catch (cause) {
    if (cause instanceof Error) return cause;
  }
  throw new Error("unreachable did not trap");
}
