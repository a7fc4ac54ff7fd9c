// WebAssembly itself: what the rewriter passes through must mean what it meant.

import { guest, type GuestOptions, reports } from "./guest_module.ts";
import type { OracleCase } from "./oracle_case.ts";

const f = (body: string, options: GuestOptions = {}) =>
  guest(`(func (export "f") (result i32) ${body} (i32.const 0))`, options);
const put = (...values: readonly string[]) =>
  values.map((value) => `(call $put ${value})`).join(" ");
const put32 = (...values: readonly string[]) =>
  values.map((value) => `(call $put32 ${value})`).join(" ");

const numbers: readonly OracleCase[] = [
  {
    name: "computes with integers",
    module: reports(
      put32(
        "(i32.div_s (i32.const -7) (i32.const 2))",
        "(i32.rem_u (i32.const -7) (i32.const 10))",
        "(i32.rotl (i32.const 0x80000001) (i32.const 4))",
        "(i32.clz (i32.const 255))",
        "(i32.extend8_s (i32.const 0x180))",
        "(i32.wrap_i64 (i64.const 0x1ffffffff))",
      ) +
        put(
          "(i64.mul (i64.const 0x123456789) (i64.const -987654321))",
          "(i64.shr_s (i64.const -256) (i64.const 68))",
          "(i64.popcnt (i64.const -2))",
          "(i64.extend32_s (i64.const 0xffffffff))",
        ),
    ),
  },
  {
    name: "computes with floats",
    module: reports(
      put(
        "(i64.reinterpret_f64 (f64.sqrt (f64.const 2)))",
        "(i64.reinterpret_f64 (f64.nearest (f64.const -2.5)))",
        "(i64.reinterpret_f64 (f64.min (f64.const -0) (f64.const 0)))",
        "(i64.trunc_sat_f64_s (f64.const 1e300))",
        "(i64.trunc_sat_f64_u (f64.const nan))",
        "(i64.trunc_f64_u (f64.const 1.8e19))",
      ) +
        put32(
          "(i32.reinterpret_f32 (f32.demote_f64 (f64.const 0.1)))",
          "(i32.reinterpret_f32 (f32.copysign (f32.const 1) (f32.const -0)))",
          "(f64.lt (f64.const nan) (f64.const 1))",
        ),
    ),
  },
  {
    name: "divides by zero",
    module: f("(drop (i32.div_s (i32.const 1) (i32.const 0)))"),
  },
  {
    name: "divides the smallest number by -1",
    module: f("(drop (i32.div_s (i32.const 0x80000000) (i32.const -1)))"),
  },
  {
    name: "truncates what is too large",
    module: f("(drop (i32.trunc_f64_s (f64.const 3e9)))"),
  },
  {
    name: "computes with vectors",
    module: reports(
      `(v128.store (i32.const 64) (i8x16.shuffle 15 14 13 12 11 10 9 8 7 6 5 4 3
          2 1 0 (v128.load (i32.const 16)) (v128.const i64x2 1 2)))
      ${put("(i64.load (i32.const 64))", "(i64.load (i32.const 72))")}
      ${
        put32(`(i32x4.extract_lane 2 (i32x4.add (v128.const i32x4 1 2 3 4)
          (i32x4.splat (i32.const 10))))`)
      } ${
        put(`(i64.reinterpret_f64 (f64x2.extract_lane 1 (f64x2.mul
          (v128.const f64x2 1.5 2.5) (local.get $v))))`)
      }`,
      {
        parts: '(data (i32.const 16) "0123456789abcdef")',
        locals: "(local $v v128)",
      },
    ),
  },
];

const factorial = `(func $factorial (param $n i64) (result i64)
  (if (result i64) (i64.le_u (local.get $n) (i64.const 1))
    (then (i64.const 1))
    (else (i64.mul (local.get $n)
      (call $factorial (i64.sub (local.get $n) (i64.const 1)))))))`;
const tails = `
  (type $step (func (param i32 i64) (result i64)))
  (table 2 funcref) (elem (i32.const 0) $even $odd)
  (func $even (type $step)
    (if (i32.eqz (local.get 0)) (then (return (local.get 1))))
    (return_call $odd (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 2))))
  (func $odd (type $step)
    (return_call_indirect (type $step)
      (i32.sub (local.get 0) (i32.const 1))
      (i64.add (local.get 1) (i64.const 3)) (i32.const 0)))`;

const control: readonly OracleCase[] = [
  { name: "is unreachable", module: f("(unreachable)") },
  {
    name: "recurses a thousand times",
    module: reports(
      put("(call $factorial (i64.const 1000))") +
        put("(call $factorial (i64.const 20))"),
      { parts: factorial },
    ),
  },
  {
    name: "recurses without end",
    module: guest(`(func $on (call $on) (call $on))
      (func (export "f") (result i32) (call $on) (i32.const 0))`),
  },
  {
    name: "calls in its tail 200,000 times",
    module: reports(put("(call $even (i32.const 200000) (i64.const 0))"), {
      parts: tails,
    }),
  },
  {
    name: "loops with several values",
    module: reports(
      put(`(block (result i64)
        (i64.const 0) (i32.const 1000)
        (loop $on (param i64 i32) (result i64)
          (local.set $i) (local.set $sum)
          (local.set $sum
            (i64.add (local.get $sum) (i64.extend_i32_u (local.get $i))))
          (local.get $sum)
          (i32.sub (local.get $i) (i32.const 1))
          (br_if $on (i32.gt_u (local.get $i) (i32.const 1)))
          (drop)))`),
      { locals: "(local $sum i64) (local $i i32)" },
    ),
  },
  {
    name: "returns two values to itself",
    module: reports(put32("(i32.sub (call $pair))"), {
      parts: "(func $pair (result i32 i32) (i32.const 50) (i32.const 8))",
    }),
  },
  {
    name: "branches by a table",
    module: reports(
      [0, 1, 2, 3, -1].map((index) =>
        put32(`(call $pick (i32.const ${index}))`)
      ).join(""),
      {
        parts: `(func $pick (param i32) (result i32)
          (block $c (block $b (block $a
            (br_table $a $b $c (local.get 0)))
            (return (i32.const 10)))
            (return (i32.const 20)))
          (i32.const 30))`,
      },
    ),
  },
  {
    name: "branches out of many loops at once",
    module: reports(
      `(loop $a (block $out (loop $b (loop $c (loop $d
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $d (i32.rem_u (local.get $i) (i32.const 7)))
        (br_if $b (i32.rem_u (local.get $i) (i32.const 5)))
        (br $out)))))
        (br_if $a (i32.lt_u (local.get $i) (i32.const 1000))))
      ${put32("(local.get $i)")}`,
      { locals: "(local $i i32)" },
    ),
  },
  {
    name: "selects",
    module: reports(
      put32("(select (i32.const 1) (i32.const 2) (i32.const 0))") +
        put32(`(ref.is_null (select (result funcref) (ref.null func)
          (ref.func $pair) (i32.const 0)))`),
      { parts: "(func $pair) (elem declare func $pair)" },
    ),
  },
];

const functionTable = `
  (type $number (func (result i32))) (type $other (func (param i32)))
  (table $t 4 10 funcref) (table $u 2 2 externref)
  (elem (table $t) (i32.const 0) func $a $b $c)
  (elem $p func $b $a)
  (func $a (result i32) (i32.const 1)) (func $b (result i32) (i32.const 2))
  (func $c (param i32))
  (func $at (param i32) (result i32)
    (call_indirect $t (type $number) (local.get 0)))`;
const tables = (body: string) => reports(body, { parts: functionTable });
const at = (index: number) => put32(`(call $at (i32.const ${index}))`);

const references: readonly OracleCase[] = [
  { name: "calls through a table", module: tables(at(0) + at(1) + at(0)) },
  { name: "calls an empty entry of a table", module: tables(at(3)) },
  { name: "calls past the end of a table", module: tables(at(4)) },
  { name: "calls a table's function by another type", module: tables(at(2)) },
  {
    name: "changes its table, and finds it unchanged in the next call",
    module: tables(`${at(0)} (table.set $t (i32.const 0) (ref.func $b)) ${at(0)}
      (table.copy $t $t (i32.const 2) (i32.const 0) (i32.const 2)) ${at(3)}
      (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 2)) ${at(0)}
      (table.fill $t (i32.const 2) (ref.func $a) (i32.const 2)) ${at(2)}`),
  },
  {
    name: "grows its table up to its maximum",
    module: tables(
      put32(
        "(table.size $t)",
        "(table.grow $t (ref.func $b) (i32.const 3))",
        "(table.size $t)",
        "(table.grow $t (ref.null func) (i32.const 4))",
      ) + at(6),
    ),
  },
  {
    name: "keeps references of the host's in a table",
    module: tables(put32("(ref.is_null (table.get $u (i32.const 1)))")),
  },
  {
    name: "takes elements that it has dropped",
    module: tables(`(elem.drop $p)
      (table.init $t $p (i32.const 0) (i32.const 0) (i32.const 1))`),
  },
];

const globals = `
  (global $i (mut i32) (i32.const 1)) (global $j (mut i64) (i64.const 2))
  (global $f (mut f32) (f32.const 0.5)) (global $d (mut f64) (f64.const 0.25))
  (global $v (mut v128) (v128.const i64x2 7 8))
  (global $r (mut funcref) (ref.null func))
  (global $same i32 (i32.const 99))
  (func $some) (elem declare func $some)`;
const global = (body: string) => reports(body, { parts: globals });

const state: readonly OracleCase[] = [
  {
    name: "counts its calls in numeric globals",
    module: global(`
      (global.set $i (i32.add (global.get $i) (global.get $same)))
      (global.set $j (i64.add (global.get $j) (i64.const 1)))
      (global.set $f (f32.add (global.get $f) (f32.const 1)))
      (global.set $d (f64.mul (global.get $d) (f64.const -3)))
      ${put32("(global.get $i)", "(i32.reinterpret_f32 (global.get $f))")}
      ${put("(global.get $j)", "(i64.reinterpret_f64 (global.get $d))")}`),
  },
  {
    name: "counts its calls in a vector and a reference",
    module: global(`
      (global.set $v (i64x2.add (global.get $v) (global.get $v)))
      ${put("(i64x2.extract_lane 1 (global.get $v))")}
      ${put32("(ref.is_null (global.get $r))")}
      (global.set $r (ref.func $some))
      ${put32("(ref.is_null (global.get $r))")}`),
  },
];

const thrown = `(tag $number (param i32)) (tag $other)
  (func $throw (param i32) (throw $number (local.get 0)))
  (func $deep (param i32)
    (if (local.get 0)
      (then (call $deep (i32.sub (local.get 0) (i32.const 1))))
      (else (call $throw (i32.const 77)))))`;
const throws = (body: string) =>
  reports(body, { parts: thrown, locals: "(local $n i32)" });

const exceptions: readonly OracleCase[] = [
  {
    name: "catches what it throws ten calls deep",
    module: throws(`
      try (call $deep (i32.const 10)) catch $number (local.set $n) end
      ${put32("(local.get $n)")}`),
  },
  {
    name: "catches, throws on and catches all",
    module: throws(`
      try
        try (call $throw (i32.const 5))
        catch $other (local.set $n (i32.const 1))
        catch $number (local.set $n) (rethrow 0) end
      catch_all (local.set $n (i32.add (local.get $n) (i32.const 100))) end
      ${put32("(local.get $n)")}`),
  },
  {
    name: "hands an exception to a block further out",
    module: throws(`
      try $outer
        try (call $throw (i32.const 6)) delegate $outer
      catch $number (local.set $n) end
      ${put32("(local.get $n)")}`),
  },
  {
    name: "throws what nobody catches",
    module: throws("(call $throw (i32.const 1))"),
  },
  {
    name: "catches a trap, which is no exception",
    module: throws("try (unreachable) catch_all end"),
  },
  {
    name: "throws in a loop and catches each",
    module: throws(`(loop $on
        try (call $throw (local.get $n))
        catch $number (local.set $n (i32.add (i32.const 1))) end
        (br_if $on (i32.lt_u (local.get $n) (i32.const 1000))))
      ${put32("(local.get $n)")}`),
  },
];

export const languageCases: readonly OracleCase[] = [
  ...numbers,
  ...control,
  ...references,
  ...state,
  ...exceptions,
];
