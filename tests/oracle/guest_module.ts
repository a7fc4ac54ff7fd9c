// Guests of the corpus as WebAssembly text. In go the parts that make one guest
// different from the next, out go the bytes of its module. Every guest imports
// all of extism:host/env but HTTP, and can report a list of numbers.

import type { Bytes } from "../../src/kernel/mod.ts";
import { wasm } from "../fixtures/seeds/wat.ts";

const environment: readonly (readonly [string, string])[] = [
  ["alloc", "(param i64) (result i64)"],
  ["free", "(param i64)"],
  ["length", "(param i64) (result i64)"],
  ["length_unsafe", "(param i64) (result i64)"],
  ["load_u8", "(param i64) (result i32)"],
  ["load_u64", "(param i64) (result i64)"],
  ["store_u8", "(param i64 i32)"],
  ["store_u64", "(param i64 i64)"],
  ["input_offset", "(result i64)"],
  ["input_length", "(result i64)"],
  ["input_load_u8", "(param i64) (result i32)"],
  ["input_load_u64", "(param i64) (result i64)"],
  ["output_set", "(param i64 i64)"],
  ["error_set", "(param i64)"],
  ["error_get", "(result i64)"],
  ["config_get", "(param i64) (result i64)"],
  ["var_get", "(param i64) (result i64)"],
  ["var_set", "(param i64 i64)"],
  ["log_trace", "(param i64)"],
  ["log_debug", "(param i64)"],
  ["log_info", "(param i64)"],
  ["log_warn", "(param i64)"],
  ["log_error", "(param i64)"],
  ["get_log_level", "(result i32)"],
];

const imports = environment.map(([name, type]) =>
  `(import "extism:host/env" "${name}" (func $${name} ${type}))`
).join("\n");

const functions = `
  ;; A new block with the $n bytes of this module's memory at $at.
  (func $block (param $at i32) (param $n i32) (result i64)
    (local $block i64) (local $i i32)
    (local.set $block (call $alloc (i64.extend_i32_u (local.get $n))))
    (loop $next
      (if (i32.lt_u (local.get $i) (local.get $n))
        (then
          (call $store_u8
            (i64.add (local.get $block) (i64.extend_i32_u (local.get $i)))
            (i32.load8_u (i32.add (local.get $at) (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next))))
    (local.get $block))
  ;; Sets a whole block as the output.
  (func $give (param $block i64)
    (call $output_set (local.get $block) (call $length (local.get $block))))
  (global $report (mut i64) (i64.const 0))
  (global $reported (mut i64) (i64.const 0))
  ;; Adds a value to what \`f\` answers: eight bytes each, at most 64.
  (func $put (param $value i64)
    (if (i64.eqz (global.get $report))
      (then (global.set $report (call $alloc (i64.const 512)))))
    (call $store_u64 (i64.add (global.get $report) (global.get $reported))
      (local.get $value))
    (global.set $reported (i64.add (global.get $reported) (i64.const 8))))
  (func $put32 (param $value i32)
    (call $put (i64.extend_i32_s (local.get $value))))
  (func $flag (param $value i64)
    (call $put (i64.extend_i32_u (i64.ne (local.get $value) (i64.const 0)))))
  ;; The values as the output, in a block of just their length.
  (func $done (result i32) (local $block i64) (local $i i64)
    (local.set $block (call $alloc (global.get $reported)))
    (loop $next
      (if (i64.lt_u (local.get $i) (global.get $reported))
        (then
          (call $store_u64 (i64.add (local.get $block) (local.get $i))
            (call $load_u64 (i64.add (global.get $report) (local.get $i))))
          (local.set $i (i64.add (local.get $i) (i64.const 8)))
          (br $next))))
    (call $output_set (local.get $block) (global.get $reported))
    (i32.const 0))`;

export type GuestOptions = {
  /** Imports beside those that every guest of the corpus has. */
  readonly imports?: string;
  /** Default: two pages that may grow to eight. */
  readonly memory?: string;
};

/** A module from its functions; all of extism:host/env but HTTP is there. */
export function guest(body: string, options: GuestOptions = {}): Bytes {
  const { memory = '(memory (export "memory") 2 8)' } = options;
  return wasm(`(module ${imports} ${options.imports ?? ""}
    ${memory} ${functions} ${body})`);
}

/** A module whose only function `f` does `body` and answers what it reported. */
export function reports(
  body: string,
  options: GuestOptions & {
    readonly parts?: string;
    readonly locals?: string;
  } = {},
): Bytes {
  const { parts = "", locals = "" } = options;
  return guest(
    `${parts} (func (export "f") (result i32) ${locals}
      ${body} (call $done))`,
    options,
  );
}
