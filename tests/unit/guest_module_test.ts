// What a module must be to become a seed (SCENARIOS.md R13). In go bytes of all
// kinds; out comes a loaded module, or one sentence that says why not. Nothing
// but a SeedError may come out of bad bytes, and no text of unbounded length.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import {
  type Bytes,
  concatBytes,
  digestOf,
  limits,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import { hidden } from "../../src/wasm/mod.ts";
import {
  callableFunctions,
  moduleFormFault,
  SeedError,
} from "../../src/threads/mod.ts";
import {
  initializersOf,
  prepareSource,
  rewriteChecked,
} from "../../src/guest/module.ts";
import { echoWasm, wasm } from "../fixtures/seeds/wat.ts";

const header = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
const fine = `(func (export "f") (result i32) (i32.const 0))`;

function loadModule(bytes: Bytes) {
  const { plan } = rewriteChecked(bytes, { memoryPagesMax: 1024 });
  return { plan, functions: callableFunctions(plan) };
}

/** Why a module is refused. */
function refusalOf(bytes: Bytes): SeedError {
  try {
    loadModule(bytes);
  } catch (cause) {
    assert.ok(cause instanceof SeedError, String(cause));
    assert.ok(cause.message.length < 600, "a sentence, not a file");
    return cause;
  }
  assert.fail("the module was not refused");
}

function leb(value: number): Bytes {
  const bytes: number[] = [];
  do {
    bytes.push(value % 128 + (value >= 128 ? 128 : 0));
    value = Math.floor(value / 128);
  } while (value > 0);
  return Uint8Array.from(bytes);
}

function section(id: number, ...parts: readonly Uint8Array[]): Bytes {
  const content = concatBytes(...parts);
  return concatBytes(Uint8Array.of(id), leb(content.length), content);
}

function named(text: string): Bytes {
  const bytes = utf8(text);
  return concatBytes(leb(bytes.length), bytes);
}

/** One function type () -> i32, one function of it, exported under `names`. */
function exporting(names: readonly string[]): Bytes {
  return concatBytes(
    header,
    section(1, Uint8Array.of(1, 0x60, 0, 1, 0x7f)),
    section(3, Uint8Array.of(1, 0)),
    section(
      7,
      leb(names.length),
      ...names.flatMap((name) => [named(name), Uint8Array.of(0, 0)]),
    ),
    section(10, Uint8Array.of(1, 4, 0, 0x41, 0, 0x0b)),
  );
}

Deno.test("R13: bytes that are no core module are refused with the reason", () => {
  const component = Uint8Array.of(0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0);
  const version2 = Uint8Array.of(0, 0x61, 0x73, 0x6d, 2, 0, 0, 0);
  const cases: readonly (readonly [Bytes, RegExp])[] = [
    [new Uint8Array(0), /It is empty$/],
    [utf8("#!/bin/sh\n"), /not WebAssembly: it does not start with/],
    [header.slice(0, 3), /not WebAssembly/],
    [header.slice(0, 4), /truncated after the magic number/],
    [header.slice(0, 7), /truncated after the magic number/],
    [component, /a WebAssembly component; Pollen runs core modules/],
    [version2, /version is not 1/],
    [Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 1), /version is not 1/],
  ];
  for (const [bytes, message] of cases) {
    const error = refusalOf(bytes);
    assert.equal(error.reason, "invalid");
    assert.match(error.message, message);
    assert.ok(moduleFormFault(bytes));
  }
  assert.equal(moduleFormFault(header), undefined);
});

Deno.test("R13: a module cut at any length is refused", () => {
  for (let length = 0; length < echoWasm.length; length++) {
    const cut = echoWasm.slice(0, length);
    let functions: readonly string[];
    try {
      ({ functions } = loadModule(cut));
    } catch (cause) {
      assert.ok(cause instanceof SeedError, `${length}: ${cause}`);
      assert.equal(cause.reason, "invalid");
      continue;
    }
    // Only the names of functions, at the end, can be missing unnoticed.
    assert.deepEqual(functions, ["echo"]);
    assert.ok(length > echoWasm.length / 2);
  }
});

Deno.test("R13: a module over the size limit is refused unread", () => {
  const large = new Uint8Array(limits.moduleBytesMax + 1);
  large.set(header);
  assert.match(refusalOf(large).message, /more than 67108864$/);
});

Deno.test("R13: imports that Pollen does not offer are refused by name", () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    [`(import "env" "abort" (func))`, /"env" "abort", which Pollen does not/],
    [`(import "extism:host/env" "reset" (func))`, /"reset", which/],
    [`(import "extism:host/env" "toString" (func))`, /"toString", which/],
    [`(import "extism:host/env" "__proto__" (func))`, /"__proto__", which/],
    [`(import "__proto__" "alloc" (func))`, /"__proto__" "alloc", which/],
    [`(import "wasi_snapshot_preview1" "fd_fly" (func))`, /"fd_fly", which/],
    [
      `(import "extism:host/env" "alloc" (func (param i32) (result i32)))`,
      /"alloc" as \(i:i\), not \(I:I\)$/,
    ],
    [
      `(import "extism:host/user" "pollen_request" (func (param i64 i64)))`,
      /"pollen_request" as \(II:\), not \(II:I\)$/,
    ],
    [
      `(import "extism:host/env" "error_set" (func (param f64 funcref)))`,
      /"error_set" as \(Fr:\), not \(I:\)$/,
    ],
  ];
  for (const [declaration, message] of cases) {
    const error = refusalOf(wasm(`(module ${declaration} ${fine})`));
    assert.equal(error.reason, "link", declaration);
    assert.match(error.message, message);
    assert.ok(error.hint);
  }
});

Deno.test("R13: names of any length do not get into the refusal", () => {
  const long = "x".repeat(100_000) + "\\1b[2J";
  const error = refusalOf(wasm(`(module (import "${long}" "${long}" (func)))`));
  assert.equal(error.reason, "link");
  const control = refusalOf(wasm(`(module (import "\\1b[2J" "\\0a" (func)))`));
  assert.match(control.message, /^[ -~]+$/);
});

Deno.test("R13: tables that start too large are refused, before they are made", async () => {
  const tables = (text: string) => wasm(`(module ${text} ${fine})`);
  const most = limits.moduleTableEntriesMax;
  loadModule(await tables(`(table ${most} funcref)`));
  loadModule(await tables(`(table 0 ${most * 10} externref)`));
  for (
    const text of [
      `(table ${most + 1} funcref)`,
      `(table 10000000 10000000 externref)`,
      `(table ${most} funcref) (table 1 funcref)`,
    ]
  ) {
    const { reason, message } = refusalOf(await tables(text));
    assert.equal(reason, "invalid");
    assert.match(message, /table|not valid/, text);
  }
  const many = "(table 1 funcref)".repeat(limits.moduleTablesMax + 1);
  assert.equal(refusalOf(await tables(many)).reason, "invalid");
});

Deno.test("R13: types of the GC proposal are refused with the reason", () => {
  const types = [
    [0x5f, 0], // struct
    [0x5e, 0x7f, 0], // array
    [0x50, 0, 0x60, 0, 0], // open function type
    [0x4e, 1, 0x60, 0, 0], // recursive group
  ];
  for (const type of types) {
    const bytes = concatBytes(
      header,
      section(1, Uint8Array.of(1), Uint8Array.from(type)),
    );
    const error = refusalOf(bytes);
    assert.equal(error.reason, "invalid");
    assert.match(error.message, /garbage-collected types/);
  }
});

Deno.test("R13: a module without a function to call is refused", () => {
  const modules = [
    `(module)`,
    `(module (func (export "f") (param i32)))`,
    `(module (memory (export "f") 1))`,
    `(module (func (export "_start")) (func (export "_initialize")))`,
    `(module (func (export "a/b")))`,
  ];
  for (const text of modules) {
    const error = refusalOf(wasm(text));
    assert.match(error.message, /exports no function that can be called$/);
    assert.match(error.hint ?? "", /returns an i32/);
  }
});

Deno.test("R13: counts over the limits are refused", () => {
  const many = `(import "extism:host/env" "input_length" (func (result i64)))`;
  const importing = (count: number) =>
    wasm(`(module ${many.repeat(count)} ${fine})`);
  assert.deepEqual(loadModule(importing(1000)).functions, ["f"]);
  assert.match(
    refusalOf(importing(1001)).message,
    /1001 imports, more than 1000/,
  );
  const names = Array.from({ length: 10_001 }, (_, index) => `f${index}`);
  assert.equal(
    loadModule(exporting(names.slice(1))).functions.length,
    10_000,
  );
  assert.match(
    refusalOf(exporting(names)).message,
    /10001 exports, more than 10000/,
  );
});

Deno.test("R13: counts that no file can hold are refused at once", () => {
  const bomb = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0x0f);
  for (let id = 0; id <= 13; id++) {
    for (const content of [bomb, concatBytes(bomb, bomb, bomb)]) {
      refusalOf(concatBytes(header, section(id, content)));
    }
    refusalOf(concatBytes(header, Uint8Array.of(id), bomb));
  }
  refusalOf(
    concatBytes(header, Uint8Array.of(1, 0xff, 0xff, 0xff, 0xff, 0xff)),
  );
  refusalOf(concatBytes(header, section(77, bomb)));
});

Deno.test("R13: a million functions are refused", () => {
  const count = 1_000_000;
  const bytes = concatBytes(
    header,
    section(1, Uint8Array.of(1, 0x60, 0, 0)),
    section(3, leb(count), new Uint8Array(count)),
    section(7, leb(1), named("f"), Uint8Array.of(0, 0)),
    section(
      10,
      leb(count),
      new Uint8Array(3 * count).map((_, at) => [2, 0, 11][at % 3] ?? 0),
    ),
  );
  assert.match(refusalOf(bytes).message, /1000000 functions, more than/);
});

Deno.test("odd export names are no functions of the seed", () => {
  const odd = [
    ...["", "a/b", "\0", "a\nb", "\x1b[2J", "\x9b", "\u202e", "\u2028"],
    ..."\ufeff \u200b".split(" "),
    "x".repeat(256),
  ];
  const fair = [
    "greet",
    "do it",
    "\u00e9t\u00e9",
    "a.b-c",
    "x".repeat(255),
    "#",
  ];
  const { functions } = loadModule(exporting([...odd, ...fair]));
  assert.deepEqual(functions, fair.toSorted());
});

Deno.test("the start function runs first, then the toolchain's own", () => {
  const of = (text: string) =>
    initializersOf(loadModule(wasm(`(module ${text} ${fine})`)).plan);
  assert.deepEqual(of(""), []);
  assert.deepEqual(of(`(func (export "_start"))`), ["_start"]);
  assert.deepEqual(
    of(`(func $s) (start $s) (func (export "_start"))
      (func (export "_initialize"))`),
    [hidden.start, "_initialize"],
  );
  assert.deepEqual(of(`(func (export "_initialize") (param i32))`), []);
});

/** As a thread offers it. */
const sha256 = (bytes: Bytes) => Promise.resolve(openSigner().sha256(bytes));

Deno.test("what prepareSource() keeps spares the next load its work", async () => {
  const caps = { memoryPagesMax: 16 };
  const digest = digestOf(await sha256(echoWasm));
  const original = { type: "original", bytes: echoWasm, digest } as const;
  const first = await prepareSource(original, caps, { sha256 });
  assert.ok(first.kept);
  const bytes = first.kept;
  const second = await prepareSource({ type: "kept", bytes }, caps, { sha256 });
  assert.equal(JSON.stringify(second.plan), JSON.stringify(first.plan));
  assert.equal(second.kept, undefined);
});

Deno.test("R14: a kept module that does not fit its name is refused", async () => {
  const digest = digestOf(await sha256(echoWasm));
  const original = { type: "original", bytes: echoWasm, digest } as const;
  const { kept } = await prepareSource(original, { memoryPagesMax: 16 }, {
    sha256,
  });
  assert.ok(kept);
  const opened = (bytes: Bytes, memoryPagesMax = 16) =>
    prepareSource({ type: "kept", bytes }, { memoryPagesMax }, { sha256 });
  await opened(kept, 17);
  await assert.rejects(() => opened(kept, 15), { reason: "lost" });

  /** The same with another text of the same length in its plan. */
  const changed = async (from: string, to: string) => {
    const body = kept.slice(32);
    const planEnd = 4 + new DataView(body.buffer).getUint32(0);
    const at = utf8TextLossy(body.subarray(4, planEnd)).indexOf(from);
    assert.ok(at > 0 && from.length === to.length);
    body.set(utf8(to), 4 + at);
    return concatBytes(await sha256(body), body);
  };
  for (
    const [from, to] of [
      [`"output_set","signature":"II:"`, `"output_set","signature":"Ii:"`],
      [`"name":"output_set"`, `"name":"output_get"`],
    ] as const
  ) {
    const bytes = await changed(from, to);
    await assert.rejects(() => opened(bytes), { reason: "lost" }, to);
  }
});

Deno.test("R14: bytes of another digest, and damaged kept ones, are refused", async () => {
  const caps = { memoryPagesMax: 16 };
  const digest = digestOf(await sha256(echoWasm));
  const other = concatBytes(echoWasm, section(0, named("x")));
  await assert.rejects(
    () =>
      prepareSource({ type: "original", bytes: other, digest }, caps, {
        sha256,
      }),
    { reason: "invalid", message: /have the digest/ },
  );
  const source = { type: "original", bytes: echoWasm, digest } as const;
  const { kept } = await prepareSource(source, caps, { sha256 });
  assert.ok(kept);
  for (let at = 0; at < kept.length; at += 7) {
    const bytes = kept.slice();
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    await assert.rejects(
      () => prepareSource({ type: "kept", bytes }, caps, { sha256 }),
      { reason: "lost" },
    );
  }
  for (const length of [0, 1, 36, 37, kept.length - 1]) {
    const bytes = kept.slice(0, length);
    await assert.rejects(
      () => prepareSource({ type: "kept", bytes }, caps, { sha256 }),
      { reason: "lost" },
    );
  }
});

Deno.test("R13: AssemblyScript's abort is refused with what to build it with", () => {
  const abort = `(import "env" "abort" (func (param i32 i32 i32 i32)))`;
  const { hint } = refusalOf(wasm(`(module ${abort} ${fine})`));
  assert.match(hint ?? "", /--use abort=/);
});
