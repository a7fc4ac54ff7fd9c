// The values of the sections that decide rights, as JSON. In come values that
// this node writes (strict: every member known) or that an admin's document
// holds (lenient: members of a newer version are left out). Out go typed ones,
// or why not. Signatures are rights_reading.ts's matter.

import {
  fromBase64,
  InputError,
  isName,
  type JsonValue,
  LimitError,
  limits,
  parsePeerId,
  type Shape,
  shape,
} from "../kernel/mod.ts";
import { checkProperties, isPrintable, type Properties } from "./extension.ts";
import type { RightsSection } from "./rights.ts";

const wholeNumber = shape.pipe(
  shape.number(),
  shape.integer("It is no whole number"),
  shape.minValue(0),
  shape.maxValue(limits.stateIntegerMax, "It is not below 2^48"),
);

/** Of an entry: 0 is the redemption's. */
const entryNumber = shape.pipe(wholeNumber, shape.minValue(1));

const peer = shape.pipe(
  shape.string(),
  shape.regex(/^[0-9a-f]{64}$/, "A peer id has 64 lower-case hex digits"),
);

const reason = shape.pipe(
  shape.string(),
  shape.check(isPrintable, "It holds characters that nobody can see"),
  shape.maxLength(limits.rootReasonCharactersMax),
);

function base64(bytesMin: number, bytesMax = bytesMin) {
  const fits = (text: string) => {
    const length = fromBase64(text)?.length ?? -1;
    return length >= bytesMin && length <= bytesMax;
  };
  const form = bytesMin === bytesMax ? `${bytesMin}` : `up to ${bytesMax}`;
  return shape.pipe(
    shape.string(),
    shape.check(fits, `It is not base64 of ${form} bytes`),
  );
}

/** Properties as JSON has them. */
export type PropertiesJson = Readonly<Record<string, string>>;

/** The map behind JSON properties. @throws As `checkProperties`. */
export function propertiesOf(json: PropertiesJson): Properties {
  const properties = new Map(Object.entries(json));
  checkProperties(properties);
  return properties;
}

function isProperties(value: unknown): value is PropertiesJson {
  if (typeof value !== "object" || !value || Array.isArray(value)) return false;
  const members: unknown[] = Object.values(value);
  if (!members.every((member) => typeof member === "string")) return false;
  try {
    propertiesOf(value as PropertiesJson);
    return true;
  } catch (cause) {
    if (cause instanceof InputError || cause instanceof LimitError) {
      return false;
    }
    throw cause;
  }
}

const statementMembers = {
  root: shape.pipe(
    shape.string(),
    shape.maxLength(limits.rootStatementCharactersMax),
  ),
};

const grantMembers = {
  number: entryNumber,
  tier: shape.picklist(
    ["leaf", "publisher"],
    "It is leaf or publisher: only the root makes an admin",
  ),
  properties: shape.custom<PropertiesJson>(isProperties, "They do not fit"),
  accessDeadlineMs: shape.optional(wholeNumber),
  atMs: wholeNumber,
};

const denyMembers = {
  number: entryNumber,
  verdict: shape.picklist(["deny", "allow"]),
  reason: shape.optional(reason),
  atMs: wholeNumber,
};

const inviteBytesMax = limits.propertyBytesMax + 1024;

const redemptionMembers = {
  invite: base64(1, inviteBytesMax),
  signature: base64(64),
  nonce: base64(32),
  joinerSignature: base64(64),
  inviteSignature: base64(64),
  authorityKey: base64(32),
  authorityProof: base64(64),
  name: shape.optional(
    shape.pipe(shape.string(), shape.check(isName, "It is no node name")),
  ),
  atMs: wholeNumber,
};

const nameMembers = { number: entryNumber, owner: peer, atMs: wholeNumber };

const forgetMembers = {
  number: entryNumber,
  generation: wholeNumber,
  seq: wholeNumber,
  atMs: wholeNumber,
};

const inviteMembers = {
  state: shape.picklist(["open", "revoked"]),
  tier: shape.picklist(["leaf", "publisher", "admin"]),
  subject: shape.optional(peer),
  expiresMs: wholeNumber,
  uses: shape.pipe(
    wholeNumber,
    shape.minValue(1),
    shape.maxValue(limits.inviteUsesMax),
  ),
  atMs: wholeNumber,
};

/** What readers take; a `root` member makes an entry a root statement. */
export const rightsReaders = {
  statement: shape.object(statementMembers),
  grants: shape.object(grantMembers),
  denies: shape.object(denyMembers),
  redemptions: shape.object(redemptionMembers),
  invites: shape.object(inviteMembers),
  names: shape.object(nameMembers),
  forgets: shape.object(forgetMembers),
} as const;

const redemptionKey = /^([0-9a-f]{32})\/([0-9a-f]{64})$/;
const inviteKey = /^[0-9a-f]{32}$/;
const bindingKey = /^([a-z][a-z0-9-]{0,31})\/([^/]+)$/;

/** The parts of a redemption's key; undefined when it is none. */
export function redemptionKeyParts(
  key: string,
): { readonly invite: string; readonly joiner: string } | undefined {
  const [, invite, joiner] = redemptionKey.exec(key) ?? [];
  if (invite === undefined || joiner === undefined) return undefined;
  return { invite, joiner };
}

/** The key of a binding: what the state calls a name of a section. */
export function nameKey(section: string, name: string): string {
  return `${section}/${name}`;
}

/** The parts of a binding's key; undefined when it is none. */
export function nameKeyParts(
  key: string,
): { readonly section: string; readonly name: string } | undefined {
  const [, section, name] = bindingKey.exec(key) ?? [];
  if (section === undefined || name === undefined) return undefined;
  return isName(name) ? { section, name } : undefined;
}

/** Whether `key` is an invite's id. */
export function isInviteId(key: string): boolean {
  return inviteKey.test(key);
}

function isStatement(value: JsonValue): boolean {
  return typeof value === "object" && Object.hasOwn(Object(value), "root");
}

/**
 * The strict shape of what a node may write into its own document.
 *
 * @throws {InputError} The section has no such key.
 */
export function rightsEntryShape(
  section: RightsSection,
  key: string,
  { value }: { readonly value: JsonValue },
): Shape<JsonValue> {
  switch (section) {
    case "grants":
    case "denies": {
      parsePeerId(key);
      if (isStatement(value)) return shape.strictObject(statementMembers);
      return section === "grants"
        ? shape.strictObject(grantMembers)
        : shape.strictObject(denyMembers);
    }
    case "redemptions":
      if (redemptionKeyParts(key) === undefined) {
        throw new InputError("A redemption's key names invite and joiner");
      }
      return shape.strictObject(redemptionMembers);
    case "invites":
      if (!isInviteId(key)) {
        throw new InputError("An invite's id has 32 lower-case hex digits");
      }
      return shape.strictObject(inviteMembers);
    case "names":
      if (nameKeyParts(key) === undefined) {
        throw new InputError("A binding's key is a section and a name");
      }
      return shape.strictObject(nameMembers);
    case "forgets":
      parsePeerId(key);
      return shape.strictObject(forgetMembers);
  }
}
