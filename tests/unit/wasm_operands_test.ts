// How many operands the rewriter believes a body to hold at a point. It shows
// only in one limit: so many operands times so many branches are allowed. Each
// test puts branches behind some code, finds how many are allowed, and so
// learns the height there.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { ModuleRefusal, rewriteModule } from "../../src/wasm/mod.ts";
import {
  assemble,
  code,
  end,
  functionType,
  i32,
  type Item,
  repeated,
} from "../fixtures/evil/module_builder.ts";

const thousand = repeated(1000, i32);
const type = { none: 0, give: 1, take: 2, turn: 3 } as const;
const constants = (count: number): Item => repeated(count, [0x41, 0]).flat();
const emptyBlock = [0x02, 0x40, end];

/** Whether that code may be followed by that many blocks. */
function isAllowed(before: Item, blocks: number): boolean {
  const bytes = assemble({
    types: [
      functionType([], []),
      functionType([], thousand),
      functionType(thousand, []),
      functionType(thousand, thousand),
    ],
    functions: [[type.none], [type.give], [type.take], [type.turn]],
    tags: [[0, type.take]],
    code: [
      code([...before, ...repeated(blocks, emptyBlock).flat(), ...closing]),
      ...repeated(3, code([0x00])),
    ],
  });
  try {
    rewriteModule(bytes, { memoryPagesMax: 1 });
    return true;
  } catch (cause) {
    assert.ok(cause instanceof ModuleRefusal);
    if (/values alive at branches/.test(cause.message)) return false;
    if (/malformed/.test(cause.message)) return true; // after all branches
    throw cause;
  }
}

/** Ends more blocks than are open: the blocks before were read. */
const closing = repeated(10, end);

/** The height behind that code, to 1 in 1000. */
function heightAfter(before: Item): number {
  let allowed = 0;
  let refused = 40_000;
  while (refused - allowed > 1) {
    const middle = Math.floor((allowed + refused) / 2);
    if (isAllowed(before, middle)) allowed = middle;
    else refused = middle;
  }
  return limits.functionKeptValuesMax / refused;
}

const heights: readonly (readonly [name: string, code: Item, number])[] = [
  ["constants", constants(5000), 5000],
  ["drops", [...constants(5000), ...repeated(2000, 0x1a)], 3000],
  [
    "additions",
    [...constants(5000), ...repeated(3000, 0x6a)],
    2000,
  ],
  ["calls that give", repeated(4, [0x10, 1]).flat(), 4000],
  ["calls that take", [...constants(5000), 0x10, 2, 0x10, 2], 3000],
  ["calls that do both", [...constants(2500), 0x10, 3], 2500],
  [
    "indirect calls",
    [...constants(1500), ...repeated(500, [0x41, 0, 0x11, 0, 0]).flat()],
    1500,
  ],
  ["a block", [...constants(1000), 0x02, 0x40, ...constants(1500)], 2500],
  [
    "a block with parameters",
    [...constants(3000), 0x02, type.turn, ...repeated(500, 0x1a)],
    2500,
  ],
  [
    "the end of a block",
    [...constants(1000), 0x02, type.give, ...constants(3000), 0x0c, 0, end],
    2000,
  ],
  [
    "the end of a loop that takes",
    [...constants(3000), 0x03, type.take, 0x00, end],
    2000,
  ],
  [
    "the start of an else",
    [...constants(2501), 0x04, type.turn, ...constants(4000), 0x05],
    2500,
  ],
  [
    "the start of a handler",
    [...constants(1500), 0x06, 0x40, ...constants(4000), 0x07, 0],
    2500,
  ],
  [
    "the start of a handler of everything",
    [...constants(1500), 0x06, 0x40, ...constants(4000), 0x19],
    1500,
  ],
  [
    "a delegate",
    [...constants(1500), 0x06, type.give, ...constants(4000), 0x18, 0],
    2500,
  ],
  [
    "a conditional branch",
    [0x02, 0x40, ...constants(2500), 0x0d, 0],
    2499,
  ],
  [
    "a return, where nothing is compiled",
    [...constants(1500), 0x02, 0x40, ...constants(4000), 0x0f],
    1500,
  ],
];

for (const [name, before, height] of heights) {
  Deno.test(`operands are counted through ${name}`, () => {
    const seen = heightAfter(before);
    assert.ok(Math.abs(seen - height) < height / 200, `${seen}, not ${height}`);
  });
}
