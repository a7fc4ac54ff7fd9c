// Certificates are made here: the self-signed root, the authorities it signs,
// and the members they sign. Keys and claims go in, a certificate comes out
// that has been read back by the parser every verifier uses. All times come
// from the clock port, serial numbers from the random port. It must never sign
// with a key that does not belong to the issuer's certificate.

import {
  assert,
  type Bytes,
  concatBytes,
  DeniedError,
  equalBytes,
  peerDnsName,
  type PeerId,
  peerIdOf,
  toHex,
  utf8,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import {
  type Certificate,
  ed25519Algorithm,
  keyUsages,
  objectIds,
  parseCertificate,
  versionThree,
} from "./certificate.ts";
import { clockFault, clockToleranceMs, isoTime } from "./clock_fault.ts";
import { encodeDer, encodeTime, tags } from "./der.ts";
import { type Claims, encodeClaims, type MemberClaims } from "./extension.ts";
import type { ClusterRoot } from "./verify.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

/** How long certificates live (DESIGN.md section 4), in milliseconds. */
export const lifetimes = {
  rootMs: 3652 * dayMs,
  authorityMs: 365 * dayMs,
  memberMs: 7 * dayMs,
  /** Certificates start in the past, for members whose clocks are behind. */
  backdateMs: 24 * hourMs,
} as const;

/** What issuing takes of the world. */
export type IssueNeeds = Pick<Ports, "clock" | "random" | "signer">;

/** What a certificate shall say. */
export type CertificateTemplate = {
  readonly issuer: Bytes;
  readonly subject: Bytes;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly publicKey: Uint8Array;
  /** A CA; undefined for an end entity. */
  readonly pathLength?: number;
  readonly mayCertify: boolean;
  readonly keyUsage: number;
  readonly dnsName?: string;
  readonly claims?: Claims;
};

/** A DER Name with one common name. */
export function commonName(text: string): Bytes {
  const attribute = encodeDer(
    tags.sequence,
    encodeDer(tags.objectId, objectIds.commonName),
    encodeDer(tags.utf8String, utf8(text)),
  );
  return encodeDer(tags.sequence, encodeDer(tags.set, attribute));
}

/**
 * Signs a certificate of the profile.
 *
 * @throws {InputError | LimitError} Claims or times that no certificate holds.
 */
export function signCertificate(
  needs: Pick<Ports, "random" | "signer">,
  template: CertificateTemplate,
  options: { readonly key: PrivateKey },
): Certificate {
  const der = encodeCertificate(needs, template, {
    sign: (signedPart) => needs.signer.sign(options.key, signedPart),
  });
  return parseCertificate(der);
}

/**
 * The DER of a certificate under whatever 64 bytes `sign` returns.
 *
 * @throws {LimitError} Times that no certificate holds.
 */
export function encodeCertificate(
  needs: Pick<Ports, "random">,
  template: CertificateTemplate,
  options: { readonly sign: (signedPart: Bytes) => Uint8Array },
): Bytes {
  const signedPart = encodeDer(
    tags.sequence,
    encodeDer(tags.version, encodeDer(tags.integer, versionThree)),
    encodeDer(tags.integer, serialNumber(needs.random.bytes(16))),
    ed25519Algorithm,
    template.issuer,
    encodeDer(
      tags.sequence,
      encodeTime(template.notBeforeMs),
      encodeTime(template.notAfterMs),
    ),
    template.subject,
    encodeDer(tags.sequence, ed25519Algorithm, bitString(template.publicKey)),
    encodeDer(tags.extensions, encodeExtensions(template)),
  );
  return encodeDer(
    tags.sequence,
    signedPart,
    ed25519Algorithm,
    bitString(options.sign(signedPart)),
  );
}

/** Always positive and always 16 octets: 126 random bits. */
function serialNumber(random: Bytes): Bytes {
  random[0] = ((random[0] ?? 0) & 0x7f) | 0x40;
  return random;
}

function bitString(bytes: Uint8Array): Bytes {
  return encodeDer(tags.bitString, concatBytes(Uint8Array.of(0), bytes));
}

const isTrue = encodeDer(tags.boolean, Uint8Array.of(0xff));

function encodeExtensions(template: CertificateTemplate): Bytes {
  const { claims, dnsName } = template;
  return encodeDer(
    tags.sequence,
    critical(objectIds.basicConstraints, encodeConstraints(template)),
    critical(objectIds.keyUsage, encodeKeyUsage(template.keyUsage)),
    ...(dnsName === undefined ? [] : [encodeDer(
      tags.sequence,
      encodeDer(tags.objectId, objectIds.subjectAltName),
      encodeDer(
        tags.octetString,
        encodeDer(tags.sequence, encodeDer(tags.dnsName, utf8(dnsName))),
      ),
    )]),
    // Critical, so that no TLS library takes it for a server's certificate.
    ...(claims === undefined
      ? []
      : [critical(objectIds.claims, encodeClaims(claims))]),
  );
}

function critical(objectId: Bytes, value: Bytes): Bytes {
  return encodeDer(
    tags.sequence,
    encodeDer(tags.objectId, objectId),
    isTrue,
    encodeDer(tags.octetString, value),
  );
}

function encodeConstraints(template: CertificateTemplate): Bytes {
  if (!template.mayCertify) return encodeDer(tags.sequence);
  const { pathLength } = template;
  return encodeDer(
    tags.sequence,
    isTrue,
    ...(pathLength === undefined
      ? []
      : [encodeDer(tags.integer, Uint8Array.of(pathLength))]),
  );
}

/** A named bit list: trailing zero bits are not written (X.690 11.2.2). */
function encodeKeyUsage(bits: number): Bytes {
  assert(bits > 0 && bits < 256, "a key usage has one octet");
  const unused = 31 - Math.clz32(bits & -bits);
  return encodeDer(tags.bitString, Uint8Array.of(unused, bits));
}

/** The self-signed root: 10 years, one level of authorities below it. */
export function issueRoot(needs: IssueNeeds, key: PrivateKey): Certificate {
  const nowMs = needs.clock.wallMs();
  const name = commonName(`pln root ${toHex(key.publicKey).slice(0, 16)}`);
  return signCertificate(needs, {
    issuer: name,
    subject: name,
    notBeforeMs: nowMs - lifetimes.backdateMs,
    notAfterMs: nowMs + lifetimes.rootMs,
    publicKey: key.publicKey,
    mayCertify: true,
    pathLength: 1,
    keyUsage: keyUsages.keyCertSign,
  }, { key });
}

/**
 * Lets an admin certify members for a year, with a key of its own.
 *
 * @param options.publicKey The authority key; never the admin's identity key.
 * @throws {DeniedError} The root has expired.
 */
export function issueAuthority(
  needs: IssueNeeds,
  options: {
    readonly root: ClusterRoot;
    readonly rootKey: PrivateKey;
    readonly publicKey: Uint8Array;
    readonly admin: PeerId;
  },
): Certificate {
  const { root, rootKey, publicKey, admin } = options;
  assert(equalBytes(rootKey.publicKey, root.publicKey), "the root's own key");
  assert(peerIdOf(publicKey) !== admin, "an authority key is separate");
  return signCertificate(needs, {
    ...validity(needs, root.certificate, { lifeMs: lifetimes.authorityMs }),
    issuer: root.certificate.subject,
    subject: commonName(`pln authority ${toHex(publicKey).slice(0, 16)}`),
    publicKey,
    mayCertify: true,
    pathLength: 0,
    keyUsage: keyUsages.keyCertSign,
    claims: { type: "authority", cluster: root.cluster, admin },
  }, { key: rootKey });
}

/**
 * Binds a node's identity key for 7 days.
 *
 * @param options.claims An authority gives the tiers leaf and publisher.
 * @throws {DeniedError} The authority's certificate has expired.
 */
export function issueMember(
  needs: IssueNeeds,
  options: {
    readonly authority: Certificate;
    readonly authorityKey: PrivateKey;
    readonly publicKey: Uint8Array;
    readonly claims: MemberClaims;
  },
): Certificate {
  const { authority, authorityKey, publicKey, claims } = options;
  assert(
    equalBytes(authorityKey.publicKey, authority.publicKey),
    "the authority's own key",
  );
  assert(claims.tier !== "admin", "an authority gives leaf and publisher");
  const peer = peerIdOf(publicKey);
  return signCertificate(needs, {
    ...validity(needs, authority, { lifeMs: lifetimes.memberMs }),
    issuer: authority.subject,
    subject: commonName(peer),
    publicKey,
    mayCertify: false,
    keyUsage: keyUsages.digitalSignature,
    dnsName: peerDnsName(peer),
    claims,
  }, { key: authorityKey });
}

/** From a day ago, for `lifeMs`, but no longer than the issuer. */
function validity(
  needs: IssueNeeds,
  issuer: Certificate,
  { lifeMs }: { readonly lifeMs: number },
) {
  const nowMs = needs.clock.wallMs();
  const hint = clockFault(nowMs) ??
    "Compare that with this machine's clock: date";
  if (nowMs >= issuer.notAfterMs) {
    const expiry = isoTime(issuer.notAfterMs);
    throw new DeniedError(`The issuer's certificate expired at ${expiry}`, {
      hint,
    });
  }
  // Whoever has a right clock would refuse what is issued now.
  if (nowMs < issuer.notBeforeMs - clockToleranceMs) {
    const start = isoTime(issuer.notBeforeMs);
    throw new DeniedError(
      `The issuer's certificate is valid only from ${start}`,
      { hint },
    );
  }
  return {
    notBeforeMs: nowMs - lifetimes.backdateMs,
    notAfterMs: Math.min(nowMs + lifeMs, issuer.notAfterMs),
  };
}
