// What somebody asks of a redeemer: to join with an invite, or to have its
// membership renewed. A JOIN goes in; what it says comes out once every check
// that no clock and no rights decide has been made. It must never be taken for
// a proof: whoever sent it may have copied it.

import { InputError, isName, type PeerId, peerIdOf } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  type AuthorityCandidate,
  type ClusterRoot,
  type Credential,
  encodeCredential,
  isAuthorityProven,
  type JoinClaim,
  type MemberFacts,
  parseCredential,
  parseSignedInvite,
  type SignedInvite,
  verifyCredential,
} from "../identity/mod.ts";
import type { JoinRequest } from "./messages.ts";

type Applicant = {
  readonly joiner: PeerId;
  /** Proven to be the joiner's own. */
  readonly candidate: AuthorityCandidate;
  readonly name: string | undefined;
};

/** To become a member. */
export type InviteApplication = Applicant & {
  readonly type: "invite";
  readonly invite: SignedInvite;
};

/** To stay one. */
export type RenewalApplication = Applicant & {
  readonly type: "renewal";
  /** Of the old credential; permanent facts only. */
  readonly facts: MemberFacts;
  readonly credential: Credential;
};

/** What a joiner asks for, read and not proven. */
export type Application = InviteApplication | RenewalApplication;

type Needs = Pick<Ports, "signer">;

/**
 * Reads a request.
 *
 * @throws {InputError | LimitError | CredentialError} Malformed, of another
 * cluster, or with artefacts that are not what they should be.
 */
export function readApplication(
  needs: Needs,
  root: ClusterRoot,
  { request }: { readonly request: JoinRequest },
): Application {
  const { joiner, authorityKey, authorityProof, name } = request;
  if (name !== undefined && !isName(name)) {
    throw new InputError("The joiner's name is no node name");
  }
  if (peerIdOf(authorityKey) === joiner) {
    throw new InputError("The joiner's authority key is its identity key");
  }
  const candidate: AuthorityCandidate = { authorityKey, authorityProof };
  const applicant: Applicant = { joiner, candidate, name };
  const isRenewal = request.credential !== undefined;
  if (isRenewal === (request.invite !== undefined)) {
    throw new InputError("A join shows either an invite or an old credential");
  }
  const application: Application = isRenewal
    ? { ...applicant, type: "renewal", ...readMember(needs, root, request) }
    : { ...applicant, type: "invite", ...readInvite(needs, root, request) };
  const { cluster } = root;
  if (isAuthorityProven(needs, candidate, { cluster, owner: joiner })) {
    return application;
  }
  throw new InputError("The joiner did not sign its authority key", {
    hint: "Join again; if that fails too, through another node",
  });
}

function readMember(needs: Needs, root: ClusterRoot, request: JoinRequest) {
  const credential = parseCredential(request.credential ?? new Uint8Array(0));
  const check = { type: "permanent" } as const;
  const facts = verifyCredential(needs, { root, credential, check });
  if (facts.peer !== request.joiner) {
    throw new InputError("The old credential is another node's");
  }
  return { facts, credential };
}

function readInvite(needs: Needs, root: ClusterRoot, request: JoinRequest) {
  const { invite: shown } = request;
  if (shown === undefined) throw new InputError("A join without an invite");
  const { cluster } = root;
  const { terms: bytes, signature } = shown;
  return { invite: parseSignedInvite(needs, { bytes, signature, cluster }) };
}

/** What the joiner has to sign for it. */
export function joinClaimOf(
  needs: Needs,
  application: Application,
  options: {
    readonly root: ClusterRoot;
    readonly redeemer: PeerId;
    readonly nonce: Uint8Array;
  },
): JoinClaim {
  const { joiner, candidate: { authorityKey } } = application;
  const { root, redeemer, nonce } = options;
  return {
    cluster: root.cluster,
    occasion: application.type === "invite"
      ? { type: "invite", invite: application.invite }
      : {
        type: "renewal",
        credentialHash: needs.signer.sha256(
          encodeCredential(application.credential),
        ),
      },
    joiner,
    redeemer,
    nonce,
    authorityKey,
  };
}
