// Every limit of a module and of one function, from both sides: what just fits
// passes and stays valid, one more is refused with both numbers. The limits
// keep the engine from running out of memory or time while it compiles.

import assert from "node:assert/strict";
import { type Bytes, limits } from "../../src/kernel/mod.ts";
import { ModuleRefusal, prepareModule } from "../../src/wasm/mod.ts";
import {
  assemble,
  callableBody,
  callableWith,
  code,
  end,
  exported,
  funcref,
  functionType,
  header,
  i32,
  type Item,
  joined,
  leb,
  repeated,
  section,
  text,
} from "../fixtures/evil/module_builder.ts";

const caps = { memoryPagesMax: 16 };
const flat = (count: number, item: Item) => repeated(count, item).flat();
const zero = [0x41, 0];

type Bound = {
  readonly max: number;
  readonly says: RegExp;
  /** A valid module with so many of them. */
  readonly module: (count: number) => Bytes;
};

const bounds: Readonly<Record<string, Bound>> = {
  types: {
    max: limits.moduleTypesMax,
    says: /types, more than 2000$/,
    module: (count) =>
      assemble({ types: repeated(count, functionType([], [])) }),
  },
  "parameters of all types": {
    max: limits.moduleTypesValuesMax,
    says: /parameters and results in its types, more than 100000$/,
    module: (count) =>
      assemble({
        types: Array.from(
          { length: Math.ceil(count / 1000) },
          (_, at) =>
            functionType(repeated(Math.min(1000, count - at * 1000), i32), []),
        ),
      }),
  },
  parameters: {
    max: limits.moduleTypeValuesMax,
    says: /parameters of one function, more than 1000$/,
    module: (count) =>
      assemble({ types: [functionType(repeated(count, i32), [])] }),
  },
  results: {
    max: limits.moduleTypeValuesMax,
    says: /results of one function, more than 1000$/,
    module: (count) =>
      assemble({ types: [functionType([], repeated(count, i32))] }),
  },
  imports: {
    max: limits.moduleImportsMax,
    says: /imports, more than 1000$/,
    module: (count) =>
      assemble({
        types: [functionType([], [])],
        imports: repeated(count, [...text("a"), ...text("b"), 0, 0]),
      }),
  },
  exports: {
    max: limits.moduleExportsMax,
    says: /exports, more than 10000$/,
    module: (count) =>
      callableWith({
        exports: Array.from(
          { length: count },
          (_, at) => exported(`f${at}`, { kind: "function", index: 0 }),
        ),
      }),
  },
  functions: {
    max: limits.moduleFunctionsMax,
    says: /functions, more than 200000$/,
    module: (count) =>
      assemble({
        types: [functionType([], [])],
        functions: repeated(count, [0]),
        code: repeated(count, [2, 0, end]),
      }),
  },
  "functions and imports": {
    max: limits.moduleFunctionsMax,
    says: /functions, more than 200000$/,
    module: (count) =>
      assemble({
        types: [functionType([], [])],
        imports: [[...text("a"), ...text("b"), 0, 0]],
        functions: repeated(count - 1, [0]),
        code: repeated(count - 1, [2, 0, end]),
      }),
  },
  tables: {
    max: limits.moduleTablesMax,
    says: /tables, more than 100$/,
    module: (count) => assemble({ tables: repeated(count, [funcref, 0, 1]) }),
  },
  "table entries": {
    max: limits.moduleTableEntriesMax,
    says: /table entries to start with, more than 100000$/,
    module: (count) =>
      assemble({ tables: [[funcref, 0, 1], [funcref, 0, ...leb(count - 1)]] }),
  },
  "element entries": {
    max: limits.moduleTableEntriesMax,
    says: /entries in element segments, more than 100000$/,
    module: (count) =>
      callableWith({
        elements: [
          [1, 0, 1, 0],
          [1, 0, ...leb(count - 1), ...repeated(count - 1, 0)],
        ],
      }),
  },
  "element segments": {
    max: limits.moduleElementSegmentsMax,
    says: /element segments, more than 10000$/,
    module: (count) => assemble({ elements: repeated(count, [1, 0, 0]) }),
  },
  "data segments": {
    max: limits.moduleDataSegmentsMax,
    says: /data segments, more than 100000$/,
    module: (count) => assemble({ data: repeated(count, [1, 0]) }),
  },
  globals: {
    max: limits.moduleGlobalsMax,
    says: /globals, more than 10000$/,
    module: (count) =>
      assemble({ globals: repeated(count, [i32, 0, ...zero, end]) }),
  },
  tags: {
    max: limits.moduleTagsMax,
    says: /exception tags, more than 1000$/,
    module: (count) =>
      assemble({
        types: [functionType([], [])],
        tags: repeated(count, [0, 0]),
      }),
  },
  "instructions of a constant expression": {
    max: limits.moduleExpressionInstructionsMax - 1,
    says: /17 instructions in one constant expression, more than 16$/,
    module: (count) =>
      assemble({
        globals: [[
          ...[i32, 0, ...zero],
          ...flat((count - 1) / 2, [...zero, 0x6a]),
          end,
        ]],
      }),
  },
  "bytes of a function": {
    max: limits.functionBodyBytesMax,
    says: /bytes in one function, more than 524288$/,
    module: (count) => callableBody(repeated(count - 4, 0x01)),
  },
  "local variables": {
    max: limits.functionLocalsMax,
    says: /local variables in one function, more than 4000$/,
    module: (count) =>
      assemble({
        types: [functionType([i32, i32], [])],
        functions: [[0]],
        code: [code([], [[count - 3, i32], [1, 0x7b]])],
      }),
  },
  loops: {
    max: limits.functionLoopsMax,
    says: /loops in one function, more than 2000$/,
    module: (count) => callableBody(flat(count, [0x03, 0x40, end])),
  },
  "loops times local variables": {
    max: limits.functionLoopLocalsMax / 1000,
    says: /201000 loops times local variables in one function, more than/,
    module: (count) =>
      callableWith({
        code: [
          code([...flat(count, [0x03, 0x40, end]), ...zero], [[1000, i32]]),
        ],
      }),
  },
  "blocks that catch": {
    max: limits.functionTriesMax,
    says: /blocks that catch exceptions in one function, more than 10000$/,
    module: (count) => callableBody(flat(count, [0x06, 0x40, 0x19, end])),
  },
  "nested blocks": {
    max: limits.functionBlockDepthMax,
    says: /blocks inside each other in one function, more than 4000$/,
    module: (count) =>
      callableBody([...flat(count, [0x02, 0x40]), ...repeated(count, end)]),
  },
  "branch table entries": {
    max: limits.functionBranchTargetsMax,
    says: /branch table entries in one function, more than 8192$/,
    module: (count) =>
      callableBody([
        ...[0x02, 0x40, ...zero, 0x0e, 1, 0, 0, end],
        ...[0x02, 0x40, ...zero, 0x0e, ...leb(count - 3)],
        ...[...repeated(count - 2, 0), end],
      ]),
  },
  "calls and what they carry": {
    max: limits.functionMovedValuesMax / 4,
    says: /values carried by calls and branches in one function, more than/,
    module: (count) =>
      assemble({
        types: [functionType([i32, i32], [i32]), functionType([], [])],
        functions: [[0], [1]],
        code: [
          // So long that it checks itself: no checks are put between calls.
          code([...repeated(300, 0x01), ...zero]),
          code(flat(count, [...zero, ...zero, 0x10, 0, 0x1a])),
        ],
      }),
  },
  // A block and two entries of a table are branches too.
  "values at branches that may be taken": {
    max: limits.functionKeptValuesMax / 4_000 - 3,
    says: /values alive at branches in one function, more than 8000000$/,
    module: (count) =>
      callableWith({
        code: [
          code([
            ...[0x02, 0x40],
            ...flat(count, [...zero, 0x0d, 0]),
            ...[...zero, 0x0e, 1, 0, 0, end, ...zero],
          ], [[4_000, i32]]),
        ],
      }),
  },
  // The last block may still have the values of the one before it below it.
  "values at branches": {
    max: Math.floor(limits.functionKeptValuesMax / 8_001),
    says: /values alive at branches in one function, more than 8000000$/,
    module: (count) =>
      callableWith({
        code: [
          code([
            ...flat(4_001, zero),
            ...flat(count, [0x02, 0x40, end]),
            ...[...flat(4_001, [0x1a]), ...zero],
          ], [[4_000, i32]]),
        ],
      }),
  },
};

for (const [name, { max, says, module }] of Object.entries(bounds)) {
  Deno.test(`a module may have ${max} ${name}, and no more`, () => {
    const { bytes } = prepareModule(module(max), caps);
    assert.ok(WebAssembly.validate(bytes), "the rewritten module is valid");
    const more = name.startsWith("instructions") ? max + 2 : max + 1;
    assert.throws(() => prepareModule(module(more), caps), (cause) => {
      assert.ok(cause instanceof ModuleRefusal);
      assert.match(cause.message, says);
      assert.notEqual(cause.hint, undefined);
      return true;
    });
  });
}

Deno.test("a module may have 48 MiB of data, and no more", () => {
  const max = limits.moduleDataBytesMax;
  const withData = (more: number) => {
    const first = [[1, ...leb(max)], new Uint8Array(max)];
    const content = joined([[2], ...first, [1, more], repeated(more, 1)]);
    return joined([header, section(11, content)]);
  };
  const { bytes } = prepareModule(withData(0), caps);
  assert.ok(WebAssembly.validate(bytes));
  assert.throws(() => prepareModule(withData(1), caps), (cause) => {
    assert.ok(cause instanceof ModuleRefusal);
    assert.match(cause.message, /50331649 bytes of data, more than 50331648$/);
    return true;
  });
});

Deno.test("a module of more than 64 MiB is refused before it is read", () => {
  const bytes = new Uint8Array(limits.moduleBytesMax + 1);
  assert.throws(() => prepareModule(bytes, caps), (cause) => {
    assert.ok(cause instanceof ModuleRefusal);
    assert.match(cause.message, /has 67108865 bytes, more than 67108864$/);
    return true;
  });
});

Deno.test("a module whose checks would make it huge is refused early", () => {
  // 1,999 empty loops are 6 KB, and some 40 KB with their checks.
  const loops = flat(limits.functionLoopsMax - 1, [0x03, 0x40, end]);
  const body = code([...loops]);
  const count = 6_000;
  const module = assemble({
    types: [functionType([], [])],
    functions: repeated(count, [0]),
    code: repeated(count, body),
  });
  assert.throws(
    () => prepareModule(module, caps),
    /bytes of code with its checks, more than/,
  );
});
