// The modules of the seeds bench: one of C, AssemblyScript, Rust and Go each,
// and their inputs. The C and Rust ones are built by modules/build.ts, the
// others are examples; Go's is not committed and may not be there.

import type { Bytes } from "../../src/kernel/mod.ts";
import { text, wasm } from "../fixtures/seeds/wat.ts";

export type BenchModule = {
  /** As figures name it. */
  readonly name: string;
  readonly bytes: Bytes;
  readonly fn: string;
  readonly inputOf: (size: number) => Bytes;
};

async function read(path: string): Promise<Bytes> {
  return await Deno.readFile(new URL(path, import.meta.url));
}

async function readIfThere(path: string): Promise<Bytes | undefined> {
  try {
    return await read(path);
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    console.error("Go is left out: build it with deno task examples echo-go");
    return undefined;
  }
}

const letters = (size: number) => new Uint8Array(size).fill(0x61);
/** {"name":"aaa..."} of that size. */
const greeting = (size: number) => {
  const frame = '{"name":""}';
  const name = "a".repeat(size - frame.length);
  return new TextEncoder().encode(frame.replace('""', `"${name}"`));
};

const c = await read("modules/echo_c.wasm");
const rust = await read("modules/echo_rust.wasm");
const go = await readIfThere("../../examples/echo-go/echo.wasm");

export const cEcho: BenchModule = {
  name: "C",
  bytes: c,
  fn: "echo",
  inputOf: letters,
};
export const cSum: BenchModule = { ...cEcho, fn: "sum" };
export const scriptHello: BenchModule = {
  name: "AssemblyScript",
  bytes: await read("../../examples/hello/hello.wasm"),
  fn: "greet",
  inputOf: greeting,
};
export const rustEcho: BenchModule = {
  name: "Rust",
  bytes: rust,
  fn: "echo",
  inputOf: letters,
};
/** Undefined where it was not built. */
export const goEcho: BenchModule | undefined = go && {
  name: "Go",
  bytes: go,
  fn: "echo",
  inputOf: letters,
};

export const echoes: readonly BenchModule[] = [
  cEcho,
  scriptHello,
  rustEcho,
  ...(goEcho === undefined ? [] : [goEcho]),
];

const uri = text(16, "pln://seed/other/f");

/** "wait" waits for an answer to a request; "sleep" sleeps for an hour. */
export const waiting: Bytes = wasm(`(module
  (import "extism:host/env" "alloc" (func $alloc (param i64) (result i64)))
  (import "extism:host/env" "store_u8" (func $store_u8 (param i64 i32)))
  (import "extism:host/user" "pollen_request"
    (func $request (param i64 i64) (result i64)))
  (import "wasi_snapshot_preview1" "poll_oneoff"
    (func $poll (param i32 i32 i32 i32) (result i32)))
  (memory (export "memory") 1)
  ${uri.data}
  (data (i32.const 144) "\\01") ;; the monotonic clock
  (func (export "wait") (result i32) (local $block i64) (local $i i32)
    (local.set $block (call $alloc (i64.const ${uri.length})))
    (loop $next
      (call $store_u8
        (i64.add (local.get $block) (i64.extend_i32_u (local.get $i)))
        (i32.load8_u offset=16 (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const ${uri.length}))))
    (drop (call $request (local.get $block) (i64.const 0)))
    (i32.const 0))
  (func (export "sleep") (result i32)
    (i64.store (i32.const 152) (i64.const 3600000000000))
    (call $poll (i32.const 128) (i32.const 192) (i32.const 1)
      (i32.const 256))))`);

/** Functions that never end, each in its own way. */
export const runaways = ["loop", "tail", "fill", "calls"] as const;
export const runaway: Bytes = wasm(`(module
  (memory (export "memory") 16)
  (func (export "loop") (result i32) (loop $on (br $on)) (unreachable))
  (func $tail (export "tail") (result i32) (return_call $other))
  (func $other (result i32) (return_call $tail))
  (func (export "fill") (result i32)
    (loop $on
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 1048576))
      (br $on))
    (unreachable))
  (func $fib (param i64) (result i64)
    (if (result i64) (i64.le_u (local.get 0) (i64.const 1))
      (then (i64.const 1))
      (else (i64.add
        (call $fib (i64.sub (local.get 0) (i64.const 1)))
        (call $fib (i64.sub (local.get 0) (i64.const 2)))))))
  (func (export "calls") (result i32)
    (drop (call $fib (i64.const 80))) (i32.const 0)))`);
