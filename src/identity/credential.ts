// A node's credential: its member certificate, the authority certificate above
// it and, for an admin, the root-signed certificate of its own authority. Text
// (PEM) is for files, bytes (CBOR array of DER) for the wire. Reading either
// form decides nothing: see verify.ts.

import {
  type Bytes,
  decodeCbor,
  encodeCbor,
  InputError,
  limits,
} from "../kernel/mod.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { knownAuthority } from "./known_authorities.ts";
import { encodePem, pemBlocks } from "./pem.ts";

const certificateLabel = "CERTIFICATE";

/** What a node shows to prove who it is; see `verifyCredential`. */
export type Credential = {
  readonly member: Certificate;
  /** The authority that signed `member`. */
  readonly authority: Certificate;
  /** The member's own authority, when it is an admin. */
  readonly ownAuthority?: Certificate;
};

function certificates(credential: Credential): readonly Certificate[] {
  const { member, authority, ownAuthority } = credential;
  return ownAuthority === undefined
    ? [member, authority]
    : [member, authority, ownAuthority];
}

/**
 * A credential of 2 or 3 certificates in DER: member, authority, own authority.
 *
 * @throws {InputError} They cannot be read, or are too few or too many.
 */
export function credentialFrom(parts: readonly Uint8Array[]): Credential {
  const [member, authority, ownAuthority] = parts;
  if (member === undefined || authority === undefined || parts.length > 3) {
    throw new InputError(
      `A credential has 2 or 3 certificates, not ${parts.length}`,
    );
  }
  return {
    member: parseCertificate(member),
    authority: authorityOf(authority),
    ...(ownAuthority === undefined
      ? {}
      : { ownAuthority: authorityOf(ownAuthority) }),
  };
}

function authorityOf(der: Uint8Array): Certificate {
  return knownAuthority(der) ?? parseCertificate(der);
}

/** The wire form. */
export function encodeCredential(credential: Credential): Bytes {
  return encodeCbor(certificates(credential).map(({ der }) => der));
}

/**
 * Reads the wire form.
 *
 * @throws {InputError | LimitError} Malformed; nothing is verified.
 */
export function parseCredential(bytes: Uint8Array): Credential {
  const value = decodeCbor(bytes, { bytesMax: limits.credentialBytesMax });
  const parts = Array.isArray(value) ? value : [];
  return credentialFrom(parts.map((part) => {
    if (part instanceof Uint8Array) return part;
    throw new InputError("A credential holds something that is no certificate");
  }));
}

/** The form for files: one PEM block after the other. */
export function credentialPem(credential: Credential): string {
  return certificates(credential).map(certificatePem).join("");
}

/**
 * Reads the form for files.
 *
 * @throws {InputError | LimitError} Malformed; nothing is verified.
 */
export function parseCredentialPem(text: string): Credential {
  return credentialFrom(certificateBlocks(text));
}

/** One certificate as a PEM block. */
export function certificatePem({ der }: Pick<Certificate, "der">): string {
  return encodePem(certificateLabel, der);
}

/**
 * Reads one certificate; verifies nothing.
 *
 * @throws {InputError | LimitError} Malformed, or not exactly one.
 */
export function parseCertificatePem(text: string): Certificate {
  const [first, ...more] = certificateBlocks(text);
  if (first === undefined || more.length > 0) {
    throw new InputError("One certificate is expected");
  }
  return parseCertificate(first);
}

function certificateBlocks(text: string): readonly Bytes[] {
  const blocks = pemBlocks(text);
  if (blocks?.every(({ label }) => label === certificateLabel) !== true) {
    throw new InputError("The text is not certificates in PEM");
  }
  return blocks.map(({ bytes }) => bytes);
}
