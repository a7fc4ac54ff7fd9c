// The joiner's decisions, as one conversation: what it asks for, whom it signs
// for, and what it takes as its credential. An invite or an old credential goes
// in, frames and the new credential come out. It must never sign for somebody
// who does not show an admin's credential of the very cluster it joins, nor
// send the invite's private key.

import {
  assert,
  type ClusterId,
  equalBytes,
  InputError,
  type PeerId,
  peerIdOf,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  type ClusterRoot,
  type Credential,
  CredentialError,
  encodeCredential,
  type InviteToken,
  isoTime,
  type JoinOccasion,
  type MemberFacts,
  type NodeKeys,
  parseCredential,
  signAuthorityKey,
  signJoinProof,
  verifyCredential,
} from "../identity/mod.ts";
import type { Frame } from "../transport/mod.ts";
import { frameOf, readFrame } from "./exchange.ts";
import {
  credentialMessage,
  joinMessage,
  nonceMessage,
  proofMessage,
} from "./messages.ts";

/** What a joiner has to show. */
export type JoinTitle =
  | { readonly type: "invite"; readonly token: InviteToken }
  | {
    readonly type: "renewal";
    readonly root: ClusterRoot;
    readonly credential: Credential;
    readonly facts: MemberFacts;
  };

/** A new credential, verified. */
export type Admitted = {
  readonly credential: Credential;
  /** Permanent facts. */
  readonly facts: MemberFacts;
  readonly redeemer: PeerId;
};

type Needs = Pick<Ports, "signer">;

/** One conversation; begin another one for another try. */
export class Joiner {
  readonly #needs: Needs;
  readonly #title: JoinTitle;
  readonly #keys: NodeKeys;
  readonly #root: ClusterRoot;
  readonly #peer: PeerId;
  #redeemer: PeerId | undefined;

  constructor(
    needs: Needs,
    title: JoinTitle,
    { keys }: { readonly keys: NodeKeys },
  ) {
    this.#needs = needs;
    this.#title = title;
    this.#keys = keys;
    this.#root = title.type === "invite" ? title.token.root : title.root;
    this.#peer = peerIdOf(keys.key.publicKey);
  }

  /** The first frame. */
  join({ name }: { readonly name?: string | undefined }): Frame {
    const title = this.#title;
    const invite = title.type === "invite"
      ? {
        terms: title.token.invite.bytes,
        signature: title.token.invite.signature,
      }
      : undefined;
    return frameOf(joinMessage, {
      joiner: this.#peer,
      ...signAuthorityKey(this.#needs, {
        cluster: this.#cluster,
        ...this.#keys,
      }),
      name,
      invite,
      credential: title.type === "renewal"
        ? encodeCredential(title.credential)
        : undefined,
    });
  }

  /**
   * Signs for the redeemer who gave the nonce.
   *
   * @param options.wallMs Of this machine's clock.
   * @throws {ReportedError} Refused, in the redeemer's words.
   * @throws {CredentialError | InputError} No admin of this cluster answers,
   * or one of the two clocks is wrong.
   */
  prove(frame: Frame, options: { readonly wallMs: number }): Frame {
    const { nonce, redeemer } = readFrame(nonceMessage, frame);
    const facts = this.#checkRedeemer(parseCredential(redeemer), options);
    this.#redeemer = facts.peer;
    const { key, authorityKey } = this.#keys;
    const proof = signJoinProof(this.#needs, {
      cluster: this.#cluster,
      occasion: this.#occasion(),
      joiner: this.#peer,
      redeemer: facts.peer,
      nonce,
      authorityKey: authorityKey.publicKey,
    }, {
      key,
      ...(this.#title.type === "invite"
        ? { secret: this.#title.token.secret }
        : {}),
    });
    return frameOf(proofMessage, {
      joiner: proof.joiner,
      invite: proof.invite,
    });
  }

  get #cluster(): ClusterId {
    return this.#root.cluster;
  }

  #occasion(): JoinOccasion {
    const title = this.#title;
    if (title.type === "invite") {
      return { type: "invite", invite: title.token.invite };
    }
    const bytes = encodeCredential(title.credential);
    const credentialHash = this.#needs.signer.sha256(bytes);
    return { type: "renewal", credentialHash };
  }

  #checkRedeemer(
    credential: Credential,
    { wallMs }: { readonly wallMs: number },
  ): MemberFacts {
    const root = this.#root;
    const permanent = { type: "permanent" } as const;
    const facts = verifyCredential(this.#needs, {
      root,
      credential,
      check: permanent,
    });
    if (facts.tier !== "admin") {
      throw new CredentialError(
        "scope",
        `Node ${facts.peer.slice(0, 8)} offers to admit and is no admin`,
        { hint: "Join through another node" },
      );
    }
    // Before anything is signed: a used invite could not be tried again.
    const { tier } = this.#checkTime(credential, {
      wallMs,
      by: `admin ${facts.peer.slice(0, 8)} shows it`,
    });
    if (tier === "admin") return facts;
    throw new CredentialError(
      "time",
      `The authority of admin ${facts.peer.slice(0, 8)} has expired by this ` +
        `machine's clock, which says ${isoTime(wallMs)}`,
      { hint: "Set the clock (date), or join through another admin" },
    );
  }

  #checkTime(
    credential: Credential,
    { wallMs, by }: { readonly wallMs: number; readonly by: string },
  ): MemberFacts {
    const check = { type: "now", wallMs } as const;
    const root = this.#root;
    try {
      return verifyCredential(this.#needs, { root, credential, check });
    } catch (cause) {
      if (!(cause instanceof CredentialError)) throw cause;
      throw new CredentialError(
        cause.check,
        `${cause.message} by this machine's clock, which says ` +
          `${isoTime(wallMs)}; ${by}`,
        { hint: "Set the clock (date), then try again" },
      );
    }
  }

  /**
   * Takes the credential.
   *
   * @param options.wallMs Of this machine's clock.
   * @throws {ReportedError} Refused, in the redeemer's words.
   * @throws {CredentialError | InputError} It is not for this node's key, not
   * from the redeemer it has signed for, or of no use now.
   */
  accept(frame: Frame, { wallMs }: { readonly wallMs: number }): Admitted {
    const redeemer = this.#redeemer;
    assert(redeemer !== undefined, "a proof comes before the credential");
    const { credential: bytes } = readFrame(credentialMessage, frame);
    const credential = parseCredential(bytes);
    const facts = verifyCredential(this.#needs, {
      root: this.#root,
      credential,
      check: { type: "permanent" },
    });
    const { publicKey } = this.#keys.key;
    if (!equalBytes(credential.member.publicKey, publicKey)) {
      throw new InputError("The certificate is for another node's key");
    }
    if (facts.issuedBy !== redeemer) {
      throw new InputError("The certificate is from another admin");
    }
    const { type } = this.#title;
    if (type === "renewal" && facts.issue <= this.#title.facts.issue) {
      throw new InputError("The certificate is no newer than the old one");
    }
    this.#checkTime(credential, {
      wallMs,
      by: `admin ${redeemer.slice(0, 8)} has issued it`,
    });
    return { credential, facts, redeemer };
  }
}
