// The one certificate extension of Pollen: what a certificate says about its
// subject, as a deterministic CBOR map with a version number. Claims go in and
// come out typed; foreign bytes are refused unless every member is right. It
// must never accept a format it does not know whole: these are rights.

import {
  type Bytes,
  type CborValue,
  type ClusterId,
  clusterIdOf,
  decodeCbor,
  encodeCbor,
  idBytes,
  InputError,
  LimitError,
  limits,
  parsePropertyKey,
  type PeerId,
  peerIdOf,
  utf8,
} from "../kernel/mod.ts";

/**
 * 2.25.163698647245766683938684375904988776376, made once from the UUID
 * 7b273670-cbc7-4844-8521-263c44f947b8 (ITU-T X.667), as DER content octets.
 */
// deno-fmt-ignore
export const claimsObjectId: Bytes = Uint8Array.of(
  0x69, 0x81, 0xf6, 0xa7, 0x9b, 0x9c, 0x99, 0xbc, 0xba, 0xa1,
  0x89, 0x85, 0x90, 0xc9, 0xc7, 0xc4, 0xa7, 0xe5, 0x8f, 0x38,
);

const formatVersion = 1;
const issueBelow = 2 ** 48;
const timeMsMax = 8.64e15; // the largest time of ECMAScript
const claimsBytesMax = limits.propertyBytesMax + 1024;

/** What a member may do: consume; publish; admit others too. */
export type Tier = "leaf" | "publisher" | "admin";

/** Free strings that admins give; keys follow the rule for names. */
export type Properties = ReadonlyMap<string, string>;

/** What an authority says about a node. */
export type MemberClaims = {
  readonly type: "member";
  readonly cluster: ClusterId;
  readonly tier: Tier;
  readonly properties: Properties;
  /** Milliseconds since 1970 from which on access ends. */
  readonly accessDeadlineMs: number | undefined;
  /** When the node was first admitted, milliseconds since 1970. */
  readonly memberSinceMs: number;
  /** Counts the certificates of one member; below 2^48. */
  readonly issue: number;
};

/** What the root says about an admin's separate authority key. */
export type AuthorityClaims = {
  readonly type: "authority";
  readonly cluster: ClusterId;
  readonly admin: PeerId;
};

/** What the extension of one certificate says. */
export type Claims = MemberClaims | AuthorityClaims;

/**
 * Characters that nobody sees, but for the joiners that some scripts need. The
 * list is our own, since all nodes must agree: what Unicode calls invisible or
 * unassigned changes with its versions.
 */
const unseen = new RegExp(
  `[${
    [
      "\\0-\\x1f\\x7f-\\x9f\\xad", // controls, and the soft hyphen
      "\\u061c\\u200b\\u200e\\u200f\\u202a-\\u202e\\u2060-\\u206f", // directions
      "\\u2028\\u2029\\ufeff\\ufff0-\\ufffb", // separators, marks of encodings
      "\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u3164\\uffa0", // fillers
      "\\u{e0000}-\\u{e0fff}", // tags
    ].join("")
  }]`,
  "u",
);

/** Whether a text may be shown as it is: all of it can be seen. */
export function isPrintable(text: string): boolean {
  return text.isWellFormed() && !unseen.test(text);
}

/**
 * Refuses properties that no certificate may carry.
 *
 * @throws {InputError} A property key is no name, or a value holds characters
 * that nobody can see.
 * @throws {LimitError} More than 64 properties or 4096 bytes of them.
 */
export function checkProperties(properties: Properties): void {
  let bytes = 0;
  for (const [key, value] of properties) {
    parsePropertyKey(key);
    if (!isPrintable(value)) {
      throw new InputError(
        `The value of property "${key}" holds characters that nobody can see`,
        { hint: "Write it in printable characters" },
      );
    }
    bytes += utf8(key).length + utf8(value).length;
  }
  if (properties.size > limits.propertiesMax) {
    throw new LimitError(
      `${properties.size} properties are more than ${limits.propertiesMax}`,
    );
  }
  if (bytes > limits.propertyBytesMax) {
    throw new LimitError(
      `${bytes} bytes of properties are more than ${limits.propertyBytesMax}`,
    );
  }
}

/** The value of the extension. @throws As `checkProperties`. */
export function encodeClaims(claims: Claims): Bytes {
  const head = {
    version: formatVersion,
    role: claims.type,
    cluster: idBytes(claims.cluster),
  };
  if (claims.type === "authority") {
    return encodeCbor({ ...head, admin: idBytes(claims.admin) });
  }
  checkProperties(claims.properties);
  return encodeCbor({
    ...head,
    tier: claims.tier,
    properties: claims.properties,
    ...(claims.accessDeadlineMs === undefined
      ? {}
      : { accessDeadlineMs: claims.accessDeadlineMs }),
    memberSinceMs: claims.memberSinceMs,
    issue: claims.issue,
  });
}

function fault(why: string, hint?: string): InputError {
  return new InputError(`A certificate's Pollen extension ${why}`, { hint });
}

/** Takes the members of one CBOR map, each once and each of its type. */
class Members {
  readonly #members: Map<string, CborValue>;

  constructor(value: CborValue) {
    if (!(value instanceof Map)) throw fault("is no map");
    this.#members = new Map(value);
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  take(name: string): CborValue | undefined {
    const value = this.#members.get(name);
    this.#members.delete(name);
    return value;
  }

  id(name: string): Bytes {
    const value = this.take(name);
    if (!(value instanceof Uint8Array) || value.length !== 32) {
      throw fault(`has no "${name}" of 32 bytes`);
    }
    return new Uint8Array(value);
  }

  integer(name: string, below: number): number {
    const value = this.take(name);
    const isInteger = typeof value === "number" && Number.isSafeInteger(value);
    if (!isInteger || value < 0 || value >= below) {
      throw fault(`has no integer "${name}" from 0 to below ${below}`);
    }
    return value;
  }

  end(): void {
    const [name] = this.#members.keys();
    if (name === undefined) return;
    const shown = typeof name === "string" ? name.slice(0, 40) : typeof name;
    throw fault(`has an unknown member ${JSON.stringify(shown)}`);
  }
}

/**
 * Reads the value of the extension.
 *
 * @throws {InputError} Not the deterministic encoding of known claims, or of
 * another format version.
 * @throws {LimitError} More properties than the limits allow.
 */
export function parseClaims(bytes: Uint8Array): Claims {
  const members = new Members(
    decodeCbor(bytes, { bytesMax: claimsBytesMax }),
  );
  const version = members.integer("version", 2 ** 32);
  if (version !== formatVersion) {
    throw fault(
      `has format version ${version}; this program knows ${formatVersion}`,
      'Bring all nodes to the same version: compare "pln version"',
    );
  }
  const role = members.take("role");
  const cluster = clusterIdOf(members.id("cluster"));
  if (role === "authority") {
    const admin = peerIdOf(members.id("admin"));
    members.end();
    return { type: "authority", cluster, admin };
  }
  if (role !== "member") throw fault('has a "role" it can not have');
  const claims: MemberClaims = {
    type: "member",
    cluster,
    tier: parseTier(members.take("tier")),
    properties: parseProperties(members.take("properties")),
    accessDeadlineMs: members.has("accessDeadlineMs")
      ? members.integer("accessDeadlineMs", timeMsMax)
      : undefined,
    memberSinceMs: members.integer("memberSinceMs", timeMsMax),
    issue: members.integer("issue", issueBelow),
  };
  members.end();
  return claims;
}

function parseTier(value: CborValue | undefined): Tier {
  if (value === "leaf" || value === "publisher" || value === "admin") {
    return value;
  }
  throw fault('has a "tier" that is not leaf, publisher or admin');
}

function parseProperties(value: CborValue | undefined): Properties {
  if (!(value instanceof Map)) throw fault('has no "properties" map');
  const properties = new Map<string, string>();
  for (const [key, text] of value) {
    if (typeof key !== "string" || typeof text !== "string") {
      throw fault("has a property that is no text");
    }
    properties.set(key, text);
  }
  checkProperties(properties);
  return properties;
}
