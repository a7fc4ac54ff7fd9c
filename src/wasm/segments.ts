// Constant expressions, and the segments that fill tables and memory when an
// instance is made. They are passed over and stay as they are; what matters is
// that each is of a known form and that making an instance stays cheap: the
// engine evaluates all of it before a check of metering.ts can run.

import { limits } from "../kernel/mod.ts";
import { readCount } from "./declarations.ts";
import { opcode, simdOpcode } from "./opcodes.ts";
import type { Reader } from "./reader.ts";
import { excess, malformed, unsupported } from "./refusal.ts";
import { readReferenceType } from "./value_types.ts";

/** Passes over a constant expression, its `end` included. */
export function skipExpression(reader: Reader): void {
  const max = limits.moduleExpressionInstructionsMax;
  for (let count = 0; count <= max; count++) {
    const code = reader.byte();
    if (code === opcode.end) return;
    skipConstant(reader, code);
  }
  throw excess({
    what: "instructions in one constant expression",
    count: max + 1,
    max,
    hint: "Compute the value when the module starts",
  });
}

function skipConstant(reader: Reader, code: number): void {
  switch (code) {
    case opcode.i32Const:
    case opcode.globalGet:
    case opcode.refFunc:
      return reader.skipInteger();
    case opcode.i64Const:
      return reader.skipLongInteger();
    case opcode.f32Const:
      return reader.skip(4);
    case opcode.f64Const:
      return reader.skip(8);
    case opcode.refNull:
      readReferenceType(reader);
      return;
    case opcode.i32Add:
    case opcode.i32Sub:
    case opcode.i32Mul:
    case opcode.i64Add:
    case opcode.i64Sub:
    case opcode.i64Mul:
      return;
    case opcode.simd:
      if (reader.integer() === simdOpcode.const) return reader.skip(16);
  }
  throw unsupported(
    `instruction 0x${code.toString(16)} in a constant expression`,
    "Build it without the GC proposal",
  );
}

const elementFlag = { notActive: 1, indexed: 2, expressions: 4 } as const;
const elementFlagsMax = 7;

/** Passes over the element section. */
export function checkElements(reader: Reader): void {
  const max = limits.moduleElementSegmentsMax;
  const segments = readCount(reader, { what: "element segments", max });
  let entries = 0;
  for (let index = 0; index < segments; index++) {
    entries += skipElements(reader);
    if (entries > limits.moduleTableEntriesMax) throw tooManyEntries(entries);
  }
}

function tooManyEntries(count: number) {
  return excess({
    what: "entries in element segments",
    count,
    max: limits.moduleTableEntriesMax,
    hint: "Build a smaller module",
  });
}

/** Passes over one segment and gives its number of entries. */
function skipElements(reader: Reader): number {
  const flags = reader.integer();
  if (flags > elementFlagsMax) {
    throw malformed("it has an element segment of unknown form");
  }
  const isActive = (flags & elementFlag.notActive) === 0;
  const isIndexed = (flags & elementFlag.indexed) !== 0;
  const holdsExpressions = (flags & elementFlag.expressions) !== 0;
  if (isActive) {
    if (isIndexed) reader.skipInteger();
    skipExpression(reader);
  }
  if (!isActive || isIndexed) {
    if (holdsExpressions) readReferenceType(reader);
    else if (reader.byte() !== 0) {
      throw malformed("it has an element segment of unknown kind");
    }
  }
  const count = reader.integer();
  if (count > limits.moduleTableEntriesMax) throw tooManyEntries(count);
  for (let index = 0; index < count; index++) {
    if (holdsExpressions) skipExpression(reader);
    else reader.skipInteger();
  }
  return count;
}

const dataForm = { active: 0, passive: 1, indexed: 2 } as const;

/** Passes over the data section. */
export function checkData(reader: Reader): void {
  const max = limits.moduleDataSegmentsMax;
  const segments = readCount(reader, { what: "data segments", max });
  let bytes = 0;
  for (let index = 0; index < segments; index++) {
    bytes += skipData(reader);
    if (bytes > limits.moduleDataBytesMax) {
      throw excess({
        what: "bytes of data",
        count: bytes,
        max: limits.moduleDataBytesMax,
        hint: "Publish large data as a blob",
      });
    }
  }
}

/** Passes over one segment and gives its length in bytes. */
function skipData(reader: Reader): number {
  const form = reader.integer();
  if (form > dataForm.indexed) {
    throw malformed("it has a data segment of unknown form");
  }
  if (form === dataForm.indexed && reader.integer() !== 0) {
    throw malformed("it has data for a memory that is not there");
  }
  if (form !== dataForm.passive) skipExpression(reader);
  const length = reader.integer();
  reader.skip(length);
  return length;
}
