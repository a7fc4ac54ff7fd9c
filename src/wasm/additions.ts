// What a rewritten module has beside its own: types, functions, a table, a
// memory, a global, and the code that uses them. In go the module's own counts;
// out come indices, each the first after the module's own, and bytes. So no
// index of the original changes.

import { type Bytes, concatBytes } from "../kernel/mod.ts";
import { checkBody, copyBody, fillBody } from "./added_functions.ts";
import { type EditCode, editKind } from "./edits.ts";
import { atomicOpcode, opcode } from "./opcodes.ts";
import type { ModuleOutline } from "./outline.ts";
import { hooks } from "./plan.ts";
import { valueType } from "./value_types.ts";
import { Writer } from "./writer.ts";

/** Where the additions are. */
export type Layout = {
  /** Of `addedTypes`. */
  readonly firstType: number;
  /** Of `addedBodies`. */
  readonly firstFunction: number;
  readonly hooksTable: number;
  /** Behind the guest's own memory, if it has one. */
  readonly epochMemory: number;
  /** How many pages the guest believes to have. */
  readonly pagesGlobal: number;
};

export function layoutOf(outline: ModuleOutline): Layout {
  return {
    firstType: outline.types.length,
    firstFunction: outline.typeOf.length,
    hooksTable: outline.tables.length,
    epochMemory: outline.memory === undefined ? 0 : 1,
    pagesGlobal: outline.globals.length,
  };
}

const { i32 } = valueType;
const functionForm = 0x60;

/** In the order of `typeAfter`. */
export const addedTypes: readonly (readonly number[])[] = [
  [functionForm, 0, 0],
  [functionForm, 1, i32, 1, i32],
  [functionForm, 3, i32, i32, i32, 0],
];

const typeAfter = { yield: 0, grow: 1, bulk: 2 } as const;
const functionAfter = { check: 0, fill: 1, copy: 2 } as const;

/** The types of `addedBodies`. */
export function addedFunctions(
  { memory }: ModuleOutline,
  { firstType }: Layout,
): readonly number[] {
  const check = firstType + typeAfter.yield;
  const bulk = firstType + typeAfter.bulk;
  return memory === undefined ? [check] : [check, bulk, bulk];
}

/** In the order of `functionAfter`; those on memory only if there is one. */
export function addedBodies(
  { memory }: ModuleOutline,
  layout: Layout,
): readonly ArrayLike<number>[] {
  const check = [...checkCode(layout)];
  const bodies = [checkBody(check)];
  if (memory !== undefined) bodies.push(fillBody(check), copyBody(check));
  return bodies;
}

/** What takes the place of instructions. */
export function editCodeOf(layout: Layout): EditCode {
  const { firstFunction, pagesGlobal } = layout;
  const { check, fill, copy } = functionAfter;
  return {
    of: {
      [editKind.check]: checkCode(layout),
      [editKind.checkCall]: instruction(opcode.call, firstFunction + check),
      [editKind.memorySize]: instruction(opcode.globalGet, pagesGlobal),
      [editKind.memoryGrow]: hookCode(layout, "grow"),
      [editKind.memoryFill]: instruction(opcode.call, firstFunction + fill),
      [editKind.memoryCopy]: instruction(opcode.call, firstFunction + copy),
    },
    branchAt: epochCode(layout).length,
  };
}

function instruction(code: number, index: number): Bytes {
  const writer = new Writer();
  writer.byte(code);
  writer.integer(index);
  return writer.view();
}

const wordAlignment = 2;
const otherMemory = 0x40;

/** Calls yield if the epoch word is not 0. */
function checkCode(layout: Layout): Bytes {
  return concatBytes(
    epochCode(layout),
    Uint8Array.of(opcode.if, opcode.emptyBlock),
    hookCode(layout, "yield"),
    Uint8Array.of(opcode.end),
  );
}

/**
 * The epoch word. The load is atomic, so that the engine reads it each time; on
 * usual processors that costs no more.
 */
function epochCode({ epochMemory }: Layout): Bytes {
  const load = [opcode.i32Const, 0, opcode.atomic, atomicOpcode.i32Load];
  const memory = epochMemory === 0
    ? [wordAlignment]
    : [wordAlignment | otherMemory, epochMemory];
  return Uint8Array.of(...load, ...memory, 0);
}

function hookCode(layout: Layout, hook: keyof typeof hooks): Bytes {
  const code = new Writer();
  code.all([opcode.i32Const, hooks[hook], opcode.callIndirect]);
  code.integer(layout.firstType + typeAfter[hook]);
  code.integer(layout.hooksTable);
  return code.view();
}
