// Fields of signed artefacts (invites, root statements) that messages of the
// kernel do not know: clusters, tiers, properties, addresses. Typed values go
// in and come out; foreign ones are bounded. It must never accept what a
// certificate could not carry, since certificates are made of them.

import {
  type ClusterId,
  clusterIdOf,
  type Field,
  fromHex,
  idBytes,
  InputError,
  integerField,
  parseAddress,
  rowField,
  toHex,
} from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import { checkProperties, type Properties, type Tier } from "./extension.ts";

/** Bytes as lower-case hex. */
export function hexField(length: number): Field<string> {
  return {
    encode: (value) => fromHex(value) ?? new Uint8Array(0),
    decode: (value) =>
      value instanceof Uint8Array && value.length === length
        ? toHex(value)
        : undefined,
  };
}

export const clusterField: Field<ClusterId> = {
  encode: idBytes,
  decode: (value) =>
    value instanceof Uint8Array && value.length === 32
      ? clusterIdOf(value)
      : undefined,
};

/** A text that is one of a few. */
export function choiceField<Choice extends string>(
  ...choices: readonly Choice[]
): Field<Choice> {
  return {
    encode: (value) => value,
    decode: (value) => choices.find((choice) => choice === value),
  };
}

export const tierField: Field<Tier> = choiceField(
  "leaf",
  "publisher",
  "admin",
);

/** @throws As `checkProperties`, both ways. */
export const propertiesField: Field<Properties> = {
  encode: (value) => {
    checkProperties(value);
    return value;
  },
  decode: (value) => {
    if (!(value instanceof Map)) return undefined;
    const properties = new Map<string, string>();
    for (const [key, text] of value as ReadonlyMap<unknown, unknown>) {
      if (typeof key !== "string" || typeof text !== "string") {
        return undefined;
      }
      properties.set(key, text);
    }
    checkProperties(properties);
    return properties;
  },
};

/** Milliseconds since 1970, below 2^48: to the year 10889. */
export const timeField: Field<number> = integerField();

/** An IP literal in its one spelling. */
const ipField: Field<string> = {
  encode: (value) => {
    const address = parseAddress(value);
    if (address !== undefined) return address.text;
    throw new InputError(`${JSON.stringify(value)} is no IP address`);
  },
  decode: (value) =>
    typeof value === "string" && parseAddress(value)?.text === value
      ? value
      : undefined,
};

/** Where a node listens. */
export const addressField: Field<NetworkAddress> = rowField({
  ip: ipField,
  port: integerField(65_535),
});
