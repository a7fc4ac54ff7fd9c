// The redeemer's decisions: may this applicant become or stay a member, what is
// written down about it, and what its certificate says. An application, a proof
// and what this node knows at that moment go in; a change to publish and the
// claims to certify come out, or a refusal in one sentence. It must never
// certify what no published decision and no old certificate gives.

import {
  assert,
  DeniedError,
  InputError,
  type PeerId,
  toBase64,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  inviteFault,
  isoTime,
  type JoinProof,
  type MemberClaims,
  type MemberFacts,
  type Properties,
  type Tier,
  verifyAuthority,
  verifyJoinProof,
} from "../identity/mod.ts";
import {
  type Application,
  type InviteApplication,
  joinClaimOf,
  type RenewalApplication,
} from "./application.ts";
import type { RightsChange } from "./needs.ts";
import { type RedeemerView, usableAuthority } from "./redeemer.ts";

type Needs = Pick<Ports, "signer">;

/**
 * All that can be said before the applicant has proven who it is.
 *
 * @throws {UnreachableError} This node can certify nobody: ask another admin.
 * @throws {DeniedError} The applicant may not, or its invite is of no use.
 */
export function checkApplication(
  needs: Needs,
  view: RedeemerView,
  { application }: { readonly application: Application },
): void {
  usableAuthority(needs, view);
  if (application.type === "renewal") return checkRenewal(view, application);
  checkIssuer(needs, view, application);
  checkInvite(view, application);
  checkSubject(application);
  checkDenial(view, application);
  checkAccess(view, application.joiner);
}

/**
 * Who has nothing but a certificate of another admin is not renewed: under this
 * node's name it would outlive that admin's denial, and no document would ever
 * have said that the member exists.
 */
function checkRenewal(
  { rights, identity, wallMs }: RedeemerView,
  { facts }: RenewalApplication,
): void {
  const { peer, issuedBy, tier } = facts;
  const { source } = rights.standing(facts, wallMs);
  const isOwn = issuedBy === identity.peer || tier === "admin";
  if (source === "grant" || isOwn) return;
  throw new DeniedError(
    `No admin's document names ${peer.slice(0, 8)}, only a certificate of ` +
      issuedBy.slice(0, 8),
    { hint: `Ask an admin: "pln grant ${peer}"` },
  );
}

/** Whoever this node does not know may have been denied since. */
function checkIssuer(
  needs: Needs,
  { rights, identity, wallMs }: RedeemerView,
  { invite }: InviteApplication,
): void {
  const { issuer } = invite.terms;
  const who = `Admin ${issuer.slice(0, 8)}, who made the invite,`;
  const known = rights.admins.find(({ peer }) => peer === issuer);
  if (known === undefined) {
    throw new DeniedError(`${who} is not known here`, {
      hint: "Try again in some seconds, or join through that admin",
    });
  }
  const isDenied = known.isDenied || rights.denialOf(issuer) !== undefined;
  if (isDenied || known.isDemoted) {
    const why = isDenied ? "was denied" : "is no admin any more";
    throw new DeniedError(`${who} ${why}`, {
      hint: 'Ask another admin for an invite: "pln invite"',
    });
  }
  const { authority: certificate } = known;
  const { root } = identity;
  verifyAuthority(needs, { root, certificate, check: { type: "now", wallMs } });
}

function checkInvite(view: RedeemerView, application: InviteApplication): void {
  const { rights, wallMs, identity } = view;
  const { invite } = application;
  const { id, issuer, uses } = invite.terms;
  const anew = 'Ask for a new one: "pln invite"';
  if (rights.isRevoked(id)) {
    throw new DeniedError(`Invite ${id.slice(0, 8)} was revoked`, {
      hint: anew,
    });
  }
  const fault = inviteFault(invite, wallMs, { redeemer: identity.peer });
  if (fault !== undefined) {
    throw new DeniedError(fault, {
      hint: `${anew}; if a time is wrong, set that machine's clock`,
    });
  }
  if (rights.usesOf(id, issuer) >= uses && !hasRedeemed(view, application)) {
    throw new DeniedError(
      uses === 1
        ? `Invite ${id.slice(0, 8)} was used already`
        : `Invite ${id.slice(0, 8)} was used ${uses} times already`,
      { hint: anew },
    );
  }
}

function hasRedeemed(
  { rights }: RedeemerView,
  { invite, joiner }: InviteApplication,
): boolean {
  const { id, issuer } = invite.terms;
  if (rights.candidateOf(joiner) === undefined) return false;
  return rights.redemptionsOf(joiner).some((one) =>
    one.invite === id && one.issuer === issuer
  );
}

function checkSubject({ invite, joiner }: InviteApplication): void {
  const { subject } = invite.terms;
  if (subject === undefined || subject === joiner) return;
  throw new DeniedError(
    `The invite is for node ${subject.slice(0, 8)}, not ${joiner.slice(0, 8)}`,
    { hint: `Ask for one: "pln invite ${joiner}"` },
  );
}

/** No invite brings back whom an admin has denied. */
function checkDenial(
  { rights }: RedeemerView,
  { joiner }: InviteApplication,
): void {
  const denial = rights.denialOf(joiner);
  if (denial === undefined) return;
  if (denial.because === "void-redemption") {
    throw new DeniedError(
      `Node ${joiner.slice(0, 8)} joined before with an invite that another ` +
        `node had used`,
      { hint: `Ask an admin: "pln grant ${joiner}"` },
    );
  }
  const by = denial.by === "root" ? "the root" : denial.by.slice(0, 8);
  throw new DeniedError(
    `Node ${joiner.slice(0, 8)} was denied by ${by} at ${isoTime(denial.atMs)}`,
    { hint: `Ask an admin: "pln allow ${joiner}"` },
  );
}

/**
 * No invite prolongs what ended: an older grant goes before it, or may.
 *
 * @throws {DeniedError} The access of this node has ended.
 */
export function checkAccess(
  { rights, wallMs }: RedeemerView,
  joiner: PeerId,
): void {
  const endMs = rights.grantOf(joiner)?.accessDeadlineMs;
  if (endMs === undefined || wallMs < endMs) return;
  throw new DeniedError(
    `The access of node ${joiner.slice(0, 8)} ended at ${isoTime(endMs)}`,
    { hint: `Ask an admin: "pln grant ${joiner} --expire-after 30d"` },
  );
}

/** What an applicant has proven, and for which nonce. */
export type Proven = {
  readonly application: Application;
  readonly nonce: Uint8Array;
  readonly proof: JoinProof;
};

/**
 * Checks everything, now with the proof.
 *
 * @returns What to publish before the applicant gets an answer; undefined when
 * that stands already, or when nothing new is said.
 * @throws As `checkApplication`; {InputError} The proof does not hold.
 */
export function decide(
  needs: Needs,
  view: RedeemerView,
  proven: Proven,
): RightsChange | undefined {
  const { application, nonce, proof } = proven;
  checkApplication(needs, view, { application });
  const { root, peer: redeemer } = view.identity;
  const claim = joinClaimOf(needs, application, { root, redeemer, nonce });
  if (!verifyJoinProof(needs, claim, { proof })) {
    throw new InputError("The joiner's signatures do not hold", {
      hint: "Join again; if that fails too, through another node",
    });
  }
  if (application.type === "renewal") return undefined;
  if (hasRedeemed(view, application)) return undefined;
  return redemption(view, { ...proven, application });
}

function redemption(
  { wallMs }: RedeemerView,
  { application, nonce, proof }: Proven & {
    readonly application: InviteApplication;
  },
): RightsChange {
  const { invite, joiner, candidate, name } = application;
  assert(proof.invite !== undefined, "the invite's key has signed");
  return {
    section: "redemptions",
    key: `${invite.terms.id}/${joiner}`,
    value: {
      invite: toBase64(invite.bytes),
      signature: toBase64(invite.signature),
      nonce: toBase64(nonce),
      joinerSignature: toBase64(proof.joiner),
      inviteSignature: toBase64(proof.invite),
      authorityKey: toBase64(candidate.authorityKey),
      authorityProof: toBase64(candidate.authorityProof),
      ...(name === undefined ? {} : { name }),
      atMs: wallMs,
    },
  };
}

/**
 * What the applicant's new certificate says; to be called after `decide`, and
 * after its change was published.
 *
 * @param options.seen What the applicant has shown on its newest link.
 * @throws {DeniedError} Nothing is left to certify.
 */
export function claimsFor(
  view: RedeemerView,
  options: {
    readonly application: Application;
    readonly seen?: MemberFacts | undefined;
  },
): MemberClaims {
  const { application, seen } = options;
  return application.type === "renewal"
    ? renewedClaims(view, application, { seen })
    : firstClaims(view, application, { seen });
}

type Gift = {
  readonly tier: Tier;
  readonly properties: Properties;
  readonly accessDeadlineMs?: number | undefined;
};

function claimsOf(
  { identity, wallMs }: RedeemerView,
  gift: Gift,
  counts: Pick<MemberClaims, "issue" | "memberSinceMs">,
): MemberClaims {
  const { accessDeadlineMs } = gift;
  if (accessDeadlineMs !== undefined && accessDeadlineMs <= wallMs) {
    throw new DeniedError(
      `The member's access ended at ${isoTime(accessDeadlineMs)}`,
      { hint: "An admin can grant it again" },
    );
  }
  return {
    type: "member",
    cluster: identity.root.cluster,
    // Tier admin follows from an own authority, never from a claim.
    tier: gift.tier === "admin" ? "publisher" : gift.tier,
    properties: gift.properties,
    accessDeadlineMs,
    ...counts,
  };
}

/** A grant for a node may be older than its membership, and then counts. */
function firstClaims(
  view: RedeemerView,
  application: InviteApplication,
  { seen }: { readonly seen: MemberFacts | undefined },
): MemberClaims {
  checkDenial(view, application); // another admin may have been first
  const { invite, joiner } = application;
  const { wallMs, rights } = view;
  const { tier, properties, accessMs } = invite.terms;
  const promised: Gift = {
    tier,
    properties,
    accessDeadlineMs: accessMs === undefined ? undefined : wallMs + accessMs,
  };
  const gift = rights.grantOf(joiner) ?? promised;
  const issue = nextIssue(seen); // it may have been a member before
  return claimsOf(view, gift, { issue, memberSinceMs: wallMs });
}

const issueMax = 2 ** 48 - 1;

/** Above all certificates of the member that are known here. */
function nextIssue(...known: readonly (MemberFacts | undefined)[]): number {
  const issue = Math.max(0, ...known.map((facts) => facts?.issue ?? 0));
  if (issue < issueMax) return issue + 1;
  throw new DeniedError("No certificate can follow the member's last one", {
    hint: 'Join again with a new identity: "pln purge", then "pln join"',
  });
}

/** As the newest grant says, else as the old certificate does. */
function renewedClaims(
  view: RedeemerView,
  { facts }: RenewalApplication,
  { seen }: { readonly seen: MemberFacts | undefined },
): MemberClaims {
  const { memberSinceMs } = facts;
  const issue = nextIssue(facts, seen);
  const gift = view.rights.standing(facts, view.wallMs);
  return claimsOf(view, gift, { issue, memberSinceMs });
}
