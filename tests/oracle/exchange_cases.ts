// How input, output and the error pass between a guest and its host.

import { guest, reports } from "./guest_module.ts";
import { type OracleCase, pattern, shapes, utf8Bytes } from "./oracle_case.ts";
import { text } from "../fixtures/seeds/wat.ts";

const hello = text(16, "hello");
const other = text(64, "other \u2603");
const invalid = '(data (i32.const 128) "\\c3\\28\\ff")';

/** A guest whose `f` does `body`, with two texts in its memory. */
function texts(body: string) {
  return guest(`${hello.data} ${other.data} ${invalid}
    (func (export "f") (result i32) ${body})`);
}

const copyBytes = `
  (func (export "f") (result i32) (local $block i64) (local $i i64)
    (local.set $block (call $alloc (call $input_length)))
    (loop $next
      (if (i64.lt_u (local.get $i) (call $input_length))
        (then
          (call $store_u8 (i64.add (local.get $block) (local.get $i))
            (call $input_load_u8 (local.get $i)))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br $next))))
    (call $output_set (local.get $block) (call $input_length))
    (i32.const 0))`;

/** By words, through load_u64 of the input's own block. */
const copyWords = `
  (func (export "f") (result i32) (local $block i64) (local $i i64)
    (local.set $block (call $alloc (call $input_length)))
    (loop $next
      (if (i64.le_u (i64.add (local.get $i) (i64.const 8)) (call $input_length))
        (then
          (call $store_u64 (i64.add (local.get $block) (local.get $i))
            (call $load_u64 (i64.add (call $input_offset) (local.get $i))))
          (local.set $i (i64.add (local.get $i) (i64.const 8)))
          (br $next))))
    (loop $rest
      (if (i64.lt_u (local.get $i) (call $input_length))
        (then
          (call $store_u8 (i64.add (local.get $block) (local.get $i))
            (call $load_u8 (i64.add (call $input_offset) (local.get $i))))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br $rest))))
    (call $give (local.get $block))
    (i32.const 0))`;

const exchange: readonly OracleCase[] = [
  {
    name: "gives its input as its output",
    module: guest(`(func (export "f") (result i32)
      (call $output_set (call $input_offset) (call $input_length))
      (i32.const 0))`),
    inputs: shapes,
  },
  {
    name: "copies its input byte by byte",
    module: guest(copyBytes),
    inputs: shapes.slice(1, -1),
  },
  {
    name: "copies its input by words",
    module: guest(copyWords),
    inputs: shapes.slice(1),
  },
  {
    name: "looks at its input",
    module: reports(`
      (call $put (call $input_length))
      (call $put (call $length (call $input_offset)))
      (call $flag (call $input_offset))
      (call $put32 (call $input_load_u8 (i64.const 0)))
      (call $put32 (call $input_load_u8 (i64.const 3)))
      (call $put (call $input_load_u64 (i64.const 1)))
      (call $put (call $load_u64 (call $input_offset)))`),
    inputs: [pattern(9), pattern(10_000)],
  },
  {
    name: "gives no output",
    module: texts("(i32.const 0)"),
    inputs: shapes.slice(0, 2),
  },
  {
    name: "sets its output twice",
    module: texts(`(call $give ${hello.block}) (call $give ${other.block})
      (i32.const 0)`),
  },
  {
    name: "gives a megabyte for nothing",
    module: texts(`(call $give (call $alloc (i64.const 1048576)))
      (i32.const 0)`),
    inputs: [new Uint8Array(0)],
  },
  {
    name: "gives the reserved first byte",
    module: texts(`(call $output_set (i64.const 0) (i64.const 1))
      (i32.const 0)`),
  },
  {
    name: "gives a range of no bytes",
    module: texts(`(call $output_set (i64.const 0) (i64.const 0))
      (i32.const 0)`),
  },
  {
    name: "gives the first part of a block",
    module: texts(`(call $output_set ${hello.block} (i64.const 4))
      (i32.const 0)`),
  },
  {
    name: "gives the last part of a block",
    module: texts(`(call $output_set
        (i64.add ${hello.block} (i64.const 1)) (i64.const 4))
      (i32.const 0)`),
  },
  {
    name: "gives a block that it has freed",
    module: texts(`(local $block i64)
      (local.set $block ${hello.block})
      (call $give (local.get $block)) (call $free (local.get $block))
      (i32.const 0)`),
  },
  {
    name: "gives more bytes than there are",
    module: texts(`(call $output_set ${hello.block} (i64.const 1099511627776))
      (i32.const 0)`),
  },
  {
    name: "gives a range that wraps around",
    module: texts(`(call $output_set ${hello.block} (i64.const -1))
      (i32.const 0)`),
  },
  {
    name: "gives bytes at an offset that is none",
    module: texts(`(call $output_set (i64.const -4096) (i64.const 1))
      (i32.const 0)`),
  },
  {
    name: "gives bytes at the largest offset",
    module: texts(`(call $output_set
      (i64.const 0x7fffffffffffffff) (i64.const 1)) (i32.const 0)`),
  },
];

const errors: readonly OracleCase[] = [
  {
    name: "returns 1 and sets no error",
    module: texts(`(call $give ${hello.block}) (i32.const 1)`),
  },
  {
    name: "returns -1 and has neither output nor error",
    module: texts("(i32.const -1)"),
  },
  {
    name: "sets an error and returns 1",
    module: texts(`(call $error_set ${hello.block}) (i32.const 1)`),
  },
  {
    name: "sets an error and returns 0",
    module: texts(`(call $error_set ${other.block}) (i32.const 0)`),
  },
  {
    name: "sets an output, then an error",
    module: texts(`(call $give ${hello.block}) (call $error_set ${other.block})
      (i32.const 1)`),
  },
  {
    name: "sets an error, then an output",
    module: texts(`(call $error_set ${other.block}) (call $give ${hello.block})
      (i32.const 0)`),
  },
  {
    name: "sets two errors",
    module: texts(`(call $error_set ${other.block})
      (call $error_set ${hello.block}) (i32.const 1)`),
  },
  {
    name: "reads its own error back",
    module: texts(`(call $give (call $error_get))
      (call $error_set ${hello.block})
      (if (i64.ne (call $length (call $error_get)) (i64.const 5))
        (then (unreachable)))
      (i32.const 1)`),
  },
  {
    name: "reports whether it has an error",
    module: reports("(call $flag (call $error_get))"),
  },
  {
    name: "sets an error of invalid UTF-8",
    module: texts(`(call $error_set
      (call $block (i32.const 128) (i32.const 3))) (i32.const 1)`),
  },
  {
    name: "sets an error of 4000 characters",
    module: guest(`(func (export "f") (result i32)
      (memory.fill (i32.const 0) (i32.const 120) (i32.const 4000))
      (call $error_set (call $block (i32.const 0) (i32.const 4000)))
      (i32.const 1))`),
  },
  {
    name: "sets the error to 0",
    module: texts(`(call $error_set ${hello.block})
      (call $error_set (i64.const 0)) (call $give ${other.block})
      (i32.const 0)`),
  },
  {
    name: "sets an error at an offset that is none",
    module: texts("(call $error_set (i64.const -4096)) (i32.const 1)"),
  },
  {
    name: "sets its input as the error",
    module: texts("(call $error_set (call $input_offset)) (i32.const 1)"),
    inputs: [utf8Bytes("what came in \u{1f600}"), utf8Bytes(" \n ")],
  },
  {
    name: "sets an error and traps",
    module: texts(`(call $error_set ${hello.block}) (unreachable)`),
  },
  {
    name: "traps after its output is set",
    module: texts(`(call $give ${hello.block}) (unreachable)`),
  },
];

export const exchangeCases: readonly OracleCase[] = [...exchange, ...errors];
