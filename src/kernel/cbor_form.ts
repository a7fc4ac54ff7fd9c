// A look at the outline of CBOR before anything is built from it: nesting,
// lengths, and the kinds of items. It refuses in one pass what could make the
// decoder allocate or recurse without bound, and what Pollen never sends.

import { InputError } from "./errors.ts";

/** Messages nest a few levels; whoever nests deeper means harm. */
const nestingMax = 64;

const major = {
  bytes: 2,
  text: 3,
  array: 4,
  map: 5,
  tag: 6,
  simple: 7,
} as const;

/** false, true and null; other simple values and floats are not sent. */
const simpleValues = new Set([20, 21, 22]);

/**
 * Walks over one item of definite length (RFC 8949 section 3).
 *
 * @throws {InputError} Truncated, trailing bytes, nested deeper than 64, a
 * length beyond the end, a tag, a float, or an indefinite length.
 */
export function checkCborForm(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** Items still to come, per open array or map. */
  const open = [1];
  let offset = 0;
  while (open.length > 0) {
    const left = open[open.length - 1] ?? 0;
    if (left === 0) {
      open.pop();
      continue;
    }
    open[open.length - 1] = left - 1;
    const head = readHead(view, offset);
    offset = head.end;
    const items = itemsIn(head);
    const bytesHere = isString(head.major) ? head.value : items;
    if (bytesHere > bytes.length - offset) throw malformed();
    if (isString(head.major)) offset += head.value;
    if (items > 0) open.push(items);
    if (open.length > nestingMax) {
      throw new InputError(`A message nests deeper than ${nestingMax}`);
    }
  }
  if (offset !== bytes.length) throw malformed();
}

type Head = {
  readonly major: number;
  readonly value: number;
  /** Offset of what follows. */
  readonly end: number;
};

function readHead(view: DataView, offset: number): Head {
  if (offset >= view.byteLength) throw malformed();
  const initial = view.getUint8(offset);
  const kind = initial >> 5;
  const info = initial & 0x1f;
  if (kind === major.simple && !simpleValues.has(info)) throw unwanted();
  if (kind === major.tag || info > 27) throw unwanted();
  if (info < 24) return { major: kind, value: info, end: offset + 1 };
  const size = 1 << (info - 24);
  const end = offset + 1 + size;
  if (end > view.byteLength) throw malformed();
  return { major: kind, value: readValue(view, offset + 1, { size }), end };
}

function readValue(
  view: DataView,
  offset: number,
  { size }: { readonly size: number },
): number {
  switch (size) {
    case 1:
      return view.getUint8(offset);
    case 2:
      return view.getUint16(offset);
    case 4:
      return view.getUint32(offset);
    default:
      return Number(view.getBigUint64(offset));
  }
}

function isString(kind: number): boolean {
  return kind === major.bytes || kind === major.text;
}

function itemsIn({ major: kind, value }: Head): number {
  if (kind === major.array) return value;
  return kind === major.map ? value * 2 : 0;
}

function malformed(): InputError {
  return new InputError("A message is not well-formed CBOR");
}

function unwanted(): InputError {
  return new InputError("A message holds a kind of item that is never sent");
}
