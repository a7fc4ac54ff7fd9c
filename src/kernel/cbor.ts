// Deterministic CBOR (RFC 8949 section 4.2.1) for everything that is signed or
// hashed: one value has one encoding, and the decoder refuses every other one.
// The decoder never builds objects from foreign keys: maps come back as Map.

import type { Bytes } from "./bytes.ts";
import { CborReader } from "./cbor_decode.ts";
import { CborWriter } from "./cbor_encode.ts";
import type { CborValue } from "./cbor_value.ts";
import { InputError } from "./errors.ts";

export { cborNull, type CborValue } from "./cbor_value.ts";

const writer = new CborWriter();

/** The one encoding of `value`, with map keys as texts. */
export function encodeCbor(value: CborValue): Bytes {
  return writer.encode(value);
}

/**
 * One whole message; maps come back as Map.
 *
 * @param options.bytesMax Larger input is refused unread.
 * @param options.isShared Byte strings are views of `bytes` and keep it alive:
 * for readers that copy what they keep. Copies unless told.
 * @throws {InputError} Too large, malformed, nested deeper than 64, or not the
 * deterministic encoding of its value.
 */
export function decodeCbor(
  bytes: Uint8Array,
  { bytesMax, isShared = false }: {
    readonly bytesMax: number;
    readonly isShared?: boolean;
  },
): CborValue {
  if (bytes.length > bytesMax) {
    throw new InputError(
      `A message of ${bytes.length} bytes is over its limit of ${bytesMax}`,
    );
  }
  return new CborReader(bytes, { isShared }).readAll();
}
