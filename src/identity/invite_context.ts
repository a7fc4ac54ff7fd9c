// What a token tells a joiner beside its terms: the cluster's root, the
// issuer's credential, and where to find members. It is bound to the terms by
// its hash and is not kept in redemptions. Values go in and come out of bytes;
// nothing here is verified.

import {
  type Bytes,
  bytesField,
  type Decoded,
  limits,
  listField,
  message,
  peerField,
  type PeerId,
  rowField,
} from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import { addressField } from "./artefact_fields.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import {
  type Credential,
  encodeCredential,
  parseCredential,
} from "./credential.ts";

/** A member that a joiner may ask first. */
export type Bootstrap = {
  readonly peer: PeerId;
  /** The best first, at most 8. */
  readonly addresses: readonly NetworkAddress[];
};

/** What a joiner needs to know and cannot ask anybody. */
export type InviteContext = {
  readonly root: Certificate;
  /** Of the admin who made the invite. */
  readonly issuer: Credential;
  /** At most 8. */
  readonly bootstraps: readonly Bootstrap[];
};

const contextBytesMax = limits.inviteTokenCharactersMax;

const inviteContext = message("invite-context", 1, {
  root: bytesField({ bytesMax: limits.certificateBytesMax }),
  issuer: bytesField({ bytesMax: limits.credentialBytesMax }),
  bootstraps: listField(
    rowField({
      peer: peerField,
      addresses: listField(addressField, {
        countMax: limits.inviteAddressesMax,
      }),
    }),
    { countMax: limits.inviteBootstrapsMax },
  ),
});

/**
 * What is over a limit is left out, the last first.
 *
 * @throws {InputError} An address that is no IP literal.
 */
export function encodeInviteContext(context: InviteContext): Bytes {
  const row: Decoded<typeof inviteContext> = {
    root: context.root.der,
    issuer: encodeCredential(context.issuer),
    bootstraps: context.bootstraps.slice(0, limits.inviteBootstrapsMax)
      .map(({ peer, addresses }) => ({
        peer,
        addresses: addresses.slice(0, limits.inviteAddressesMax),
      })),
  };
  return inviteContext.encode(row);
}

/** @throws {InputError | LimitError} Malformed; nothing is verified. */
export function parseInviteContext(bytes: Uint8Array): InviteContext {
  const { root, issuer, bootstraps } = inviteContext.decode(bytes, {
    bytesMax: contextBytesMax,
  });
  return {
    root: parseCertificate(root),
    issuer: parseCredential(issuer),
    bootstraps,
  };
}
