// One redemption as an admin's document has it. JSON goes in, what it says comes
// out at once; whether all have signed it is found out when somebody asks, and
// then remembered. Of a large document few are ever asked about, and each costs
// four signatures. Whether it counts is rights_redemptions.ts's matter.

import {
  type Bytes,
  fromBase64,
  parsePeerId,
  type PeerId,
  toHex,
} from "../kernel/mod.ts";
import {
  type AuthorityCandidate,
  isAuthorityProven,
} from "./authority_proof.ts";
import {
  isInviteSigned,
  readSignedInvite,
  type SignedInvite,
} from "./invite.ts";
import { type JoinProof, verifyJoinProof } from "./join_proof.ts";
import {
  defined,
  EntryFault,
  fitting,
  type Read,
  type ReadingNeeds,
} from "./rights_reading.ts";
import { redemptionKeyParts, rightsReaders } from "./rights_shapes.ts";

/** What a redemption says. */
type Said = {
  readonly redeemer: PeerId;
  readonly joiner: PeerId;
  readonly invite: SignedInvite;
  readonly candidate: AuthorityCandidate;
  readonly name?: string | undefined;
  readonly atMs: number;
};

/** With what its joiner proves it. */
type Proof = { readonly nonce: Bytes; readonly proof: JoinProof };

/** A redemption that fits; it counts for nothing while it has a fault. */
export class RedemptionRight {
  readonly redeemer: PeerId;
  readonly joiner: PeerId;
  readonly invite: SignedInvite;
  /** Hex of the sha256 of the invite: an id alone could be used twice. */
  readonly inviteHash: string;
  readonly candidate: AuthorityCandidate;
  readonly name?: string;
  readonly atMs: number;
  readonly #needs: ReadingNeeds;
  readonly #proof: Proof;
  #isChecked = false;
  #fault: string | undefined;

  constructor(
    needs: ReadingNeeds,
    said: Said,
    options: { readonly proof: Proof },
  ) {
    this.#needs = needs;
    this.#proof = options.proof;
    this.redeemer = said.redeemer;
    this.joiner = said.joiner;
    this.invite = said.invite;
    this.inviteHash = toHex(needs.signer.sha256(said.invite.bytes));
    this.candidate = said.candidate;
    if (said.name !== undefined) this.name = said.name;
    this.atMs = said.atMs;
  }

  /** Why it proves nothing; undefined when it does. Checked once. */
  get fault(): string | undefined {
    if (this.#isChecked) return this.#fault;
    this.#isChecked = true;
    this.#fault = this.#check();
    return this.#fault;
  }

  /** The same as far as somebody has asked; costs nothing. */
  get knownFault(): string | undefined {
    return this.#fault;
  }

  #check(): string | undefined {
    const { redeemer, joiner, invite, candidate } = this;
    const { cluster } = this.#needs.root;
    const { nonce, proof } = this.#proof;
    // The joiner's own first: nobody else can have made that.
    const isProven = verifyJoinProof(this.#needs, {
      occasion: { type: "invite", invite },
      authorityKey: candidate.authorityKey,
      ...{ cluster, joiner, redeemer, nonce },
    }, { proof });
    if (!isProven) return "its joiner did not sign for it";
    if (!isInviteSigned(this.#needs, invite)) {
      return "its invite is not signed by its issuer";
    }
    const owner = joiner;
    return isAuthorityProven(this.#needs, candidate, { cluster, owner })
      ? undefined
      : "its joiner did not sign its authority key";
  }
}

function bytesOf(text: string): Bytes {
  return fromBase64(text) ?? new Uint8Array(0); // its shape was checked
}

export function readRedemption(needs: ReadingNeeds): Read<RedemptionRight> {
  return ({ owner: redeemer, key }, value) => {
    const parts = redemptionKeyParts(key);
    if (parts === undefined) throw new EntryFault("its key is no redemption's");
    const said = fitting(rightsReaders.redemptions, value);
    const invite = readSignedInvite({
      bytes: bytesOf(said.invite),
      signature: bytesOf(said.signature),
      cluster: needs.root.cluster,
    });
    if (invite.terms.id !== parts.invite) {
      throw new EntryFault("its invite has another id");
    }
    const joiner = parsePeerId(parts.joiner);
    const candidate = {
      authorityKey: bytesOf(said.authorityKey),
      authorityProof: bytesOf(said.authorityProof),
    };
    const proof = {
      joiner: bytesOf(said.joinerSignature),
      invite: bytesOf(said.inviteSignature),
    };
    const { name, atMs } = said;
    return new RedemptionRight(needs, {
      ...{ redeemer, joiner, invite, candidate, atMs },
      ...defined({ name }),
    }, { proof: { nonce: bytesOf(said.nonce), proof } });
  };
}
