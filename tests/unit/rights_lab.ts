// A cluster made of documents alone: a root, admins with their own documents,
// joiners with proofs that verify. In: what each admin says. Out: the rights
// that follow, asked in every order of the documents, which must all agree.

import assert from "node:assert/strict";
import {
  type AdminDocument,
  type AuthorityCandidate,
  type Certificate,
  type ClusterRoot,
  issueAuthority,
  type IssueNeeds,
  issueRoot,
  type MemberFacts,
  projectRights,
  type Rights,
  type RightsSection,
  type RootRequest,
  type RootVerdict,
  signAuthorityKey,
  type SignedInvite,
  signInvite,
  signJoinProof,
  signRootStatement,
  type Tier,
  verifyRoot,
} from "../../src/identity/mod.ts";
import {
  type Bytes,
  canonicalJson,
  type JsonValue,
  type PeerId,
  peerIdOf,
  toBase64,
} from "../../src/kernel/mod.ts";
import type { PrivateKey, Random } from "../../src/ports/mod.ts";
import { seededRandom, SetClock, signer, startMs } from "./identity_world.ts";

/** A node with a key; ids sort by the number in their name. */
export type LabPeer = { readonly peer: PeerId; readonly key: PrivateKey };

/** An admin and what its document says. */
export class LabAdmin implements AdminDocument {
  readonly owner: PeerId;
  readonly said = new Map<RightsSection, Map<string, JsonValue>>();

  constructor(
    readonly key: PrivateKey,
    readonly authorityKey: PrivateKey,
    readonly ownAuthority: Certificate,
  ) {
    this.owner = peerIdOf(key.publicKey);
  }

  say(section: RightsSection, key: string, value: JsonValue): this {
    const entries = this.said.get(section) ?? new Map<string, JsonValue>();
    this.said.set(section, entries.set(key, value));
    return this;
  }

  grant(subject: PeerId, changes: Record<string, JsonValue> = {}): this {
    return this.say("grants", subject, {
      number: 1,
      tier: "leaf",
      properties: {},
      atMs: startMs,
      ...changes,
    });
  }

  deny(subject: PeerId, changes: Record<string, JsonValue> = {}): this {
    const entry = { number: 1, verdict: "deny", atMs: startMs, ...changes };
    return this.say("denies", subject, entry);
  }

  entries(section: RightsSection) {
    return [...this.said.get(section) ?? []]
      .map(([key, value]) => ({ key, text: canonicalJson(value) }));
  }
}

export type InviteChanges = {
  readonly id?: string;
  readonly uses?: number;
  readonly tier?: Tier;
  readonly subject?: PeerId;
  readonly accessMs?: number;
  readonly properties?: ReadonlyMap<string, string>;
};

export type LabInvite = SignedInvite & { readonly secret: PrivateKey };

/** Everything that one cluster of the lab needs. */
export class RightsLab {
  readonly clock = new SetClock();
  readonly random: Random;
  readonly needs: IssueNeeds;
  readonly rootKey: PrivateKey;
  readonly root: ClusterRoot;
  /** All that were made here: the lab signs for everybody. */
  readonly #keys = new Map<PeerId, PrivateKey>();

  constructor(seed = "rights") {
    this.random = seededRandom(seed);
    this.needs = { clock: this.clock, random: this.random, signer };
    this.rootKey = this.newKey();
    this.root = verifyRoot(this.needs, issueRoot(this.needs, this.rootKey));
  }

  newKey(): PrivateKey {
    const key = signer.privateKey(this.random.bytes(32));
    this.#keys.set(peerIdOf(key.publicKey), key);
    return key;
  }

  newPeer(): LabPeer {
    const key = this.newKey();
    return { peer: peerIdOf(key.publicKey), key };
  }

  /** Peers by ascending id. */
  newPeers(count: number): LabPeer[] {
    return Array.from({ length: count }, () => this.newPeer())
      .sort((left, right) => left.peer < right.peer ? -1 : 1);
  }

  newAdmin({ key } = this.newPeer()): LabAdmin {
    const authorityKey = this.newKey();
    const ownAuthority = issueAuthority(this.needs, {
      root: this.root,
      rootKey: this.rootKey,
      publicKey: authorityKey.publicKey,
      admin: peerIdOf(key.publicKey),
    });
    return new LabAdmin(key, authorityKey, ownAuthority);
  }

  /** Admins by ascending id. */
  newAdmins(count: number): LabAdmin[] {
    return this.newPeers(count).map((peer) => this.newAdmin(peer));
  }

  /** What `owner` proves of an authority key. */
  candidate(owner: PeerId, authorityKey = this.newKey()): AuthorityCandidate {
    const { cluster } = this.root;
    const key = this.#keys.get(owner);
    assert.ok(key !== undefined, "a peer of the lab");
    return signAuthorityKey(this.needs, { cluster, key, authorityKey });
  }

  /** A statement of the root as the value of an entry. */
  statement(
    subject: PeerId,
    number: number,
    { verdict }: {
      readonly verdict:
        & RootVerdict<Bytes>
        & Pick<RootRequest, "authorityProof">;
    },
  ) {
    const { rootKey, root } = this;
    const { cluster } = root;
    const { text } = signRootStatement(this.needs, {
      request: { cluster, subject, number, atMs: startMs, ...verdict },
      ...{ rootKey, root },
    });
    return { root: text };
  }

  rootDeny(subject: PeerId, number = 1) {
    const verdict = { kind: "deny", mode: "cascade" } as const;
    return this.statement(subject, number, { verdict });
  }

  rootAllow(subject: PeerId, number = 1) {
    return this.statement(subject, number, { verdict: { kind: "allow" } });
  }

  rootGrant(
    subject: PeerId,
    tier: Tier,
    { number = 1, accessDeadlineMs }: {
      readonly number?: number;
      readonly accessDeadlineMs?: number;
    } = {},
  ) {
    const properties = new Map<string, string>();
    const grant = {
      kind: "grant",
      tier,
      properties,
      accessDeadlineMs,
    } as const;
    if (tier !== "admin") {
      return this.statement(subject, number, { verdict: grant });
    }
    const { authorityKey: authority, authorityProof } = this.candidate(subject);
    const verdict = { ...grant, authority, authorityProof };
    return this.statement(subject, number, { verdict });
  }

  invite(issuer: LabAdmin, changes: InviteChanges = {}): LabInvite {
    const secret = this.newKey();
    const invite = signInvite(this.needs, {
      id: this.random.bytes(16).toHex(),
      cluster: this.root.cluster,
      issuer: issuer.owner,
      key: secret.publicKey,
      tier: "leaf",
      properties: new Map(),
      issuedMs: startMs,
      expiresMs: startMs + 300_000,
      uses: 1,
      contextHash: new Uint8Array(32),
      ...changes,
    }, { issuer: issuer.key });
    return { ...invite, secret };
  }

  /** Writes that `joiner` joined, with proofs for `redeemer`. */
  redeem(
    redeemer: LabAdmin,
    invite: LabInvite,
    { joiner, changes = {} }: {
      readonly joiner: LabPeer;
      readonly changes?: Record<string, JsonValue>;
    },
  ): AuthorityCandidate {
    const nonce = this.random.bytes(32);
    const candidate = signAuthorityKey(this.needs, {
      cluster: this.root.cluster,
      key: joiner.key,
      authorityKey: this.newKey(),
    });
    const { authorityKey, authorityProof } = candidate;
    const proof = signJoinProof(this.needs, {
      cluster: this.root.cluster,
      occasion: { type: "invite", invite },
      joiner: joiner.peer,
      redeemer: redeemer.owner,
      nonce,
      authorityKey,
    }, { key: joiner.key, secret: invite.secret });
    const key = `${invite.terms.id}/${joiner.peer}`;
    redeemer.say("redemptions", key, {
      invite: toBase64(invite.bytes),
      signature: toBase64(invite.signature),
      nonce: toBase64(nonce),
      joinerSignature: toBase64(proof.joiner),
      inviteSignature: toBase64(proof.invite ?? nonce),
      authorityKey: toBase64(authorityKey),
      authorityProof: toBase64(authorityProof),
      atMs: startMs,
      ...changes,
    });
    return candidate;
  }

  /** The rights of these documents, the same in both orders. */
  rights(...documents: readonly AdminDocument[]): Rights {
    const { needs, root } = this;
    const rights = projectRights(needs, { root, documents });
    const turned = projectRights(needs, {
      root,
      documents: documents.toReversed(),
    });
    assert.deepEqual(shown(turned), shown(rights));
    return rights;
  }

  facts(
    peer: PeerId,
    issuedBy: PeerId,
    { tier = "leaf" }: { readonly tier?: Tier } = {},
  ): MemberFacts {
    return {
      ...{ peer, issuedBy, tier, cluster: this.root.cluster },
      ...{ properties: new Map([["from", "certificate"]]), issue: 1 },
      ...{ memberSinceMs: startMs, notBeforeMs: startMs, notAfterMs: 2e12 },
      accessDeadlineMs: undefined,
    };
  }
}

/** What does not fit, of all documents. */
export function ignoredBy(rights: Rights) {
  return rights.admins.flatMap(({ peer }) => rights.ignoredOf(peer));
}

/** All that rights say, as data. */
export function shown(rights: Rights) {
  return {
    admins: rights.admins.map(({ authority, ...rest }) => ({
      ...rest,
      serial: authority.serial,
    })),
    denials: rights.denials,
    grants: rights.grants,
    redemptions: rights.redemptions,
    invites: rights.invites,
    statements: rights.rootStatements,
    names: rights.names,
    forgets: rights.forgets,
    ignored: ignoredBy(rights),
    uses: rights.redemptions.map(({ invite }) => rights.usesOf(invite)),
    children: rights.admins.map(({ peer }) => rights.childrenOf(peer)),
  };
}
