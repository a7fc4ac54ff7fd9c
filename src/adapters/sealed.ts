// Secrets under a passphrase: scrypt (RFC 7914), then AES-256-GCM. The result
// is magic[8] log2N[1] r[1] p[1] salt[16] nonce[12] ciphertext tag[16]; all in
// front of the ciphertext is authenticated. Parameters come from a file that
// may be hostile: they are bounded before memory is taken.

import { createCipheriv, createDecipheriv, scrypt } from "node:crypto";
import {
  assert,
  type Bytes,
  concatBytes,
  equalBytes,
  utf8,
} from "../kernel/mod.ts";

const magic = utf8("PLNSEAL1");
const saltBytes = 16;
const nonceBytes = 12;
const tagBytes = 16;
const headerBytes = magic.length + 3 + saltBytes + nonceBytes;

type Cost = { readonly log2N: number; readonly r: number; readonly p: number };

// OWASP password storage cheat sheet (2023): N=2^17, r=8, p=1.
const defaultCost: Cost = { log2N: 17, r: 8, p: 1 };
const log2NMax = 20;
const rMax = 8;
const pMax = 4;

/** @param options.random 28 random bytes, never used twice: salt, nonce. */
export async function seal(
  secret: Uint8Array,
  passphrase: Uint8Array,
  options: { readonly random: Uint8Array },
): Promise<Bytes> {
  const { random } = options;
  assert(
    random.length === saltBytes + nonceBytes,
    "sealing takes 28 random bytes",
  );
  const { log2N, r, p } = defaultCost;
  const header = concatBytes(magic, Uint8Array.of(log2N, r, p), random);
  const key = await stretch(passphrase, {
    ...defaultCost,
    salt: random.subarray(0, saltBytes),
  });
  const nonce = random.subarray(saltBytes);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(header);
  const ciphertext = concatBytes(cipher.update(secret), cipher.final());
  return concatBytes(header, ciphertext, cipher.getAuthTag());
}

/** Undefined: not sealed here, changed since, or another passphrase. */
export async function unseal(
  sealed: Uint8Array,
  passphrase: Uint8Array,
): Promise<Bytes | undefined> {
  if (sealed.length < headerBytes + tagBytes) return undefined;
  const header = sealed.subarray(0, headerBytes);
  if (!equalBytes(header.subarray(0, magic.length), magic)) return undefined;
  const cost = readCost(header.subarray(magic.length, magic.length + 3));
  if (cost === undefined) return undefined;
  const random = header.subarray(magic.length + 3);
  const key = await stretch(passphrase, {
    ...cost,
    salt: random.subarray(0, saltBytes),
  });
  const nonce = random.subarray(saltBytes);
  const decipher = createDecipheriv("aes-256-gcm", key, nonce);
  decipher.setAAD(header);
  decipher.setAuthTag(sealed.subarray(sealed.length - tagBytes));
  const ciphertext = sealed.subarray(headerBytes, sealed.length - tagBytes);
  const secret = decipher.update(ciphertext);
  try {
    return concatBytes(secret, decipher.final());
  } catch (cause) {
    // The tag does not fit; the library has no class of its own for it.
    if (cause instanceof Error) return undefined;
    throw cause;
  }
}

function readCost(bytes: Uint8Array): Cost | undefined {
  const [log2N = 0, r = 0, p = 0] = bytes;
  const isSane = log2N >= 1 && log2N <= log2NMax && r >= 1 && r <= rMax &&
    p >= 1 && p <= pMax;
  return isSane ? { log2N, r, p } : undefined;
}

function stretch(
  passphrase: Uint8Array,
  cost: Cost & { readonly salt: Uint8Array },
): Promise<Uint8Array> {
  const N = 2 ** cost.log2N;
  const memoryBytes = 128 * N * cost.r + 128 * cost.r * cost.p;
  return new Promise((resolve, reject) => {
    scrypt(passphrase, cost.salt, 32, {
      N,
      r: cost.r,
      p: cost.p,
      maxmem: 2 * memoryBytes,
    }, (fault, key) => fault ? reject(fault) : resolve(key));
  });
}
