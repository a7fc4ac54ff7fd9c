// Entries of admins' documents, read: JSON of a section goes in, a typed entry
// comes out, or a PlnError that says why it counts for nothing. Statements of
// the root are verified here; redemptions are rights_redemption.ts's matter.
// Whether an entry that is read has any effect is decided in
// rights_projection.ts; nothing here looks at more than one entry.

import {
  type JsonValue,
  parsePeerId,
  type PeerId,
  PlnError,
  type Shape,
  shape,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type {
  Forget,
  Grant,
  InviteEntry,
  NameBinding,
  RightsWriter,
} from "./rights.ts";
import type { Competitor } from "./rights_order.ts";
import {
  isInviteId,
  nameKeyParts,
  propertiesOf,
  rightsReaders,
} from "./rights_shapes.ts";
import { type RootStatement, verifyRootStatement } from "./root_statement.ts";
import type { ClusterRoot } from "./verify.ts";

/** A grant as it competes with others for its subject. */
export type GrantRight = Grant & Competitor;

/** A deny or an allow as it competes with others for its subject. */
export type DenyRight = Competitor & {
  readonly subject: PeerId;
  readonly by: RightsWriter;
  readonly verdict: "deny" | "allow";
  readonly atMs: number;
  readonly reason?: string;
};

/** What reading takes. */
export type ReadingNeeds = Pick<Ports, "signer"> & {
  readonly root: ClusterRoot;
  /** Every admin keeps a copy of each: those that were verified, by text. */
  readonly statements: Map<string, RootStatement>;
};

/** Where an entry stands. */
export type Place = { readonly owner: PeerId; readonly key: string };
/** Reads one entry. @throws {PlnError} Why it counts for nothing. */
export type Read<T> = (place: Place, value: JsonValue) => T;

/** Why an entry counts for nothing; only ever caught by its section. */
export class EntryFault extends PlnError {
  readonly code = "PLN_ENTRY";
  readonly kind = "peer";
}

/** @throws {EntryFault} It has not this shape. */
export function fitting<T>(of: Shape<T>, value: JsonValue): T {
  const result = shape.checkShape(of, value);
  if ("value" in result) return result.value;
  const [fault] = result.faults;
  const where = fault === undefined || fault.path === ""
    ? ""
    : `${fault.path}: `;
  throw new EntryFault(`${where}${fault?.message ?? "it does not fit"}`);
}

function statementOf(
  needs: ReadingNeeds,
  key: string,
  value: JsonValue,
): RootStatement | undefined {
  const result = shape.checkShape(rightsReaders.statement, value);
  if (!("value" in result)) return undefined;
  const { root, statements } = needs;
  const text = result.value.root;
  const statement = statements.get(text) ??
    verifyRootStatement(needs, { root, text });
  statements.set(text, statement); // as many as the root has signed
  if (statement.subject === key) return statement;
  throw new EntryFault("its statement is about somebody else");
}

/** Members that are there. */
export function defined<T extends Record<string, unknown>>(members: T) {
  const entries = Object.entries(members);
  return Object.fromEntries(
    entries.filter(([, value]) => value !== undefined),
  ) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}

export function readGrant(needs: ReadingNeeds): Read<GrantRight> {
  return ({ owner, key }, value) => {
    const statement = statementOf(needs, key, value);
    if (statement === undefined) {
      const said = fitting(rightsReaders.grants, value);
      const { tier, number, atMs, accessDeadlineMs } = said;
      const subject = parsePeerId(key);
      const properties = propertiesOf(said.properties);
      return {
        ...{ subject, tier, properties, number, by: owner, atMs, text: "" },
        ...defined({ accessDeadlineMs }),
      };
    }
    if (statement.kind !== "grant") {
      throw new EntryFault("its statement grants nothing");
    }
    const { subject, tier, properties, number, atMs, text } = statement;
    const { accessDeadlineMs, authority } = statement;
    return {
      ...{ subject, tier, properties, number, by: "root", atMs, text },
      ...defined({ accessDeadlineMs, authority }),
    };
  };
}

export function readDeny(needs: ReadingNeeds): Read<DenyRight> {
  return ({ owner, key }, value) => {
    const statement = statementOf(needs, key, value);
    if (statement === undefined) {
      const said = fitting(rightsReaders.denies, value);
      const { number, verdict, atMs, reason } = said;
      const subject = parsePeerId(key);
      return {
        ...{ subject, number, verdict, by: owner, atMs, text: "" },
        ...defined({ reason }),
      };
    }
    if (statement.kind === "grant") {
      throw new EntryFault("its statement denies and allows nothing");
    }
    const { kind: verdict, subject, number, atMs, text } = statement;
    const reason = statement.kind === "deny" ? statement.reason : undefined;
    return {
      ...{ subject, number, verdict, by: "root", atMs, text },
      ...defined({ reason }),
    };
  };
}

export function readInvite(
  { owner, key }: Place,
  value: JsonValue,
): InviteEntry {
  if (!isInviteId(key)) throw new EntryFault("its key is no invite's id");
  const { subject, ...said } = fitting(rightsReaders.invites, value);
  return {
    ...{ invite: key, by: owner, ...said },
    ...(subject === undefined ? {} : { subject: parsePeerId(subject) }),
  };
}

/** A binding as it competes with others for its name. */
export type NameRight = NameBinding & Competitor & { readonly by: PeerId };

/** A forget as it competes with others for its subject. */
export type ForgetRight = Forget & Competitor & { readonly by: PeerId };

export function readName(
  { owner: by, key }: Place,
  value: JsonValue,
): NameRight {
  const parts = nameKeyParts(key);
  if (parts === undefined) throw new EntryFault("its key binds no name");
  const said = fitting(rightsReaders.names, value);
  const owner = parsePeerId(said.owner);
  return { ...parts, ...said, owner, by, text: "" };
}

export function readForget(
  { owner: by, key }: Place,
  value: JsonValue,
): ForgetRight {
  const subject = parsePeerId(key);
  const said = fitting(rightsReaders.forgets, value);
  return { ...said, subject, by, text: "" };
}
