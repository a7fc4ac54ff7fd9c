// What runs before a call: start functions and initializers, and what they
// leave for it.

import { text, wasm } from "../fixtures/seeds/wat.ts";
import { guest, reports } from "./guest_module.ts";
import type { OracleCase } from "./oracle_case.ts";

const name = text(16, "name");
const value = text(32, "from the start");
const data = name.data + value.data;
const mark = (digit: number) =>
  `(global.set $seen (i32.add (i32.const ${digit})
    (i32.mul (i32.const 10) (global.get $seen))))`;
const seen = "(global $seen (mut i32) (i32.const 0))";
const report = "(call $put32 (global.get $seen))";

/** Reports in which order its functions ran. */
function inOrder(...parts: readonly string[]) {
  return reports(report, { parts: `${seen} ${parts.join(" ")}` });
}

const initialize = `(func (export "_initialize") ${mark(2)})`;
const constructors = `(func (export "__wasm_call_ctors") ${mark(3)})`;
const start = `(func $begin ${mark(1)}) (start $begin)`;

export const startCases: readonly OracleCase[] = [
  { name: "has a start function", module: inOrder(start) },
  { name: "has an initializer", module: inOrder(initialize) },
  {
    name: "has a start function and an initializer",
    module: inOrder(start, initialize),
  },
  {
    name: "exports its constructors beside an initializer",
    module: inOrder(initialize, constructors),
  },
  {
    name: "exports its constructors only",
    module: inOrder(constructors),
  },
  {
    name: "is a command",
    module: inOrder(`(func (export "_start") ${mark(4)})`),
  },
  {
    name: "is a command with an initializer",
    module: inOrder(initialize, `(func (export "_start") ${mark(4)})`),
  },
  {
    name: "counts its calls on from its start",
    module: reports(`${mark(7)} ${report}`, { parts: `${seen} ${start}` }),
  },
  {
    name: "sets up its memory at the start and overwrites it in a call",
    module: reports(
      `(call $put (i64.load (i32.const 8)))
      (i64.store (i32.const 8) (i64.const 3))`,
      {
        parts: `(func $begin (i64.store (i32.const 8) (i64.const 0x1234)))
          (start $begin)`,
      },
    ),
  },
  {
    name: "grows its memory at the start",
    module: reports("(call $put32 (memory.size))", {
      parts: `(func $begin (drop (memory.grow (i32.const 3)))) (start $begin)`,
    }),
  },
  {
    name: "sets a variable at the start, reads and overwrites it in a call",
    module: guest(`${data}
      (func (export "_initialize") (call $var_set ${name.block} ${value.block}))
      (func (export "f") (result i32)
        (call $give (call $var_get ${name.block}))
        (call $var_set ${name.block} (i64.const 0)) (i32.const 0))`),
  },
  {
    name: "reads its configuration at the start",
    module: guest(`${data} (global $length (mut i64) (i64.const 0))
      (func (export "_initialize") (global.set $length
        (call $length (call $config_get ${name.block}))))
      (func (export "f") (result i32)
        (call $put (global.get $length)) (call $done))`),
    config: { name: "abc" },
  },
  {
    name: "traps in its start function",
    module: guest(`(func $begin (unreachable)) (start $begin)
      (func (export "f") (result i32) (i32.const 0))`),
  },
  {
    name: "traps in its initializer",
    module: guest(`(func (export "_initialize") (unreachable))
      (func (export "f") (result i32) (i32.const 0))`),
  },
  {
    name: "places data behind its memory",
    module: guest(`(data (i32.const 131071) "ab")
      (func (export "f") (result i32) (i32.const 0))`),
  },
  {
    name: "places functions behind its table",
    module: guest(`(table 1 funcref) (elem (i32.const 1) $f)
      (func $f (export "f") (result i32) (i32.const 0))`),
  },
  {
    name: "logs at the start",
    module: guest(`${data}
      (func (export "_initialize") (call $log_info ${value.block}))
      (func (export "f") (result i32) (i32.const 0))`),
  },
  {
    name: "looks at its input at the start",
    module: guest(`(global $length (mut i64) (i64.const 9))
      (func (export "_initialize")
        (global.set $length (call $input_length)))
      (func (export "f") (result i32)
        (call $put (global.get $length)) (call $done))`),
  },
  {
    name: "imports what no host has",
    module: wasm(`(module (import "env" "nothing" (func))
      (func (export "f") (result i32) (i32.const 0)))`),
  },
  {
    name: "imports alloc with another type",
    module: wasm(`(module
      (import "extism:host/env" "alloc" (func (param i32) (result i32)))
      (func (export "f") (result i32)
        (drop (call 0 (i32.const 1))) (i32.const 0)))`),
  },
  {
    name: "is called by a name that it does not export",
    module: reports(report, { parts: seen }),
    fn: "g",
  },
  {
    name: "is called by the name of its memory",
    module: reports(report, { parts: seen }),
    fn: "memory",
  },
  {
    name: "is called by the name of its initializer",
    module: inOrder(initialize),
    fn: "_initialize",
  },
  {
    name: "takes a parameter",
    module: guest(`(func (export "f") (param i32) (result i32) (i32.const 0))
      (func (export "g") (result i32) (i32.const 0))`),
  },
  {
    name: "returns nothing",
    module: guest(`(func (export "f")
      (call $output_set (call $input_offset) (call $input_length)))`),
  },
  {
    name: "returns an i64",
    module: guest(`(func (export "f") (result i64) (i64.const 0))
      (func (export "g") (result i32) (i32.const 0))`),
  },
];
