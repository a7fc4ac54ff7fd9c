// Messages of the wire as data: a kind, a name and typed fields, from which
// come the encoder, the decoder and the type. A body is the deterministic CBOR
// array of the fields in order; a message never changes once released: a new
// member is a new kind. Decoders refuse what is too long or has members over.

import type { Bytes } from "./bytes.ts";
import { cborNull, type CborValue, decodeCbor, encodeCbor } from "./cbor.ts";
import { InputError } from "./errors.ts";

/** How one field travels. */
export type Field<T> = {
  encode(value: T): CborValue;
  /**
   * Undefined when the value is none of this field's. Byte strings are views
   * of the message: a field copies those that it gives out.
   */
  decode(value: CborValue): T | undefined;
};

/** The members of a message or a row, by their names, in order. */
export type Fields = Readonly<Record<string, Field<unknown>>>;

/** What a message of these fields holds. */
export type MembersOf<F> = {
  readonly [Name in keyof F]: F[Name] extends Field<infer T> ? T : never;
};

/** One kind of message; `kind` is its number in its protocol, for ever. */
export type Message<T> = {
  readonly name: string;
  readonly kind: number;
  /** The body, without kind and length. */
  encode(members: T): Bytes;
  /**
   * Reads a body.
   *
   * @throws {InputError} Malformed, too long, or with members too many.
   */
  decode(body: Uint8Array, options: { readonly bytesMax: number }): T;
};

/** The type of a message's members. */
export type Decoded<M> = M extends Message<infer T> ? T : never;

/** Declares a kind of message: `message("ping", 3, { seq: counter })`. */
export function message<F extends Fields>(
  name: string,
  kind: number,
  fields: F,
): Message<MembersOf<F>> {
  const entries = Object.entries(fields);
  const fault = (why: string) => new InputError(`A message "${name}" ${why}`);
  return {
    name,
    kind,
    encode: (members) =>
      encodeCbor(
        entries.map(([key, field]) =>
          field.encode((members as Record<string, unknown>)[key])
        ),
      ),
    decode: (body, { bytesMax }) => {
      const items = decodeCbor(body, { bytesMax, isShared: true });
      if (!Array.isArray(items) || items.length !== entries.length) {
        throw fault(`has not ${entries.length} members`);
      }
      const members: Record<string, unknown> = {};
      entries.forEach(([key, field], index) => {
        const item: CborValue = items[index] ?? cborNull;
        const value = field.decode(item);
        if (value === undefined && !isOptional(field, item)) {
          throw fault(`has an unusable "${key}"`);
        }
        members[key] = value;
      });
      return members as MembersOf<F>;
    },
  };
}

const optionals = new WeakSet<object>();

function isOptional(field: Field<unknown>, item: CborValue): boolean {
  return item === cborNull && optionals.has(field);
}

/** A field that may be absent: CBOR's null on the wire. */
export function optionalField<T>(field: Field<T>): Field<T | undefined> {
  const made: Field<T | undefined> = {
    encode: (value) => value === undefined ? cborNull : field.encode(value),
    decode: (value) => value === cborNull ? undefined : field.decode(value),
  };
  optionals.add(made);
  return made;
}

/** Rows of one form, at most `countMax` of them. */
export function listField<T>(
  field: Field<T>,
  { countMax }: { readonly countMax: number },
): Field<readonly T[]> {
  return {
    encode: (values) => values.map((value) => field.encode(value)),
    decode: (value) => {
      if (!Array.isArray(value) || value.length > countMax) return undefined;
      const items = value.map((item: CborValue) => field.decode(item));
      return items.includes(undefined) ? undefined : items as T[];
    },
  };
}

/** Members in order, as one array. */
export function rowField<F extends Fields>(fields: F): Field<MembersOf<F>> {
  const entries = Object.entries(fields);
  return {
    encode: (row) =>
      entries.map(([key, field]) =>
        field.encode((row as Record<string, unknown>)[key])
      ),
    decode: (value) => {
      if (!Array.isArray(value) || value.length !== entries.length) {
        return undefined;
      }
      const row: Record<string, unknown> = {};
      for (const [index, [key, field]] of entries.entries()) {
        const item: CborValue = value[index] ?? cborNull;
        const member = field.decode(item);
        if (member === undefined && !isOptional(field, item)) return undefined;
        row[key] = member;
      }
      return row as MembersOf<F>;
    },
  };
}
