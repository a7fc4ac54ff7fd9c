// Whether this node may certify others now, and the certificates that it then
// makes. What it holds, what it knows and its clock go in; a reason against it,
// or a credential, comes out. It must never certify with an authority that the
// rest of the cluster would not believe now, nor give tier admin.

import { assert, peerIdOf, UnreachableError } from "../kernel/mod.ts";
import {
  type Credential,
  CredentialError,
  type HeldAuthority,
  isoTime,
  issueMember,
  type IssueNeeds,
  type MemberClaims,
  type NodeIdentity,
  type Rights,
  verifyAuthority,
  verifyCredential,
} from "../identity/mod.ts";

/** What a redeemer decides by; read anew for each decision. */
export type RedeemerView = {
  readonly identity: NodeIdentity;
  readonly rights: Rights;
  /** Milliseconds since 1970, of the redeemer's clock. */
  readonly wallMs: number;
};

/** Why this node can certify nobody now; undefined when it can. */
export function redeemerFault(
  needs: Pick<IssueNeeds, "signer">,
  view: RedeemerView,
): string | undefined {
  const { identity, rights, wallMs } = view;
  const { authority, peer, root } = identity;
  if (authority === undefined) return "it is no admin";
  if (rights.denialOf(peer) !== undefined) return "it was denied";
  const known = rights.admins.find((admin) => admin.peer === peer);
  if (known?.isDemoted === true) return "the root made it an admin no more";
  const { certificate } = authority;
  if (wallMs >= certificate.notAfterMs) {
    return `its authority expired at ${isoTime(certificate.notAfterMs)}; ` +
      `its clock says ${isoTime(wallMs)}`;
  }
  try {
    const check = { type: "now", wallMs } as const;
    verifyAuthority(needs, { root, certificate, check });
  } catch (cause) {
    if (!(cause instanceof CredentialError)) throw cause;
    return `${cause.message}; its clock says ${isoTime(wallMs)}`;
  }
  return undefined;
}

/** The authority of a node that may certify. @throws {UnreachableError} */
export function usableAuthority(
  needs: Pick<IssueNeeds, "signer">,
  view: RedeemerView,
): HeldAuthority {
  const fault = redeemerFault(needs, view);
  const { authority, peer } = view.identity;
  if (fault === undefined && authority !== undefined) return authority;
  throw new UnreachableError(
    `Node ${peer.slice(0, 8)} can admit nobody: ${fault}`,
    { hint: "Ask another admin" },
  );
}

/**
 * A member certificate under the own authority.
 *
 * @throws {UnreachableError} This node can certify nobody now.
 * @throws {CredentialError} The key is none that a member may have.
 */
export function certify(
  needs: IssueNeeds,
  view: RedeemerView,
  options: {
    readonly publicKey: Uint8Array;
    readonly claims: MemberClaims;
  },
): Credential {
  const { key, certificate } = usableAuthority(needs, view);
  const { publicKey, claims } = options;
  const member = issueMember(needs, {
    authority: certificate,
    authorityKey: key,
    publicKey,
    claims,
  });
  const credential: Credential = { member, authority: certificate };
  const { root } = view.identity;
  const check = { type: "permanent" } as const;
  const { peer } = verifyCredential(needs, { root, credential, check });
  assert(peer === peerIdOf(publicKey), "a certificate for the asked key");
  return credential;
}
