// Ed25519 public keys as Node's key objects, kept for those who sign often:
// making one takes half as long as checking a signature. In come 32 bytes of a
// stranger, out goes a key, or nothing when they are none. It must never give a
// key under which one signature fits every message.

import { Buffer } from "node:buffer";
import { createPublicKey, type KeyObject } from "node:crypto";
import { limits, toHex } from "../kernel/mod.ts";

const publicKeyBytes = 32;
/** DER in front of the key: RFC 8410 section 4. */
export const spkiPrefix = Buffer.from("302a300506032b6570032100", "hex");

/** By the key in hex; the longest unused first. */
const kept = new Map<string, KeyObject>();

/** Undefined for what is no key, or one of a small order. */
export function publicKeyOf(bytes: Uint8Array): KeyObject | undefined {
  if (bytes.length !== publicKeyBytes) return undefined;
  const name = toHex(bytes);
  const known = kept.get(name);
  const key = known ?? parse(bytes);
  if (key === undefined) return undefined;
  kept.delete(name);
  kept.set(name, key);
  if (kept.size > limits.publicKeysKeptMax) {
    const [oldest] = kept.keys();
    if (oldest !== undefined) kept.delete(oldest);
  }
  return key;
}

function parse(bytes: Uint8Array): KeyObject | undefined {
  if (hasSmallOrder(bytes)) return undefined;
  try {
    return createPublicKey({
      key: Buffer.concat([spkiPrefix, bytes]),
      format: "der",
      type: "spki",
    });
  } catch (cause) {
    if (cause instanceof Error) return undefined;
    throw cause;
  }
}

// The y coordinates of the points whose order divides 8, canonical or not.
// Under such a key one signature fits every message, and the library accepts
// it. Source: libsodium, ge25519_has_small_order; the sign bit is ignored.
const smallOrder = new Set([
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
]);

function hasSmallOrder(publicKey: Uint8Array): boolean {
  const y = publicKey.slice();
  y[31] = (y[31] ?? 0) & 0x7f;
  return smallOrder.has(toHex(y));
}
