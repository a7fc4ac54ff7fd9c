// What a cluster's admins have decided, as one set of rights: who was denied,
// who was granted what, who joined with which invite. These are the questions
// that connections, calls, renewals and admins ask; the answers come from
// rights_projection.ts. Equal documents give equal rights on every node; only
// `standing` reads a clock, its caller's.

import type { PeerId } from "../kernel/mod.ts";
import type { AuthorityCandidate } from "./authority_proof.ts";
import type { Certificate } from "./certificate.ts";
import type { Properties, Tier } from "./extension.ts";
import type { MemberFacts } from "./verify.ts";

/** The sections of an admin's document that decide rights. */
export const rightsSectionNames = [
  "grants",
  "denies",
  "redemptions",
  "invites",
  "names",
  "forgets",
] as const;

/** One of `rightsSectionNames`. */
export type RightsSection = typeof rightsSectionNames[number];

/** Those whose entries outbid each other by a number. */
export type NumberedSection = Extract<
  RightsSection,
  "grants" | "denies" | "names" | "forgets"
>;

/** One entry of a section; `text` is JSON. */
export type RightsText = { readonly key: string; readonly text: string };

/** What the projection reads of a document whose owner is an admin. */
export interface AdminDocument {
  /** Whom the document belongs to. */
  readonly owner: PeerId;
  /** Root-signed and the owner's: whoever hands it in has checked that. */
  readonly ownAuthority: Certificate;
  /** The same array as before while the section has not changed. */
  entries(section: RightsSection): readonly RightsText[];
}

/** Who decided: an admin by its document, or the root key by a statement. */
export type RightsWriter = PeerId | "root";

/** Somebody who may not be here. */
export type Denial = {
  readonly subject: PeerId;
  readonly by: RightsWriter;
  /** Milliseconds since 1970, of the writer's clock. */
  readonly atMs: number;
  readonly number: number;
  readonly reason?: string;
  /** "void-redemption": joined with an invite that was not theirs to use. */
  readonly because: "denied" | "void-redemption";
};

/** What somebody may do, and who said so. */
export type Grant = {
  readonly subject: PeerId;
  readonly tier: Tier;
  readonly properties: Properties;
  /** Milliseconds since 1970 from which on access ends. */
  readonly accessDeadlineMs?: number;
  /** 0 for a redemption, which is everybody's first grant. */
  readonly number: number;
  readonly by: RightsWriter;
  /** Milliseconds since 1970, of the writer's clock. */
  readonly atMs: number;
  /** Of the subject's authority key: with tier admin, signed by the root. */
  readonly authority?: Certificate;
  /** The id of the invite, when this is a redemption. */
  readonly redemption?: string;
};

/** One join with an invite. */
export type Redemption = {
  readonly invite: string;
  readonly issuer: PeerId;
  readonly joiner: PeerId;
  readonly redeemer: PeerId;
  /** As the joiner called itself. */
  readonly name?: string;
  /** Milliseconds since 1970, of the redeemer's clock. */
  readonly atMs: number;
  /** "void": it came after the invite's last use, or its issuer is denied. */
  readonly state: "admitted" | "void";
};

/** An invite as an admin's document has it. */
export type InviteEntry = {
  readonly invite: string;
  /** In whose document it stands. */
  readonly by: PeerId;
  readonly state: "open" | "revoked";
  readonly tier: Tier;
  readonly subject?: PeerId;
  /** Milliseconds since 1970. */
  readonly expiresMs: number;
  readonly uses: number;
  /** Milliseconds since 1970, of the writer's clock. */
  readonly atMs: number;
};

/** An admin's word on who holds a name that several owners have. */
export type NameBinding = {
  /** Of the state: "seeds", "services", ... */
  readonly section: string;
  readonly name: string;
  readonly owner: PeerId;
  readonly number: number;
  /** In whose document it stands. */
  readonly by: PeerId;
  /** Milliseconds since 1970, of the writer's clock. */
  readonly atMs: number;
};

/** How far a document is void: what is newer than this counts again. */
export type ForgottenPlace = {
  readonly generation: number;
  readonly seq: number;
};

/** An admin's word that a node's document is to be dropped. */
export type Forget = ForgottenPlace & {
  readonly subject: PeerId;
  readonly number: number;
  /** In whose document it stands. */
  readonly by: PeerId;
  /** Milliseconds since 1970, of the writer's clock. */
  readonly atMs: number;
};

/** An owner of an admin's document. */
export type Admin = {
  readonly peer: PeerId;
  readonly authority: Certificate;
  readonly isDenied: boolean;
  /** The root took the tier away: what its document says is void too. */
  readonly isDemoted: boolean;
};

/** What a member may do now. */
export type Standing = {
  readonly tier: Tier;
  readonly properties: Properties;
  readonly accessDeadlineMs?: number;
  /** Whether a grant says so, or only the member's certificate. */
  readonly source: "grant" | "certificate";
};

/** An entry of an admin's document that does not fit, and why. */
export type IgnoredRight = {
  readonly owner: PeerId;
  readonly section: RightsSection;
  readonly key: string;
  readonly reason: string;
};

/** Never changes: a change of an admin's document makes another. */
export interface Rights {
  /** Undefined for everybody who was not denied. */
  denialOf(peer: PeerId): Denial | undefined;
  /** The highest effective grant; undefined when nobody granted anything. */
  grantOf(peer: PeerId): Grant | undefined;
  /**
   * What a verified member may do. An end of access does not count for the
   * last admin: see `isLastAdmin`.
   *
   * @param facts Of its verified credential.
   * @param wallMs Milliseconds since 1970, of the caller's clock.
   * @throws {DeniedError} It was denied, its certificate comes from a denied
   * admin and nobody else granted it anything, or its access has ended.
   */
  standing(facts: MemberFacts, wallMs: number): Standing;
  /**
   * The tier of a verified member as all nodes see it, without a clock:
   * undefined when it was denied, or certified by a denied admin and granted
   * nothing by others. An end of access changes nothing here.
   */
  tierOf(facts: MemberFacts): Tier | undefined;
  /** The properties that go with it. */
  propertiesOf(facts: MemberFacts): Properties;
  /**
   * When somebody became a member, by its earliest join that counts; 0 for an
   * admin that never joined, and `stateIntegerMax` when nothing tells.
   */
  memberSinceMs(peer: PeerId): number;
  /** Whom admins gave a name to; undefined: nobody, so the order decides. */
  bindingOf(section: string, name: string): PeerId | undefined;
  /**
   * How far a node's document is forgotten; undefined: not at all. What says
   * so of an admin that the root has not denied counts for nothing.
   *
   * @param options.isAdmin The document shows an authority of its owner: a
   * node that has none of it yet cannot know that by itself.
   */
  forgetOf(
    peer: PeerId,
    options?: { readonly isAdmin?: boolean },
  ): ForgottenPlace | undefined;
  /** Bindings that count, by section and name. */
  readonly names: readonly NameBinding[];
  /** Forgets that count, by subject. */
  readonly forgets: readonly Forget[];
  /** By peer id, the denied ones included. */
  readonly admins: readonly Admin[];
  /** Everybody who is denied now, by subject. */
  readonly denials: readonly Denial[];
  /** Everybody's effective grant, by subject. */
  readonly grants: readonly Grant[];
  /** Of undenied redeemers, by invite and joiner. */
  readonly redemptions: readonly Redemption[];
  /** The same of one joiner: those that count for it. */
  redemptionsOf(joiner: PeerId): readonly Redemption[];
  /** Of undenied admins, by id and owner. */
  readonly invites: readonly InviteEntry[];
  /** Statements of the root that count, by subject. */
  readonly rootStatements: readonly RootStatementEntry[];
  /**
   * Entries of one admin's document that do not fit, at most
   * `rightsIgnoredMax`, by section and key. Reads the whole document, but
   * checks no proofs.
   */
  ignoredOf(owner: PeerId): readonly IgnoredRight[];
  /**
   * How many entries of others were met that do not fit or prove nothing. Most
   * are never looked at, so this is for people and no answer to anything.
   */
  ignoredCount(options: { readonly without: PeerId }): number;
  /**
   * How many nodes an invite has admitted. With its issuer an invite that
   * another admin gave the same id does not count.
   */
  usesOf(invite: string, issuer?: PeerId): number;
  /** Whether any undenied admin has revoked it. */
  isRevoked(invite: string): boolean;
  /**
   * 1 + the highest number that counts for a subject.
   *
   * @param subject A key of the section: a peer's id, and of "names" section
   * and name.
   * @param options.isRoot Among the root's statements only.
   * @param options.without An admin whose entries are about to be void.
   * @throws {LimitError} The highest one is the last there is.
   */
  nextNumber(
    section: NumberedSection,
    subject: string,
    options?: { readonly isRoot?: boolean; readonly without?: PeerId },
  ): number;
  /** The authority key that it showed, and proved to be its own, on joining. */
  candidateOf(peer: PeerId): AuthorityCandidate | undefined;
  /**
   * What an admin gave to those whom nobody else gave anything: who is out when
   * it is denied, unless it is granted anew. Also of one denied already.
   */
  childrenOf(admin: PeerId): readonly Grant[];
}

/** A statement of the root as a document holds it. */
export type RootStatementEntry = {
  readonly section: "grants" | "denies";
  readonly subject: PeerId;
  readonly number: number;
  /** The statement itself, to be copied word for word. */
  readonly text: string;
};
