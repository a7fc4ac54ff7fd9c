// The tables of instructions against the engine: for each code that takes no
// part in control flow, what the engine accepts as its form and its effect on
// the operand stack is what the tables say. A code that the engine accepts and
// the tables do not know is refused by the reader.

import assert from "node:assert/strict";
import { InstructionReader } from "../../src/wasm/instructions.ts";
import { Reader } from "../../src/wasm/reader.ts";
import { ModuleRefusal } from "../../src/wasm/refusal.ts";
import {
  assemble,
  code,
  functionType,
  leb,
} from "../fixtures/evil/module_builder.ts";

const types = [0x7f, 0x7e, 0x7d, 0x7c, 0x7b] as const;
const funcref = 0x70;

/** A constant of each type. */
const constants: ReadonlyMap<number, readonly number[]> = new Map([
  [0x7f, [0x41, 0]],
  [0x7e, [0x42, 0]],
  [0x7d, [0x43, 0, 0, 0, 0]],
  [0x7c, [0x44, 0, 0, 0, 0, 0, 0, 0, 0]],
  [0x7b, [0xfd, 0x0c, ...new Array<number>(16).fill(0)]],
  [funcref, [0xd0, funcref]],
]);

/** Whether the engine takes `operands` and gives `results` by `instruction`. */
function isAccepted(
  instruction: readonly number[],
  operands: readonly number[],
  { results }: { readonly results: readonly number[] },
): boolean {
  const pushed = operands.flatMap((type) => constants.get(type) ?? []);
  return WebAssembly.validate(assemble({
    types: [functionType([], results)],
    functions: [[0]],
    tables: [[funcref, 0, 1]],
    memories: [[0, 1]],
    globals: [[0x7f, 1, 0x41, 0, 0x0b]],
    exports: [[1, 0x66, 0, 0]],
    elements: [[1, 0, 1, 0]],
    dataCount: 1,
    code: [code([...pushed, ...instruction], [[1, 0x7f]])],
    data: [[1, 0]],
  }));
}

function lists(length: number, of: readonly number[]): number[][] {
  if (length === 0) return [[]];
  return lists(length - 1, of).flatMap((list) =>
    of.map((type) => [...list, type])
  );
}

const results = [[], ...types.map((type) => [type]), [funcref]];

/** What an instruction adds to the stack; undefined: the engine refuses it. */
function effectOf(instruction: readonly number[]): number | undefined {
  for (const count of [0, 1, 2, 3]) {
    for (const operands of lists(count, [...types, funcref])) {
      for (const given of results) {
        if (isAccepted(instruction, operands, { results: given })) {
          return given.length - count;
        }
      }
    }
  }
  return undefined;
}

/** Whether the engine knows it; behind a trap it may take any operands. */
function isKnown(instruction: readonly number[]): boolean {
  const among = [0x00, ...instruction, 0x00];
  return isAccepted(among, [], { results: [] });
}

/** Immediates by which an instruction may be complete. */
const immediates = [[], [0], [0, 0], [0, 0, 0], new Array<number>(16).fill(0)];

/** The instruction as the reader reads it; undefined: it refuses it. */
function readOne(bytes: readonly number[]) {
  const reader = new InstructionReader();
  const all = Uint8Array.from(bytes);
  reader.open(new Reader(all, { position: 0, end: all.length }));
  try {
    reader.next();
  } catch (cause) {
    assert.ok(cause instanceof ModuleRefusal);
    return undefined;
  }
  return { length: reader.end, stackEffect: reader.stackEffect };
}

function checkCode(head: readonly number[], name: string): void {
  const padded = [...head, ...new Array<number>(16).fill(0)];
  const read = readOne(padded);
  if (read === undefined) {
    const known = immediates.some((tail) => isKnown([...head, ...tail]));
    assert.equal(known, false, `${name} is refused for no reason`);
    return;
  }
  assert.equal(
    effectOf(padded.slice(0, read.length)),
    read.stackEffect,
    `${name} has another length or effect`,
  );
}

/** Codes that meters look at, or that are refused as proposals. */
const control = new Set([
  ...[0x00, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b],
  ...[0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x18],
  ...[0x19, 0x1c, 0x1f, 0xd0, 0xd3, 0xd4, 0xd5, 0xd6, 0xfb, 0xfc, 0xfd, 0xfe],
]);

Deno.test("one-byte instructions have the form and effect that the engine knows", () => {
  for (let byte = 0; byte < 256; byte++) {
    if (!control.has(byte)) checkCode([byte], `0x${byte.toString(16)}`);
  }
});

Deno.test("prefixed instructions have the form and effect that the engine knows", () => {
  for (let second = 0; second < 32; second++) {
    checkCode([0xfc, ...leb(second)], `0xfc ${second}`);
  }
});

Deno.test("vector instructions have the form and effect that the engine knows", () => {
  for (let second = 0; second < 256; second++) {
    checkCode([0xfd, ...leb(second)], `0xfd ${second}`);
  }
});
