// Deterministic CBOR (RFC 8949 section 4.2.1) for everything that is signed or
// hashed: one value has one encoding, and the decoder refuses every other one.
// The decoder never builds objects from foreign keys: maps come back as Map.

import { decode, encode, rfc8949EncodeOptions } from "cborg";
import { type Bytes, equalBytes } from "./bytes.ts";
import { checkCborForm } from "./cbor_form.ts";
import { InputError } from "./errors.ts";

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

/** The one encoding of `value`. */
export function encodeCbor(value: CborValue): Bytes {
  return new Uint8Array(encode(value, rfc8949EncodeOptions));
}

/**
 * One whole message; maps come back as Map.
 *
 * @param options.bytesMax Larger input is refused unread.
 * @throws {InputError} Too large, malformed, nested deeper than 64, or not the
 * deterministic encoding of its value.
 */
export function decodeCbor(
  bytes: Uint8Array,
  options: { readonly bytesMax: number },
): CborValue {
  if (bytes.length > options.bytesMax) {
    throw new InputError(
      `A message of ${bytes.length} bytes is over its limit of ` +
        `${options.bytesMax}`,
    );
  }
  checkCborForm(bytes);
  let value: CborValue;
  let encoded: Bytes;
  try {
    value = decode(bytes, {
      allowIndefinite: false,
      allowUndefined: false,
      allowInfinity: false,
      allowNaN: false,
      rejectDuplicateMapKeys: true,
      strict: true,
      useMaps: true,
    });
    encoded = encodeCbor(value); // refuses map keys that are no scalars
  } catch (cause) {
    throw new InputError("A message is not well-formed CBOR", { cause });
  }
  if (!equalBytes(encoded, bytes)) {
    throw new InputError("A message is not in deterministic CBOR");
  }
  return value;
}
