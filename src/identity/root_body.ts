// What a root statement and the request for one say, and its bytes: one row
// with a member for each part that any kind has. Typed values go in and come
// out; foreign ones are narrowed to exactly what their kind has. Nothing is
// verified here: see root_statement.ts.

import {
  type Bytes,
  bytesField,
  type Decoded,
  InputError,
  integerField,
  limits,
  message,
  optionalField,
  peerField,
  type PeerId,
  textField,
} from "../kernel/mod.ts";
import {
  choiceField,
  propertiesField,
  tierField,
  timeField,
} from "./artefact_fields.ts";
import { isPrintable, type Properties, type Tier } from "./extension.ts";

/** What becomes of members whom a denied admin certified. */
export type DenyMode = "keep" | "cascade";

/** What the root says about its subject; `Authority` differs on the way. */
export type RootVerdict<Authority> =
  | {
    readonly kind: "grant";
    readonly tier: Tier;
    readonly properties: Properties;
    /** Milliseconds since 1970 from which on access ends. */
    readonly accessDeadlineMs?: number | undefined;
    /** With tier admin, and then always. */
    readonly authority?: Authority | undefined;
  }
  | {
    readonly kind: "deny";
    readonly mode: DenyMode;
    readonly reason?: string | undefined;
  }
  | { readonly kind: "allow" };

const verdictFields = {
  kind: choiceField("grant", "deny", "allow"),
  tier: optionalField(tierField),
  properties: optionalField(propertiesField),
  accessDeadlineMs: optionalField(timeField),
  authority: optionalField(
    bytesField({ bytesMax: limits.certificateBytesMax }),
  ),
  mode: optionalField<DenyMode>(choiceField("keep", "cascade")),
  reason: optionalField(
    textField({ charactersMax: limits.rootReasonCharactersMax }),
  ),
} as const;

/** What both lines say beside the verdict. */
export type RootSubject = {
  readonly subject: PeerId;
  /** From 1, below 2^48: the higher one counts. */
  readonly number: number;
  /** Milliseconds since 1970, of the machine that wrote it. */
  readonly atMs: number;
};

const rootBody = message("root-body", 1, {
  subject: peerField,
  number: integerField(),
  atMs: timeField,
  ...verdictFields,
});

type Row = Decoded<typeof rootBody>;
type Body = RootSubject & RootVerdict<Bytes>;

/** @throws {InputError | LimitError} What no statement may say. */
export function encodeRootBody(body: Body): Bytes {
  const row: Row = {
    tier: undefined,
    properties: undefined,
    accessDeadlineMs: undefined,
    authority: undefined,
    mode: undefined,
    reason: undefined,
    ...body,
  };
  narrowed(row);
  return rootBody.encode(row);
}

/** @throws {InputError | LimitError} Malformed. */
export function parseRootBody(bytes: Uint8Array): Body {
  const bytesMax = limits.rootStatementCharactersMax;
  return narrowed(rootBody.decode(bytes, { bytesMax }));
}

function fault(why: string): InputError {
  return new InputError(`A root statement ${why}`);
}

function narrowed(row: Row): Body {
  const { subject, number, atMs } = row;
  if (number < 1) throw fault("has no number from 1");
  const head = { subject, number, atMs };
  switch (row.kind) {
    case "grant":
      return { ...head, ...grantOf(row) };
    case "deny":
      return { ...head, ...denyOf(row) };
    case "allow":
      refuseMembers(row, grantMembers);
      refuseMembers(row, denyMembers);
      return { ...head, kind: "allow" };
  }
}

const grantMembers = [
  "tier",
  "properties",
  "accessDeadlineMs",
  "authority",
] as const;
const denyMembers = ["mode", "reason"] as const;

function refuseMembers(row: Row, names: readonly (keyof Row)[]): void {
  for (const name of names) {
    if (row[name] !== undefined) throw fault(`of this kind has no "${name}"`);
  }
}

function grantOf(row: Row): RootVerdict<Bytes> {
  refuseMembers(row, denyMembers);
  const { tier, properties, accessDeadlineMs, authority } = row;
  if (tier === undefined || properties === undefined) {
    throw fault("grants no tier or no properties");
  }
  if ((tier === "admin") !== (authority !== undefined)) {
    throw fault("has an authority exactly when it makes an admin");
  }
  return { kind: "grant", tier, properties, accessDeadlineMs, authority };
}

function denyOf(row: Row): RootVerdict<Bytes> {
  refuseMembers(row, grantMembers);
  const { mode, reason } = row;
  if (mode === undefined) throw fault("denies and does not say how");
  if (reason !== undefined && !isPrintable(reason)) {
    throw fault("has a reason with characters that nobody can see");
  }
  return { kind: "deny", mode, reason };
}
