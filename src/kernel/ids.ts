// Identifiers of peers, content and clusters: branded strings, so that a digest
// is never passed as a peer. Parsers refuse what is not exactly the canonical
// form; they never repair.

import { fromHex, toBase32, toHex } from "./bytes.ts";
import { InputError } from "./errors.ts";
import { assert } from "./assert.ts";

/** Told apart by the compiler only: the member is not there at run time. */
export type Branded<Name extends string> = string & {
  readonly "~brand": Name;
};

/** An Ed25519 public key: 64 lower-case hex digits. */
export type PeerId = Branded<"PeerId">;
/** The sha256 of content: 64 lower-case hex digits. */
export type Digest = Branded<"Digest">;
/** The sha256 of the cluster root's public key: 64 lower-case hex digits. */
export type ClusterId = Branded<"ClusterId">;

const hex64 = /^[0-9a-f]{64}$/;

function fromKey(bytes: Uint8Array): string {
  assert(bytes.length === 32, "an id has 32 bytes");
  return toHex(bytes);
}

/** Asserts 32 bytes; whether they are a usable key is not checked. */
export function peerIdOf(publicKey: Uint8Array): PeerId {
  return fromKey(publicKey) as PeerId;
}

/** Asserts 32 bytes: the hash, not the content. */
export function digestOf(sha256: Uint8Array): Digest {
  return fromKey(sha256) as Digest;
}

/** Asserts 32 bytes: the hash of the root's public key, not the key. */
export function clusterIdOf(sha256: Uint8Array): ClusterId {
  return fromKey(sha256) as ClusterId;
}

/** Exactly 64 digits; upper case is refused, not repaired. */
export function isDigest(text: string): text is Digest {
  return hex64.test(text);
}

/** Exactly 64 digits; upper case is refused, not repaired. */
export function isPeerId(text: string): text is PeerId {
  return hex64.test(text);
}

/**
 * The whole id only: prefixes are for people, and resolved before.
 *
 * @throws {InputError} Not 64 lower-case hex digits.
 */
export function parsePeerId(text: string): PeerId {
  if (!isPeerId(text)) {
    throw new InputError("A peer id has 64 lower-case hex digits");
  }
  return text;
}

/**
 * The whole digest only, in lower case.
 *
 * @throws {InputError} Not 64 lower-case hex digits.
 */
export function parseDigest(text: string): Digest {
  if (!isDigest(text)) {
    throw new InputError("A digest has 64 lower-case hex digits");
  }
  return text;
}

/** The 32 bytes behind an id. */
export function idBytes(
  id: PeerId | Digest | ClusterId,
): Uint8Array<ArrayBuffer> {
  const bytes = fromHex(id);
  assert(bytes !== undefined, "an id is hex");
  return bytes;
}

/** The name a peer's TLS and member certificates carry (DESIGN.md 4). */
export function peerDnsName(peer: PeerId): string {
  return `${toBase32(idBytes(peer))}.pln.internal`;
}
