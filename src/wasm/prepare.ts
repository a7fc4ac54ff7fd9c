// The way from foreign bytes to a rewritten module. The module is read and
// rewritten first, since some small modules make the engine run out of memory
// while it validates them; then the engine judges the original, so that no bytes
// become valid by being rewritten.

import { limits } from "../kernel/mod.ts";
import type { ModuleCaps, RewrittenModule } from "./plan.ts";
import { excess, malformed } from "./refusal.ts";
import { rewriteModule } from "./rewrite.ts";

/**
 * Rewrites a module that the engine accepts.
 *
 * @throws {ModuleRefusal} It is invalid, over a limit, or uses what is not run
 * here.
 */
export function prepareModule(
  bytes: Uint8Array<ArrayBuffer>,
  caps: ModuleCaps,
): RewrittenModule {
  if (bytes.length > limits.moduleBytesMax) {
    throw excess({
      what: "bytes",
      count: bytes.length,
      max: limits.moduleBytesMax,
      hint: "Build a smaller module",
    });
  }
  const rewritten = rewriteModule(bytes, caps);
  if (WebAssembly.validate(bytes)) return rewritten;
  throw malformed(engineReason(bytes));
}

const reasonCharactersMax = 200;

/** What the engine says against bytes that do not validate. */
function engineReason(bytes: Uint8Array<ArrayBuffer>): string {
  try {
    new WebAssembly.Module(bytes);
    return "the engine does not accept it";
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : "";
    return text.replace(/^.*?Module\(\): /, "").slice(0, reasonCharactersMax);
  }
}
