// The one verifier of credentials, used wherever one is met. The cluster's root
// and a parsed credential go in, facts or a CredentialError come out. Permanent
// facts are always checked; time only when asked, since nodes that disagree
// about time must still agree about state. Signatures are Ed25519 over the
// TBSCertificate bytes as received, through the synchronous signer port. It
// must never report a fact that no signature up to the root covers.

import {
  type ClusterId,
  clusterIdOf,
  equalBytes,
  peerDnsName,
  type PeerId,
  peerIdOf,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import { type Certificate, keyUsages } from "./certificate.ts";
import { clockFault, clockToleranceMs, isoTime } from "./clock_fault.ts";
import type { Credential } from "./credential.ts";
import { CredentialError } from "./credential_error.ts";
import type { MemberClaims, Properties, Tier } from "./extension.ts";
import { noteAuthority } from "./known_authorities.ts";

/** What verifying takes of the world. */
export type VerifyNeeds = Pick<Ports, "signer">;

/** `wallMs` is milliseconds since 1970, of the verifier's own clock. */
export type TimeCheck =
  | { readonly type: "permanent" }
  | { readonly type: "now"; readonly wallMs: number };

/** The trust anchor of a cluster, as `verifyRoot` returns it. */
export type ClusterRoot = {
  readonly certificate: Certificate;
  readonly publicKey: Uint8Array;
  readonly cluster: ClusterId;
};

/** What a verified credential proves about its holder. */
export type MemberFacts = {
  readonly peer: PeerId;
  readonly cluster: ClusterId;
  /** "admin" follows from an own authority, never from a claim. */
  readonly tier: Tier;
  readonly properties: Properties;
  /** The admin whose authority signed the member certificate. */
  readonly issuedBy: PeerId;
  readonly issue: number;
  readonly memberSinceMs: number;
  /** Narrowest over the member certificate, its authority and the root. */
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly accessDeadlineMs: number | undefined;
};

/** A verified authority: whose it is. */
export type AuthorityFacts = { readonly admin: PeerId };

/**
 * The root of a cluster. Its own file is where trust starts, so this proves
 * that it is whole and of the right form, not whose it is: compare `cluster`.
 *
 * @throws {CredentialError} Not self-signed, or not a root's profile.
 */
export function verifyRoot(
  needs: VerifyNeeds,
  certificate: Certificate,
): ClusterRoot {
  checkSignature(needs, certificate, { issuer: certificate, what: "root" });
  checkForm(certificate, { what: "root", pathLength: 1 });
  const { publicKey } = certificate;
  const cluster = clusterIdOf(needs.signer.sha256(publicKey));
  return { certificate, publicKey, cluster };
}

/**
 * Checks one authority certificate against the root.
 *
 * @throws {CredentialError} Naming the check that failed.
 */
export function verifyAuthority(
  needs: VerifyNeeds,
  options: {
    readonly root: ClusterRoot;
    readonly certificate: Certificate;
    readonly check: TimeCheck;
  },
): AuthorityFacts {
  const { root, certificate, check } = options;
  const what = "authority";
  const { claims } = certificate;
  if (claims?.type !== "authority") throw roleError(what);
  checkCluster(claims.cluster, { root, what });
  checkSignature(needs, certificate, { issuer: root.certificate, what });
  checkForm(certificate, { what, pathLength: 0 });
  if (peerIdOf(certificate.publicKey) === claims.admin) {
    throw new CredentialError(
      "usage",
      "The authority certificate is on its admin's identity key",
    );
  }
  noteAuthority(certificate);
  checkTime(root.certificate, { what: "root", check });
  checkTime(certificate, { what, check });
  return { admin: claims.admin };
}

/**
 * Checks a whole credential: signatures up to the root, CA bits, path lengths,
 * key usages, cluster, names, that nothing goes beyond what the issuer may
 * give, and with `type: "now"` also validity (1 h of tolerance) and the access
 * deadline (none).
 *
 * With `type: "now"` an expired own authority makes an admin a publisher.
 *
 * @throws {CredentialError} kind "peer": naming the check that failed.
 */
export function verifyCredential(
  needs: VerifyNeeds,
  options: {
    readonly root: ClusterRoot;
    readonly credential: Credential;
    readonly check: TimeCheck;
  },
): MemberFacts {
  const { root, credential, check } = options;
  const { member, authority, ownAuthority } = credential;
  const claims = member.claims;
  if (claims?.type !== "member") throw roleError("member");
  checkCluster(claims.cluster, { root, what: "member" });
  const { admin: issuedBy } = verifyAuthority(needs, {
    root,
    certificate: authority,
    check,
  });
  checkSignature(needs, member, { issuer: authority, what: "member" });
  const peer = checkMember(member, claims);
  refuseCertifyingKey(member, [root.certificate, authority, ownAuthority]);
  checkTime(member, { what: "member", check });
  checkDeadline(claims, check);
  const chain = [member, authority, root.certificate];
  return {
    peer,
    cluster: root.cluster,
    tier: isAdmin(needs, { ...options, peer, issuedBy })
      ? "admin"
      : claims.tier,
    properties: claims.properties,
    issuedBy,
    issue: claims.issue,
    memberSinceMs: claims.memberSinceMs,
    notBeforeMs: Math.max(...chain.map(({ notBeforeMs }) => notBeforeMs)),
    notAfterMs: Math.min(...chain.map(({ notAfterMs }) => notAfterMs)),
    accessDeadlineMs: claims.accessDeadlineMs,
  };
}

function roleError(what: string): CredentialError {
  return new CredentialError(
    "role",
    `The certificate in the ${what}'s place is not a ${what} certificate`,
  );
}

function checkCluster(
  cluster: ClusterId,
  options: { readonly root: ClusterRoot; readonly what: string },
): void {
  if (cluster === options.root.cluster) return;
  const [found, wanted] = apart(cluster, options.root.cluster);
  throw new CredentialError(
    "cluster",
    `The ${options.what} certificate is of cluster ${found}, not ${wanted}`,
    { hint: "A node belongs to one cluster: use its own certificates" },
  );
}

/** The first digits of two unlike ids, as many as tell them apart. */
function apart(one: string, other: string): readonly [string, string] {
  let digits = 8;
  while (one.slice(0, digits) === other.slice(0, digits)) digits += 8;
  return [one.slice(0, digits), other.slice(0, digits)];
}

/**
 * The issuer under which a certificate's signature was found right: neither
 * ever changes, and each change of rights judges all links anew.
 */
const proven = new WeakMap<Certificate, Certificate>();

function checkSignature(
  needs: VerifyNeeds,
  certificate: Certificate,
  options: { readonly issuer: Certificate; readonly what: string },
): void {
  const { issuer, what } = options;
  if (proven.get(certificate) === issuer) return;
  const isSigned = equalBytes(certificate.issuer, issuer.subject) &&
    needs.signer.verify(
      issuer.publicKey,
      certificate.signedPart,
      certificate.signature,
    );
  if (isSigned) {
    proven.set(certificate, issuer);
    return;
  }
  throw new CredentialError(
    "signature",
    `The ${what} certificate is not signed by its issuer`,
  );
}

/** CA bits, path length and key usage of a root or an authority. */
function checkForm(
  certificate: Certificate,
  options: { readonly what: string; readonly pathLength: number },
): void {
  const { what, pathLength } = options;
  const isForCertifying = certificate.mayCertify &&
    certificate.keyUsage === keyUsages.keyCertSign;
  if (!isForCertifying) {
    throw new CredentialError(
      "usage",
      `The ${what} certificate is not for certifying`,
    );
  }
  if (certificate.pathLength !== pathLength) {
    throw new CredentialError(
      "path-length",
      `The ${what} certificate has path length ` +
        `${certificate.pathLength ?? "unlimited"}, not ${pathLength}`,
    );
  }
  if (certificate.dnsNames.length > 0) {
    throw new CredentialError("name", `The ${what} certificate names a host`);
  }
}

function checkMember(member: Certificate, claims: MemberClaims): PeerId {
  if (member.mayCertify || member.keyUsage !== keyUsages.digitalSignature) {
    throw new CredentialError(
      "usage",
      "The member certificate is for more than signing",
    );
  }
  const peer = peerIdOf(member.publicKey);
  const [name, ...more] = member.dnsNames;
  if (name !== peerDnsName(peer) || more.length > 0) {
    throw new CredentialError(
      "name",
      `The member certificate of ${peer.slice(0, 8)} bears another name`,
    );
  }
  if (claims.tier === "admin") {
    throw new CredentialError(
      "scope",
      "The member certificate claims tier admin, which only the root gives",
    );
  }
  return peer;
}

/** An identity key signs no certificate of anybody (DESIGN.md section 5). */
function refuseCertifyingKey(
  member: Certificate,
  certifying: readonly (Certificate | undefined)[],
): void {
  for (const one of certifying) {
    if (one && equalBytes(one.publicKey, member.publicKey)) {
      throw new CredentialError(
        "usage",
        "The member certificate is on a key that certifies others",
      );
    }
  }
}

function checkTime(
  certificate: Certificate,
  options: { readonly what: string; readonly check: TimeCheck },
): void {
  const { what, check } = options;
  if (check.type === "permanent") return;
  const { wallMs } = check;
  const fault = timeFault(certificate, wallMs);
  if (fault === undefined) return;
  const { notBeforeMs, notAfterMs } = certificate;
  const advice = fault === "early"
    ? "compare that with the time: date"
    : "if that is right, renew or rejoin";
  throw new CredentialError(
    "time",
    fault === "early"
      ? `The ${what} certificate is valid only from ${isoTime(notBeforeMs)}`
      : `The ${what} certificate expired at ${isoTime(notAfterMs)}`,
    {
      hint: clockFault(wallMs) ??
        `The clock of the node that checked says ${isoTime(wallMs)}: ${advice}`,
    },
  );
}

function checkDeadline(claims: MemberClaims, check: TimeCheck): void {
  const { accessDeadlineMs } = claims;
  if (check.type === "permanent" || accessDeadlineMs === undefined) return;
  if (check.wallMs < accessDeadlineMs) return;
  throw new CredentialError(
    "deadline",
    `The member's access ended at ${isoTime(accessDeadlineMs)}`,
    { hint: "An admin can grant it again" },
  );
}

/** Whether the member proves an authority of its own. */
function isAdmin(
  needs: VerifyNeeds,
  options: {
    readonly root: ClusterRoot;
    readonly credential: Credential;
    readonly check: TimeCheck;
    readonly peer: PeerId;
    readonly issuedBy: PeerId;
  },
): boolean {
  const { root, credential, check, peer } = options;
  const { authority, ownAuthority } = credential;
  if (ownAuthority === undefined) return false;
  const isIssuer = equalBytes(ownAuthority.der, authority.der);
  const admin = isIssuer ? options.issuedBy : verifyAuthority(needs, {
    root,
    certificate: ownAuthority,
    check: { type: "permanent" },
  }).admin;
  if (admin !== peer) {
    throw new CredentialError(
      "scope",
      `The member ${peer.slice(0, 8)} shows another admin's authority`,
    );
  }
  return check.type === "permanent" || isValidAt(ownAuthority, check.wallMs);
}

/** Whether a certificate counts at `wallMs`, give or take the tolerance. */
export function isValidAt(certificate: Certificate, wallMs: number): boolean {
  return timeFault(certificate, wallMs) === undefined;
}

type TimeFault = "early" | "late";

function timeFault(
  certificate: Certificate,
  wallMs: number,
): TimeFault | undefined {
  if (wallMs < certificate.notBeforeMs - clockToleranceMs) return "early";
  // Written this way, a time that is no number is refused too.
  const isAlive = wallMs <= certificate.notAfterMs + clockToleranceMs;
  return isAlive ? undefined : "late";
}
