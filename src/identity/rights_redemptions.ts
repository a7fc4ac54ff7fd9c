// Which redemptions count. Redemptions of undenied admins go in; out comes for
// each, if it is proven, whether its invite admitted the joiner. Two admins that did
// not hear of each other may redeem one invite twice: then the issuer's own
// redemptions come first, then the lowest redeemer, then the lowest joiner, up
// to the invite's uses (DESIGN.md section 4). No time counts. Proofs are checked
// only where the answer depends on them.

import { limits, type PeerId } from "../kernel/mod.ts";
import { compareTexts } from "./rights_order.ts";
import type { RedemptionRight } from "./rights_redemption.ts";
import type { RedemptionSection } from "./rights_redemption_section.ts";

/**
 * "void": others used the invite up, or its issuer is denied. "unknown": no
 * document shows that its issuer is an admin.
 */
export type RedemptionState = "admitted" | "void" | "unknown";

/** What is known of issuers. */
export type IssuerFacts = {
  readonly isAuthority: (peer: PeerId) => boolean;
  readonly isVoid: (peer: PeerId) => boolean;
};

/** One invite, and whom it admitted; those that are not proven aside. */
type Judgement = {
  readonly issuer: PeerId;
  readonly isKnown: boolean;
  readonly admitted: readonly RedemptionRight[];
  readonly joiners: ReadonlySet<PeerId>;
};

/** By the invite's hash. */
type Judgements = ReadonlyMap<string, Judgement>;

/** Judges an invite when it is first asked about, then remembers. */
export class Redemptions {
  readonly #sections: readonly RedemptionSection[];
  readonly #facts: IssuerFacts;
  readonly #judged = new Map<string, Judgements>();

  /** `sections` are those of all documents that count. */
  constructor(sections: readonly RedemptionSection[], facts: IssuerFacts) {
    this.#sections = sections;
    this.#facts = facts;
  }

  /** All there are, proven or not, in no order that means anything. */
  *all(): Generator<RedemptionRight> {
    for (const { entries } of this.#sections) yield* entries.all();
  }

  /** Those with which somebody says to have joined, proven or not. */
  of(joiner: PeerId): readonly RedemptionRight[] {
    return this.#sections.flatMap((section) => section.of(joiner));
  }

  /** If it is proven. Most joiners need no proof to be of no interest. */
  stateOf({ invite, inviteHash, joiner }: RedemptionRight): RedemptionState {
    const judgement = this.#judgementsOf(invite.terms.id).get(inviteHash);
    if (judgement?.isKnown !== true) return "unknown";
    return judgement.joiners.has(joiner) ? "admitted" : "void";
  }

  /** Of those that are proven; asks for no other proof than it needs. */
  inState(
    state: RedemptionState,
    some: Iterable<RedemptionRight>,
  ): readonly RedemptionRight[] {
    return [...some].filter((one) =>
      this.stateOf(one) === state && one.fault === undefined
    );
  }

  /** How many joiners the invites of this id have admitted. */
  usesOf(id: string, issuer?: PeerId): number {
    const joiners = new Set<PeerId>();
    for (const judgement of this.#judgementsOf(id).values()) {
      if (issuer !== undefined && judgement.issuer !== issuer) continue;
      for (const { joiner, fault } of judgement.admitted) {
        if (fault === undefined) joiners.add(joiner);
      }
    }
    return joiners.size;
  }

  #judgementsOf(id: string): Judgements {
    const known = this.#judged.get(id);
    if (known !== undefined) return known;
    const all = this.#sections.map((section) => section.withInvite(id));
    const hashes = new Set(all.flat().map(({ inviteHash }) => inviteHash));
    const judgements = new Map<string, Judgement>();
    for (const hash of hashes) {
      const groups = all.map((some) =>
        some.filter(({ inviteHash }) => inviteHash === hash)
      );
      const judgement = this.#judge(groups);
      if (judgement !== undefined) judgements.set(hash, judgement);
    }
    if (this.#judged.size >= limits.rightsAnswersMax) this.#judged.clear();
    this.#judged.set(id, judgements);
    return judgements;
  }

  /** `groups` redeem one and the same invite, each in one document. */
  #judge(
    groups: readonly (readonly RedemptionRight[])[],
  ): Judgement | undefined {
    const first = groups.flat().at(0);
    if (first === undefined) return undefined;
    const { issuer, uses } = first.invite.terms;
    const isKnown = this.#facts.isAuthority(issuer);
    const admitted = isKnown && !this.#facts.isVoid(issuer)
      // An honest document has no more, and all of them are proven.
      ? admittedOf(groups.flatMap((group) => group.slice(0, uses)), uses)
      : [];
    const joiners = new Set(admitted.map(({ joiner }) => joiner));
    return { issuer, isKnown, admitted, joiners };
  }
}

function compareRedemptions(
  left: RedemptionRight,
  right: RedemptionRight,
): number {
  const { issuer } = left.invite.terms;
  const isLeftOwn = left.redeemer === issuer;
  if (isLeftOwn !== (right.redeemer === issuer)) return isLeftOwn ? -1 : 1;
  return compareTexts(left.redeemer, right.redeemer) ||
    compareTexts(left.joiner, right.joiner);
}

/**
 * A joiner that redeems once more, elsewhere, takes no second use. While there
 * are enough uses for all, proofs make no difference: nobody needs another's.
 */
function admittedOf(
  group: readonly RedemptionRight[],
  uses: number,
): readonly RedemptionRight[] {
  const all = new Set(group.map(({ joiner }) => joiner));
  if (all.size <= uses) return group;
  const joiners = new Set<PeerId>();
  return group.toSorted(compareRedemptions).filter((redemption) => {
    const { joiner } = redemption;
    if (joiners.has(joiner)) return true;
    if (joiners.size >= uses || redemption.fault !== undefined) return false;
    joiners.add(joiner);
    return true;
  });
}
