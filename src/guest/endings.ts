// How a guest ended, as its caller understands it: errors of the engine become
// typed errors of the seed, a trap with its function. Text that the module chose
// is shortened and shown without control characters. No other error may leave.

import { type Bytes, limits, utf8TextLossy } from "../kernel/mod.ts";
import { SeedError } from "../threads/mod.ts";
import { isSuspendError } from "./jspi.ts";
import { ExitSignal } from "./wasi.ts";

/** What its ending depends on beside the error. */
type Circumstances = {
  readonly isStarved: boolean;
  readonly memory: WebAssembly.Memory | undefined;
};

/** The text that a guest gave as its error, shortened. */
export function seedsOwnError(text: Bytes): SeedError {
  const message = utf8TextLossy(
    text.subarray(0, limits.seedErrorCharactersMax),
  );
  return new SeedError("seed", message === "" ? "unknown error" : message);
}

/** Undefined when that was a good end: exit with 0. */
export function endingOf(
  cause: unknown,
  guest?: Circumstances,
): Error | undefined {
  if (cause instanceof SeedError) return cause;
  if (cause instanceof ExitSignal) {
    if (cause.code === 0) return undefined;
    return new SeedError("exit", `The seed called exit(${cause.code})`);
  }
  if (cause instanceof WebAssembly.LinkError) {
    return new SeedError("link", `The seed does not link: ${cause.message}`);
  }
  if (cause instanceof RangeError && /call stack/i.test(cause.message)) {
    return new SeedError("stack", "The seed overflowed its stack");
  }
  if (cause instanceof RangeError) {
    return new SeedError("memory", `Out of memory: ${cause.message}`);
  }
  if (cause instanceof WebAssembly.RuntimeError) return trap(cause, guest);
  if (isSuspendError(cause)) {
    return new SeedError("trap", "The seed waits where it cannot");
  }
  if (cause instanceof Error) return cause; // ours: no guest can throw one
  return new SeedError("trap", "The seed threw an exception it did not catch");
}

/** Toolchains trap when an allocation fails: then memory was the reason. */
function trap(
  cause: WebAssembly.RuntimeError,
  guest: Circumstances | undefined,
): SeedError {
  const text = trapText(cause);
  if (!guest?.isStarved) {
    return new SeedError("trap", `The seed trapped: ${text}`, { cause });
  }
  const bytes = guest.memory?.buffer.byteLength ?? 0;
  return new SeedError(
    "memory",
    `The seed was refused more memory than ${bytes} bytes and trapped: ${text}`,
    { cause },
  );
}

const frameForm = /^\s*at (.+) \(wasm:\/\/\S*:wasm-function\[\d+\]:0x\w+/m;
const stackCharactersMax = 4096;

/**
 * With the function's name, if the module has names: V8 writes the frame as
 * `at name (wasm://...:wasm-function[0]:0x1f)`. Its number is 0 for all (Deno
 * 2.9.6), its offset is one of the rewritten module: neither helps anybody.
 */
function trapText(cause: Error): string {
  const frame = frameForm.exec(cause.stack?.slice(0, stackCharactersMax) ?? "");
  const name = frame?.[1]?.replaceAll(/[^ -~]/g, "?").slice(0, 80);
  if (name === undefined || name === "<anonymous>") return cause.message;
  return `${cause.message} (in ${name})`;
}
