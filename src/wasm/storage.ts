// What an instance of a module keeps between calls: its memory, tables and
// globals. In go readers of the sections; out come sizes and kinds. Shared,
// 64-bit and second memories, and tables filled by an expression, are refused.
// Initial values are passed over here (segments.ts says what they may be).

import { limits } from "../kernel/mod.ts";
import { readCount, readVector } from "./declarations.ts";
import type { Reader } from "./reader.ts";
import { excess, malformed, ModuleRefusal, unsupported } from "./refusal.ts";
import { skipExpression } from "./segments.ts";
import { readReferenceType, readValueType } from "./value_types.ts";

/** In entries or pages; a maximum is optional in a module. */
export type Size = {
  readonly minimum: number;
  readonly maximum: number | undefined;
};

export type ModuleTable = Size & { readonly type: number };

export type ModuleGlobal = {
  readonly type: number;
  readonly isMutable: boolean;
};

const sizeFlag = { maximum: 1, shared: 2, wide: 4 } as const;

function readSize(reader: Reader, what: "memory" | "table"): Size {
  const flags = reader.byte();
  if ((flags & sizeFlag.shared) !== 0) {
    throw unsupported(`a shared ${what}`, "Build it without threads");
  }
  if ((flags & sizeFlag.wide) !== 0) {
    throw unsupported(`a 64-bit ${what}`, "Build it for wasm32");
  }
  if (flags > sizeFlag.maximum) {
    throw unsupported(
      `a ${what} of an unknown kind`,
      "Build it without new proposals",
    );
  }
  const minimum = reader.integer();
  if (flags === 0) return { minimum, maximum: undefined };
  const maximum = reader.integer();
  if (maximum < minimum) {
    throw malformed(`a ${what} is larger than its maximum`);
  }
  return { minimum, maximum };
}

/** @throws {ModuleRefusal} Also when it needs more than `pagesMax`. */
export function readMemory(reader: Reader, pagesMax: number): Size | undefined {
  const count = reader.integer();
  if (count > 1) {
    throw unsupported(
      "more than one memory",
      "Build it without the multi-memory proposal",
    );
  }
  if (count === 0) return undefined;
  const size = readSize(reader, "memory");
  if (size.minimum <= pagesMax) return size;
  throw new ModuleRefusal(
    `The module needs ${size.minimum} pages of memory (64 KiB each) to start, ` +
      `more than ${pagesMax}`,
    { hint: 'Give it more with "--memory", or build it with less' },
  );
}

export function readTables(reader: Reader): ModuleTable[] {
  const tables = readVector(reader, {
    what: "tables",
    max: limits.moduleTablesMax,
    item: readTable,
  });
  const count = tables.reduce((sum, { minimum }) => sum + minimum, 0);
  const max = limits.moduleTableEntriesMax;
  if (count <= max) return tables;
  throw excess({
    what: "table entries to start with",
    count,
    max,
    hint: "Let its tables start smaller",
  });
}

const initializedTable = 0x40;

function readTable(reader: Reader): ModuleTable {
  if (reader.bytes[reader.position] === initializedTable) {
    throw unsupported(
      "a table that is filled by an expression",
      "Fill it by element segments",
    );
  }
  const type = readReferenceType(reader);
  return { type, ...readSize(reader, "table") };
}

export function readGlobals(reader: Reader): ModuleGlobal[] {
  const globals: ModuleGlobal[] = [];
  const max = limits.moduleGlobalsMax;
  const count = readCount(reader, { what: "globals", max });
  for (let index = 0; index < count; index++) {
    const type = readValueType(reader);
    const mutability = reader.byte();
    if (mutability > 1) {
      throw unsupported("a global of an unknown kind", "Build it without");
    }
    skipExpression(reader);
    globals.push({ type, isMutable: mutability === 1 });
  }
  return globals;
}
