// The real signer with a memory: in one world many nodes check one signature,
// and it is as good for each of them. In come checks, out come the answers that
// the real signer gave for the same key, message and signature. It must never
// answer for bytes that it has not compared.

import { equalBytes, toHex } from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { World } from "./world.ts";

type Checked = {
  readonly publicKey: Uint8Array;
  readonly message: Uint8Array;
  readonly isValid: boolean;
};

const checkedMax = 20_000;
const signers = new WeakMap<World, Signer>();

/** One a world, whatever signer is given later. */
export function signerOf(world: World, signer: Signer): Signer {
  const known = signers.get(world) ?? rememberingSigner(signer);
  signers.set(world, known);
  return known;
}

/** The same signer, which checks nothing twice. */
export function rememberingSigner(signer: Signer): Signer {
  const checked = new Map<string, Checked>();
  return {
    ...signer,
    verify(publicKey, message, signature) {
      const key = toHex(signature);
      const known = checked.get(key);
      if (
        known !== undefined && equalBytes(known.publicKey, publicKey) &&
        equalBytes(known.message, message)
      ) return known.isValid;
      const isValid = signer.verify(publicKey, message, signature);
      // Whoever gave them may change them later.
      const kept = { publicKey: publicKey.slice(), message: message.slice() };
      checked.set(key, { ...kept, isValid });
      if (checked.size > checkedMax) dropOldest(checked);
      return isValid;
    },
  };
}

/** A Map keeps the order of insertion. */
function dropOldest(checked: Map<string, unknown>): void {
  for (const key of checked.keys()) {
    checked.delete(key);
    return;
  }
}
