// The value types that modules may use, and their letters in signatures. In go
// readers that stand before a type; out comes its code, or a refusal that says
// which proposal the type belongs to. What is not listed here is not run.

import { malformed, type ModuleRefusal, unsupported } from "./refusal.ts";
import type { Reader } from "./reader.ts";

/** Codes of value types in the binary format. */
export const valueType = {
  i32: 0x7f,
  i64: 0x7e,
  f32: 0x7d,
  f64: 0x7c,
  v128: 0x7b,
  funcref: 0x70,
  externref: 0x6f,
} as const;

const letters: ReadonlyMap<number, string> = new Map([
  [valueType.i32, "i"],
  [valueType.i64, "I"],
  [valueType.f32, "f"],
  [valueType.f64, "F"],
  [valueType.v128, "v"],
  [valueType.funcref, "r"],
  [valueType.externref, "r"],
]);

/** A number that JavaScript can read and write. */
export function isNumericType(code: number): boolean {
  return code >= valueType.f64 && code <= valueType.i32;
}

/** The code of an allowed value type. */
export function readValueType(reader: Reader): number {
  const code = reader.byte();
  checkValueType(code);
  return code;
}

/** @throws {ModuleRefusal} `code` is no value type that is run here. */
export function checkValueType(code: number): void {
  const isAllowed = (code >= valueType.v128 && code <= valueType.i32) ||
    isReferenceType(code);
  if (!isAllowed) throw refusedType(code);
}

/** The letter of a value type in signatures. */
export function readLetter(reader: Reader): string {
  return letters.get(readValueType(reader)) ?? "";
}

/** What tables hold and `ref.null` makes: functions or host values. */
export function readReferenceType(reader: Reader): number {
  const code = reader.byte();
  if (!isReferenceType(code)) throw refusedType(code);
  return code;
}

function isReferenceType(code: number): boolean {
  return code === valueType.funcref || code === valueType.externref;
}

const exceptionReference = 0x69;
const nullExceptionReference = 0x74;

function refusedType(code: number): ModuleRefusal {
  if (code === exceptionReference || code === nullExceptionReference) {
    return usesExceptionReferences();
  }
  if (code >= 0x63 && code <= 0x78) return usesGarbageCollection();
  return malformed(`it has an unknown type 0x${code.toString(16)}`);
}

/** Of struct, array and typed references, wherever they appear. */
export function usesGarbageCollection(): ModuleRefusal {
  return unsupported(
    "garbage-collected types",
    "Build it without the GC and typed function references proposals",
  );
}

/** Of exnref, try_table and throw_ref. */
export function usesExceptionReferences(): ModuleRefusal {
  return unsupported(
    "exceptions by reference (exnref)",
    "Build it with legacy exception handling, or without exceptions",
  );
}
