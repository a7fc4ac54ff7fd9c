// What QUIC's TLS needs of an identity: a leaf certificate that the identity
// key issues for a key of the moment, and the anchor with which a dialler
// trusts one peer alone. A key or a peer id goes in, PEM comes out. No other
// certificate authority may ever be trusted: a mis-issued certificate of the
// right name fooled both sides before (DESIGN.md section 5).

import { idBytes, peerDnsName, type PeerId } from "../kernel/mod.ts";
import type { Ports, PrivateKey, TlsIdentity } from "../ports/mod.ts";
import { keyUsages } from "./certificate.ts";
import { certificatePem } from "./credential.ts";
import {
  commonName,
  encodeCertificate,
  type IssueNeeds,
  signCertificate,
} from "./issue.ts";
import { privateKeyPem } from "./keys.ts";

const hourMs = 3_600_000;

/** Of TLS leaves, in milliseconds. */
export const tlsLifetimes = {
  leafMs: 24 * hourMs,
  /** For peers whose clocks are behind. */
  backdateMs: 25 * hourMs,
  /** Halfway, so that peers whose clocks are ahead are served too. */
  renewalMs: 12 * hourMs,
} as const;

/** What a listener shows; times are milliseconds since 1970. */
export type TlsLeaf = TlsIdentity & {
  /** When another leaf should take its place. */
  readonly renewalDueMs: number;
  /** From when on nobody accepts it. */
  readonly notAfterMs: number;
};

/**
 * Issues a TLS leaf on a new key.
 *
 * @throws {LimitError} The machine's clock shows a year that X.509 lacks.
 */
export function issueTlsLeaf(
  needs: IssueNeeds,
  identity: { readonly peer: PeerId; readonly key: PrivateKey },
): TlsLeaf {
  const { peer, key } = identity;
  const nowMs = needs.clock.wallMs();
  const leafKey = needs.signer.privateKey(needs.random.bytes(32));
  const leaf = signCertificate(needs, {
    issuer: commonName(peer),
    subject: commonName(`pln tls ${peer.slice(0, 16)}`),
    notBeforeMs: nowMs - tlsLifetimes.backdateMs,
    notAfterMs: nowMs + tlsLifetimes.leafMs,
    publicKey: leafKey.publicKey,
    mayCertify: false,
    keyUsage: keyUsages.digitalSignature,
    dnsName: peerDnsName(peer),
  }, { key });
  return {
    certificatesPem: certificatePem(leaf),
    privateKeyPem: privateKeyPem(leafKey),
    renewalDueMs: nowMs + tlsLifetimes.renewalMs,
    notAfterMs: leaf.notAfterMs,
  };
}

/**
 * The only anchor to dial `peer` with. Of a trust anchor webpki takes subject
 * and key, so its signature is random: nobody may take it for a certificate.
 * Each has a serial of its own, lest TLS resumes a session and skips the check.
 */
export function anchorPem(
  needs: Pick<Ports, "random">,
  peer: PeerId,
): string {
  const name = commonName(peer);
  const der = encodeCertificate(needs, {
    issuer: name,
    subject: name,
    notBeforeMs: Date.UTC(2000, 0),
    notAfterMs: Date.UTC(2100, 0),
    publicKey: idBytes(peer),
    mayCertify: true,
    pathLength: 0,
    keyUsage: keyUsages.keyCertSign,
  }, { sign: () => needs.random.bytes(64) });
  return certificatePem({ der });
}
