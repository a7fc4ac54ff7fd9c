// The plain fields of messages: numbers, bytes, texts, ids. Each encodes one
// typed value and decodes foreign CBOR into one or into undefined. It bounds a
// value before it copies it, and never converts one type into another.

import type { Bytes } from "./bytes.ts";
import type { CborValue } from "./cbor.ts";
import type { Field } from "./message.ts";
import { idBytes, type PeerId, peerIdOf } from "./ids.ts";

function isSafeInteger(
  value: CborValue,
  max: number,
): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) &&
    value >= 0 && value <= max;
}

/** Exactly `length` bytes; a copy, so that none keeps a message alive. */
export function fixedBytesField(length: number): Field<Bytes> {
  return {
    encode: (value) => value,
    decode: (value) =>
      value instanceof Uint8Array && value.length === length
        ? new Uint8Array(value)
        : undefined,
  };
}

/** At most `bytesMax` bytes; a copy. */
export function bytesField(
  { bytesMax }: { readonly bytesMax: number },
): Field<Bytes> {
  return {
    encode: (value) => value,
    decode: (value) =>
      value instanceof Uint8Array && value.length <= bytesMax
        ? new Uint8Array(value)
        : undefined,
  };
}

/** Text of at most `charactersMax` UTF-16 code units. */
export function textField(
  { charactersMax }: { readonly charactersMax: number },
): Field<string> {
  return {
    encode: (value) => value,
    decode: (value) =>
      typeof value === "string" && value.length <= charactersMax
        ? value
        : undefined,
  };
}

/** True or false. */
export const booleanField: Field<boolean> = {
  encode: (value) => value,
  decode: (value) => typeof value === "boolean" ? value : undefined,
};

/** A peer id, as its 32 bytes. */
export const peerField: Field<PeerId> = {
  encode: idBytes,
  decode: (value) =>
    value instanceof Uint8Array && value.length === 32
      ? peerIdOf(value)
      : undefined,
};

/** An integer from 0 to `max`, by default below 2^48 (R03). */
export function integerField(max = 2 ** 48 - 1): Field<number> {
  return {
    encode: (value) => value,
    decode: (value) => isSafeInteger(value, max) ? value : undefined,
  };
}
