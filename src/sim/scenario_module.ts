// Modules for scenarios: each is a seed that answers nothing, as small as one
// can be, and differs from the others in its bytes only. A number comes in, a
// WebAssembly module comes out. Nothing here is run for what it answers.

import {
  assert,
  type Bytes,
  concatBytes,
  fromHex,
  utf8,
} from "../kernel/mod.ts";

// (module (func (export "tag") (result i32) (i32.const 0)))
const moduleHex = "0061736d01000000" + // magic, version 1
  "01050160" + "00017f" + // types: () -> i32
  "03020100" + // functions: one, of type 0
  "070701" + "03746167" + "0000" + // exports: "tag" is function 0
  "0a06010400" + "41000b"; // code: i32.const 0, end

const customSection = 0;

/** @param number 0 to 999,999: equal ones have equal bytes. */
export function scenarioModule(number: number): Bytes {
  const module = fromHex(moduleHex);
  assert(module !== undefined, "a constant is hex");
  const name = utf8("number");
  const digits = utf8(String(number).padStart(6, "0"));
  const head = [customSection, 1 + name.length + digits.length, name.length];
  return concatBytes(module, Uint8Array.from(head), name, digits);
}
