// What the root has signed, put where every node reads it. A line of text goes
// in, is verified, and stands in this admin's document when it comes out as
// done. With the denial of an admin goes what others shall not lose by it: the
// denials it made, and the members it admitted.

import { ConflictError, LimitError, type PeerId } from "../kernel/mod.ts";
import { type RootStatement, verifyRootStatement } from "../identity/mod.ts";
import type { AdminDesk, Decision } from "./admin_desk.ts";
import { grantEntry } from "./admin_grants.ts";
import type { RightsChange } from "./needs.ts";
import type { RedeemerView } from "./redeemer.ts";

type Section = "grants" | "denies";

function sectionOf({ kind }: RootStatement): Section {
  return kind === "grant" ? "grants" : "denies";
}

/** Publishes a statement. @throws As `Admins.applyStatement`. */
export async function applyOne(
  desk: AdminDesk,
  text: string,
  { dropDenies }: { readonly dropDenies: (denied: PeerId) => boolean },
): Promise<Decision> {
  const { root, peer } = desk.view().identity;
  const statement = verifyRootStatement(desk.needs, {
    root,
    text: text.trim(),
  });
  const { subject } = statement;
  const authority = statement.kind === "grant" && subject === peer
    ? statement.authority
    : undefined;
  return await desk.carry("apply what the root signed", async (view) => {
    const isNew = checkNewer(view, statement);
    if (!isNew) return done(statement, { isChanged: false });
    const entry = entryOf(statement);
    if (!endsAdmin(view, statement)) {
      await desk.state.publish([entry]);
      return done(statement, { isChanged: true });
    }
    try {
      const kept = keptGrants(view, statement);
      const gone = goneCount(view, statement);
      const copied = dropDenies(subject) ? [] : copiedDenies(view, subject);
      await desk.state.publish([...copied, ...kept, entry]);
      return done(statement, {
        isChanged: true,
        ...(kept.length === 0 ? {} : { kept: kept.length }),
        ...(gone === 0 ? {} : { gone }),
      });
    } catch (cause) {
      if (!(cause instanceof LimitError)) throw cause;
      // Nobody escapes by having decided more than another can take over.
      await desk.state.publish([entry]);
      throw lossOf(subject, cause);
    }
  }, { authority });
}

/** Whether all that another admin has decided becomes void with it. */
function endsAdmin(
  { rights, identity }: RedeemerView,
  statement: RootStatement,
): boolean {
  const { kind, subject } = statement;
  if (subject === identity.peer) return false; // nothing of its own counts then
  if (kind === "deny") return true;
  return kind === "grant" && statement.tier !== "admin" &&
    rights.admins.some(({ peer }) => peer === subject);
}

function lossOf(subject: PeerId, cause: LimitError): LimitError {
  return new LimitError(
    `What the root said of ${subject.slice(0, 8)} is published; what that ` +
      `admin had decided is lost with it: ${cause.message}`,
    { cause, hint: 'Decide anew: "pln grant", "pln deny"' },
  );
}

function entryOf(statement: RootStatement): RightsChange {
  return {
    section: sectionOf(statement),
    key: statement.subject,
    value: { root: statement.text },
  };
}

function done(
  statement: RootStatement,
  outcome: {
    readonly isChanged: boolean;
    readonly kept?: number;
    readonly gone?: number;
  },
): Decision {
  const { subject: peer } = statement;
  if (statement.kind !== "grant") return { type: "done", peer, ...outcome };
  const { tier, properties, accessDeadlineMs } = statement;
  return {
    ...{ type: "done", peer, tier, properties, accessDeadlineMs },
    ...outcome,
  };
}

/** False when it is known already. @throws {ConflictError} A later one is. */
function checkNewer({ rights }: RedeemerView, statement: RootStatement) {
  const section = sectionOf(statement);
  const known = rights.rootStatements.filter((one) =>
    one.section === section && one.subject === statement.subject
  );
  if (known.some(({ text }) => text === statement.text)) return false;
  const newest = Math.max(0, ...known.map(({ number }) => number));
  if (statement.number > newest) return true;
  throw new ConflictError(
    `The root has decided about ${statement.subject.slice(0, 8)} since: ` +
      `number ${newest} is known, and this is number ${statement.number}`,
    { hint: "Make a new request and have that signed" },
  );
}

/**
 * In force by the admin alone; with it they would end. Their numbers are not
 * taken over: above the last one there is, nobody could ever allow again.
 */
function copiedDenies(
  { rights }: RedeemerView,
  admin: PeerId,
): readonly RightsChange[] {
  return rights.denials
    .filter(({ by, because, subject }) =>
      by === admin && because === "denied" && subject !== admin
    )
    .map(({ subject, reason, atMs }) => ({
      section: "denies",
      key: subject,
      value: {
        number: rights.nextNumber("denies", subject, { without: admin }),
        verdict: "deny",
        ...(reason === undefined ? {} : { reason }),
        atMs,
      },
    }));
}

/** How many members a denied admin takes along. */
function goneCount(
  { rights, identity }: RedeemerView,
  statement: RootStatement,
): number {
  if (statement.kind !== "deny" || statement.mode === "keep") return 0;
  return rights.childrenOf(statement.subject)
    .filter(({ subject }) => subject !== identity.peer).length;
}

/** Whom the root only makes an admin no more loses none of its members. */
function keptGrants(
  view: RedeemerView,
  statement: RootStatement,
): readonly RightsChange[] {
  if (statement.kind === "deny" && statement.mode !== "keep") return [];
  const { identity, rights } = view;
  const { subject: admin } = statement;
  return rights.childrenOf(admin)
    .filter(({ subject }) => subject !== identity.peer)
    .map(({ subject, tier, properties, accessDeadlineMs }) =>
      grantEntry(view, {
        subject,
        wanted: { tier, properties, accessDeadlineMs },
      }, { without: admin })
    );
}
