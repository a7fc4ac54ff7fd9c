// The four messages that authenticate a connection, on the first stream of it
// (DESIGN.md section 5). Members go in and out typed; every length is bounded
// before it is copied. They never change: what is new gets a new kind.

import {
  type Bytes,
  bytesField,
  type Decoded,
  errorReportField,
  type Field,
  fixedBytesField,
  fromHex,
  integerField,
  limits,
  listField,
  message,
  peerField,
  rowField,
  toHex,
} from "../kernel/mod.ts";
import { controlKinds } from "./protocols.ts";

export const nonceBytes = 32;
export const bootIdBytes = 16;
const hashBytes = 32;
const signatureBytes = 64;
const versionMax = 65_535;

const version = integerField(versionMax);
const signature = fixedBytesField(signatureBytes);
const credential = bytesField({ bytesMax: limits.credentialBytesMax });

/** The name of a connection: its client's signature, in hex. */
const linkId: Field<string> = {
  encode: (value) => fromHex(value) ?? new Uint8Array(0),
  decode: (value) => {
    const bytes: Bytes | undefined = signature.decode(value);
    return bytes === undefined ? undefined : toHex(bytes);
  },
};

const heads = listField(
  rowField({
    admin: peerField,
    generation: integerField(),
    rev: integerField(),
  }),
  { countMax: limits.rightsHeadsMax },
);

/** Server to client: what to sign, and which versions there are. */
export const Challenge = message("challenge", controlKinds.challenge, {
  versionMin: version,
  versionMax: version,
  nonce: fixedBytesField(nonceBytes),
  /** sha256 of the credential that `Accept` will show. */
  credentialHash: fixedBytesField(hashBytes),
  bootId: fixedBytesField(bootIdBytes),
});
/** See the message. */
export type Challenge = Decoded<typeof Challenge>;

/** Client to server: who it is, proven. */
export const Authenticate = message("authenticate", controlKinds.authenticate, {
  version,
  nonce: fixedBytesField(nonceBytes),
  credential,
  bootId: fixedBytesField(bootIdBytes),
  /** Connections to this server that the client has given up. */
  replaces: listField(linkId, { countMax: limits.replacesMax }),
  heads,
  signature,
});
/** See the message. */
export type Authenticate = Decoded<typeof Authenticate>;

/** Server to client: it is in, and who the server is, proven. */
export const Accept = message("accept", controlKinds.accept, {
  credential,
  heads,
  signature,
});
/** See the message. */
export type Accept = Decoded<typeof Accept>;

/** Server to client: why it is not; the connection ends with it. */
export const Refuse = message("refuse", controlKinds.refuse, {
  report: errorReportField,
});
