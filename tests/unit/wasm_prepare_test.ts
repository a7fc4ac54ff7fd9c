// The way from foreign bytes to a rewritten module: what the engine does not
// accept is refused with the engine's reason, also if it would be accepted once
// it is rewritten; what is accepted keeps every segment and constant it has.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import {
  ModuleRefusal,
  prepareModule,
  rewriteModule,
} from "../../src/wasm/mod.ts";
import {
  assemble,
  callableBody,
  callableWith,
  code,
  end,
  exported,
  funcref,
  functionType,
  i32,
  type Item,
} from "../fixtures/evil/module_builder.ts";
import { assertSame } from "./wasm_lab.ts";

const caps = { memoryPagesMax: 16 };

function refusalOf(bytes: Bytes): ModuleRefusal {
  try {
    prepareModule(bytes, caps);
  } catch (cause) {
    assert.ok(cause instanceof ModuleRefusal, String(cause));
    return cause;
  }
  assert.fail("it is not refused");
}

Deno.test("prepareModule() refuses what the engine does with its reason", () => {
  const { message, hint } = refusalOf(callableBody([0x1a]));
  assert.match(message, /^The module is malformed: Compiling function #0 /);
  assert.match(message, /not enough arguments on the stack for drop/);
  assert.match(hint ?? "", /build it again$/);
});

const load = [0x41, 0, 0x28, 2, 0, 0x1a];
const memory = { memories: [[0, 1]] };

/** Each is invalid, and valid if it is only rewritten. */
const mended: Readonly<Record<string, Bytes>> = {
  "reads the epoch for want of a memory": callableBody(load),
  "calls through the hooks for want of a table": callableWith({
    types: [functionType([], [])],
    exports: [],
    code: [code([0x41, 0, 0x11, 0, 0])],
  }),
  "reads the number of pages as a global of its own": callableBody(
    [0x23, 0, 0x1a],
    memory,
  ),
  "sets the number of pages": callableBody([0x41, 9, 0x24, 0], memory),
  "exports the hooks": callableWith({
    exports: [exported("f", { kind: "table", index: 0 })],
  }),
  "exports the epoch": callableWith({
    exports: [exported("f", { kind: "memory", index: 0 })],
  }),
  "fills the hooks": callableWith({
    elements: [[0, 0x41, 0, end, 1, 0]],
  }),
};

for (const [name, bytes] of Object.entries(mended)) {
  Deno.test(`an invalid module that ${name} stays refused`, () => {
    const { bytes: rewritten } = rewriteModule(bytes, caps);
    assert.ok(WebAssembly.validate(rewritten), "rewriting alone mends it");
    assert.match(refusalOf(bytes).message, /^The module is malformed: /);
  });
}

const v128 = 0x7b;
const constants: readonly (readonly [type: number, expression: Item])[] = [
  [i32, [0x41, 0xff, 0x00]],
  [0x7e, [0x42, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00]],
  [0x7d, [0x43, 1, 2, 3, 4]],
  [0x7c, [0x44, 1, 2, 3, 4, 5, 6, 7, 8]],
  [v128, [0xfd, 0x0c, ...new Array<number>(16).fill(7)]],
  [funcref, [0xd0, funcref]],
  [funcref, [0xd2, 0]],
  [0x6f, [0xd0, 0x6f]],
  [i32, [0x23, 0]],
  [i32, [0x41, 3, 0x23, 0, 0x6c, 0x41, 1, 0x6a, 0x41, 2, 0x6b]],
  [0x7e, [0x42, 3, 0x42, 5, 0x7e, 0x42, 1, 0x7c, 0x42, 2, 0x7d]],
];

Deno.test("constants and segments of every form stay", () => {
  const at = [0x41, 0, end];
  const nothing: Item = [0xd0, funcref, end];
  const read = (index: number) => [0x23, index];
  const bytes = assemble({
    types: [functionType([], [i32]), functionType([i32], [i32])],
    functions: [[0], [1], [1], [0]],
    tables: [[funcref, 0, 8], [funcref, 1, 8, 9]],
    memories: [[1, 1, 2]],
    globals: constants.map(([type, value]) => [type, 0, ...value, end]),
    exports: [
      exported("f", { kind: "function", index: 0 }),
      exported("isNull", { kind: "function", index: 1 }),
      exported("byte", { kind: "function", index: 2 }),
      exported("init", { kind: "function", index: 3 }),
    ],
    elements: [
      [0, ...at, 2, 0, 1],
      [1, 0, 1, 0],
      [2, 1, ...at, 0, 1, 0],
      [3, 0, 1, 0],
      [4, 0x41, 4, end, 2, 0xd2, 0, end, ...nothing],
      [5, funcref, 1, 0xd2, 0, end],
      [6, 1, 0x41, 3, end, funcref, 1, ...[0xd2, 0, end]],
      [7, funcref, 1, ...nothing],
    ],
    dataCount: 3,
    code: [
      code([...read(0), ...read(8), 0x6a, ...read(9), 0x6a]),
      code([0x20, 0, 0x25, 1, 0xd1, 0x20, 0, 0x25, 0, 0xd1, 0x6a]),
      code([0x20, 0, 0x2d, 0, 0]),
      code([
        ...[0x41, 40, 0x41, 0, 0x41, 2, 0xfc, 8, 1, 0],
        ...[0x41, 7, 0x41, 0, 0x41, 1, 0xfc, 12, 5, 0],
        ...[0x41, 0],
      ]),
    ],
    data: [
      [0, 0x41, 8, end, 2, 11, 12],
      [1, 2, 13, 14],
      [2, 0, 0x41, 10, end, 1, 15],
    ],
  });
  const places = [0, 1, 2, 3, 4, 5, 6, 7, 8];
  assertSame(bytes, [
    ["f"],
    ...places.map((place) => ["isNull", place] as const),
    ["init"],
    ...places.map((place) => ["isNull", place] as const),
    ...[8, 9, 10, 40, 41, 42].map((place) => ["byte", place] as const),
  ]);
});
