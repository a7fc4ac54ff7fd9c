// The load path of a module, as a pipeline: form, digest, validation, imports,
// rewriting, compilation. It runs inside a sandbox thread. Each step refuses
// with one sentence; what comes out can be instantiated on this host, and what
// is to be kept spares the next load all steps but the last.

import {
  assert,
  type Bytes,
  concatBytes,
  type Digest,
  digestOf,
  limits,
  utf8,
  utf8Text,
} from "../kernel/mod.ts";
import type { ThreadScope } from "../ports/mod.ts";
import {
  hidden,
  type ImportedFunction,
  type ModuleCaps,
  type ModulePlan,
  ModuleRefusal,
  prepareModule,
  type RewrittenModule,
} from "../wasm/mod.ts";
import {
  callableFunctions,
  isCallable,
  moduleFormFault,
  type ModuleSource,
  SeedError,
} from "../threads/mod.ts";
import { offeredNamespaces, signatureOf } from "./signatures.ts";

/** A module ready for any thread. */
export type PreparedModule = {
  readonly module: WebAssembly.Module;
  readonly plan: ModulePlan;
  /** Undefined when it came from just that. */
  readonly kept: Bytes | undefined;
};

type Hash = Pick<ThreadScope, "sha256">;

/**
 * Makes a published module, or what was kept of it, ready to be instantiated.
 *
 * @throws {SeedError} "invalid" or "link", with the reason; "lost" when what
 * was kept is damaged.
 */
export async function prepareSource(
  source: ModuleSource,
  caps: ModuleCaps,
  { sha256 }: Hash,
): Promise<PreparedModule> {
  if (source.type === "kept") {
    const { bytes, plan } = await openKept(source.bytes, { sha256 });
    checkFit(plan, caps);
    return { module: compile(bytes), plan, kept: undefined };
  }
  checkForm(source.bytes);
  const digest = digestOf(await sha256(source.bytes));
  checkDigest(source.bytes, digest, source.digest);
  const rewritten = rewriteChecked(source.bytes, caps);
  const module = compile(rewritten.bytes);
  return {
    module,
    plan: rewritten.plan,
    kept: await sealKept(rewritten, { sha256 }),
  };
}

/**
 * Validates a module, refuses what this host does not offer, and rewrites it.
 *
 * @throws {SeedError} "invalid" or "link", with the reason.
 */
export function rewriteChecked(
  bytes: Bytes,
  caps: ModuleCaps,
): RewrittenModule {
  checkForm(bytes);
  const rewritten = rewrite(bytes, caps);
  for (const item of rewritten.plan.imports) checkImport(item);
  if (callableFunctions(rewritten.plan).length > 0) return rewritten;
  throw new SeedError(
    "invalid",
    "The module exports no function that can be called",
    { hint: "Export one without parameters that returns an i32" },
  );
}

function checkForm(bytes: Bytes): void {
  if (bytes.length > limits.moduleBytesMax) {
    throw new SeedError(
      "invalid",
      `The module has ${bytes.length} bytes, more than ` +
        `${limits.moduleBytesMax}`,
      { hint: "Build it for size, without debug information" },
    );
  }
  const fault = moduleFormFault(bytes);
  if (fault === undefined) return;
  throw new SeedError("invalid", `This is no seed: ${fault}`, {
    hint: "Build a core module, for example with an Extism PDK",
  });
}

function checkDigest(bytes: Bytes, found: Digest, wanted: Digest): void {
  if (found === wanted) return;
  throw new SeedError(
    "invalid",
    `The module's ${bytes.length} bytes have the digest ${found}, not ` +
      `${wanted}`,
  );
}

function rewrite(bytes: Bytes, caps: ModuleCaps): RewrittenModule {
  try {
    return prepareModule(bytes, caps);
  } catch (cause) {
    if (!(cause instanceof ModuleRefusal)) throw cause;
    const { message, hint } = cause;
    throw new SeedError("invalid", message, { cause, hint });
  }
}

/** The bytes are valid, but the engine has limits of its own. */
function compile(bytes: Bytes): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    if (!(cause instanceof WebAssembly.CompileError)) throw cause;
    throw new SeedError(
      "invalid",
      `The engine does not compile the module: ${cause.message.slice(0, 200)}`,
      { cause },
    );
  }
}

/** What is in a file need not be what the file's name says. */
function checkFit({ imports, memory }: ModulePlan, caps: ModuleCaps): void {
  const isWithin = memory === undefined ||
    memory.maxPages <= caps.memoryPagesMax;
  const isOffered = imports.every((item) =>
    item.signature === signatureOf(item.module, item.name)
  );
  if (isWithin && isOffered) return;
  throw new SeedError("lost", "The prepared module in the cache is another's");
}

function checkImport(item: ImportedFunction): void {
  const offered = signatureOf(item.module, item.name);
  const what = [item.module, item.name]
    .map((text) => JSON.stringify(text.slice(0, 80)))
    .join(" ");
  if (offered === undefined) {
    throw new SeedError(
      "link",
      `The module imports ${what}, which Pollen does not offer`,
      { hint: hintFor(item) },
    );
  }
  if (item.signature !== offered) {
    throw new SeedError(
      "link",
      `The module imports ${what} as (${item.signature}), not (${offered})`,
      { hint: "i is i32, I is i64; declare it as your PDK does" },
    );
  }
}

/** AssemblyScript's own import is the one that people meet. */
function hintFor({ module, name }: ImportedFunction): string {
  if (module === "env" && name === "abort") {
    return "Give asc an abort of your own: --use abort=file/function";
  }
  return `Functions come from ${offeredNamespaces.join(", ")}`;
}

/**
 * What runs before the first call, in order: the start function, then the
 * toolchain's own. Reactor modules export `_initialize`, commands `_start`;
 * others that need their constructors run export `__wasm_call_ctors` (LLVM's
 * wasm-ld).
 */
export function initializersOf(plan: ModulePlan): readonly string[] {
  const names = new Set(
    plan.exports.filter(isCallable).map((item) => item.name),
  );
  const own = ["_initialize", "__wasm_call_ctors", "_start"]
    .find((name) => names.has(name));
  return [
    ...plan.hasStart ? [hidden.start] : [],
    ...own === undefined ? [] : [own],
  ];
}

const hashBytes = 32;
const lengthBytes = 4;

/** sha256 of what follows, length of the plan, plan as JSON, module. */
async function sealKept(
  { bytes, plan }: RewrittenModule,
  { sha256 }: Hash,
): Promise<Bytes> {
  const text = utf8(JSON.stringify(plan));
  const length = new Uint8Array(lengthBytes);
  new DataView(length.buffer).setUint32(0, text.length);
  const body = concatBytes(length, text, bytes);
  return concatBytes(await sha256(body), body);
}

async function openKept(
  kept: Bytes,
  { sha256 }: Hash,
): Promise<RewrittenModule> {
  const body = kept.subarray(hashBytes);
  const hash = await sha256(body);
  const isWhole = kept.length > hashBytes + lengthBytes &&
    hash.every((byte, index) => byte === kept[index]);
  if (!isWhole) {
    throw new SeedError("lost", "The prepared module in the cache is damaged");
  }
  const view = new DataView(body.buffer, body.byteOffset);
  const planEnd = lengthBytes + view.getUint32(0);
  const text = utf8Text(body.subarray(lengthBytes, planEnd));
  assert(text !== undefined, "the hash covers the plan");
  return {
    bytes: body.subarray(planEnd),
    plan: JSON.parse(text) as ModulePlan,
  };
}
