// Whose an authority key is: its owner's identity key signs it, for one cluster.
// Keys go in, a candidate comes out that anybody can carry to the root and that
// nobody else can make; a foreign one is judged. Without this proof an admin
// could have its own key certified in another's name. Reads no clock: a proof
// holds for ever, since it says nothing but whose key it is.

import {
  assert,
  type Bytes,
  type ClusterId,
  equalBytes,
  idBytes,
  type PeerId,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import { signedInput } from "./signed_input.ts";

/** An authority key, certified or not, and that its owner has it. */
export type AuthorityCandidate = {
  /** The public key, 32 bytes. */
  readonly authorityKey: Bytes;
  /** The signature of the owner's identity key, 64 bytes. */
  readonly authorityProof: Bytes;
};

const context = "pln/admin/1";

/**
 * Signs the own authority key.
 *
 * @param owner.key The identity key.
 */
export function signAuthorityKey(
  needs: Pick<Ports, "signer">,
  owner: {
    readonly cluster: ClusterId;
    readonly key: PrivateKey;
    readonly authorityKey: Pick<PrivateKey, "publicKey">;
  },
): AuthorityCandidate {
  const { cluster, key } = owner;
  const authorityKey = new Uint8Array(owner.authorityKey.publicKey);
  assert(!equalBytes(authorityKey, key.publicKey), "two keys, not one");
  const input = signedInput(context, cluster, authorityKey);
  return { authorityKey, authorityProof: needs.signer.sign(key, input) };
}

/** Whether `owner` says of itself that it has this authority key. */
export function isAuthorityProven(
  needs: Pick<Ports, "signer">,
  candidate: {
    readonly authorityKey: Uint8Array;
    readonly authorityProof: Uint8Array;
  },
  { cluster, owner }: { readonly cluster: ClusterId; readonly owner: PeerId },
): boolean {
  const { authorityKey, authorityProof } = candidate;
  const hasLengths = authorityKey.length === 32 && authorityProof.length === 64;
  const identityKey = idBytes(owner);
  if (!hasLengths || equalBytes(authorityKey, identityKey)) return false;
  const input = signedInput(context, cluster, authorityKey);
  return needs.signer.verify(identityKey, input, authorityProof);
}
