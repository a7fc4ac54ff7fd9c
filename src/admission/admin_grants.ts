// Grants: what a member may do from now on. A change goes in and is merged with
// what is in force; an entry of this admin's document or a request for the root
// comes out. It must never write what would count for nothing: admins, and
// whoever the root has spoken about, are the root's.

import {
  type Bytes,
  ConflictError,
  equalBytes,
  InputError,
  LimitError,
  limits,
  NotFoundError,
  type PeerId,
} from "../kernel/mod.ts";
import {
  type AuthorityCandidate,
  checkProperties,
  encodeRootRequest,
  type Grant,
  type GrantedRights,
  hasRights,
  isLastAdmin,
  type Properties,
  type Rights,
  signAuthorityKey,
  type Tier,
} from "../identity/mod.ts";
import {
  type AdminDesk,
  type Decision,
  isRootMatter,
  presentGift,
} from "./admin_desk.ts";
import type { RightsChange } from "./needs.ts";
import type { RedeemerView } from "./redeemer.ts";

/** What shall change; what is absent stays. */
export type GrantChange = {
  readonly tier?: Tier | undefined;
  /** Merged by key; an empty value removes the property. */
  readonly properties?: Properties | undefined;
  /** From now on; 0 lifts an end that was set. */
  readonly accessMs?: number | undefined;
};

type Wish = { readonly subject: PeerId; readonly wanted: GrantedRights };

/** Grants, or asks the root to. @throws As `Admins.grant`. */
export async function grantOne(
  desk: AdminDesk,
  subject: PeerId,
  { change }: { readonly change: GrantChange },
): Promise<Decision> {
  const own = desk.view();
  if (subject === own.identity.peer && change.tier === "admin") {
    // Also when no admin is left who could ask: only the root decides.
    return rootGrant(desk, own, wishOf(desk, own, { subject, change }));
  }
  return await desk.carry("grant", async (view) => {
    checkDenial(view, subject);
    const wish = wishOf(desk, view, { subject, change });
    const { wanted } = wish;
    const isForRoot = wanted.tier === "admin" ||
      isRootMatter(view, "grants", { subject });
    if (isForRoot) return rootGrant(desk, view, wish);
    desk.refuseUnable(view, "grant");
    const { rights } = view;
    const isOut = rights.denialOf(subject) !== undefined; // a void join
    const isSame = !isOut && isInForce(rights.grantOf(subject), wanted);
    if (!isSame) await desk.state.publish([grantEntry(view, wish)]);
    return { type: "done", peer: subject, ...wanted, isChanged: !isSame };
  }, { authority: undefined });
}

function wishOf(
  desk: AdminDesk,
  view: RedeemerView,
  options: { readonly subject: PeerId; readonly change: GrantChange },
): Wish {
  const { subject, change } = options;
  const present = presentGift(view, desk.members, { subject });
  const tier = isAdmin(view, subject) ? "admin" : "leaf";
  const { wallMs } = view;
  const wanted = merged(present, change, { wallMs, tier });
  checkLastAdmin(view, subject, { change, wanted });
  return { subject, wanted };
}

/** Without an admin nobody could ever be granted anything again. */
function checkLastAdmin(
  view: RedeemerView,
  subject: PeerId,
  { change, wanted }: {
    readonly change: GrantChange;
    readonly wanted: GrantedRights;
  },
): void {
  const { rights, identity } = view;
  const isNow = isAdmin(view, subject);
  const { accessMs = 0, tier = "admin" } = change;
  const isLowered = isNow && tier !== "admin";
  const isEnded = accessMs > 0 && (isNow || wanted.tier === "admin");
  if (!isLowered && !isEnded || !isLastAdmin(rights, subject)) return;
  const who = subject === identity.peer
    ? "This node"
    : `Node ${subject.slice(0, 8)}`;
  const isAlone = !rights.admins.some(({ peer, isDenied, isDemoted }) =>
    peer !== subject && !isDenied && !isDemoted
  );
  throw new ConflictError(
    `${who} is the cluster's only admin` +
      (isAlone ? "" : " whose access has no end"),
    {
      hint: isAlone
        ? 'Make another admin first: "pln grant <peer> --admin"'
        : 'First lift the end of another admin: "pln grant <peer> --no-expire"',
    },
  );
}

/** A grant for somebody who is denied would change nothing. */
function checkDenial({ rights }: RedeemerView, subject: PeerId): void {
  if (rights.denialOf(subject)?.because !== "denied") return;
  throw new ConflictError(`Node ${subject.slice(0, 8)} is denied`, {
    hint: `First "pln allow ${subject}"`,
  });
}

function isInForce(grant: Grant | undefined, wanted: GrantedRights): boolean {
  if (grant === undefined) return false;
  const { tier, properties, accessDeadlineMs } = grant;
  return tier === wanted.tier &&
    hasRights({ tier, properties, accessDeadlineMs }, wanted);
}

/** By its certificate, as the first admin is whom nobody granted anything. */
function isAdmin({ rights }: RedeemerView, subject: PeerId): boolean {
  return rights.admins.some(({ peer, isDemoted }) =>
    peer === subject && !isDemoted
  );
}

/** @param options.tier Of somebody about whom nothing is known. */
function merged(
  present: GrantedRights | undefined,
  change: GrantChange,
  { wallMs, tier }: { readonly wallMs: number; readonly tier: Tier },
): GrantedRights {
  const properties = new Map(present?.properties);
  for (const [key, value] of change.properties ?? []) {
    if (value === "") properties.delete(key);
    else properties.set(key, value);
  }
  checkProperties(properties);
  return {
    tier: change.tier ?? present?.tier ?? tier,
    properties,
    accessDeadlineMs: deadline(present, change, { wallMs }),
  };
}

function deadline(
  present: GrantedRights | undefined,
  { accessMs }: GrantChange,
  { wallMs }: { readonly wallMs: number },
): number | undefined {
  if (accessMs === undefined) return present?.accessDeadlineMs;
  if (accessMs === 0) return undefined;
  if (!Number.isSafeInteger(accessMs) || accessMs < 0) {
    throw new InputError("The time of access is no positive duration", {
      hint: "Write it as 12h or 30d",
    });
  }
  if (accessMs > limits.inviteAccessMsMax) {
    throw new LimitError("The time of access is over 100 years", {
      hint: "Leave it out: access then has no end",
    });
  }
  return wallMs + accessMs;
}

/**
 * The entry that gives `wanted`, above all that is known.
 *
 * @param options.without An admin whose entries are about to be void.
 */
export function grantEntry(
  { rights, wallMs }: RedeemerView,
  { subject, wanted }: Wish,
  options: { readonly without?: PeerId } = {},
): RightsChange {
  const { tier, properties, accessDeadlineMs } = wanted;
  return {
    section: "grants",
    key: subject,
    value: {
      number: rights.nextNumber("grants", subject, options),
      tier: tier === "admin" ? "publisher" : tier,
      properties: Object.fromEntries(properties),
      ...(accessDeadlineMs === undefined ? {} : { accessDeadlineMs }),
      atMs: wallMs,
    },
  };
}

function rootGrant(
  desk: AdminDesk,
  view: RedeemerView,
  { subject, wanted }: Wish,
): Decision {
  const { identity, rights, wallMs } = view;
  const head = {
    cluster: identity.cluster,
    kind: "grant",
    subject,
    number: rights.nextNumber("grants", subject, { isRoot: true }),
    atMs: wallMs,
    properties: wanted.properties,
    accessDeadlineMs: wanted.accessDeadlineMs,
  } as const;
  const { tier } = wanted;
  const request = encodeRootRequest(
    tier === "admin"
      ? { ...head, tier, ...candidateFor(desk, view, { subject }) }
      : { ...head, tier },
  );
  return { type: "needs-root", peer: subject, request };
}

/** The newest one that the candidate has shown, and what it proves it with. */
function candidateFor(
  desk: AdminDesk,
  { identity, rights }: RedeemerView,
  { subject }: { readonly subject: PeerId },
): { readonly authority: Bytes; readonly authorityProof: Bytes } {
  const candidate = subject === identity.peer
    ? signAuthorityKey(desk.needs, identity)
    : desk.members.candidateOf(subject) ?? joinedCandidate(rights, subject);
  if (candidate === undefined) throw unproven(rights, subject);
  const { authorityKey: authority, authorityProof } = candidate;
  return { authority, authorityProof };
}

/** An admin may have got a key after it joined: then that one is certified. */
function joinedCandidate(
  rights: Rights,
  subject: PeerId,
): AuthorityCandidate | undefined {
  const joined = rights.candidateOf(subject);
  const certified = rights.admins.find(({ peer }) => peer === subject);
  const isNewest = joined === undefined || certified === undefined ||
    equalBytes(certified.authority.publicKey, joined.authorityKey);
  return isNewest ? joined : undefined;
}

function unproven(rights: Rights, subject: PeerId): NotFoundError {
  const who = `Node ${subject.slice(0, 8)}`;
  const isMember = rights.grantOf(subject) !== undefined ||
    rights.admins.some(({ peer }) => peer === subject);
  return new NotFoundError(
    `${who} has not proven here which authority key is its own`,
    {
      hint: isMember
        ? "Run this again while that node is connected, or on that node"
        : `First it joins: "pln invite ${subject} --admin"; or run this ` +
          "again while it is connected",
    },
  );
}
