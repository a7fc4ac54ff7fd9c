// What links have shown of members: credentials, and the authority keys that
// they have proven to be their own. Admins need both of nodes that are not connected at the
// moment. In come links, out go facts; the oldest are forgotten first.

import { limits, type PeerId } from "../kernel/mod.ts";
import type {
  AuthorityCandidate,
  Credential,
  MemberFacts,
} from "../identity/mod.ts";
import type { Link, PeerHello } from "../transport/mod.ts";

/** Of the newest link to a member. */
export type KnownMember = {
  readonly credential: Credential;
  readonly facts: MemberFacts;
  /** Undefined until it has said and proven it. */
  readonly candidate: AuthorityCandidate | undefined;
};

/** Bounded; holds nothing to dispose. */
export class KnownMembers {
  readonly #members = new Map<PeerId, KnownMember>();

  /** A link came, or its peer has said something. */
  note({ peer, credential, facts, hello }: Link): void {
    const candidate = candidateOf(hello) ?? this.#members.get(peer)?.candidate;
    this.#members.delete(peer); // so that it becomes the newest
    this.#members.set(peer, { credential, facts, candidate });
    const [oldest] = this.#members.keys();
    if (this.#members.size > limits.membersRememberedMax && oldest) {
      this.#members.delete(oldest);
    }
  }

  get(peer: PeerId): KnownMember | undefined {
    return this.#members.get(peer);
  }
}

/** The link has checked the proof. */
function candidateOf(
  hello: PeerHello | undefined,
): AuthorityCandidate | undefined {
  const { authorityKey, authorityProof } = hello ?? {};
  if (authorityKey === undefined || authorityProof === undefined) return;
  return { authorityKey, authorityProof };
}
