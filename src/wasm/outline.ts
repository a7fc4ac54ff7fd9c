// All that a module declares, read once and checked against its limits. In go
// the frame and the caps; out comes an outline from which it is rewritten. It
// looks at no code (code.ts) and keeps no bytes.

import type { ModuleCaps } from "./plan.ts";
import {
  type FunctionImport,
  type FunctionType,
  type ModuleExport,
  readExports,
  readFunctions,
  readImports,
  readTags,
  readTypes,
  typeAt,
} from "./declarations.ts";
import { limits } from "../kernel/mod.ts";
import type { Reader } from "./reader.ts";
import { excess } from "./refusal.ts";
import {
  type ModuleFrame,
  readSection,
  type SectionId,
  sectionId,
} from "./sections.ts";
import { checkData, checkElements } from "./segments.ts";
import {
  type ModuleGlobal,
  type ModuleTable,
  readGlobals,
  readMemory,
  readTables,
  type Size,
} from "./storage.ts";

export type ModuleOutline = {
  readonly types: readonly FunctionType[];
  readonly imports: readonly FunctionImport[];
  /** The type of each function, imported ones first. */
  readonly typeOf: readonly number[];
  readonly tables: readonly ModuleTable[];
  readonly memory: Size | undefined;
  /** How many values each exception tag carries. */
  readonly tags: readonly number[];
  readonly globals: readonly ModuleGlobal[];
  readonly exports: readonly ModuleExport[];
  /** Index of the start function. */
  readonly start: number | undefined;
};

/** @throws {ModuleRefusal} It declares what is not run, or too much. */
export function readOutline(
  frame: ModuleFrame,
  { memoryPagesMax }: ModuleCaps,
): ModuleOutline {
  const read = <T>(id: SectionId, item: (reader: Reader) => T) =>
    readSection(frame, { id, read: item });
  const types = read(sectionId.types, readTypes) ?? [];
  const imports = read(sectionId.imports, readImports) ?? [];
  const functions = read(sectionId.functions, readFunctions) ?? [];
  const typeOf = [...imports.map(({ type }) => type)].concat(functions);
  checkFunctions(typeOf, types);
  const tables = read(sectionId.tables, readTables) ?? [];
  const memory = read(
    sectionId.memories,
    (reader) => readMemory(reader, memoryPagesMax),
  );
  const tags = read(sectionId.tags, (from) => readTags(from, types)) ?? [];
  const globals = read(sectionId.globals, readGlobals) ?? [];
  const exports = read(sectionId.exports, readExports) ?? [];
  const start = read(sectionId.start, (reader) => reader.integer());
  read(sectionId.elements, checkElements);
  read(sectionId.dataCount, (reader) => reader.skipInteger());
  read(sectionId.data, checkData);
  return {
    types,
    imports,
    typeOf,
    tables,
    memory,
    tags,
    globals,
    exports,
    start,
  };
}

function checkFunctions(
  typeOf: readonly number[],
  types: readonly FunctionType[],
): void {
  const count = typeOf.length;
  const max = limits.moduleFunctionsMax;
  if (count > max) {
    throw excess({
      what: "functions",
      count,
      max,
      hint: "Build a smaller one",
    });
  }
  for (const type of typeOf) typeAt(types, type);
}
