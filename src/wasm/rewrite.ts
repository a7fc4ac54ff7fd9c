// Makes of a module one that this host can meter, limit and put back. In go the
// bytes of a module, out come other bytes and a plan. No index of the original
// changes: what is added comes after what was there, and the guest's memory
// becomes an import with the same index. Names: plan.ts.

import { type Bytes, concatBytes } from "../kernel/mod.ts";
import {
  addedBodies,
  addedFunctions,
  addedTypes,
  editCodeOf,
  type Layout,
  layoutOf,
} from "./additions.ts";
import { rewriteCode } from "./code.ts";
import { keptNames } from "./function_names.ts";
import { opcode } from "./opcodes.ts";
import { type ModuleOutline, readOutline } from "./outline.ts";
import {
  hidden,
  hooks,
  type ModuleCaps,
  type ModulePlan,
  type RewrittenModule,
} from "./plan.ts";
import { planOf, tableMaxima } from "./planning.ts";
import { Reader } from "./reader.ts";
import {
  headerBytes,
  type ModuleFrame,
  readFrame,
  type SectionId,
  sectionId,
  sectionOrder,
} from "./sections.ts";
import { valueType } from "./value_types.ts";
import { Writer } from "./writer.ts";

// Whoever makes it give other bytes for a module raises `rewriterVersion` in
// threads/functions.ts.
/**
 * Rewrites a module that the engine has validated (`prepareModule` does both).
 * Other bytes are refused or rewritten to something without meaning, in a time
 * and memory that their length bounds.
 *
 * @throws {ModuleRefusal} It is malformed, over a limit, or uses what is not
 * run here.
 */
export function rewriteModule(
  bytes: Uint8Array,
  caps: ModuleCaps,
): RewrittenModule {
  const frame = readFrame(bytes);
  const outline = readOutline(frame, caps);
  const layout = layoutOf(outline);
  const code = rewriteCode(frame, {
    ...outline,
    importedCount: outline.imports.length,
    editCode: editCodeOf(layout),
    added: addedBodies(outline, layout),
  });
  const maxima = tableMaxima(outline, code);
  const plan = planOf(outline, { code, caps, tableMaxima: maxima });
  const contents = new Map<SectionId, Writer>([
    [sectionId.types, types(frame)],
    [sectionId.imports, imports(frame, plan)],
    [sectionId.functions, functions(frame, addedFunctions(outline, layout))],
    [sectionId.tables, tables(outline, maxima)],
    [sectionId.globals, globals(frame, plan)],
    [sectionId.exports, exports(frame, { outline, layout, plan })],
    [sectionId.code, code.content],
  ]);
  const custom = {
    hints: code.hints.content(),
    names: frame.names && keptNames(bytes, {
      names: frame.names,
      functions: outline.typeOf.length,
    }),
  };
  return { bytes: assemble(frame, contents, custom), plan };
}

function types(frame: ModuleFrame): Writer {
  const more = addedTypes.length;
  const content = appending(frame, { id: sectionId.types, more });
  for (const type of addedTypes) content.all(type);
  return content;
}

function functions(frame: ModuleFrame, types: readonly number[]): Writer {
  const more = types.length;
  const content = appending(frame, { id: sectionId.functions, more });
  for (const type of types) content.integer(type);
  return content;
}

const kind = { function: 0, table: 1, memory: 2, global: 3 } as const;
const sizeFlags = { maximum: 1, sharedMaximum: 3 } as const;

function imports(frame: ModuleFrame, { memory }: ModulePlan): Writer {
  const more = memory === undefined ? 1 : 2;
  const content = appending(frame, { id: sectionId.imports, more });
  if (memory !== undefined) {
    content.text(hidden.namespace);
    content.text(hidden.memory);
    content.all([kind.memory, sizeFlags.maximum]);
    content.integer(memory.minPages);
    content.integer(memory.maxPages);
  }
  content.text(hidden.namespace);
  content.text(hidden.epoch);
  content.all([kind.memory, sizeFlags.sharedMaximum, 1, 1]);
  return content;
}

function tables(
  outline: ModuleOutline,
  maxima: readonly number[],
): Writer {
  const hookCount = Object.keys(hooks).length;
  const content = new Writer();
  content.integer(outline.tables.length + 1);
  outline.tables.forEach(({ type, minimum }, index) => {
    content.all([type, sizeFlags.maximum]);
    content.integer(minimum);
    content.integer(maxima[index] ?? minimum);
  });
  content.all([valueType.funcref, sizeFlags.maximum, hookCount, hookCount]);
  return content;
}

function globals(frame: ModuleFrame, { memory }: ModulePlan): Writer {
  const more = memory === undefined ? 0 : 1;
  const content = appending(frame, { id: sectionId.globals, more });
  if (memory !== undefined) {
    content.all([valueType.i32, 1, opcode.i32Const]);
    content.signedInteger(memory.minPages);
    content.byte(opcode.end);
  }
  return content;
}

type ExportFacts = {
  readonly outline: ModuleOutline;
  readonly layout: Layout;
  readonly plan: ModulePlan;
};

function exports(
  frame: ModuleFrame,
  { outline, layout, plan }: ExportFacts,
): Writer {
  const more: (readonly [name: string, kind: number, index: number])[] = [
    [hidden.hooks, kind.table, layout.hooksTable],
  ];
  if (plan.memory !== undefined) {
    more.push([hidden.pages, kind.global, layout.pagesGlobal]);
  }
  if (outline.start !== undefined) {
    more.push([hidden.start, kind.function, outline.start]);
  }
  for (const index of plan.globals) {
    more.push([hidden.global(index), kind.global, index]);
  }
  const content = appending(frame, {
    id: sectionId.exports,
    more: more.length,
  });
  for (const [name, kindCode, index] of more) {
    content.text(name);
    content.byte(kindCode);
    content.integer(index);
  }
  return content;
}

/** A section's content as it was, but for a count of `more` items. */
function appending(
  { bytes, sections }: ModuleFrame,
  { id, more }: { readonly id: SectionId; readonly more: number },
): Writer {
  const range = sections.get(id);
  const content = new Writer();
  if (range === undefined) content.integer(more);
  else {
    const reader = new Reader(bytes, range);
    content.integer(reader.integer() + more);
    content.range(bytes, { from: reader.position, to: range.end });
  }
  return content;
}

/** Replaced by an import, and by an export. */
const dropped: ReadonlySet<SectionId> = new Set([
  sectionId.memories,
  sectionId.start,
]);

type CustomSections = {
  readonly hints: Writer;
  readonly names: Writer | undefined;
};

function assemble(
  { bytes, sections }: ModuleFrame,
  contents: ReadonlyMap<SectionId, Writer>,
  { hints, names }: CustomSections,
): Bytes {
  const parts: Uint8Array[] = [bytes.subarray(0, headerBytes)];
  const put = (id: number, content: Uint8Array) => {
    const head = new Writer();
    head.byte(id);
    head.integer(content.length);
    parts.push(head.view(), content);
  };
  for (const id of sectionOrder) {
    const content = contents.get(id);
    const range = sections.get(id);
    if (id === sectionId.code) put(sectionId.custom, hints.view());
    if (content !== undefined) put(id, content.view());
    else if (range !== undefined && !dropped.has(id)) {
      put(id, bytes.subarray(range.position, range.end));
    }
  }
  if (names !== undefined) put(sectionId.custom, names.view());
  return concatBytes(...parts);
}
