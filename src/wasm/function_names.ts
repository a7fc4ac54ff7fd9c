// The names of functions, which traps show. In goes the custom section "name"
// of a foreign module, out comes one with nothing but function names of a
// bounded length, or nothing. The engine copies names into each trap's stack,
// once a frame, and ends the process when they do not fit into a string.
// Format: WebAssembly Core Specification 3.0, appendix 7.4.1 (name section).

import { limits } from "../kernel/mod.ts";
import { Reader } from "./reader.ts";
import { malformed, ModuleRefusal } from "./refusal.ts";
import { namesSection, type SectionRange } from "./sections.ts";
import { Writer } from "./writer.ts";

/** Of the subsections, which have ascending ids. */
const functionNames = 1;

type NameFacts = {
  /** Of the custom section, its own name included. */
  readonly names: SectionRange;
  /** How many functions the module has, imported ones included. */
  readonly functions: number;
};

/**
 * Content of the section to put in its place. Undefined when it is malformed
 * or too large: the engine does not look at it then either, or should not.
 */
export function keptNames(
  bytes: Uint8Array,
  { names, functions }: NameFacts,
): Writer | undefined {
  try {
    const reader = new Reader(bytes, names);
    reader.text();
    const map = functionNamesIn(reader);
    const kept = map && keptMap(map, functions);
    if (kept === undefined) return undefined;
    if (kept.length > limits.moduleFunctionNamesBytesMax) return undefined;
    const content = new Writer(kept.length + 32);
    content.text(namesSection);
    content.byte(functionNames);
    content.integer(kept.length);
    content.all(kept.view());
    return content;
  } catch (cause) {
    if (cause instanceof ModuleRefusal) return undefined;
    throw cause;
  }
}

/** A reader of the subsection; all others are passed over. */
function functionNamesIn(reader: Reader): Reader | undefined {
  let found: Reader | undefined;
  let lastId = -1;
  while (!reader.isAtEnd) {
    const id = reader.byte();
    if (id <= lastId) throw malformed("its names are out of order");
    lastId = id;
    const part = reader.part(reader.integer());
    if (id === functionNames) found = part;
  }
  return found;
}

/** A count, then indices of functions, ascending, each with its name. */
function keptMap(reader: Reader, functions: number): Writer {
  const entries = new Writer();
  const count = reader.integer();
  let kept = 0;
  let lastIndex = -1;
  for (let entry = 0; entry < count; entry++) {
    const index = reader.integer();
    if (index <= lastIndex || index >= functions) {
      throw malformed("it names functions twice, or that it does not have");
    }
    lastIndex = index;
    const { bytes, position, end } = reader.part(reader.integer());
    if (end - position > limits.moduleFunctionNameBytesMax) continue;
    kept++;
    entries.integer(index);
    entries.integer(end - position);
    entries.range(bytes, { from: position, to: end });
  }
  if (!reader.isAtEnd) throw malformed("its names are longer than they say");
  const map = new Writer(entries.length + 8);
  map.integer(kept);
  map.all(entries.view());
  return map;
}
