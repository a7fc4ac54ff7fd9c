// Invites: made, listed and revoked. A wish goes in; the invite stands in this
// admin's document before its token exists, so that it can be revoked from the
// first moment. Entries that no redeemer could use any more are dropped with the
// next one. A token is returned once and kept nowhere.

import {
  AmbiguousError,
  DeniedError,
  InputError,
  LimitError,
  limits,
  NotFoundError,
  type PeerId,
} from "../kernel/mod.ts";
import {
  clockToleranceMs,
  type InviteEntry,
  type InviteTerms,
  makeInvite,
  type Properties,
  type Rights,
  type Tier,
} from "../identity/mod.ts";
import type { AdminDesk } from "./admin_desk.ts";
import type { JoinCandidate, RightsChange } from "./needs.ts";
import { checkAccess } from "./redeem.ts";
import type { RedeemerView } from "./redeemer.ts";

/** What an invite shall give; the least when absent. */
export type InviteOptions = {
  /** The only node it is for. */
  readonly subject?: PeerId | undefined;
  /** Default 5 minutes. */
  readonly ttlMs?: number | undefined;
  /** Default "leaf"; "admin" needs a subject. */
  readonly tier?: Tier | undefined;
  readonly properties?: Properties | undefined;
  /** How long the membership may last, from joining on. */
  readonly accessMs?: number | undefined;
  /** Default 1. */
  readonly uses?: number | undefined;
  /** Where a joiner finds the cluster; this node first. */
  readonly bootstraps: readonly JoinCandidate[];
};

/** One invite that this node knows. */
export type InviteStatus = {
  readonly id: string;
  readonly state: "open" | "used" | "expired" | "revoked";
  readonly tier: Tier;
  readonly subject?: PeerId | undefined;
  /** The admin in whose document it stands. */
  readonly by: PeerId;
  readonly atMs: number;
  readonly expiresMs: number;
  readonly uses: number;
  readonly used: number;
};

/** The token is a secret: who has it can join. */
export type InviteMade = InviteStatus & { readonly token: string };

/** Publishes an invite, then returns its token. @throws As `Admins.invite`. */
export async function makeOneInvite(
  desk: AdminDesk,
  options: InviteOptions,
): Promise<InviteMade> {
  return await desk.decide("make invites", async (view) => {
    const { identity, wallMs } = view;
    checkWish(view, options);
    checkOpen(view);
    const { subject, tier = "leaf", uses = 1 } = options;
    const { token, invite } = makeInvite(desk.needs, {
      issuer: identity.key,
      cluster: identity.cluster,
      context: {
        root: identity.root.certificate,
        issuer: identity.credential,
        bootstraps: options.bootstraps,
      },
      wish: {
        tier,
        properties: options.properties ?? new Map(),
        ttlMs: options.ttlMs ?? limits.inviteTtlMsDefault,
        uses,
        ...(subject === undefined ? {} : { subject }),
        ...(options.accessMs === undefined
          ? {}
          : { accessMs: options.accessMs }),
      },
    });
    await desk.state.publish([...prunes(view), opened(invite.terms)]);
    return { ...statusOfTerms(invite.terms, wallMs), token };
  });
}

function checkWish(view: RedeemerView, options: InviteOptions): void {
  const { subject, tier, bootstraps } = options;
  if (tier === "admin" && subject === undefined) {
    throw new InputError("An invite for an admin names its node", {
      hint: 'On that node: "pln id"; then "pln invite <id> --admin"',
    });
  }
  if (bootstraps.every(({ addresses }) => addresses.length === 0)) {
    throw new InputError("This node knows no address to join through", {
      hint: "Start it with --listen on an address that others reach",
    });
  }
  if (subject === undefined) return;
  checkAccess(view, subject);
  if (view.rights.denialOf(subject)?.because !== "denied") return;
  throw new DeniedError(`Node ${subject.slice(0, 8)} was denied`, {
    hint: `First "pln allow ${subject}"`,
  });
}

function checkOpen({ identity, rights, wallMs }: RedeemerView): void {
  const open = rights.invites.filter((entry) =>
    entry.by === identity.peer && stateOf(rights, entry, { wallMs }) === "open"
  );
  if (open.length < limits.invitesOpenMax) return;
  throw new LimitError(
    `This admin has ${open.length} open invites, and no more are allowed`,
    { hint: 'Revoke some: "pln invite ls", then "pln invite revoke <id>"' },
  );
}

function opened(terms: InviteTerms): RightsChange {
  const { id, tier, subject, expiresMs, uses, issuedMs } = terms;
  return {
    section: "invites",
    key: id,
    value: {
      state: "open",
      tier,
      ...(subject === undefined ? {} : { subject }),
      expiresMs,
      uses,
      atMs: issuedMs,
    },
  };
}

function statusOfTerms(terms: InviteTerms, wallMs: number): InviteStatus {
  const { id, tier, subject, issuer, expiresMs, uses } = terms;
  return {
    ...{ id, state: "open", tier, subject, by: issuer },
    ...{ atMs: wallMs, expiresMs, uses, used: 0 },
  };
}

/** Redeemers' clocks may be behind, and they allow for their issuer's. */
const keptMs = 2 * clockToleranceMs;

function prunes({ identity, rights, wallMs }: RedeemerView): RightsChange[] {
  const own = rights.invites.filter(({ by }) => by === identity.peer);
  const isCrowded = own.length > limits.invitesOpenMax;
  return own
    .filter(({ expiresMs, state }) => {
      // An open entry decides nothing; a revoked one as long as others redeem.
      const graceMs = isCrowded && state === "open" ? 0 : keptMs;
      return expiresMs + graceMs < wallMs;
    })
    .map(({ invite: key }) => ({ section: "invites", key, value: undefined }));
}

function stateOf(
  rights: Rights,
  entry: InviteEntry,
  { wallMs }: { readonly wallMs: number },
): InviteStatus["state"] {
  const { invite, by, uses, expiresMs } = entry;
  if (rights.isRevoked(invite)) return "revoked";
  if (rights.usesOf(invite, by) >= uses) return "used";
  return wallMs >= expiresMs ? "expired" : "open";
}

/** All invites known here, the newest first. */
export function listInvites(
  { rights, wallMs }: Pick<RedeemerView, "rights" | "wallMs">,
): readonly InviteStatus[] {
  const entries = new Map<string, InviteEntry>();
  for (const entry of rights.invites) {
    const known = entries.get(entry.invite);
    // Of one that another admin revoked, the issuer's entry was there first.
    if (known === undefined || entry.atMs < known.atMs) {
      entries.set(entry.invite, entry);
    }
  }
  return [...entries.values()]
    .map((entry): InviteStatus => ({
      id: entry.invite,
      state: stateOf(rights, entry, { wallMs }),
      tier: entry.tier,
      subject: entry.subject,
      by: entry.by,
      atMs: entry.atMs,
      expiresMs: entry.expiresMs,
      uses: entry.uses,
      used: rights.usesOf(entry.invite, entry.by),
    }))
    .toSorted((left, right) => right.atMs - left.atMs);
}

const prefixDigitsMin = 4;

/** Revokes one invite, whoever made it. @throws As `Admins.revokeInvite`. */
export async function revokeOneInvite(
  desk: AdminDesk,
  prefix: string,
): Promise<InviteStatus> {
  return await desk.decide("revoke invites", async (view) => {
    const invite = findInvite(listInvites(view), prefix);
    // Also one that is used or expired here: another admin may have heard of
    // no use, and allows for its issuer's clock.
    const isOver = invite.expiresMs + keptMs < view.wallMs;
    if (invite.state === "revoked" || isOver) return invite;
    const { id, tier, subject, expiresMs, uses } = invite;
    await desk.state.publish([{
      section: "invites",
      key: id,
      value: {
        state: "revoked",
        tier,
        ...(subject === undefined ? {} : { subject }),
        expiresMs,
        uses,
        atMs: view.wallMs,
      },
    }]);
    return { ...invite, state: "revoked" };
  });
}

function findInvite(
  invites: readonly InviteStatus[],
  prefix: string,
): InviteStatus {
  if (prefix.length < prefixDigitsMin || !/^[0-9a-f]{1,32}$/.test(prefix)) {
    throw new InputError("An invite is named by 4 or more digits of its id", {
      hint: '"pln invite ls" shows them',
    });
  }
  const [found, ...more] = invites.filter(({ id }) => id.startsWith(prefix));
  if (found === undefined) {
    throw new NotFoundError(`There is no invite ${prefix}`, {
      hint: '"pln invite ls" shows those that are known here',
    });
  }
  if (more.length === 0) return found;
  const ids = [found, ...more].slice(0, 5).map(({ id }) => id.slice(0, 12));
  throw new AmbiguousError(
    `${more.length + 1} invites begin with ${prefix}: ${ids.join(", ")}`,
    { hint: "Give more digits" },
  );
}
