// What counts for one subject. Documents that were read go in; out come the
// denial and the grant that are in force, by the rules of DESIGN.md section 4.
// Answers are worked out when they are asked for, so that a change of one entry
// costs no walk over all subjects. Reads no clock and never changes.

import { limits, parsePeerId, type PeerId } from "../kernel/mod.ts";
import type {
  Admin,
  Denial,
  Grant,
  NumberedSection,
  RightsWriter,
} from "./rights.ts";
import { NameDecisions } from "./rights_names.ts";
import { bestOf, compareTexts } from "./rights_order.ts";
import type { DenyRight, GrantRight } from "./rights_reading.ts";
import type { RedemptionRight } from "./rights_redemption.ts";
import { Redemptions } from "./rights_redemptions.ts";
import {
  type DocumentReading,
  statementIn,
  statementsIn,
} from "./rights_section.ts";

/** Strangers are asked about too: what is remembered has a limit. */
function remembered<T>(
  answers: Map<PeerId, T | undefined>,
  peer: PeerId,
  { find }: { readonly find: () => T | undefined },
): T | undefined {
  if (answers.has(peer)) return answers.get(peer);
  if (answers.size >= limits.rightsAnswersMax) answers.clear();
  const answer = find();
  answers.set(peer, answer);
  return answer;
}

/** One state of all documents. */
export class Decisions {
  /** Of owners that are neither denied nor demoted. */
  readonly active: readonly DocumentReading[];
  readonly admins: readonly Admin[];
  readonly redemptions: Redemptions;
  readonly names: NameDecisions;
  readonly #documents: readonly DocumentReading[];
  readonly #owners: ReadonlySet<PeerId>;
  readonly #rootGrants = new Map<PeerId, GrantRight | undefined>();
  readonly #rootDenies = new Map<PeerId, DenyRight | undefined>();
  readonly #grants = new Map<PeerId, Grant | undefined>();
  readonly #denials = new Map<PeerId, Denial | undefined>();

  /** `documents` are sorted by owner. */
  constructor(documents: readonly DocumentReading[]) {
    this.#documents = documents;
    this.#owners = new Set(documents.map(({ owner }) => owner));
    this.admins = documents.map(({ owner, authority }) => ({
      peer: owner,
      authority,
      isDenied: this.#isDeniedByRoot(owner),
      isDemoted: this.#isDemoted(owner),
    }));
    this.active = documents.filter(({ owner }) => !this.isVoid(owner));
    this.redemptions = new Redemptions(
      this.active.map(({ redemptions }) => redemptions),
      {
        isAuthority: (peer) => this.isAuthority(peer),
        isVoid: (peer) => this.isVoid(peer),
      },
    );
    this.names = new NameDecisions(this.active, {
      isAuthority: (peer) => this.isAuthority(peer),
      rootVerdict: (peer) => this.#rootDenyOf(peer)?.verdict,
    });
  }

  /** Whether somebody is known to hold an authority of its own. */
  isAuthority(peer: PeerId): boolean {
    return this.#owners.has(peer) ||
      this.#documents.some(({ grants }) =>
        statementIn(grants, peer)?.authority !== undefined
      );
  }

  /** Of statements in any document, also a denied admin's. */
  #rootGrantOf(subject: PeerId): GrantRight | undefined {
    return remembered(this.#rootGrants, subject, {
      find: () =>
        bestOf(
          this.#documents.map(({ grants }) => statementIn(grants, subject))
            .filter((entry) => entry !== undefined),
        ),
    });
  }

  #rootDenyOf(subject: PeerId): DenyRight | undefined {
    return remembered(this.#rootDenies, subject, {
      find: () =>
        bestOf(
          this.#documents.map(({ denies }) => statementIn(denies, subject))
            .filter((entry) => entry !== undefined),
        ),
    });
  }

  /**
   * Whether all that an admin wrote and certified is in doubt. Its document
   * need not be here: a certificate shows well enough that it was an admin.
   */
  isVoid(admin: PeerId): boolean {
    return this.#isDeniedByRoot(admin) || this.#isDemoted(admin);
  }

  #isDeniedByRoot(peer: PeerId): boolean {
    return this.#rootDenyOf(peer)?.verdict === "deny";
  }

  #isDemoted(admin: PeerId): boolean {
    const grant = this.#rootGrantOf(admin);
    return grant !== undefined && grant.tier !== "admin";
  }

  /** Statements of the root that count. */
  rootEntries(): readonly (GrantRight | DenyRight)[] {
    const subjectsOf = (
      entries: readonly { readonly subject: PeerId }[],
    ) => [...new Set(entries.map(({ subject }) => subject))];
    const documents = this.#documents;
    const granted = documents.flatMap(({ grants }) => statementsIn(grants));
    const denied = documents.flatMap(({ denies }) => statementsIn(denies));
    return [
      ...subjectsOf(granted).map((subject) => this.#rootGrantOf(subject)),
      ...subjectsOf(denied).map((subject) => this.#rootDenyOf(subject)),
    ].filter((entry) => entry !== undefined);
  }

  /** All that is in force about a subject, the one that counts included. */
  deniesOf(subject: PeerId): readonly DenyRight[] {
    const root = this.#rootDenyOf(subject);
    const denies = root === undefined ? [] : [root];
    if (this.isAuthority(subject)) return denies; // only the root's
    for (const { denies: section } of this.active) {
      const entry = section.get(subject);
      if (entry !== undefined) denies.push(entry);
    }
    return denies;
  }

  /** The same for grants; `without` leaves out what came through an admin. */
  grantsOf(
    subject: PeerId,
    { without }: { readonly without?: PeerId } = {},
  ): readonly GrantRight[] {
    const root = this.#rootGrantOf(subject);
    const grants = root === undefined ? [] : [root];
    if (this.isAuthority(subject)) return grants; // only the root's
    for (const { owner, grants: section } of this.active) {
      const entry = section.get(subject);
      if (entry !== undefined && owner !== without) grants.push(entry);
    }
    const joins = this.redemptions.of(subject)
      .filter(({ redeemer, invite }) =>
        without === undefined ||
        (redeemer !== without && invite.terms.issuer !== without)
      );
    const admitted = this.redemptions.inState("admitted", joins);
    return [...grants, ...admitted.map(grantOfRedemption)];
  }

  /** All that compete with their numbers for a key of a section. */
  entriesOf(
    section: NumberedSection,
    key: string,
  ): readonly { readonly by: RightsWriter; readonly number: number }[] {
    switch (section) {
      case "grants":
        return this.grantsOf(parsePeerId(key));
      case "denies":
        return this.deniesOf(parsePeerId(key));
      case "names":
      case "forgets":
        return this.names.entriesOf(section, key);
    }
  }

  grantOf(subject: PeerId): Grant | undefined {
    return remembered(this.#grants, subject, {
      find: () => {
        const best = bestOf(this.grantsOf(subject));
        return best === undefined ? undefined : plainGrant(best);
      },
    });
  }

  denialOf(subject: PeerId): Denial | undefined {
    return remembered(this.#denials, subject, {
      find: () => {
        const best = bestOf(this.deniesOf(subject));
        if (best?.verdict === "deny") return denialBy(best);
        return this.#voidRedemption(subject);
      },
    });
  }

  /** Who joined out of turn is out until another grant names it. */
  #voidRedemption(subject: PeerId): Denial | undefined {
    if (this.isAuthority(subject)) return undefined;
    const { redemptions } = this;
    const [first] = redemptions.inState("void", redemptions.of(subject))
      .toSorted(compareVoid);
    if (first === undefined || this.grantOf(subject) !== undefined) {
      return undefined;
    }
    const { redeemer, atMs, invite } = first;
    const { id, issuer } = invite.terms;
    return {
      ...{ subject, by: redeemer, atMs, number: 0 },
      because: "void-redemption",
      reason: this.isVoid(issuer)
        ? `invite ${id.slice(0, 8)} is of the denied admin ` +
          issuer.slice(0, 8)
        : `invite ${id.slice(0, 8)} was used up by others`,
    };
  }
}

/** Nodes hold the entries of one document in different orders. */
function compareVoid(left: RedemptionRight, right: RedemptionRight): number {
  return compareTexts(left.redeemer, right.redeemer) ||
    compareTexts(left.invite.terms.id, right.invite.terms.id);
}

function denialBy(right: DenyRight): Denial {
  const { subject, by, atMs, number, reason } = right;
  return {
    ...{ subject, by, atMs, number, because: "denied" },
    ...(reason === undefined ? {} : { reason }),
  };
}

function plainGrant({ text: _, ...grant }: GrantRight): Grant {
  return grant;
}

/** A redemption is its joiner's first grant. */
export function grantOfRedemption(redemption: RedemptionRight): GrantRight {
  const { joiner, redeemer, atMs } = redemption;
  const { id, tier, properties, accessMs } = redemption.invite.terms;
  return {
    subject: joiner,
    // The root makes admins; until then a candidate publishes.
    tier: tier === "admin" ? "publisher" : tier,
    properties,
    ...(accessMs === undefined ? {} : { accessDeadlineMs: atMs + accessMs }),
    ...{ number: 0, by: redeemer, atMs, redemption: id, text: id },
  };
}
