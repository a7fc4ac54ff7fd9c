// What is not run is refused, by one sentence that says why and a hint that
// says what to do: proposals that Pollen leaves out, imports other than
// functions, names that are reserved, and bytes that are no module. Most are
// written byte by byte, since no assembler writes them.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import { hidden, ModuleRefusal, rewriteModule } from "../../src/wasm/mod.ts";
import {
  assemble,
  callableBody,
  callableWith,
  code,
  exported,
  functionType,
  header,
  type Item,
  joined,
  leb,
  section,
  type Sections,
  text,
} from "../fixtures/evil/module_builder.ts";
import { wasm } from "../fixtures/seeds/wat.ts";

const caps = { memoryPagesMax: 16 };

function refusalOf(bytes: Uint8Array): ModuleRefusal {
  try {
    rewriteModule(bytes, caps);
  } catch (cause) {
    assert.ok(cause instanceof ModuleRefusal, String(cause));
    return cause;
  }
  assert.fail("it is not refused");
}

/** The refusal is one sentence with a hint, and says what is expected. */
function assertRefused(bytes: Uint8Array, says: RegExp): void {
  const { message, hint, code: errorCode, kind } = refusalOf(bytes);
  assert.match(message, says);
  assert.match(message, /^The module [^\n]{5,200}[^.]$/);
  assert.match(hint ?? "", /^[A-Z][^\n]{5,120}[^.]$/);
  assert.deepEqual([errorCode, kind], ["PLN_SEED_INVALID", "input"]);
}

type Case = readonly [name: string, bytes: Bytes, says: RegExp];

function testRefusals(family: string, cases: readonly Case[]): void {
  for (const [name, bytes, says] of cases) {
    Deno.test(`${family} ${name} is refused`, () => assertRefused(bytes, says));
  }
}

const garbageCollected = /uses garbage-collected types, which Pollen does not/;
const byReference = /uses exceptions by reference \(exnref\), which Pollen/;
const otherMemory = /uses more than one memory, which Pollen does not run/;

const withType = (type: Item) => assemble({ types: [type] });

testRefusals("a type", [
  ["of a recursive group", withType([0x4e, 1, 0x5f, 0]), garbageCollected],
  ["that is a subtype", withType([0x50, 0, 0x60, 0, 0]), garbageCollected],
  ["that is final", withType([0x4f, 0, 0x60, 0, 0]), garbageCollected],
  ["of an array", withType([0x5e, 0x7f, 0]), garbageCollected],
  ["of a structure", withType([0x5f, 0]), garbageCollected],
  ["of a continuation", withType([0x5d, 0]), garbageCollected],
  ["of unknown form", withType([0x41, 0, 0]), /malformed: .* form 0x41/],
  [
    "with a typed reference",
    withType(functionType([0x63, 0], [])),
    garbageCollected,
  ],
  [
    "with a typed reference that is never null",
    withType(functionType([], [0x64, 0])),
    garbageCollected,
  ],
  ["with any reference", withType(functionType([0x6e], [])), garbageCollected],
  ["with an exnref", withType(functionType([0x69], [])), byReference],
  ["with a null exnref", withType(functionType([0x74], [])), byReference],
  [
    "with an unknown value",
    withType(functionType([0x42], [])),
    /malformed: it has an unknown type 0x42/,
  ],
]);

const importing = (kind: Item, module = "a", name = "b") =>
  assemble({
    types: [functionType([], [])],
    imports: [[...text(module), ...text(name), ...kind]],
  });

testRefusals("an import", [
  [
    "of a table",
    importing([1, 0x70, 0, 1]),
    /imports a table, "a" "b"$/,
  ],
  ["of a memory", importing([2, 0, 1]), /imports a memory, "a" "b"$/],
  ["of a global", importing([3, 0x7f, 0]), /imports a global, "a" "b"$/],
  ["of a tag", importing([4, 0, 0]), /imports a tag, "a" "b"$/],
  ["of unknown kind", importing([5, 0]), /malformed: .* unknown kind/],
  [
    "from the hidden namespace",
    importing([0, 0], hidden.namespace),
    /imports "\\u0001pln" "b", a name that is reserved/,
  ],
  [
    "of a hidden name",
    importing([0, 0], "a", `${hidden.mark}x`),
    /imports "a" "\\u0001x", a name that is reserved/,
  ],
  [
    "with a long name",
    importing([2, 0, 1], "m".repeat(1000)),
    /imports a memory, "m{80}\.\.\." "b"$/,
  ],
  ["of an unknown type", importing([0, 1]), /malformed: it has no type 1/],
  [
    "whose name is not UTF-8",
    assemble({ imports: [[1, 0xff, 0, 0, 0]] }),
    /malformed: a name is not UTF-8/,
  ],
]);

const exporting = (...names: readonly string[]) =>
  callableWith({
    exports: names.map((name) =>
      exported(name, { kind: "function", index: 0 })
    ),
  });

testRefusals("an export", [
  [
    "of a hidden name",
    exporting("f", hidden.hooks),
    /exports "\\u0001hooks", a name that is reserved/,
  ],
  ["of one name twice", exporting("f", "g", "f"), /it exports "f" twice/],
  [
    "of a function that is not there",
    callableWith({ exports: [exported("f", { kind: "function", index: 9 })] }),
    /malformed: it has no function 9/,
  ],
]);

testRefusals("a memory", [
  ["beside another", assemble({ memories: [[0, 1], [0, 1]] }), otherMemory],
  [
    "that is shared",
    assemble({ memories: [[3, 1, 2]] }),
    /uses a shared memory, which/,
  ],
  [
    "of 64 bits",
    assemble({ memories: [[4, 1]] }),
    /uses a 64-bit memory, which/,
  ],
  [
    "of another page size",
    assemble({ memories: [[8, 1, 0]] }),
    /uses a memory of an unknown kind/,
  ],
  [
    "smaller than it starts",
    assemble({ memories: [[1, 2, 1]] }),
    /malformed: a memory is larger than its maximum/,
  ],
]);

Deno.test("a memory over the cap is refused and names the option", () => {
  const { message, hint } = refusalOf(wasm("(module (memory 17))"));
  assert.match(message, /needs 17 pages of memory .* to start, more than 16$/);
  assert.match(hint ?? "", /"--memory"/);
});

testRefusals("a table", [
  [
    "filled by an expression",
    assemble({ tables: [[0x40, 0, 0x70, 0, 1, 0xd0, 0x70, 0x0b]] }),
    /uses a table that is filled by an expression/,
  ],
  [
    "of typed references",
    assemble({ tables: [[0x63, 0, 0, 1]] }),
    garbageCollected,
  ],
  ["of exnref", assemble({ tables: [[0x69, 0, 1]] }), byReference],
  ["of numbers", assemble({ tables: [[0x7f, 0, 1]] }), /unknown type 0x7f/],
  [
    "that is shared",
    assemble({ tables: [[0x70, 3, 1, 2]] }),
    /uses a shared table/,
  ],
  ["of 64 bits", assemble({ tables: [[0x70, 4, 1]] }), /uses a 64-bit table/],
]);

const i32Global = (expression: Item) =>
  assemble({ globals: [[0x7f, 0, ...expression, 0x0b]] });

testRefusals("a global or tag", [
  [
    "that is shared",
    assemble({ globals: [[0x7f, 2, 0x41, 0, 0x0b]] }),
    /global of/,
  ],
  [
    "of exnref",
    assemble({ globals: [[0x69, 0, 0xd0, 0x69, 0x0b]] }),
    byReference,
  ],
  [
    "made by an allocation",
    i32Global([0xfb, 0, 0]),
    /instruction 0xfb in a constant expression/,
  ],
  [
    "made by a call",
    i32Global([0x10, 0]),
    /instruction 0x10 in a constant expression/,
  ],
  [
    "made by a vector instruction",
    i32Global([0xfd, 0x0d]),
    /instruction 0xfd in a constant expression/,
  ],
  [
    "made by a long computation",
    i32Global([0x41, 1, ...new Array(16).fill([0x41, 1, 0x6a]).flat()]),
    /has 17 instructions in one constant expression, more than 16/,
  ],
  [
    "of an unknown attribute",
    assemble({ types: [functionType([], [])], tags: [[1, 0]] }),
    /uses tags that are no exceptions/,
  ],
  [
    "of a type that is not there",
    assemble({ types: [functionType([], [])], tags: [[0, 7]] }),
    /malformed: it has no type 7/,
  ],
]);

testRefusals("a segment", [
  [
    "of elements of unknown form",
    assemble({ elements: [[8, 0]] }),
    /element segment of unknown form/,
  ],
  [
    "of elements of unknown kind",
    assemble({ elements: [[1, 1, 0]] }),
    /element segment of unknown kind/,
  ],
  [
    "of typed elements",
    assemble({ elements: [[5, 0x64, 0, 0]] }),
    garbageCollected,
  ],
  [
    "of data of unknown form",
    assemble({ data: [[3, 0]] }),
    /data segment of unknown form/,
  ],
  [
    "of data for another memory",
    assemble({ data: [[2, 1, 0x41, 0, 0x0b, 0]] }),
    /data for a memory that is not there/,
  ],
]);

const withMemory: Sections = { memories: [[0, 1]] };

testRefusals("the instruction", [
  ["try_table", callableBody([0x1f, 0x40, 0, 0x0b]), byReference],
  ["throw_ref", callableBody([0x0a]), byReference],
  ["call_ref", callableBody([0x14, 0]), garbageCollected],
  ["return_call_ref", callableBody([0x15, 0]), garbageCollected],
  ["ref.eq", callableBody([0xd3]), garbageCollected],
  ["ref.as_non_null", callableBody([0xd4]), garbageCollected],
  ["br_on_null", callableBody([0xd5, 0]), garbageCollected],
  ["br_on_non_null", callableBody([0xd6, 0]), garbageCollected],
  ["struct.new", callableBody([0xfb, 0, 0]), garbageCollected],
  ["atomic.fence", callableBody([0xfe, 3, 0]), /uses atomic instructions/],
  [
    "i8x16.relaxed_swizzle",
    callableBody([0xfd, ...leb(0x100)]),
    /uses relaxed SIMD, which/,
  ],
  [
    "0xfd 275 (the last relaxed one)",
    callableBody([0xfd, ...leb(0x113)]),
    /uses relaxed SIMD, which/,
  ],
  [
    "0xfd 276",
    callableBody([0xfd, ...leb(0x114)]),
    /uses the unknown instruction 0xfd 276/,
  ],
  [
    "0xfd 154",
    callableBody([0xfd, ...leb(154)]),
    /unknown instruction 0xfd 154/,
  ],
  ["i64.add128", callableBody([0xfc, 19]), /unknown instruction 0xfc 19/],
  ["0x1d", callableBody([0x1d]), /uses the unknown instruction 0x1d/],
  [
    "i32.load of a second memory",
    callableBody([0x41, 0, 0x28, 0x42, 1, 0, 0x1a], withMemory),
    otherMemory,
  ],
  [
    "memory.size of a second memory",
    callableBody([0x3f, 1, 0x1a], withMemory),
    otherMemory,
  ],
  [
    "memory.fill of a second memory",
    callableBody([0xfc, 11, 1], withMemory),
    otherMemory,
  ],
  [
    "memory.copy to a second memory",
    callableBody([0xfc, 10, 1, 0], withMemory),
    otherMemory,
  ],
  [
    "memory.copy from a second memory",
    callableBody([0xfc, 10, 0, 1], withMemory),
    otherMemory,
  ],
  [
    "memory.init of a second memory",
    callableBody([0xfc, 8, 0, 1], withMemory),
    otherMemory,
  ],
  [
    "block of exnref",
    callableBody([0x02, 0x69, 0x00, 0x0b, 0x1a]),
    byReference,
  ],
  [
    "block of any",
    callableBody([0x02, 0x6e, 0x00, 0x0b, 0x1a]),
    garbageCollected,
  ],
  [
    "block of a type in two bytes",
    callableBody([0x02, 0xff, 0x7f, 0x00, 0x0b, 0x1a]),
    /malformed: it has a block of unknown type/,
  ],
  ["block of no type", callableBody([0x02, 9, 0x0b]), /it has no type 9/],
  ["select of exnref", callableBody([0x1c, 1, 0x69]), byReference],
  ["ref.null of any", callableBody([0xd0, 0x6e, 0x1a]), garbageCollected],
  ["ref.null of exn", callableBody([0xd0, 0x69, 0x1a]), byReference],
  ["call of no function", callableBody([0x10, 7]), /it has no function 7/],
  ["throw of no tag", callableBody([0x08, 7]), /it has no tag 7/],
  ["br to no block", callableBody([0x0c, 1]), /branches out of its blocks/],
  ["else without if", callableBody([0x05]), /its blocks do not match/],
  ["catch without try", callableBody([0x19]), /its blocks do not match/],
  [
    "delegate without try",
    callableBody([0x02, 0x40, 0x18, 0]),
    /its blocks do not match/,
  ],
]);

const good = callableWith({});

testRefusals("a file", [
  ["without bytes", new Uint8Array(0), /does not start like a core module/],
  ["of text", new TextEncoder().encode("not wasm"), /does not start like/],
  [
    "that is a component",
    Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]),
    /does not start like a core module of version 1/,
  ],
  [
    "with an unknown section",
    joined([header, section(14, [0])]),
    /malformed: section 14 is unknown/,
  ],
  [
    "with a section twice",
    joined([header, section(1, [0]), section(1, [0])]),
    /malformed: section 1 is twice or misplaced/,
  ],
  [
    "with sections out of order",
    joined([header, section(3, [0]), section(1, [0])]),
    /malformed: section 1 is twice or misplaced/,
  ],
  [
    "with bytes behind a section's items",
    joined([header, section(1, [0, 0])]),
    /malformed: section 1 is longer than what it holds/,
  ],
  [
    "with a section beyond its end",
    joined([header, [1, 5, 0]]),
    /malformed: it ends in the middle of something/,
  ],
  [
    "with an integer of six bytes",
    joined([header, [1, 0x80, 0x80, 0x80, 0x80, 0x80, 0]]),
    /malformed: it has an integer that is too long/,
  ],
  [
    "with an integer over 32 bits",
    joined([header, [1, 0xff, 0xff, 0xff, 0xff, 0x1f]]),
    /malformed: it has an integer that is too long/,
  ],
  [
    "with fewer bodies than functions",
    callableWith({ functions: [[0], [0]] }),
    /malformed: it has not one body for each function/,
  ],
  [
    "with more bodies than functions",
    callableWith({ code: [code([0x41, 0]), code([0x41, 0])] }),
    /malformed: it has not one body for each function/,
  ],
  [
    "with a body that ends early",
    callableWith({ code: [[3, 0, 0x41, 0]] }),
    /malformed: it ends in the middle of something/,
  ],
  [
    "with a body that goes on",
    callableWith({ code: [[5, 0, 0x41, 0, 0x0b, 0x01]] }),
    /malformed: a function has bytes after its end/,
  ],
]);

Deno.test("a module that is cut anywhere is refused", () => {
  for (let length = 0; length < good.length; length++) {
    // Cut between sections it may be a module with nothing in it.
    const bytes = good.slice(0, length);
    if (!WebAssembly.validate(bytes)) refusalOf(bytes);
  }
});
