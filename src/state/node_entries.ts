// What a node says about itself, in the `node` section of its own document: its
// record, and the certificates of its credential, each as one base64 text of
// DER. In come stored values, out go typed ones or why not. Whether a
// certificate may be believed is for identity to say.

import {
  fromBase64,
  isName,
  type JsonValue,
  limits,
  type Shape,
  shape,
  toBase64,
} from "../kernel/mod.ts";

/** The key of a node's record in its own `node` section. */
export const nodeRecordKey = "self";

/** The key of what a node says when it leaves for good. */
export const leftKey = "left";

/** The keys of a node's certificates in its own `node` section. */
export const certificateKeys = {
  member: "member",
  /** The authority that signed the member certificate. */
  authority: "authority",
  /** An admin's own: its document counts as an admin's with it. */
  ownAuthority: "own-authority",
} as const;

const wholeNumber = shape.pipe(
  shape.number(),
  shape.integer(),
  shape.minValue(0),
  shape.maxValue(limits.stateIntegerMax),
);

const nodeMembers = {
  name: shape.pipe(
    shape.string(),
    shape.check(isName, "It is no node name"),
  ),
  version: shape.pipe(
    shape.string(),
    shape.regex(/^[\x21-\x7e]{1,64}$/, "A version is 1 to 64 characters"),
  ),
  startedMs: wholeNumber,
};

/** What a node says about itself. `startedMs` is wall clock. */
export type NodeRecord = {
  readonly name: string;
  readonly version: string;
  readonly startedMs: number;
};

/** What a node that leaves says. `atMs` is its own wall clock. */
export type LeftRecord = { readonly atMs: number };

const leftMembers = { atMs: wholeNumber };

/** Lenient: unknown members are left out. */
export const leftReader: Shape<LeftRecord> = shape.object(leftMembers);

const certificateText = shape.pipe(
  shape.string(),
  shape.check(
    (text) => derOf(text) !== undefined,
    "It is no certificate in base64",
  ),
);

/** Lenient: unknown members are left out. */
export const nodeReader: Shape<NodeRecord> = shape.object(nodeMembers);

/** What a node may write under `key`; undefined when it is no key of it. */
export function nodeEntryShape(key: string): Shape<JsonValue> | undefined {
  if (key === nodeRecordKey) return shape.strictObject(nodeMembers);
  if (key === leftKey) return shape.strictObject(leftMembers);
  const keys: readonly string[] = Object.values(certificateKeys);
  return keys.includes(key) ? certificateText : undefined;
}

/** A certificate as the value of an entry. */
export function certificateValue(der: Uint8Array): string {
  return toBase64(der);
}

/** The DER of a certificate's entry; undefined when it is none. */
export function derOf(value: JsonValue): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  const der = fromBase64(value);
  if (der === undefined || der.length === 0) return undefined;
  return der.length <= limits.certificateBytesMax ? der : undefined;
}
