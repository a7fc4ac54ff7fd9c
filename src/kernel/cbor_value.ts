// What Pollen sends as CBOR: the types of values, for the reader, the writer and
// whoever gives values to them. Floats, tags and undefined are none; it says so
// in types, and reader and writer refuse the rest.

/** What may cross the wire. Floats, tags and undefined may not. */
export type CborValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly CborValue[]
  | ReadonlyMap<string, CborValue>
  | { readonly [key: string]: CborValue };

/** CBOR's null, for folders that have no null of their own. */
export const cborNull = null;
