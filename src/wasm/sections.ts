// The frame of a module: its header, and where each section's content lies. In
// go bytes; out come ranges by section. Unknown sections, sections out of order
// and sections twice are refused. Of custom sections only the first one named
// "name" is looked at, because traps show it; the engine gives some others a
// meaning (branch hints, compilation hints) that no longer fits rewritten code.

import { malformed } from "./refusal.ts";
import { Reader } from "./reader.ts";

/** Sections by their ids in the binary format. */
export const sectionId = {
  custom: 0,
  types: 1,
  imports: 2,
  functions: 3,
  tables: 4,
  memories: 5,
  globals: 6,
  exports: 7,
  start: 8,
  elements: 9,
  code: 10,
  data: 11,
  dataCount: 12,
  tags: 13,
} as const;

/** The id of any section that is not custom. */
export type SectionId = Exclude<
  (typeof sectionId)[keyof typeof sectionId],
  typeof sectionId.custom
>;

/** In the order in which a module must have them. */
export const sectionOrder: readonly SectionId[] = [
  sectionId.types,
  sectionId.imports,
  sectionId.functions,
  sectionId.tables,
  sectionId.memories,
  sectionId.tags,
  sectionId.globals,
  sectionId.exports,
  sectionId.start,
  sectionId.elements,
  sectionId.dataCount,
  sectionId.code,
  sectionId.data,
];

/** Where a section's content lies: without its id and length. */
export type SectionRange = { readonly position: number; readonly end: number };

export type ModuleFrame = {
  readonly bytes: Uint8Array;
  readonly sections: ReadonlyMap<SectionId, SectionRange>;
  /** Of the custom section "name", its own name included. */
  readonly names: SectionRange | undefined;
};

/** Name of the custom section that is looked at. */
export const namesSection = "name";

const header = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

/** Bytes before the first section. */
export const headerBytes = header.length;

/** @throws {ModuleRefusal} The sections are not those of a core module. */
export function readFrame(bytes: Uint8Array): ModuleFrame {
  if (header.some((byte, index) => bytes[index] !== byte)) {
    throw malformed("it does not start like a core module of version 1");
  }
  const reader = new Reader(bytes, {
    position: headerBytes,
    end: bytes.length,
  });
  const sections = new Map<SectionId, SectionRange>();
  let names: SectionRange | undefined;
  let rank = -1;
  while (!reader.isAtEnd) {
    const id = reader.byte();
    const content = reader.part(reader.integer());
    const range = { position: content.position, end: content.end };
    if (id === sectionId.custom) {
      if (content.text() === namesSection) names ??= range;
      continue;
    }
    const place = sectionOrder.findIndex((one) => one === id);
    const known = sectionOrder[place];
    if (known === undefined) throw malformed(`section ${id} is unknown`);
    if (place <= rank) throw malformed(`section ${id} is twice or misplaced`);
    rank = place;
    sections.set(known, range);
  }
  return { bytes, sections, names };
}

/** Reads one section whole; undefined: the module has none. */
export function readSection<T>(
  { bytes, sections }: ModuleFrame,
  { id, read }: {
    readonly id: SectionId;
    readonly read: (reader: Reader) => T;
  },
): T | undefined {
  const range = sections.get(id);
  if (range === undefined) return undefined;
  const reader = new Reader(bytes, range);
  const value = read(reader);
  if (!reader.isAtEnd) {
    throw malformed(`section ${id} is longer than what it holds`);
  }
  return value;
}
