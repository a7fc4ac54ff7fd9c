// Blocks of Extism memory: reserved, filled, read, freed, and named wrongly.

import { guest, reports } from "./guest_module.ts";
import type { OracleCase } from "./oracle_case.ts";

const block = "(local $block i64) (local $other i64) (local $i i32)";
const reserve = (bytes: number) =>
  `(local.set $block (call $alloc (i64.const ${bytes})))`;
const at = (offset: number) =>
  `(i64.add (local.get $block) (i64.const ${offset}))`;

/** A guest that reports about blocks. */
function blocks(body: string) {
  return reports(body, { locals: block });
}

const good: readonly OracleCase[] = [
  {
    name: "asks for the length of its blocks",
    module: blocks(
      [1, 7, 8, 16, 17, 255, 4096, 65_536, 65_537, 1_000_000].map((bytes) =>
        `${reserve(bytes)} (call $put (call $length (local.get $block)))
        (call $put (call $length_unsafe (local.get $block)))`
      ).join("\n"),
    ),
  },
  {
    name: "finds its new blocks zeroed",
    module: blocks(`${reserve(64)}
      (call $put (call $load_u64 (local.get $block)))
      (call $put (call $load_u64 ${at(56)}))`),
  },
  {
    name: "stores and loads bytes and words, aligned or not",
    module: blocks(`${reserve(32)}
      (call $store_u64 ${at(3)} (i64.const 0x1122334455667788))
      (call $store_u8 ${at(5)} (i32.const 0x1ff))
      (call $put32 (call $load_u8 ${at(3)}))
      (call $put32 (call $load_u8 ${at(5)}))
      (call $put (call $load_u64 ${at(0)}))
      (call $put (call $load_u64 ${at(3)}))
      (call $put (call $load_u64 ${at(24)}))`),
  },
  {
    name: "keeps two blocks apart",
    module: blocks(`${reserve(8)} (local.set $other (call $alloc (i64.const 8)))
      (call $store_u64 (local.get $block) (i64.const -1))
      (call $store_u64 (local.get $other) (i64.const 2))
      (call $put (call $load_u64 (local.get $block)))
      (call $put (call $load_u64 (local.get $other)))
      (call $flag (i64.sub (local.get $block) (local.get $other)))`),
  },
  {
    name: "reserves two thousand blocks and sums their lengths",
    module: blocks(`(loop $next
        (local.set $other (i64.add (local.get $other) (call $length
          (call $alloc (i64.extend_i32_u
            (i32.add (local.get $i) (i32.const 1)))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 2000))))
      (call $put (local.get $other))`),
  },
  {
    name: "frees and reserves in turn",
    module: blocks(`(loop $next ${reserve(100)}
        (call $store_u64 (local.get $block) (i64.extend_i32_u (local.get $i)))
        (local.set $other (i64.add (local.get $other)
          (call $load_u64 (local.get $block))))
        (call $free (local.get $block))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 500))))
      (call $put (local.get $other))`),
  },
  {
    name: "frees a block and asks for its length",
    module: blocks(`${reserve(40)} (call $free (local.get $block))
      (call $put (call $length (local.get $block)))`),
  },
  {
    name: "frees a block twice, its input and nothing",
    module: blocks(`${reserve(40)} (call $free (local.get $block))
      (call $free (local.get $block)) (call $free (call $input_offset))
      (call $free (i64.const 0)) (call $free (i64.const -4096))
      (call $put (call $length ${"(call $alloc (i64.const 9))"}))`),
  },
  {
    name: "asks for the length of what is no block",
    module: blocks(`(call $put (call $length (i64.const -4096)))
      (call $put (call $length (i64.const 0x7fffffffffffffff)))
      (call $put (call $length_unsafe (i64.const -1)))`),
  },
  {
    name: "loads a byte from what is no block",
    module: blocks(`(call $put32 (call $load_u8 (i64.const -4096)))
      (call $put32 (call $load_u8 (i64.const 0x7fffffffffffffff)))`),
  },
  {
    name: "stores into what is no block",
    module: blocks(`(call $store_u8 (i64.const -4096) (i32.const 1))
      (call $store_u64 (i64.const 0x7fffffffffffffff) (i64.const 1))
      (call $put (i64.const 1))`),
  },
];

const wrong: readonly OracleCase[] = [
  {
    name: "reserves no bytes",
    module: blocks(`${reserve(0)} (call $flag (local.get $block))
      (call $put (call $length (local.get $block)))`),
  },
  {
    name: "reserves a terabyte",
    module: blocks(`${reserve(2 ** 40)} (call $flag (local.get $block))`),
  },
  {
    name: "reserves a negative length",
    module: blocks(`${reserve(-1)} (call $flag (local.get $block))`),
  },
  {
    name: "reserves 40 MiB",
    module: blocks(`${reserve(40 * 2 ** 20)} (call $flag (local.get $block))`),
  },
  {
    name: "asks for the length of offset 0",
    module: blocks("(call $put (call $length (i64.const 0)))"),
  },
  {
    name: "asks for the length inside a block",
    module: blocks(`${reserve(64)} (call $put (call $length ${at(5)}))`),
  },
  {
    name: "loads a byte behind a block",
    module: blocks(`${reserve(16)} (call $put32 (call $load_u8 ${at(16)}))`),
  },
  {
    name: "loads a word across the end of a block",
    module: blocks(`${reserve(16)} (call $put (call $load_u64 ${at(12)}))`),
  },
  {
    name: "stores behind a block",
    module: blocks(`${reserve(16)}
      (call $store_u8 ${
      at(1_000_000)
    } (i32.const 1)) (call $put (i64.const 1))`),
  },
  {
    name: "loads a word from what is no block",
    module: blocks("(call $put (call $load_u64 (i64.const -4096)))"),
  },
  {
    name: "loads a byte of a block that it has freed",
    module: blocks(`${reserve(16)}
      (call $store_u8 (local.get $block) (i32.const 7))
      (call $free (local.get $block))
      (call $put32 (call $load_u8 (local.get $block)))`),
  },
  {
    name: "reserves again what it has filled and freed",
    module: blocks(`${reserve(16)}
      (call $store_u64 (local.get $block) (i64.const 7))
      (call $free (local.get $block)) ${reserve(16)}
      (call $put (call $load_u64 (local.get $block)))`),
  },
  {
    name: "loads a byte behind its input",
    module: reports("(call $put32 (call $input_load_u8 (i64.const 5)))"),
  },
  {
    name: "loads a word across the end of its input",
    module: reports("(call $put (call $input_load_u64 (i64.const 1)))"),
  },
  {
    name: "loads a byte of an empty input",
    module: reports("(call $put32 (call $input_load_u8 (i64.const 0)))"),
    inputs: [new Uint8Array(0)],
  },
  {
    name: "asks whether its empty input has an offset",
    module: reports("(call $flag (call $input_offset))"),
    inputs: [new Uint8Array(0)],
  },
  {
    name: "gives 17 MiB",
    module: guest(`(func (export "f") (result i32)
      (call $give (call $alloc (i64.const 17825792))) (i32.const 0))`),
  },
];

export const blockCases: readonly OracleCase[] = [...good, ...wrong];
