// Authority certificates that were verified, so that those who come after need
// not read and verify the same bytes again: many members stand under few
// authorities. Bytes go in, the certificate that was made of the very same bytes
// comes out. It must never hold one that no root has signed: strangers would
// push the others out.

import { equalBytes, limits, toHex } from "../kernel/mod.ts";
import type { Certificate } from "./certificate.ts";

/** By signature, the newest last. What a certificate says never changes. */
const known = new Map<string, Certificate>();
const signatureBytes = 64;

/** A root has signed it; its time is checked each time anew. */
export function noteAuthority(certificate: Certificate): void {
  const key = keyOf(certificate.der);
  if (known.get(key) === certificate) return;
  known.set(key, certificate);
  if (known.size <= limits.authoritiesKnownMax) return;
  const [oldest] = known.keys();
  if (oldest !== undefined) known.delete(oldest);
}

/** As `parseCertificate` would read it, when it is known. */
export function knownAuthority(der: Uint8Array): Certificate | undefined {
  const certificate = known.get(keyOf(der));
  if (certificate === undefined) return undefined;
  return equalBytes(certificate.der, der) ? certificate : undefined;
}

/** The signature is what a certificate ends with. */
function keyOf(der: Uint8Array): string {
  return toHex(der.subarray(-signatureBytes));
}
