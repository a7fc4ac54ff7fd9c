// Who an owner is, by the certificates in its own document. Texts of entries go
// in; out come the facts that a chain up to the root proves, or nothing.
// Permanent facts only: what has expired still says who somebody was, so that
// all nodes read the same.

import { limits, parseJson, type PeerId, PlnError } from "../kernel/mod.ts";
import {
  type ClusterRoot,
  credentialFrom,
  type MemberFacts,
  verifyCredential,
} from "../identity/mod.ts";
import type { Signer } from "../ports/mod.ts";
import { certificateKeys, derOf } from "./node_entries.ts";

/** What it takes to believe a credential. */
export type CredentialTrust = {
  readonly signer: Signer;
  readonly root: ClusterRoot;
};

/** Keys of `node` that the facts depend on. */
export const credentialKeys: ReadonlySet<string> = new Set(
  Object.values(certificateKeys),
);

/** Texts of a credential's entries. */
type Shown = {
  readonly member: string;
  readonly authority: string;
  readonly own: string | undefined;
};

type Proven = Shown & { readonly facts: MemberFacts };

/**
 * Credentials that were verified, by the member's text, the oldest first: the
 * intake and the view ask about the same ones. What they prove never changes.
 */
const proven = new Map<string, Proven>();

/**
 * What the credential in a document proves; undefined when it proves nothing,
 * or about somebody else.
 *
 * @param options.textOf Of an entry of the owner's `node` section.
 */
export function readOwnerFacts(
  trust: CredentialTrust,
  owner: PeerId,
  { textOf }: { readonly textOf: (key: string) => string | undefined },
): MemberFacts | undefined {
  const member = textOf(certificateKeys.member);
  const authority = textOf(certificateKeys.authority);
  const own = textOf(certificateKeys.ownAuthority);
  if (member === undefined || authority === undefined) return undefined;
  const shown = { member, authority, own };
  const facts = knownFacts(trust, shown) ?? provenFacts(trust, shown);
  return facts?.peer === owner ? facts : undefined;
}

function knownFacts(
  { root }: CredentialTrust,
  { member, authority, own }: Shown,
): MemberFacts | undefined {
  const known = proven.get(member);
  const isSame = known?.authority === authority && known.own === own &&
    known.facts.cluster === root.cluster;
  return isSame ? known.facts : undefined;
}

function provenFacts(
  trust: CredentialTrust,
  shown: Shown,
): MemberFacts | undefined {
  const { member, authority, own } = shown;
  const texts = [member, authority, ...own === undefined ? [] : [own]];
  try {
    const parts = texts.map((text) => derOf(parseJson(text, "A certificate")))
      .filter((der) => der !== undefined);
    if (parts.length < texts.length) return undefined;
    const credential = credentialFrom(parts);
    const check = { type: "permanent" } as const;
    const { root } = trust;
    const facts = verifyCredential(trust, { root, credential, check });
    remember({ ...shown, facts });
    return facts;
  } catch (cause) {
    if (cause instanceof PlnError) return undefined;
    throw cause;
  }
}

function remember(one: Proven): void {
  proven.delete(one.member);
  proven.set(one.member, one);
  const [oldest] = proven.keys();
  if (proven.size > limits.replicasMax && oldest !== undefined) {
    proven.delete(oldest);
  }
}
