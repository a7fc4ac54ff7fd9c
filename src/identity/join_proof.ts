// What a joiner signs to be let in, and what is kept of it for ever: its own
// identity key and the invite's key both name the invite, the joiner, the
// redeemer, the redeemer's nonce and the joiner's authority key. A member that
// renews signs the same with its identity key alone, about its old credential.
// It must never sign for a redeemer that did not give the nonce.

import {
  assert,
  type Bytes,
  type ClusterId,
  equalBytes,
  fixedBytesField,
  idBytes,
  message,
  peerField,
  type PeerId,
  peerIdOf,
} from "../kernel/mod.ts";
import type { Ports, PrivateKey } from "../ports/mod.ts";
import { choiceField } from "./artefact_fields.ts";
import type { SignedInvite } from "./invite.ts";
import { signedInput } from "./signed_input.ts";

/** What a joiner shows beside its proof. */
export type JoinOccasion =
  | { readonly type: "invite"; readonly invite: SignedInvite }
  /** `credentialHash` is the sha256 of the old credential's wire form. */
  | { readonly type: "renewal"; readonly credentialHash: Uint8Array };

/** What is proven. */
export type JoinClaim = {
  readonly cluster: ClusterId;
  readonly occasion: JoinOccasion;
  readonly joiner: PeerId;
  /** The admin that gave the nonce and writes the redemption. */
  readonly redeemer: PeerId;
  /** 32 random bytes of the redeemer. */
  readonly nonce: Uint8Array;
  /** The joiner's authority public key, 32 bytes; certified or not. */
  readonly authorityKey: Uint8Array;
};

/** Signatures of 64 bytes; `invite` is absent in a renewal. */
export type JoinProof = {
  readonly joiner: Bytes;
  readonly invite?: Bytes | undefined;
};

const joinProof = message("join-proof", 1, {
  occasion: choiceField("invite", "renewal"),
  about: fixedBytesField(32),
  joiner: peerField,
  redeemer: peerField,
  nonce: fixedBytesField(32),
  authorityKey: fixedBytesField(32),
});

function proofInput(needs: Pick<Ports, "signer">, claim: JoinClaim): Bytes {
  const { occasion, cluster } = claim;
  // The hash covers the invite's id and all its terms.
  const about = occasion.type === "invite"
    ? needs.signer.sha256(occasion.invite.bytes)
    : new Uint8Array(occasion.credentialHash);
  const body = joinProof.encode({
    occasion: occasion.type,
    about,
    joiner: claim.joiner,
    redeemer: claim.redeemer,
    nonce: new Uint8Array(claim.nonce),
    authorityKey: new Uint8Array(claim.authorityKey),
  });
  return signedInput("pln/join/1", cluster, body);
}

/**
 * Signs a claim.
 *
 * @param options.key The joiner's identity key.
 * @param options.secret The invite's private key, for an invite.
 */
export function signJoinProof(
  needs: Pick<Ports, "signer">,
  claim: JoinClaim,
  options: { readonly key: PrivateKey; readonly secret?: PrivateKey },
): JoinProof {
  const { key, secret } = options;
  const { occasion } = claim;
  assert(peerIdOf(key.publicKey) === claim.joiner, "the joiner's own key");
  const input = proofInput(needs, claim);
  const joiner = needs.signer.sign(key, input);
  if (occasion.type === "renewal") return { joiner };
  assert(
    secret !== undefined &&
      equalBytes(secret.publicKey, occasion.invite.terms.key),
    "the invite's own key",
  );
  return { joiner, invite: needs.signer.sign(secret, input) };
}

/** Whether all that must sign `claim` have. Checks neither time nor rights. */
export function verifyJoinProof(
  needs: Pick<Ports, "signer">,
  claim: JoinClaim,
  { proof }: { readonly proof: JoinProof },
): boolean {
  const { signer } = needs;
  const { occasion, nonce, authorityKey } = claim;
  if (nonce.length !== 32 || authorityKey.length !== 32) return false;
  const input = proofInput(needs, claim);
  const isJoiner = signer.verify(idBytes(claim.joiner), input, proof.joiner);
  if (!isJoiner) return false;
  if (occasion.type === "renewal") return proof.invite === undefined;
  const { terms } = occasion.invite;
  if (terms.cluster !== claim.cluster) return false;
  if (terms.subject !== undefined && terms.subject !== claim.joiner) {
    return false;
  }
  return proof.invite !== undefined &&
    signer.verify(terms.key, input, proof.invite);
}
