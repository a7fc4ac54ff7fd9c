// The projection of admins' documents into rights. Documents go in, in any
// order; out comes who is denied and who is granted what, the same on every
// node. It reads no clock. Whatever a denied admin wrote counts for nothing,
// whenever it was written; only statements of the root count in any document,
// and only they decide about admins.

import { LimitError, limits, type PeerId } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type { AuthorityCandidate } from "./authority_proof.ts";
import type { Properties, Tier } from "./extension.ts";
import type {
  Admin,
  AdminDocument,
  Denial,
  Forget,
  ForgottenPlace,
  Grant,
  IgnoredRight,
  InviteEntry,
  NameBinding,
  NumberedSection,
  Redemption,
  Rights,
  RootStatementEntry,
  Standing,
} from "./rights.ts";
import { Decisions, grantOfRedemption } from "./rights_decisions.ts";
import { bestOf, compareTexts } from "./rights_order.ts";
import type { RedemptionRight } from "./rights_redemption.ts";
import {
  DocumentReader,
  type DocumentReading,
  sectionsOf,
} from "./rights_section.ts";
import { standingOf, timelessStandingOf } from "./rights_standing.ts";
import type { ClusterRoot, MemberFacts } from "./verify.ts";

class ClusterRights implements Rights {
  readonly #documents: readonly DocumentReading[];
  readonly #decisions: Decisions;
  #denials: readonly Denial[] | undefined;
  #grants: readonly Grant[] | undefined;
  #redemptions: readonly Redemption[] | undefined;
  readonly #ignored = new Map<PeerId, readonly IgnoredRight[]>();

  /** `documents` are sorted by owner. */
  constructor(documents: readonly DocumentReading[]) {
    this.#documents = documents;
    this.#decisions = new Decisions(documents);
  }

  get admins(): readonly Admin[] {
    return this.#decisions.admins;
  }

  denialOf(peer: PeerId): Denial | undefined {
    return this.#decisions.denialOf(peer);
  }

  grantOf(peer: PeerId): Grant | undefined {
    return this.#decisions.grantOf(peer);
  }

  standing(facts: MemberFacts, wallMs: number): Standing {
    return standingOf(this.#decisions, facts, { wallMs });
  }

  tierOf(facts: MemberFacts): Tier | undefined {
    return timelessStandingOf(this.#decisions, facts)?.tier;
  }

  propertiesOf(facts: MemberFacts): Properties {
    const standing = timelessStandingOf(this.#decisions, facts);
    return standing?.properties ?? facts.properties;
  }

  memberSinceMs(peer: PeerId): number {
    const { redemptions } = this.#decisions;
    const joins = redemptions.inState("admitted", redemptions.of(peer));
    if (joins.length > 0) return Math.min(...joins.map(({ atMs }) => atMs));
    const isFounder = this.admins.some((admin) => admin.peer === peer);
    return isFounder ? 0 : limits.stateIntegerMax;
  }

  bindingOf(section: string, name: string): PeerId | undefined {
    return this.#decisions.names.bindingOf(section, name);
  }

  forgetOf(
    peer: PeerId,
    options?: { readonly isAdmin?: boolean },
  ): ForgottenPlace | undefined {
    return this.#decisions.names.forgetOf(peer, options);
  }

  get names(): readonly NameBinding[] {
    return this.#decisions.names.names;
  }

  get forgets(): readonly Forget[] {
    return this.#decisions.names.forgets;
  }

  /** Whoever an entry that counts is about, sorted. */
  #subjects(section: "grants" | "denies"): readonly PeerId[] {
    const { active, redemptions } = this.#decisions;
    const subjects = new Set<PeerId>();
    for (const { subject } of this.#decisions.rootEntries()) {
      subjects.add(subject);
    }
    for (const document of active) {
      for (const { subject } of document[section].all()) {
        subjects.add(subject);
      }
    }
    for (const { joiner } of redemptions.all()) subjects.add(joiner);
    return [...subjects].sort();
  }

  get denials(): readonly Denial[] {
    this.#denials ??= this.#subjects("denies")
      .map((subject) => this.denialOf(subject))
      .filter((denial) => denial !== undefined);
    return this.#denials;
  }

  get grants(): readonly Grant[] {
    this.#grants ??= this.#subjects("grants")
      .map((subject) => this.grantOf(subject))
      .filter((grant) => grant !== undefined);
    return this.#grants;
  }

  get redemptions(): readonly Redemption[] {
    this.#redemptions ??= this.#listed(this.#decisions.redemptions.all());
    return this.#redemptions;
  }

  redemptionsOf(joiner: PeerId): readonly Redemption[] {
    return this.#listed(this.#decisions.redemptions.of(joiner));
  }

  #listed(some: Iterable<RedemptionRight>): readonly Redemption[] {
    return [...some]
      .flatMap((one) => {
        const state = this.#decisions.redemptions.stateOf(one);
        const isListed = state !== "unknown" && one.fault === undefined;
        return isListed ? [redemptionOf(one, state)] : [];
      })
      .sort(compareListed);
  }

  get invites(): readonly InviteEntry[] {
    return this.#decisions.active
      .flatMap(({ invites }) => [...invites.all()])
      .sort((left, right) =>
        compareTexts(left.invite, right.invite) ||
        compareTexts(left.by, right.by)
      );
  }

  get rootStatements(): readonly RootStatementEntry[] {
    return this.#decisions.rootEntries().map((entry): RootStatementEntry => {
      const { subject, number, text } = entry;
      const section = "verdict" in entry ? "denies" : "grants";
      return { section, subject, number, text };
    }).sort((left, right) =>
      compareTexts(left.subject, right.subject) ||
      compareTexts(left.section, right.section)
    );
  }

  ignoredOf(owner: PeerId): readonly IgnoredRight[] {
    const document = this.#documents.find((one) => one.owner === owner);
    if (document === undefined) return [];
    const known = this.#ignored.get(owner) ?? ignoredIn(document);
    this.#ignored.set(owner, known);
    return known;
  }

  ignoredCount({ without }: { readonly without: PeerId }): number {
    return this.#documents
      .filter(({ owner }) => owner !== without)
      .reduce((count, document) => count + faultCount(document), 0);
  }

  usesOf(invite: string, issuer?: PeerId): number {
    return this.#decisions.redemptions.usesOf(invite, issuer);
  }

  isRevoked(invite: string): boolean {
    return this.#decisions.active.some(({ invites }) =>
      invites.get(invite)?.state === "revoked"
    );
  }

  nextNumber(
    section: NumberedSection,
    subject: string,
    { isRoot = false, without }: {
      readonly isRoot?: boolean;
      readonly without?: PeerId;
    } = {},
  ): number {
    const entries = this.#decisions.entriesOf(section, subject);
    const next = 1 +
      entries.filter(({ by }) => isRoot ? by === "root" : by !== without)
        .reduce((highest, { number }) => Math.max(highest, number), 0);
    if (next <= limits.stateIntegerMax) return next;
    throw new LimitError(
      `There is no number left above the ${section} of ${subject.slice(0, 8)}`,
      { hint: "Only the root key can still decide about it" },
    );
  }

  candidateOf(peer: PeerId): AuthorityCandidate | undefined {
    const { redemptions } = this.#decisions;
    const admitted = redemptions.inState("admitted", redemptions.of(peer));
    // The newest join: a node that lost its keys is another peer.
    const [newest] = admitted.toSorted((left, right) =>
      right.atMs - left.atMs || compareTexts(left.inviteHash, right.inviteHash)
    );
    return newest?.candidate;
  }

  childrenOf(admin: PeerId): readonly Grant[] {
    const through = this.#grantsThrough(admin);
    const children: Grant[] = [];
    for (const [subject, grants] of through) {
      const isOwn = subject === admin ||
        this.#decisions.isAuthority(subject);
      const others = this.#decisions.grantsOf(subject, { without: admin });
      const denial = this.denialOf(subject);
      const isGone = denial?.because === "denied";
      const best = bestOf(grants);
      if (isOwn || isGone || others.length > 0 || best === undefined) continue;
      const { text: _, ...grant } = best;
      children.push(grant);
    }
    return children.sort((left, right) =>
      compareTexts(left.subject, right.subject)
    );
  }

  /** Also when the admin is denied already, and its entries void. */
  #grantsThrough(admin: PeerId) {
    const own = this.#documents.find(({ owner }) => owner === admin);
    const granted = [...own?.grants.all() ?? []]
      .filter(({ by }) => by === admin);
    const joined = this.#documents
      .flatMap(({ redemptions }) => [...redemptions.entries.all()])
      .filter(({ redeemer, invite }) =>
        redeemer === admin || invite.terms.issuer === admin
      )
      .filter(({ fault }) => fault === undefined)
      .map(grantOfRedemption);
    return Map.groupBy([...granted, ...joined], ({ subject }) => subject);
  }
}

function ignoredIn(document: DocumentReading): readonly IgnoredRight[] {
  return sectionsOf(document).flatMap((section) => section.allFaults())
    .sort((left, right) =>
      compareTexts(left.section, right.section) ||
      compareTexts(left.key, right.key)
    )
    .slice(0, limits.rightsIgnoredMax);
}

/** What was met so far that does not fit, or proves nothing. */
function faultCount(document: DocumentReading): number {
  const unproven = document.redemptions.entries.known
    .filter(({ knownFault }) => knownFault !== undefined);
  return sectionsOf(document)
    .reduce((count, section) => count + section.faultCount, unproven.length);
}

function compareListed(left: Redemption, right: Redemption): number {
  return compareTexts(left.invite, right.invite) ||
    compareTexts(left.joiner, right.joiner) ||
    compareTexts(left.redeemer, right.redeemer);
}

function redemptionOf(
  right: RedemptionRight,
  state: Redemption["state"],
): Redemption {
  const { invite, joiner, redeemer, atMs, name } = right;
  const { id, issuer } = invite.terms;
  return {
    ...{ invite: id, issuer, joiner, redeemer, atMs, state },
    ...(name === undefined ? {} : { name }),
  };
}

/** Keeps what it has read, so that a change costs what has changed. */
export class RightsProjector {
  readonly #reader: DocumentReader;
  #readings = new Map<PeerId, DocumentReading>();
  #rights: Rights = new ClusterRights([]);

  /** `root` is the cluster's: its statements are verified with it. */
  constructor(
    needs: Pick<Ports, "signer">,
    { root }: { readonly root: ClusterRoot },
  ) {
    const { signer } = needs;
    this.#reader = new DocumentReader({ signer, root });
  }

  /** The same rights as before while no document has changed. */
  project(documents: readonly AdminDocument[]): Rights {
    const readings = new Map<PeerId, DocumentReading>();
    const sorted = documents.toSorted((left, right) =>
      compareTexts(left.owner, right.owner)
    );
    for (const document of sorted) {
      const { owner } = document;
      const previous = this.#readings.get(owner);
      readings.set(owner, this.#reader.read(document, previous));
    }
    const isSame = readings.size === this.#readings.size &&
      [...readings].every(([owner, one]) => this.#readings.get(owner) === one);
    this.#readings = readings;
    if (!isSame) this.#rights = new ClusterRights([...readings.values()]);
    return this.#rights;
  }
}

/**
 * The rights that documents add up to, whatever their order.
 *
 * @param options.documents Of admins, at most one of each.
 */
export function projectRights(
  needs: Pick<Ports, "signer">,
  options: {
    readonly root: ClusterRoot;
    readonly documents: readonly AdminDocument[];
  },
): Rights {
  return new RightsProjector(needs, options).project(options.documents);
}
