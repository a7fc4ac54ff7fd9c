// What the two ends of a link tell each other on its control stream once both
// are proven. Addresses and names come from a member and are checked for form
// only: it may lie about itself. Kinds that are not here come from newer
// versions and are skipped.

import { addressField } from "../identity/mod.ts";
import {
  bytesField,
  type Field,
  fixedBytesField,
  integerField,
  isName,
  limits,
  listField,
  message,
  optionalField,
} from "../kernel/mod.ts";
import { controlKinds } from "./protocols.ts";

const nameField: Field<string> = {
  encode: (value) => value,
  decode: (value) =>
    typeof value === "string" && isName(value) ? value : undefined,
};

/** Of a program: printable, since people read it. */
const versionField: Field<string> = {
  encode: (value) => value,
  decode: (value) =>
    typeof value === "string" && /^[\x21-\x7e]{1,64}$/.test(value)
      ? value
      : undefined,
};

/** Counts the sender's pings of this link. */
const sequenceField = integerField(2 ** 48 - 1);

/** Answer it with the same number. */
export const Ping = message("ping", controlKinds.ping, {
  sequence: sequenceField,
});

/** The answer to a ping. */
export const Pong = message("pong", controlKinds.pong, {
  sequence: sequenceField,
});

/** The sender's credential from now on. */
export const RenewedCredential = message(
  "credential",
  controlKinds.credential,
  { credential: bytesField({ bytesMax: limits.credentialBytesMax }) },
);

/** What the sender says of itself, and where it sees the receiver. */
export const Hello = message("hello", controlKinds.hello, {
  name: nameField,
  version: versionField,
  addresses: listField(addressField, { countMax: limits.peerAddressesMax }),
  authorityKey: optionalField(fixedBytesField(32)),
  authorityProof: optionalField(fixedBytesField(64)),
  observed: optionalField(addressField),
});

/** The sender leaves the cluster for good. */
export const Leave = message("leave", controlKinds.leave, {});
