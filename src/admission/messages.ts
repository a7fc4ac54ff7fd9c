// The messages of enrolment, on `pln-join/1` and on `protocols.enroll` alike:
// JOIN, NONCE, PROOF, then the credential or an error. A join that was passed
// on by a member has a kind of its own, so that nobody passes it on again. They
// are read as bytes of foreigners; nothing here is believed.

import {
  bytesField,
  type Decoded,
  errorReportField,
  fixedBytesField,
  limits,
  message,
  optionalField,
  peerField,
  rowField,
  textField,
} from "../kernel/mod.ts";

const joinMembers = {
  joiner: peerField,
  /** Of the authority it would hold as an admin. */
  authorityKey: fixedBytesField(32),
  /** That this key is the joiner's own. */
  authorityProof: fixedBytesField(64),
  name: optionalField(textField({ charactersMax: limits.nameCharactersMax })),
  /** An invite, or `credential`: never both. */
  invite: optionalField(rowField({
    terms: bytesField({ bytesMax: limits.joinFrameBytesMax }),
    signature: fixedBytesField(64),
  })),
  /** The old one, for a renewal. */
  credential: optionalField(
    bytesField({ bytesMax: limits.credentialBytesMax }),
  ),
};

/** What the joiner asks for, first. */
export const joinMessage = message("join", 1, joinMembers);
/** What the redeemer wants to be signed, and by whom it is wanted. */
export const nonceMessage = message("nonce", 2, {
  nonce: fixedBytesField(32),
  redeemer: bytesField({ bytesMax: limits.credentialBytesMax }),
});
/** The joiner's signatures; `invite` is absent in a renewal. */
export const proofMessage = message("proof", 3, {
  joiner: fixedBytesField(64),
  invite: optionalField(fixedBytesField(64)),
});
/** The end of a success. */
export const credentialMessage = message("credential", 4, {
  credential: bytesField({ bytesMax: limits.credentialBytesMax }),
});
/** The end of a failure. */
export const refusalMessage = message("refusal", 5, {
  error: errorReportField,
});
/** A join on its way from a member to an admin: not to be passed on again. */
export const forwardedJoinMessage = message("forwarded-join", 6, joinMembers);

/** Kinds that this version reads; others are skipped. */
export const enrollKinds: ReadonlySet<number> = new Set(
  [
    joinMessage,
    nonceMessage,
    proofMessage,
    credentialMessage,
    refusalMessage,
    forwardedJoinMessage,
  ].map(({ kind }) => kind),
);

/** A join, read and not believed. */
export type JoinRequest = Decoded<typeof joinMessage>;
