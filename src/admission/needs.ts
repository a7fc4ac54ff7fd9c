// What admission needs of the folders beside it, as interfaces: the rights that
// the admins' documents give, publishing into the own document, links to
// admins, and dialling for a join. The node hands in the real parts, tests hand
// in small ones. Nothing here knows how they are made.

import type { JsonValue, PeerId } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import type {
  AuthorityCandidate,
  MemberFacts,
  Rights,
  RightsSection,
} from "../identity/mod.ts";
import type { JoinDialer, Link } from "../transport/mod.ts";

/** One entry of an admin's document; without a value it is deleted. */
export type RightsChange = {
  readonly section: RightsSection;
  readonly key: string;
  readonly value: JsonValue | undefined;
};

/** The state of this node, as admission uses it. */
export interface AdmissionState {
  /** The newest that this node knows. */
  rights(): Rights;
  /**
   * Durable, on its way to all links and part of `rights()` when it resolves.
   *
   * @throws {LimitError} The document is full.
   */
  publish(changes: readonly RightsChange[]): Promise<void>;
}

/** A link, as admission uses it. */
export type AdmissionLink = Pick<Link, "peer" | "facts" | "openStream">;

/** The links of this node, the best first. */
export interface AdmissionLinks {
  /** Of this moment. */
  links(): Iterable<AdmissionLink>;
}

/** Dials `pln-join/1`, with the peer's id as the only anchor. */
export type JoinDialing = Pick<JoinDialer, "dial">;

/** Where a peer may be found, the best address first. */
export type JoinCandidate = {
  readonly peer: PeerId;
  readonly addresses: readonly NetworkAddress[];
};

/** What this node knows of other members. */
export interface AdmissionMembers {
  /** Of the newest credential seen; undefined when none was. */
  factsOf(peer: PeerId): MemberFacts | undefined;
  /** The authority key that it has shown on a link, and proven to be its own. */
  candidateOf(peer: PeerId): AuthorityCandidate | undefined;
}
