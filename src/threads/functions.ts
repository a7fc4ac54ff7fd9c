// What can be told of a module without reading it all: from its first bytes
// whether it is one, and from its plan which of its exports a caller may name.
// Cheap enough for every thread: nothing here parses or rewrites.

import { isFunctionName } from "../kernel/mod.ts";
import type { ExportedFunction, ModulePlan } from "../wasm/mod.ts";

/**
 * Changes whenever the same module would be rewritten to other bytes: then what
 * was kept of it is made anew.
 */
export const rewriterVersion = 2;

const magic = [0x00, 0x61, 0x73, 0x6d];

/**
 * Says in one sentence why `head` (the first 8 bytes or more) does not start a
 * core module; undefined when it does.
 */
export function moduleFormFault(head: Uint8Array): string | undefined {
  if (head.length === 0) return "It is empty";
  if (magic.some((byte, index) => head[index] !== byte)) {
    return "It is not WebAssembly: it does not start with \\0asm";
  }
  if (head.length < 8) return "It is truncated after the magic number";
  if (head[6] === 1 && head[4] !== 1) {
    return "It is a WebAssembly component; Pollen runs core modules";
  }
  if (head[4] !== 1 || head[5] !== 0 || head[6] !== 0 || head[7] !== 0) {
    return "Its WebAssembly version is not 1";
  }
  return undefined;
}

/** Exports of toolchains that no caller means. */
const internals = new Set([
  "_start",
  "_initialize",
  "__wasm_call_ctors",
  "__wasm_call_dtors",
  "hs_init",
  "hs_exit",
]);

/** Exports without parameters that return an i32 or nothing, sorted. */
export function callableFunctions({ exports }: ModulePlan): string[] {
  return exports
    .filter((item) =>
      isCallable(item) && isFunctionName(item.name) && !internals.has(item.name)
    )
    .map((item) => item.name)
    .sort();
}

/** It takes nothing, and gives an i32 or nothing. */
export function isCallable(item: ExportedFunction): boolean {
  return item.signature === ":i" || item.signature === ":";
}
