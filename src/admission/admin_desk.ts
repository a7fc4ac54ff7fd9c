// What every verb of an admin begins and ends with: whether this node may act
// as one now, what it knows at that moment, and publishing one decision after
// the other. A refusal says who could do it instead. It must never let a
// decision be made on what an earlier one is about to change.

import { DeniedError, type PeerId, Sequence } from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import type {
  Certificate,
  GrantedRights,
  NodeIdentity,
  Properties,
  Rights,
  RightsSection,
  Tier,
} from "../identity/mod.ts";
import type { AdmissionMembers, AdmissionState } from "./needs.ts";
import { redeemerFault, type RedeemerView } from "./redeemer.ts";

/** What the admins' part takes of the world. */
export type AdminsNeeds = Pick<Ports, "clock" | "random" | "signer">;

/** Who acts here, and on what it knows. */
export type AdminsConfig = {
  /** The newest: it changes with each renewal. */
  readonly identity: () => NodeIdentity;
  readonly state: AdmissionState;
  readonly members: AdmissionMembers;
  /**
   * Takes an authority that the root signed for this node, durably: then it is
   * an admin. For a cluster whose admins are all gone.
   */
  readonly promote?: (certificate: Certificate) => Promise<void>;
  /**
   * Shared with the `Enroller` of the same node: an invite that was revoked,
   * and a node that was denied, are so for the next join.
   */
  readonly decisions?: Sequence;
};

/** What became of it: done, or one line for the root key's holder to sign. */
export type Decision =
  | {
    readonly type: "done";
    readonly peer: PeerId;
    readonly tier?: Tier | undefined;
    readonly properties?: Properties | undefined;
    readonly accessDeadlineMs?: number | undefined;
    /** False when nothing had to be changed. */
    readonly isChanged: boolean;
    /** Members of a denied admin that were granted anew. */
    readonly kept?: number | undefined;
    /** Members that a denied admin let in, and that go with it. */
    readonly gone?: number | undefined;
  }
  | {
    readonly type: "needs-root";
    readonly peer: PeerId;
    /** One line of text. */
    readonly request: string;
  };

/** Shared by the verbs. */
export class AdminDesk {
  readonly needs: AdminsNeeds;
  readonly state: AdmissionState;
  readonly members: AdmissionMembers;
  readonly #identity: () => NodeIdentity;
  readonly #promote: AdminsConfig["promote"];
  readonly #sequence: Sequence;

  constructor(needs: AdminsNeeds, config: AdminsConfig) {
    this.needs = needs;
    this.state = config.state;
    this.members = config.members;
    this.#identity = config.identity;
    this.#promote = config.promote;
    this.#sequence = config.decisions ?? new Sequence();
  }

  /** What this node knows now. */
  view(): RedeemerView {
    return {
      identity: this.#identity(),
      rights: this.state.rights(),
      wallMs: this.needs.clock.wallMs(),
    };
  }

  /**
   * Runs one verb, after those before it.
   *
   * @param deed For the message: "make invites".
   * @throws {DeniedError} This node is no admin now.
   */
  decide<T>(
    deed: string,
    verb: (view: RedeemerView) => Promise<T>,
  ): Promise<T> {
    return this.#sequence.run(async () => {
      const view = this.view();
      const fault = redeemerFault(this.needs, view);
      if (fault !== undefined) throw refusal(view, deed, { fault });
      return await verb(view);
    });
  }

  /** Within `carry`. @throws {DeniedError} This node is no admin now. */
  refuseUnable(view: RedeemerView, deed: string): void {
    const fault = redeemerFault(this.needs, view);
    if (fault !== undefined) throw refusal(view, deed, { fault });
  }

  /**
   * As `decide`, also for an admin who may not act now, its authority being
   * expired or taken away: what the root signs counts in its document all the
   * same, and may be the new authority.
   *
   * @param options.authority What the root gives this very node, if it does.
   */
  carry<T>(
    deed: string,
    verb: (view: RedeemerView) => Promise<T>,
    { authority }: { readonly authority?: Certificate | undefined } = {},
  ): Promise<T> {
    return this.#sequence.run(async () => {
      const isMember = this.view().identity.authority === undefined;
      if (isMember && authority !== undefined) await this.#promote?.(authority);
      const view = this.view();
      if (view.identity.authority === undefined) {
        throw refusal(view, deed, { fault: "it is no admin" });
      }
      return await verb(view);
    });
  }
}

function refusal(
  { identity, rights }: RedeemerView,
  deed: string,
  { fault }: { readonly fault: string },
): DeniedError {
  const { authority, facts, peer } = identity;
  if (authority !== undefined) {
    return new DeniedError(`This admin can not ${deed}: ${fault}`, {
      hint: `Ask another admin${adminsText(rights, peer)}, or with the root ` +
        `key: "pln grant ${peer} --admin"`,
    });
  }
  return new DeniedError(
    `Only admins ${deed}; this node is a ${facts.tier}`,
    { hint: `Ask an admin${adminsText(rights, peer)}` },
  );
}

const adminsShown = 3;

function adminsText(rights: Rights, self: PeerId): string {
  const able = rights.admins.filter(({ peer, isDenied, isDemoted }) =>
    peer !== self && !isDenied && !isDemoted
  );
  if (able.length === 0) return "";
  const shown = able.slice(0, adminsShown).map(({ peer }) => peer.slice(0, 8));
  const more = able.length > adminsShown ? ", ..." : "";
  return ` (${shown.join(", ")}${more})`;
}

/**
 * Whether only the root can say more about a subject: it holds an authority,
 * or the root has spoken about it before.
 */
export function isRootMatter(
  { rights, identity }: RedeemerView,
  section: Extract<RightsSection, "grants" | "denies">,
  { subject }: { readonly subject: PeerId },
): boolean {
  return subject === identity.peer ||
    rights.admins.some(({ peer }) => peer === subject) ||
    // Its document may not be here yet.
    rights.grantOf(subject)?.authority !== undefined ||
    rights.rootStatements.some((statement) =>
      statement.section === section && statement.subject === subject
    );
}

/** What somebody may do at present, whatever it is known from. */
export function presentGift(
  { rights, identity }: RedeemerView,
  members: AdmissionMembers,
  { subject }: { readonly subject: PeerId },
): GrantedRights | undefined {
  const facts = subject === identity.peer
    ? identity.facts
    : members.factsOf(subject);
  const known = rights.grantOf(subject) ?? facts;
  if (known === undefined) return undefined;
  const { tier, properties, accessDeadlineMs } = known;
  return { tier, properties, accessDeadlineMs };
}
