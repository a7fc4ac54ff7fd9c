// An admin's renewal of itself: a NodeIdentity with an authority goes in, and
// the same or one with its next member certificate comes out, durably. Rights
// that were granted since go into it. All others are renewed by an admin, whose
// answer `replaceCredential` takes. It must never give access beyond a deadline.

import { assert } from "../kernel/mod.ts";
import type { Certificate } from "./certificate.ts";
import { isoTime } from "./clock_fault.ts";
import { CredentialError } from "./credential_error.ts";
import type { MemberClaims } from "./extension.ts";
import { issueMember, lifetimes } from "./issue.ts";
import { takeCredential } from "./membership.ts";
import type { IdentityNeeds, LoadedIdentity } from "./node_identity.ts";
import { isValidAt } from "./verify.ts";

/** What a grant says that goes into a member certificate. */
export type GrantedRights = Pick<
  MemberClaims,
  "tier" | "properties" | "accessDeadlineMs"
>;

/** When a member certificate is due for renewal: 2/3 of its life. */
export function renewalDueMs(member: Certificate): number {
  const issuedMs = member.notBeforeMs + lifetimes.backdateMs;
  const lifeMs = Math.max(0, member.notAfterMs - issuedMs);
  return issuedMs + Math.floor((lifeMs * 2) / 3);
}

/**
 * Issues this node's next member certificate when it holds an authority and
 * the present one is due, also after it has expired, or differs from what was
 * granted; else, and when a new one would not live longer, returns `identity`
 * itself.
 *
 * @param options.granted Of the newest grant; without it the rights stay.
 * @throws {DeniedError} The certificate and the authority have both expired.
 * @throws {CredentialError} The node's access deadline has passed.
 * @throws {DiskError} The file system refused; safe to retry.
 */
export async function renewOwnMember<Identity extends LoadedIdentity>(
  needs: IdentityNeeds,
  identity: Identity,
  options: { readonly granted?: GrantedRights | undefined } = {},
): Promise<Identity> {
  const { authority, credential } = identity;
  if (authority === undefined) return identity;
  const { claims } = credential.member;
  assert(claims?.type === "member", "a verified member certificate");
  const wanted = { ...claims, ...memberRights(options.granted ?? claims) };
  const nowMs = needs.clock.wallMs();
  const isDue = isRenewalDue(credential.member, nowMs, authority);
  if (!isDue && hasRights(claims, wanted)) return identity;
  checkAccess(wanted, nowMs);
  const member = issueMember(needs, {
    authority: authority.certificate,
    authorityKey: authority.key,
    publicKey: identity.key.publicKey,
    claims: { ...wanted, issue: claims.issue + 1 },
  });
  return await takeCredential(needs, identity, {
    credential: {
      member,
      authority: authority.certificate,
      ownAuthority: authority.certificate,
    },
  });
}

/**
 * Rights as a member certificate says them: whom the root makes an admin is a
 * publisher to the authorities.
 */
export function memberRights(granted: GrantedRights): GrantedRights {
  const { tier, properties, accessDeadlineMs } = granted;
  return {
    tier: tier === "admin" ? "publisher" : tier,
    properties,
    accessDeadlineMs,
  };
}

/** Whether claims say these rights already. */
export function hasRights(
  claims: GrantedRights,
  rights: GrantedRights,
): boolean {
  const wanted = memberRights(rights);
  const { properties } = claims;
  return claims.tier === wanted.tier &&
    claims.accessDeadlineMs === wanted.accessDeadlineMs &&
    properties.size === wanted.properties.size &&
    [...wanted.properties].every(([key, value]) =>
      properties.get(key) === value
    );
}

function isRenewalDue(
  member: Certificate,
  nowMs: number,
  authority: { readonly certificate: Certificate },
): boolean {
  if (nowMs < renewalDueMs(member)) {
    // Made when a clock was ahead; where it is behind, none can be made.
    return !isValidAt(member, nowMs) &&
      isValidAt(authority.certificate, nowMs);
  }
  const untilMs = authority.certificate.notAfterMs;
  return untilMs > member.notAfterMs || nowMs >= member.notAfterMs;
}

function checkAccess(rights: GrantedRights, nowMs: number): void {
  const { accessDeadlineMs } = rights;
  if (accessDeadlineMs === undefined || nowMs < accessDeadlineMs) return;
  const end = isoTime(accessDeadlineMs);
  throw new CredentialError("deadline", `This node's access ended at ${end}`, {
    hint: "If this machine's clock is right (date), ask an admin",
  });
}
