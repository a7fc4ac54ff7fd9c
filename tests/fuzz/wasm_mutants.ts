// Modules that were tampered with, from a fixed seed: bits and bytes changed,
// put in, taken out, repeated; integers made longer than need be; sections
// exchanged between modules; ends cut off. In go modules that are valid; out
// come bytes of which some still are.

import type { Bytes } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";

const headerBytes = 8;
/** Bytes with a meaning in many places. */
const telling = [0, 1, 2, 0x0b, 0x40, 0x60, 0x6f, 0x70, 0x7f, 0x80, 0xfc, 0xfd];

function spliced(bytes: Bytes, at: number, options: {
  readonly remove: number;
  readonly insert: readonly number[] | Bytes;
}): Bytes {
  const { remove, insert } = options;
  const end = Math.min(bytes.length, at + remove);
  const result = new Uint8Array(at + insert.length + bytes.length - end);
  result.set(bytes.subarray(0, at));
  result.set(insert, at);
  result.set(bytes.subarray(end), at + insert.length);
  return result;
}

function leb(value: number): number[] {
  return value < 0x80
    ? [value]
    : [value & 0x7f | 0x80, ...leb(Math.floor(value / 0x80))];
}

/** The integer at `at`, and where it ends. */
function integerAt(bytes: Bytes, at: number): [value: number, end: number] {
  let value = 0;
  for (let shift = 0; shift < 35; shift += 7) {
    const byte = bytes[at++] ?? 0;
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  return [value, at];
}

type Part = { readonly from: number; readonly content: number; to: number };

/** Sections, with where each one's content begins. */
function sectionsOf(bytes: Bytes): readonly Part[] {
  const sections: Part[] = [];
  let at = headerBytes;
  while (at < bytes.length) {
    const [length, content] = integerAt(bytes, at + 1);
    const to = content + length;
    if (to > bytes.length) break;
    sections.push({ from: at, content, to });
    at = to;
  }
  return sections;
}

/** Function bodies, if `content` is that of a code section. */
function bodiesOf(content: Bytes): readonly Part[] {
  const bodies: Part[] = [];
  const [count, start] = integerAt(content, 0);
  for (let at = start; bodies.length < count && at < content.length;) {
    const [length, body] = integerAt(content, at);
    const to = body + length;
    if (to > content.length) break;
    bodies.push({ from: at, content: body, to });
    at = to;
  }
  return bodies;
}

function oneOf<T>(random: Random, items: readonly T[]): T | undefined {
  return items[random.integer(Math.max(items.length, 1))];
}

/** One section in place of another, or beside it. */
function withSection(bytes: Bytes, random: Random, donor: Bytes): Bytes {
  const target = oneOf(random, sectionsOf(bytes));
  const source = oneOf(random, sectionsOf(donor));
  if (target === undefined || source === undefined) return bytes;
  return spliced(bytes, target.from, {
    remove: random.integer(2) === 0 ? target.to - target.from : 0,
    insert: donor.slice(source.from, source.to),
  });
}

const codeId = 10;

/** Changes inside one section, or one body, and mends the lengths around. */
function changeWithin(bytes: Bytes, random: Random): Bytes {
  const sections = sectionsOf(bytes);
  const code = sections.find(({ from }) => bytes[from] === codeId);
  const section = random.integer(4) > 0 ? code : oneOf(random, sections);
  if (section === undefined) return bytes;
  let content = bytes.slice(section.content, section.to);
  const body = bytes[section.from] === codeId
    ? oneOf(random, bodiesOf(content))
    : undefined;
  if (body === undefined) content = changeBytes(content, random, 0);
  else {
    const before = content.slice(body.content, body.to);
    const changed = changeBytes(before, random, 0);
    content = spliced(content, body.from, {
      remove: body.to - body.from,
      insert: [...leb(changed.length), ...changed],
    });
  }
  return spliced(bytes, section.from + 1, {
    remove: section.to - section.from - 1,
    insert: [...leb(content.length), ...content],
  });
}

/** One small change at or after `first`. */
function changeBytes(bytes: Bytes, random: Random, first: number): Bytes {
  const room = Math.max(1, bytes.length - first);
  const at = Math.min(first + random.integer(room), bytes.length);
  const byte = bytes[at] ?? 0;
  const few = 1 + random.integer(4);
  const set = (insert: readonly number[]) =>
    spliced(bytes, at, { remove: 1, insert });
  const put = (insert: readonly number[] | Bytes) =>
    spliced(bytes, at, { remove: 0, insert });
  switch (random.integer(9)) {
    case 0:
    case 1:
      return set([byte ^ (1 << random.integer(8))]);
    case 2:
      return set([random.integer(256)]);
    case 3:
      return set([oneOf(random, telling) ?? 0]);
    case 4:
      return put([oneOf(random, telling) ?? 0]);
    case 5:
      return spliced(bytes, at, { remove: few, insert: [] });
    case 6:
      return put(random.bytes(few));
    case 7:
      return set([byte | 0x80, ...new Array<number>(few - 1).fill(0x80), 0]);
    default:
      return put(bytes.slice(at, at + 4 * few));
  }
}

/** One of the modules with 1 to 3 changes. */
export function mutantOf(modules: readonly Bytes[], random: Random): Bytes {
  const pick = () => oneOf(random, modules) ?? new Uint8Array(headerBytes);
  let bytes = pick();
  const changes = Math.max(1, random.integer(5) - 1);
  for (let count = 0; count < changes; count++) {
    const kind = random.integer(40);
    if (kind === 0) bytes = withSection(bytes, random, pick());
    else if (kind === 1) {
      const length = headerBytes + random.integer(bytes.length);
      bytes = bytes.slice(0, length);
    } else if (kind < 8) bytes = changeBytes(bytes, random, headerBytes);
    else bytes = changeWithin(bytes, random);
  }
  return bytes;
}
