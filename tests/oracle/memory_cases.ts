// A guest's own memory, and what is left of it for the next call: nothing.

import { text, wasm } from "../fixtures/seeds/wat.ts";
import { guest, reports } from "./guest_module.ts";
import type { OracleCase } from "./oracle_case.ts";

const one = text(16, "one");
const size = "(call $put32 (memory.size))";
const grow = (pages: number) =>
  `(call $put32 (memory.grow (i32.const ${pages})))`;
const load = (at: number) => `(call $put (i64.load (i32.const ${at})))`;

export const memoryCases: readonly OracleCase[] = [
  {
    name: "asks for the size of its memory",
    module: reports(size),
  },
  {
    name: "grows its memory page by page up to its own maximum",
    module: reports(Array.from({ length: 9 }, () => grow(1) + size).join("")),
  },
  {
    name: "grows its memory by nothing and by too much",
    module: reports(grow(0) + grow(7) + grow(6) + size + grow(0) + grow(1)),
  },
  {
    name: "grows its memory by more than there can be",
    module: reports(grow(-1) + grow(65_536) + size),
  },
  {
    name: "finds what it has grown zeroed, and fills it",
    module: reports(`${grow(2)} ${load(131_072)} ${load(262_136)}
      (memory.fill (i32.const 131072) (i32.const 255) (i32.const 131072))
      ${load(131_072)} ${load(262_136)}`),
  },
  {
    name: "writes behind what it has not grown yet",
    module: reports(`(i64.store (i32.const 131066) (i64.const 1)) ${size}`),
  },
  {
    name: "reads behind its memory after it has grown",
    module: reports(`${grow(1)} ${load(196_600)} ${load(196_601)}`),
  },
  {
    name: "counts its calls in its memory",
    module: reports(`(i64.store (i32.const 8) (i64.add (i64.const 1)
      (i64.load (i32.const 8)))) ${load(8)}`),
  },
  {
    name: "counts its calls in its last bytes, and grows",
    module: reports(`(i64.store (i32.const 131064) (i64.add (i64.const 1)
      (i64.load (i32.const 131064)))) ${load(131_064)} ${grow(1)}
      (i64.store (i32.const 131072) (i64.add (i64.const 1)
      (i64.load (i32.const 131072)))) ${load(131_072)} ${size}`),
  },
  {
    name: "overwrites its data",
    module: reports(
      `${load(16)} (i64.store (i32.const 16) (i64.const -1))
      ${load(16)}`,
      { parts: one.data },
    ),
  },
  {
    name: "copies its memory onto itself, forwards and backwards",
    module: reports(
      `
      (memory.copy (i32.const 18) (i32.const 16) (i32.const 20)) ${load(16)}
      (memory.copy (i32.const 15) (i32.const 16) (i32.const 20)) ${load(15)}
      (memory.copy (i32.const 131064) (i32.const 16) (i32.const 8))
      ${load(131_064)}`,
      { parts: one.data },
    ),
  },
  {
    name: "copies past the end of its memory",
    module: reports(
      "(memory.copy (i32.const 131065) (i32.const 16) (i32.const 8))",
    ),
  },
  {
    name: "fills past the end of its memory",
    module: reports(
      "(memory.fill (i32.const 0) (i32.const 1) (i32.const -1))",
    ),
  },
  {
    name: "takes passive data, drops it and takes nothing more",
    module: reports(
      `(memory.init $p (i32.const 100) (i32.const 1) (i32.const 6)) ${load(100)}
      (data.drop $p) (memory.init $p (i32.const 0) (i32.const 0) (i32.const 0))
      ${load(0)}`,
      { parts: '(data $p "passive data")' },
    ),
  },
  {
    name: "takes passive data that it has dropped",
    module: reports(
      `(data.drop $p) (memory.init $p (i32.const 0) (i32.const 0) (i32.const 1))`,
      { parts: '(data $p "passive data")' },
    ),
  },
  {
    name: "has a memory of its own that is not exported",
    module: reports(grow(1) + size + load(0), { memory: "(memory 1 3)" }),
  },
  {
    name: "starts without any page",
    module: reports(`${size} ${grow(1)} ${size} ${load(65_528)}`, {
      memory: '(memory (export "memory") 0 1)',
    }),
  },
  {
    name: "reads a memory without any page",
    module: reports(load(0), { memory: '(memory (export "memory") 0 1)' }),
  },
  {
    name: "has no memory at all",
    module: wasm(`(module
      (import "extism:host/env" "input_offset" (func $at (result i64)))
      (import "extism:host/env" "input_length" (func $length (result i64)))
      (import "extism:host/env" "output_set" (func $out (param i64 i64)))
      (func (export "f") (result i32)
        (call $out (call $at) (call $length)) (i32.const 0)))`),
  },
  {
    name: "has no maximum",
    module: reports(grow(100) + size + load(6_684_664), {
      memory: '(memory (export "memory") 2)',
    }),
  },
  {
    name: "grows beyond the 64 MiB that a seed has by default",
    module: reports(grow(1000) + grow(24) + size, {
      memory: '(memory (export "memory") 1)',
    }),
  },
  {
    name: "grows its memory and then traps",
    module: guest(`(func (export "f") (result i32)
      (drop (memory.grow (i32.const 1)))
      (i64.store (i32.const 8) (i64.const -1)) (unreachable))`),
  },
];
