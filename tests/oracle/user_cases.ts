// Pollen's own functions and Extism's HTTP, which the reference gets from the
// same stubs as this host: a request echoes its address and its input.

import { text, userImports } from "../fixtures/seeds/wat.ts";
import { guest, reports } from "./guest_module.ts";
import { type OracleCase, shapes, utf8Bytes } from "./oracle_case.ts";

const uri = text(16, "pln://seed/other/f");
/** The stubs answer it with an empty block. */
const emptyUri = text(64, "pln://seed/empty/f");
/** The stubs let it fail. */
const nobodyUri = text(128, "pln://seed/nobody/f");
const data = uri.data + emptyUri.data + nobodyUri.data;
const imports = userImports.replaceAll("$log ", "$user_log ");
const none = "(i64.const 0)";

function user(body: string) {
  return guest(
    `${data} (func (export "f") (result i32) (local $block i64)
      ${body} (i32.const 0))`,
    { imports },
  );
}

function asked(address: string, body: string): string {
  return `(call $request ${address} ${body})`;
}

const pollen: readonly OracleCase[] = [
  {
    name: "asks another seed and gives the answer",
    module: user(`(call $give ${asked(uri.block, "(call $input_offset)")})`),
    inputs: shapes.slice(1, -1),
  },
  {
    name: "asks another seed with no input",
    module: user(`(call $give ${asked(uri.block, none)})`),
  },
  {
    name: "gets an empty answer, which is not none",
    module: reports(
      `(local.set $block ${asked(emptyUri.block, none)})
      (call $flag (local.get $block))
      (call $put (call $length (local.get $block)))`,
      { parts: data, locals: "(local $block i64)", imports },
    ),
  },
  {
    name: "asks a seed that there is not",
    module: reports(`(call $put ${asked(nobodyUri.block, none)})`, {
      parts: data,
      imports,
    }),
  },
  {
    name: "asks three times, in its memory between",
    module: user(`
      (i32.store (i32.const 4096) (i32.const 0x64636261))
      (drop ${asked(uri.block, none)})
      (i32.store8 (i32.const 4097) (i32.const 0x2d))
      (drop ${asked(emptyUri.block, none)})
      (call $give ${
      asked(uri.block, "(call $block (i32.const 4096) (i32.const 4))")
    })`),
  },
  {
    name: "asks and then traps",
    module: user(`(drop ${asked(uri.block, none)}) (unreachable)`),
  },
  {
    name: "asks and then fails",
    module: user(`(call $error_set ${asked(uri.block, none)})`),
  },
  {
    name: "tells who calls",
    module: user("(call $give (call $caller_info))"),
  },
  {
    name: "logs by pollen_log at every level",
    module: user(
      [0, 1, 2, 3].map((level) =>
        `(call $user_log (i64.const ${level}) (call $input_offset))`
      ).join(" "),
    ),
    inputs: [utf8Bytes("line \u2603")],
  },
];

const http = `
  (import "extism:host/env" "http_request"
    (func $http_request (param i64 i64) (result i64)))
  (import "extism:host/env" "http_status_code"
    (func $http_status_code (result i32)))
  (import "extism:host/env" "http_headers" (func $http_headers (result i64)))`;
const ask = text(256, '{"method":"GET","url":"http://127.0.0.1:9/"}');

const egress: readonly OracleCase[] = [
  {
    name: "sends an HTTP request that nothing allows",
    module: guest(
      `${ask.data} (func (export "f") (result i32)
        (call $give (call $http_request ${ask.block} (i64.const 0)))
        (i32.const 0))`,
      { imports: http },
    ),
  },
  {
    name: "asks for the status and headers of no request",
    module: reports(
      `(call $put32 (call $http_status_code))
      (call $put (call $http_headers))`,
      { imports: http },
    ),
  },
];

export const userCases: readonly OracleCase[] = [...pollen, ...egress];
