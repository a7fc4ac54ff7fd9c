// WASI preview 1. The reference's is Deno's own node:wasi, with /dev/null for
// stdio; a count or length that is too large ends its process, so none is here.

import { text } from "../fixtures/seeds/wat.ts";
import { guest, reports } from "./guest_module.ts";
import type { OracleCase } from "./oracle_case.ts";

const types = {
  args_get: "i32 i32",
  args_sizes_get: "i32 i32",
  clock_res_get: "i32 i32",
  clock_time_get: "i32 i64 i32",
  environ_get: "i32 i32",
  environ_sizes_get: "i32 i32",
  fd_close: "i32",
  fd_fdstat_get: "i32 i32",
  fd_prestat_get: "i32 i32",
  fd_read: "i32 i32 i32 i32",
  fd_seek: "i32 i64 i32 i32",
  fd_write: "i32 i32 i32 i32",
  path_open: "i32 i32 i32 i32 i32 i64 i64 i32 i32",
  poll_oneoff: "i32 i32 i32 i32",
  random_get: "i32 i32",
  sched_yield: "",
} as const;

const imports =
  Object.entries(types).map(([name, type]) =>
    `(import "wasi_snapshot_preview1" "${name}"
    (func $${name} (param ${type}) (result i32)))`
  ).join(" ") + `(import "wasi_snapshot_preview1" "proc_exit"
    (func $proc_exit (param i32)))`;

const line = text(64, "a line\nhalf a line");
/** Two vectors at 16: the line, and its first two bytes. */
const vectors = `${line.data}
  (data (i32.const 16) "\\40\\00\\00\\00\\12\\00\\00\\00\\40\\00\\00\\00\\02\\00\\00\\00")`;

function wasi(body: string) {
  return reports(body, { imports, parts: vectors });
}

type WasiName = keyof typeof types;

/** Reports the errno of one call. */
function asks(name: WasiName, ...values: readonly (number | bigint)[]): string {
  const kinds = types[name].split(" ");
  const operands = values.map((value, index) =>
    `(${kinds[index]}.const ${value})`
  );
  return `(call $put32 (call $${name} ${operands.join(" ")}))`;
}

const word = (at: number) => `(call $put (i64.load (i32.const ${at})))`;
const ones = (at: number) => `(i64.store (i32.const ${at}) (i64.const -1))`;

const exit = (code: number) => `(call $proc_exit (i32.const ${code}))`;

function exits(body: string, name = "f") {
  return guest(
    `${line.data} (func (export "${name}") (result i32) ${body} (i32.const 0))`,
    { imports },
  );
}

const calls: readonly OracleCase[] = [
  {
    name: "has no arguments and no environment",
    module: wasi(
      ones(256) + asks("args_sizes_get", 256, 260) + word(256) +
        asks("args_get", 264, 272) + ones(256) +
        asks("environ_sizes_get", 256, 260) + word(256) +
        asks("environ_get", 264, 272),
    ),
  },
  {
    name: "reads an empty stdin",
    module: wasi(ones(256) + asks("fd_read", 0, 16, 2, 256) + word(256)),
  },
  {
    name: "is told how much it printed",
    module: wasi(
      ones(256) + asks("fd_write", 1, 16, 2, 256) + word(256) +
        asks("fd_write", 2, 16, 1, 256) + word(256) +
        asks("fd_write", 1, 16, 0, 256) + word(256),
    ),
  },
  {
    name: "prints to what is not open",
    module: wasi(
      asks("fd_write", 3, 16, 1, 256) + asks("fd_write", -1, 16, 1, 256),
    ),
  },
  {
    name: "looks for a preopened directory",
    module: wasi(
      asks("fd_prestat_get", 3, 256) + asks("fd_prestat_get", 0, 256),
    ),
  },
  {
    name: "opens a path below what is not open",
    module: wasi(asks("path_open", 3, 0, 64, 6, 0, 0n, 0n, 0, 256)),
  },
  {
    name: "closes what is not open",
    module: wasi(asks("fd_close", 9)),
  },
  {
    name: "asks what kind its stdio is of",
    module: wasi(
      [0, 1, 2].map((fd) =>
        asks("fd_fdstat_get", fd, 256) +
        "(call $put32 (i32.load8_u (i32.const 256)))"
      ).join("") + asks("fd_fdstat_get", 3, 256),
    ),
  },
  {
    name: "seeks on stdout",
    module: wasi(asks("fd_seek", 1, 0n, 1, 256)),
  },
  {
    name: "asks for the time, which passes",
    module: wasi(`
      ${asks("clock_time_get", 0, 0n, 256)}
      (call $put32 (i64.gt_u (i64.load (i32.const 256))
        (i64.const 1700000000000000000)))
      ${asks("clock_time_get", 1, 0n, 264)} ${
      asks("clock_time_get", 1, 1n, 272)
    }
      (call $put32 (i64.ge_u (i64.load (i32.const 272))
        (i64.load (i32.const 264))))
      (call $put32 (i64.eqz (i64.load (i32.const 264))))`),
  },
  {
    name: "asks for a clock that there is not",
    module: wasi(asks("clock_time_get", 9, 0n, 256)),
  },
  {
    name: "asks how fine its clocks are",
    module: wasi(asks("clock_res_get", 0, 256) + asks("clock_res_get", 1, 256)),
  },
  {
    name: "draws random bytes, and none beside them",
    module: wasi(`${asks("random_get", 257, 32)} ${asks("random_get", 0, 0)}
      (call $flag (i64.load (i32.const 257)))
      (call $put (i64.load (i32.const 289)))`),
  },
  {
    name: "names memory that it has not",
    module: wasi(
      asks("random_get", -16, 32) + asks("clock_time_get", 0, 0n, -4) +
        asks("args_sizes_get", -4, -8) + asks("fd_write", 1, 131_068, 1, 256),
    ),
  },
  { name: "yields", module: wasi("(call $put32 (call $sched_yield))") },
  {
    name: "sleeps for a millisecond",
    module: wasi(`(i64.store (i32.const 512) (i64.const 7))
      (i32.store (i32.const 528) (i32.const 1))
      (i64.store (i32.const 536) (i64.const 1000000))
      ${asks("poll_oneoff", 512, 600, 1, 256)}
      (call $put32 (i32.load (i32.const 256))) ${word(600)}`),
  },
  {
    name: "polls nothing",
    module: wasi(asks("poll_oneoff", 512, 600, 0, 256)),
  },
];

const exiting: readonly OracleCase[] = [
  {
    name: "exits with 1, catches that and goes on",
    module: exits(`try ${exit(1)} catch_all (call $give ${line.block}) end`),
  },
  {
    name: "exits with 1 and runs what must run at the end",
    module: exits(`try ${exit(1)} catch_all (call $log_info ${line.block})
      rethrow 0 end`),
  },
  {
    name: "exits with 1",
    module: exits(`(call $give ${line.block}) ${exit(1)}`),
  },
  {
    name: "exits with 0",
    module: exits(`(call $give ${line.block}) ${exit(0)}`),
  },
  {
    name: "sets an error and exits with 0",
    module: exits(`(call $error_set ${line.block}) ${exit(0)}`),
  },
  {
    name: "exits with 0 in its initializer",
    module: guest(
      `(func (export "_initialize") ${exit(0)})
      (func (export "f") (result i32) (call $put (i64.const 1)) (call $done))`,
      { imports },
    ),
  },
  {
    name: "exits with 1 in its initializer",
    module: guest(
      `(func (export "_initialize") ${exit(1)})
      (func (export "f") (result i32) (call $put (i64.const 1)) (call $done))`,
      { imports },
    ),
  },
  {
    name: "is a command that exits with 0",
    module: guest(
      `(func (export "_start") ${exit(0)})
      (func (export "f") (result i32) (call $put (i64.const 1)) (call $done))`,
      { imports },
    ),
  },
  {
    name: "is a command that exits with 1",
    module: guest(
      `(func (export "_start") ${exit(1)})
      (func (export "f") (result i32) (call $put (i64.const 1)) (call $done))`,
      { imports },
    ),
  },
  {
    name: "is a command that is called as one",
    module: guest(
      `${line.data} (func (export "_start") (call $give ${line.block}))
      (func (export "f") (result i32) (i32.const 0))`,
      { imports },
    ),
    fn: "_start",
  },
];

export const wasiCases: readonly OracleCase[] = [...calls, ...exiting];
