// What a module declares by name and signature: types, imports, functions,
// exports, tags. In go readers of the sections; out come plain values. Counts
// are limited before anything is kept. Whatever is imported and no function,
// and every name that could be taken for a hidden one, is refused.

import { limits } from "../kernel/mod.ts";
import { hidden } from "./plan.ts";
import type { Reader } from "./reader.ts";
import {
  excess,
  malformed,
  ModuleRefusal,
  quoted,
  unsupported,
} from "./refusal.ts";
import { readLetter, usesGarbageCollection } from "./value_types.ts";

export type FunctionType = {
  /** "iI:i": takes an i32 and an i64, gives an i32. */
  readonly signature: string;
  readonly parameters: number;
  readonly results: number;
};

export type FunctionImport = {
  readonly module: string;
  readonly name: string;
  readonly type: number;
};

export type ExternKind = "function" | "table" | "memory" | "global" | "tag";

export type ModuleExport = {
  readonly name: string;
  readonly kind: ExternKind;
  readonly index: number;
};

/** How many items a section may have, and what they are called. */
export type CountLimit = { readonly what: string; readonly max: number };

/** Reads how many items follow. */
export function readCount(
  reader: Reader,
  { what, max }: CountLimit,
): number {
  const count = reader.integer();
  if (count <= max) return count;
  throw excess({ what, count, max, hint: "Build a smaller module" });
}

/** Reads a vector of items, as many as it says. */
export function readVector<T>(
  reader: Reader,
  limit: CountLimit & { readonly item: (reader: Reader) => T },
): T[] {
  const count = readCount(reader, limit);
  const items: T[] = [];
  for (let index = 0; index < count; index++) items.push(limit.item(reader));
  return items;
}

const functionForm = 0x60;
const garbageCollectedForms: ReadonlySet<number> = new Set([
  ...[0x4e, 0x4f, 0x50], // rec, sub final, sub
  ...[0x5d, 0x5e, 0x5f], // cont, array, struct
]);

export function readTypes(reader: Reader): FunctionType[] {
  const max = limits.moduleTypesMax;
  const types = readVector(reader, { what: "types", max, item: readType });
  const count = types.reduce(
    (sum, { parameters, results }) => sum + parameters + results,
    0,
  );
  if (count > limits.moduleTypesValuesMax) {
    throw excess({
      what: "parameters and results in its types",
      count,
      max: limits.moduleTypesValuesMax,
      hint: "Pass what is much through memory",
    });
  }
  return types;
}

function readType(reader: Reader): FunctionType {
  const form = reader.byte();
  if (garbageCollectedForms.has(form)) throw usesGarbageCollection();
  if (form !== functionForm) {
    throw malformed(`it has a type of unknown form 0x${form.toString(16)}`);
  }
  const parameters = readLetters(reader, "parameters of one function");
  const results = readLetters(reader, "results of one function");
  return {
    signature: `${parameters}:${results}`,
    parameters: parameters.length,
    results: results.length,
  };
}

function readLetters(reader: Reader, what: string): string {
  const count = readCount(reader, { what, max: limits.moduleTypeValuesMax });
  let letters = "";
  for (let index = 0; index < count; index++) letters += readLetter(reader);
  return letters;
}

const externKinds: readonly ExternKind[] = [
  "function",
  "table",
  "memory",
  "global",
  "tag",
];

function readKind(reader: Reader): ExternKind {
  const kind = externKinds[reader.byte()];
  if (kind === undefined) throw malformed("it has an extern of unknown kind");
  return kind;
}

export function readImports(reader: Reader): FunctionImport[] {
  const max = limits.moduleImportsMax;
  return readVector(reader, { what: "imports", max, item: readImport });
}

function readImport(reader: Reader): FunctionImport {
  const module = reader.text();
  const name = reader.text();
  const kind = readKind(reader);
  if (module.startsWith(hidden.mark) || name.startsWith(hidden.mark)) {
    throw reserved(`imports ${quoted(module)} ${quoted(name)}`);
  }
  if (kind === "function") return { module, name, type: reader.integer() };
  throw new ModuleRefusal(
    `The module imports a ${kind}, ${quoted(module)} ${quoted(name)}`,
    { hint: "Only functions can be imported; let the module define it" },
  );
}

function reserved(what: string): ModuleRefusal {
  return new ModuleRefusal(
    `The module ${what}, a name that is reserved for Pollen`,
    { hint: "Names must not start with the character U+0001" },
  );
}

/** The type of each function that the module defines. */
export function readFunctions(reader: Reader): number[] {
  return readVector(reader, {
    what: "functions",
    max: limits.moduleFunctionsMax,
    item: (from) => from.integer(),
  });
}

export function readExports(reader: Reader): ModuleExport[] {
  const names = new Set<string>();
  return readVector(reader, {
    what: "exports",
    max: limits.moduleExportsMax,
    item: (from) => {
      const name = from.text();
      const kind = readKind(from);
      const index = from.integer();
      if (name.startsWith(hidden.mark)) {
        throw reserved(`exports ${quoted(name)}`);
      }
      if (names.has(name)) throw malformed(`it exports ${quoted(name)} twice`);
      names.add(name);
      return { name, kind, index };
    },
  });
}

/** How many values each tag carries. */
export function readTags(
  reader: Reader,
  types: readonly FunctionType[],
): number[] {
  return readVector(reader, {
    what: "exception tags",
    max: limits.moduleTagsMax,
    item: (from) => {
      if (from.byte() !== 0) {
        throw unsupported("tags that are no exceptions", "Build it without");
      }
      return typeAt(types, from.integer()).parameters;
    },
  });
}

/** @throws {ModuleRefusal} There is no such type. */
export function typeAt(
  types: readonly FunctionType[],
  index: number,
): FunctionType {
  const type = types[index];
  if (type === undefined) throw malformed(`it has no type ${index}`);
  return type;
}
