// Hashes, Ed25519 (RFC 8032) and sealing on the system's cryptography. Keys
// are parsed once and kept opaque: what prints is the public half only. Bytes
// of strangers (public keys, signatures, DER) are answered with false or
// undefined; nothing a peer sends makes this throw.

import { Buffer } from "node:buffer";
import {
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { assert, type Bytes, concatBytes, toHex } from "../kernel/mod.ts";
import type { PrivateKey, Signer } from "../ports/mod.ts";
import { publicKeyOf, spkiPrefix } from "./public_keys.ts";
import { seal, unseal } from "./sealed.ts";

const secretBytes = 32;
const signatureBytes = 64;

/** The one signer, for production and for the simulator. */
export function openSigner(): Signer {
  return {
    sha256,
    privateKey(secret) {
      assert(secret.length === secretBytes, "an Ed25519 secret has 32 bytes");
      const key = parsePrivateKey(concatBytes(pkcs8Prefix, secret));
      assert(key !== undefined, "32 bytes are always an Ed25519 secret");
      return new Ed25519Key(key);
    },
    importPkcs8(der) {
      const key = parsePrivateKey(der);
      return key && new Ed25519Key(key);
    },
    sign: (key, message) => copied(sign(null, message, Ed25519Key.of(key))),
    verify: verifySignature,
    seal,
    unseal,
  };
}

/** Through hex: a third of the time that an object of Node's takes. */
function sha256(bytes: Uint8Array): Bytes {
  return Uint8Array.fromHex(hash("sha256", bytes, "hex"));
}

class Ed25519Key implements PrivateKey {
  readonly publicKey: Bytes;
  readonly #key: KeyObject;

  constructor(key: KeyObject) {
    this.#key = key;
    const spki = createPublicKey(key).export({ format: "der", type: "spki" });
    this.publicKey = copied(spki.subarray(spkiPrefix.length));
  }

  static of(key: PrivateKey): KeyObject {
    assert(key instanceof Ed25519Key, "a key comes from this signer");
    return key.#key;
  }

  exportPkcs8(): Bytes {
    return copied(this.#key.export({ format: "der", type: "pkcs8" }));
  }

  toJSON(): { readonly publicKey: string } {
    return { publicKey: toHex(this.publicKey) };
  }

  [Symbol.for("Deno.customInspect")](): string {
    return `PrivateKey { publicKey: "${toHex(this.publicKey)}" }`;
  }
}

/** DER in front of the key: RFC 8410 section 7. */
const pkcs8Prefix = Buffer.from("302e020100300506032b657004220420", "hex");

function parsePrivateKey(der: Uint8Array): KeyObject | undefined {
  try {
    const key = createPrivateKey({
      key: Buffer.from(der),
      format: "der",
      type: "pkcs8",
    });
    return key.asymmetricKeyType === "ed25519" ? key : undefined;
  } catch (cause) {
    // The library speaks of malformed DER in several classes of error; none
    // of them is about this machine.
    if (cause instanceof Error) return undefined;
    throw cause;
  }
}

function verifySignature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (signature.length !== signatureBytes) return false;
  const key = publicKeyOf(publicKey);
  try {
    return key !== undefined && verify(null, message, key, signature);
  } catch (cause) {
    // A public key that is no point of the curve.
    if (cause instanceof Error) return false;
    throw cause;
  }
}

/** Out of Node's pooled memory, which other values share. */
function copied(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}
