// Reads what a WebAssembly module declares: its function types, imports and
// exports. Input are bytes that the engine has validated; every read is still
// checked against the end, and counts are limited before anything is kept.
// Format: WebAssembly Core Specification 2.0, chapter 5 (binary format).

import { limits, utf8TextLossy } from "../kernel/mod.ts";
import { SeedError } from "./errors.ts";

export type ExternKind = "function" | "table" | "memory" | "global" | "tag";

const externKinds: readonly ExternKind[] = [
  "function",
  "table",
  "memory",
  "global",
  "tag",
];

export type ModuleImport = {
  readonly module: string;
  readonly name: string;
  readonly kind: ExternKind;
  /** "iI:i", see signatures.ts; only of functions. */
  readonly signature: string | undefined;
};

export type ModuleExport = {
  readonly name: string;
  readonly kind: ExternKind;
  readonly signature: string | undefined;
};

export type ModuleSections = {
  readonly imports: readonly ModuleImport[];
  readonly exports: readonly ModuleExport[];
};

const sectionIds = {
  types: 1,
  imports: 2,
  functions: 3,
  tables: 4,
  exports: 7,
} as const;
const headerBytes = 8;

/** @throws {SeedError} "invalid": malformed, or over a limit. */
export function readSections(bytes: Uint8Array): ModuleSections {
  const reader = new Reader(bytes, headerBytes);
  const found: Builder = { types: [], functions: [], imports: [], exports: [] };
  while (reader.position < bytes.length) {
    const id = reader.byte();
    const length = reader.integer();
    const end = reader.position + length;
    readSection(id, reader, found);
    reader.position = end;
  }
  return found;
}

type Builder = {
  types: string[];
  /** Type index of each function, imported ones first. */
  functions: number[];
  imports: ModuleImport[];
  exports: ModuleExport[];
};

function readSection(id: number, reader: Reader, found: Builder): void {
  switch (id) {
    case sectionIds.types:
      found.types = reader.vector(1_000_000, () => readType(reader));
      return;
    case sectionIds.imports:
      found.imports = reader.vector(
        limits.moduleImportsMax,
        () => readImport(reader, found),
      );
      return;
    case sectionIds.functions:
      for (const type of reader.vector(1_000_000, () => reader.integer())) {
        found.functions.push(type);
      }
      return;
    case sectionIds.tables:
      return checkTables(reader.vector(
        limits.moduleTablesMax,
        () => readTableLength(reader),
      ));
    case sectionIds.exports:
      found.exports = reader.vector(
        limits.moduleExportsMax,
        () => readExport(reader, found),
      );
  }
}

const valueLetters: ReadonlyMap<number, string> = new Map([
  [0x7f, "i"],
  [0x7e, "I"],
  [0x7d, "f"],
  [0x7c, "F"],
  [0x7b, "v"],
]);

function readType(reader: Reader): string {
  if (reader.byte() !== 0x60) {
    throw new SeedError(
      "invalid",
      "The module uses garbage-collected types, which Pollen does not run",
      { hint: "Build it without the GC proposal" },
    );
  }
  const letters = () =>
    reader.vector(1_000, () => {
      const code = reader.byte();
      if (code === 0x63 || code === 0x64) reader.integer();
      return valueLetters.get(code) ?? "r";
    }).join("");
  return `${letters()}:${letters()}`;
}

/** The entries a table starts with; the engine allocates them at once. */
function readTableLength(reader: Reader): number {
  const code = reader.byte();
  if (code === 0x40) {
    throw new SeedError(
      "invalid",
      "The module fills a table by an expression, which Pollen does not run",
      { hint: "Fill it by element segments" },
    );
  }
  if (code === 0x63 || code === 0x64) reader.integer();
  const flags = reader.byte();
  const length = reader.integer();
  if ((flags & 1) === 1) reader.integer();
  return length;
}

function checkTables(lengths: readonly number[]): void {
  const length = lengths.reduce((sum, one) => sum + one, 0);
  if (length <= limits.moduleTableEntriesMax) return;
  throw new SeedError(
    "invalid",
    `The module's tables start with ${length} entries, more than ` +
      `${limits.moduleTableEntriesMax}`,
    { hint: "Let them start smaller" },
  );
}

function readImport(reader: Reader, found: Builder): ModuleImport {
  const module = reader.text();
  const name = reader.text();
  const kind = reader.kind();
  if (kind !== "function") {
    // The caller refuses the module for it; what follows is not read.
    throw new SeedError(
      "link",
      `The module imports a ${kind}, ${importText({ module, name })}`,
      { hint: "Only functions can be imported; let the module define it" },
    );
  }
  const type = reader.integer();
  found.functions.push(type);
  return { module, name, kind, signature: found.types[type] };
}

/** Both names of an import, which may be any text of any length. */
export function importText(
  { module, name }: { readonly module: string; readonly name: string },
): string {
  return [module, name]
    .map((text) => JSON.stringify(text.slice(0, 80)))
    .join(" ");
}

function readExport(reader: Reader, found: Builder): ModuleExport {
  const name = reader.text();
  const kind = reader.kind();
  const index = reader.integer();
  const type = kind === "function" ? found.functions[index] : undefined;
  const signature = type === undefined ? undefined : found.types[type];
  return { name, kind, signature };
}

class Reader {
  constructor(readonly bytes: Uint8Array, public position: number) {}

  byte(): number {
    const byte = this.bytes[this.position++];
    if (byte === undefined) throw malformed();
    return byte;
  }

  /** Unsigned LEB128 of at most 32 bits. */
  integer(): number {
    let value = 0;
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  }

  text(): string {
    const length = this.integer();
    const end = this.position + length;
    if (end > this.bytes.length) throw malformed();
    const text = utf8TextLossy(this.bytes.subarray(this.position, end));
    this.position = end;
    return text;
  }

  kind(): ExternKind {
    const kind = externKinds[this.byte()];
    if (kind === undefined) throw malformed();
    return kind;
  }

  vector<T>(lengthMax: number, item: () => T): T[] {
    const length = this.integer();
    if (length > lengthMax) {
      throw new SeedError(
        "invalid",
        `The module declares ${length} items where ${lengthMax} are allowed`,
      );
    }
    const items: T[] = [];
    for (let i = 0; i < length; i++) items.push(item());
    return items;
  }
}

function malformed(): SeedError {
  return new SeedError("invalid", "The module ends in the middle of a section");
}
