// What one verified member may do now: its credential and the cluster's rights
// go in, its standing comes out, or a DeniedError that says who decided what and
// what to do. This is asked at connections, calls, renewals and invites; never
// when state is accepted, since nodes would diverge over it.

import { DeniedError, type PeerId } from "../kernel/mod.ts";
import { isoTime } from "./clock_fault.ts";
import type { Denial, Grant, Rights, Standing } from "./rights.ts";
import type { MemberFacts } from "./verify.ts";

/** What the answer depends on. */
export type StandingSource = Pick<Rights, "admins" | "denialOf" | "grantOf"> & {
  readonly isVoid: (admin: PeerId) => boolean;
};

/**
 * Whether no admin but this one has access without an end. Such an admin's own
 * access has none either: nobody else could bring the grant that prolongs it.
 */
export function isLastAdmin(
  source: Pick<Rights, "admins" | "grantOf">,
  subject: PeerId,
): boolean {
  return !source.admins.some(({ peer, isDenied, isDemoted }) =>
    peer !== subject && !isDenied && !isDemoted &&
    source.grantOf(peer)?.accessDeadlineMs === undefined
  );
}

/** As many digits of an id as are typed to mean one node. */
const allowDigits = 12;

function shortly(peer: PeerId): string {
  return peer.slice(0, 8);
}

/** A denial as an error. */
function denialError(denial: Denial): DeniedError {
  const { subject, by, atMs, reason, because } = denial;
  const why = reason === undefined ? "" : `: ${reason}`;
  if (because === "void-redemption") {
    return new DeniedError(`The join of ${shortly(subject)} is void${why}`, {
      hint: "Ask an admin for a grant, or for another invite",
    });
  }
  const who = by === "root" ? "the root" : `admin ${shortly(by)}`;
  return new DeniedError(
    `${shortly(subject)} was denied by ${who} at ${isoTime(atMs)}${why}`,
    {
      hint: `An admin${by === "root" ? " with the root key" : ""} can allow ` +
        `it again: pln allow ${subject.slice(0, allowDigits)}`,
    },
  );
}

function denialFor(
  source: StandingSource,
  facts: MemberFacts,
): Denial | undefined {
  const denial = source.denialOf(facts.peer);
  // Its credential proves an authority that no document shows yet.
  const isOthers = facts.tier === "admin" && denial?.by !== "root";
  return isOthers ? undefined : denial;
}

/** Only the root decides about whoever proves an authority of its own. */
function grantFor(
  source: StandingSource,
  facts: MemberFacts,
): Grant | undefined {
  const grant = source.grantOf(facts.peer);
  return facts.tier === "admin" && grant?.by !== "root" ? undefined : grant;
}

/** What somebody is at any time; undefined for who may not be here at all. */
export function timelessStandingOf(
  source: StandingSource,
  facts: MemberFacts,
): Pick<Standing, "tier" | "properties"> | undefined {
  if (denialFor(source, facts) !== undefined) return undefined;
  const grant = grantFor(source, facts);
  if (grant === undefined && source.isVoid(facts.issuedBy)) return undefined;
  const { properties } = grant ?? facts;
  return { tier: tierOf(facts, grant), properties };
}

/**
 * The standing of who proved `facts`.
 *
 * @throws {DeniedError} As `Rights.standing`.
 */
export function standingOf(
  source: StandingSource,
  facts: MemberFacts,
  { wallMs }: { readonly wallMs: number },
): Standing {
  const denial = denialFor(source, facts);
  if (denial !== undefined) throw denialError(denial);
  const grant = grantFor(source, facts);
  if (grant === undefined && source.isVoid(facts.issuedBy)) {
    throw new DeniedError(
      `The certificate of ${shortly(facts.peer)} comes from ` +
        `${shortly(facts.issuedBy)}, who is no admin any more`,
      { hint: "Another admin can grant it anew: pln grant" },
    );
  }
  const tier = tierOf(facts, grant);
  const { properties, accessDeadlineMs: endMs } = grant ?? facts;
  const isKept = endMs !== undefined && tier === "admin" &&
    isLastAdmin(source, facts.peer);
  const accessDeadlineMs = isKept ? undefined : endMs;
  // Written this way, a time that is no number is refused too.
  const isOpen = accessDeadlineMs === undefined || wallMs < accessDeadlineMs;
  if (!isOpen) {
    throw new DeniedError(
      `The access of ${shortly(facts.peer)} ended at ` +
        isoTime(accessDeadlineMs),
      { hint: "An admin can grant it again: pln grant" },
    );
  }
  return {
    tier,
    properties,
    ...(accessDeadlineMs === undefined ? {} : { accessDeadlineMs }),
    source: grant === undefined ? "certificate" : "grant",
  };
}

/** A granted admin is one only with its own authority in its credential. */
function tierOf(facts: MemberFacts, grant: Grant | undefined) {
  if (grant === undefined) return facts.tier;
  if (grant.tier === "admin" && facts.tier !== "admin") return "publisher";
  return grant.tier;
}
