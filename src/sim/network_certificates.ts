// What TLS does before a session is: the listener's leaf certificate against
// the one anchor that the dialler trusts. In come PEM texts, a name and the
// dialler's wall clock; out comes why not. It must never be kinder than the
// real thing: the anchor's key alone counts, and the leaf is no authority.

import { equalBytes, fromBase64, InputError, PlnError } from "../kernel/mod.ts";
import type { Signer, TlsIdentity } from "../ports/mod.ts";
import { type Certificate, parseCertificatePem } from "../identity/mod.ts";

/** A dialler's demands. */
export type LeafDemands = {
  readonly serverName: string;
  readonly anchorPem: string;
  readonly wallMs: number;
};

/** Why the leaf is refused; undefined when it is fine. */
export function leafFault(
  signer: Signer,
  leaf: Certificate,
  demands: LeafDemands,
): string | undefined {
  const anchor = parsed(demands.anchorPem);
  if (anchor === undefined) return "its anchor is no certificate";
  if (leaf.mayCertify) return "it is an authority";
  if (!equalBytes(leaf.issuer, anchor.subject)) return "unknown issuer";
  const { signedPart, signature } = leaf;
  if (!signer.verify(anchor.publicKey, signedPart, signature)) {
    return "bad signature";
  }
  if (!leaf.dnsNames.includes(demands.serverName)) {
    return "not valid for this name";
  }
  if (demands.wallMs < leaf.notBeforeMs) return "not yet valid";
  if (demands.wallMs > leaf.notAfterMs) return "expired";
  return undefined;
}

/**
 * The leaf of a listener.
 *
 * @throws {InputError} Malformed, or the key is that of another certificate.
 */
export function leafOf(signer: Signer, identity: TlsIdentity): Certificate {
  const leaf = parseCertificatePem(identity.certificatesPem);
  const body = identity.privateKeyPem.replaceAll(/-----[^-]+-----|\s/g, "");
  const der = fromBase64(body);
  const key = der === undefined ? undefined : signer.importPkcs8(der);
  if (key !== undefined && equalBytes(key.publicKey, leaf.publicKey)) {
    return leaf;
  }
  throw new InputError("The key is not that of the TLS certificate");
}

function parsed(pem: string): Certificate | undefined {
  try {
    return parseCertificatePem(pem);
  } catch (cause) {
    if (cause instanceof PlnError) return undefined;
    throw cause;
  }
}
