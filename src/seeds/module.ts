// The load path of a module, as a pipeline: form, validation, declarations,
// compilation. It runs inside a sandbox thread. Each step refuses with one
// sentence; what comes out can be instantiated on this host.

import { type Bytes, limits } from "../kernel/mod.ts";
import { SeedError } from "./errors.ts";
import {
  importText,
  type ModuleExport,
  type ModuleImport,
  type ModuleSections,
  readSections,
} from "./sections.ts";
import {
  offeredNamespaces,
  signatureOf,
  suspendingNames,
} from "./signatures.ts";
import { isFunctionName } from "./uri.ts";

/** What a module's owner and its callers may know of it. */
export type ModuleFacts = {
  /** Exports that can be called: no parameters, an i32 or nothing back. */
  readonly functions: readonly string[];
};

/** A module ready to be instantiated, any number of times. */
export type LoadedModule = {
  readonly module: WebAssembly.Module;
  /** Names of imported functions by namespace. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
  readonly facts: ModuleFacts;
  /** The functions of `facts`, for a quick look. */
  readonly callable: ReadonlySet<string>;
  /** It may sleep in an import, so its exports return promises. */
  readonly suspends: boolean;
  /** The export that must run before any other, if there is one. */
  readonly initializer: string | undefined;
};

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

/** @throws {SeedError} "invalid" or "link", with the reason. */
export function loadModule(bytes: Bytes): LoadedModule {
  checkForm(bytes);
  const module = compile(bytes);
  const sections = readSections(bytes);
  for (const item of sections.imports) checkImport(item);
  const functions = callableFunctions(sections);
  if (functions.length === 0) {
    throw new SeedError(
      "invalid",
      "The module exports no function that can be called",
      { hint: "Export one without parameters that returns an i32" },
    );
  }
  return {
    module,
    imports: byNamespace(sections.imports),
    facts: { functions },
    callable: new Set(functions),
    suspends: sections.imports.some((item) => suspendingNames.has(item.name)),
    initializer: initializerOf(sections.exports),
  };
}

function byNamespace(
  imports: readonly ModuleImport[],
): ReadonlyMap<string, readonly string[]> {
  const groups = Map.groupBy(imports, (item) => item.module);
  return new Map(
    [...groups].map(([module, items]) => [
      module,
      items.map((item) => item.name),
    ]),
  );
}

function checkForm(bytes: Bytes): void {
  if (bytes.length > limits.moduleBytesMax) {
    throw new SeedError(
      "invalid",
      `The module has ${bytes.length} bytes, more than ` +
        `${limits.moduleBytesMax}`,
    );
  }
  const fault = moduleFormFault(bytes);
  if (fault === undefined) return;
  throw new SeedError("invalid", `This is no seed: ${fault}`, {
    hint: "Build a core module, for example with an Extism PDK",
  });
}

function compile(bytes: Bytes): WebAssembly.Module {
  try {
    return new WebAssembly.Module(bytes);
  } catch (cause) {
    if (!(cause instanceof WebAssembly.CompileError)) throw cause;
    const detail = cause.message.replace(/^.*?Module\(\): /, "").slice(0, 200);
    throw new SeedError(
      "invalid",
      `The module is not valid WebAssembly: ${detail}`,
      { cause, hint: "The file may be truncated; build it again" },
    );
  }
}

function checkImport(item: ModuleImport): void {
  const offered = signatureOf(item.module, item.name);
  const what = importText(item);
  if (offered === undefined) {
    throw new SeedError(
      "link",
      `The module imports ${what}, which Pollen does not offer`,
      {
        hint: `Functions come from ${offeredNamespaces.join(", ")}`,
      },
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

/** Exports of toolchains that no caller means. */
const internals = new Set([
  "_start",
  "_initialize",
  "__wasm_call_ctors",
  "__wasm_call_dtors",
  "hs_init",
  "hs_exit",
]);

function callableFunctions(sections: ModuleSections): string[] {
  return sections.exports
    .filter((item) =>
      isCallable(item) && isFunctionName(item.name) && !internals.has(item.name)
    )
    .map((item) => item.name)
    .sort();
}

function isCallable(item: ModuleExport): boolean {
  return item.signature === ":i" || item.signature === ":";
}

/**
 * Reactor modules export `_initialize`, commands `_start`; others that need
 * their constructors run export `__wasm_call_ctors` (LLVM's wasm-ld).
 */
function initializerOf(exports: readonly ModuleExport[]): string | undefined {
  const names = new Set(exports.filter(isCallable).map((item) => item.name));
  return ["_initialize", "__wasm_call_ctors", "_start"]
    .find((name) => names.has(name));
}
