// What the tests of admission stand on: a cluster in virtual time. Its nodes
// have real keys and certificates and the real projection of rights; documents
// reach every node they are not cut off from at once, and streams are pairs in
// memory whose frames a test may change, drop or delay.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  Admins,
  type Decision,
  Enroller,
  type JoinDialing,
} from "../../src/admission/mod.ts";
import type { AdmissionLink } from "../../src/admission/needs.ts";
import {
  type AuthorityCandidate,
  type Certificate,
  type ClusterRoot,
  credentialPem,
  type InviteToken,
  issueAuthority,
  issueMember,
  issueRoot,
  type MemberClaims,
  type MemberFacts,
  type NodeIdentity,
  parseInviteToken,
  parseRootRequest,
  type Properties,
  signAuthorityKey,
  signRootStatement,
  type Tier,
  verifyCredential,
  verifyRoot,
} from "../../src/identity/mod.ts";
import {
  type PeerId,
  peerIdOf,
  PlnError,
  Sequence,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { NetworkAddress, PrivateKey } from "../../src/ports/mod.ts";
import {
  openSimClock,
  openSimDisk,
  openSimLog,
  openWorld,
  type World,
} from "../../src/sim/mod.ts";
import type { FrameStream } from "../../src/transport/mod.ts";
import { MemoryState } from "./admission_state.ts";
import { type Meddler, MemoryStream, pause } from "./admission_stream.ts";

export { pause };

export const signer = openSigner();
const turn = openTurn();
export const dayMs = 86_400_000;
export const never = new AbortController().signal;

/** One node, up unless told. */
export class LabNode {
  readonly lab: Lab;
  readonly clock;
  readonly log;
  readonly disk;
  readonly random;
  readonly address: NetworkAddress;
  readonly state: MemoryState;
  readonly enroller: Enroller;
  readonly admins: Admins;
  identity: NodeIdentity;
  /** Nodes that hear nothing from this one. */
  readonly cutOff = new Set<PeerId>();
  /** Nodes this one has a link to, the best first. */
  readonly linked: LabNode[] = [];
  /** Real links instead of these. */
  realLinks: (() => Iterable<AdmissionLink>) | undefined;
  isUp = true;
  /** How it takes an authority; undefined: not at all. */
  promote: ((certificate: Certificate) => Promise<void>) | undefined;
  /** Accepts, and then says nothing. */
  isMute = false;
  /** On streams to this node. */
  meddle: { up?: Meddler; down?: Meddler } = {};
  /** Streams that were opened to this node. */
  streams = 0;
  /** Of the streams it serves. */
  readonly serving = new Set<Promise<void>>();

  constructor(
    lab: Lab,
    options: { readonly name: string; readonly identity: NodeIdentity },
  ) {
    const { name, identity } = options;
    const { world } = lab;
    this.lab = lab;
    this.identity = identity;
    this.clock = openSimClock(world, { name });
    this.log = openSimLog(world, { name });
    this.disk = openSimDisk(world, { name });
    this.random = world.random.fork(`node ${name}`);
    this.address = { ip: `192.0.2.${lab.nodes.size + 1}`, port: 7_444 };
    this.state = new MemoryState(world, { owner: this, root: lab.root });
    const { state } = this;
    const links = { links: () => this.links() };
    const own = () => this.identity;
    const decisions = new Sequence();
    const members = {
      factsOf: (peer: PeerId) => lab.nodes.get(peer)?.identity.facts,
      candidateOf: (peer: PeerId) => lab.candidateOf(peer),
    };
    this.enroller = new Enroller(this.needs, {
      ...{ identity: own, state, links, members, decisions },
    });
    this.admins = new Admins(this.needs, {
      ...{ identity: own, state, members, decisions },
      promote: async (certificate) => await this.promote?.(certificate),
    });
  }

  get needs() {
    const { clock, log, random } = this;
    return { clock, log, random, signer, disk: this.disk.mount() };
  }

  get peer(): PeerId {
    return this.identity.peer;
  }

  *hearers(): Iterable<MemoryState> {
    for (const { peer, state } of this.lab.nodes.values()) {
      if (!this.cutOff.has(peer)) yield state;
    }
  }

  *links(): Iterable<AdmissionLink> {
    if (this.realLinks !== undefined) yield* this.realLinks();
    for (const node of this.linked) {
      yield {
        peer: node.peer,
        facts: node.identity.facts,
        openStream: (_protocol, signal) => {
          signal.throwIfAborted();
          return node.isUp
            ? Promise.resolve(node.serve(this))
            : Promise.reject(new UnreachableError("The link is gone"));
        },
      };
    }
  }

  /** Opens a stream to this node; the other end is served. */
  serve(from: LabNode | NetworkAddress): FrameStream {
    this.streams++;
    const [opener, acceptor] = MemoryStream.pair(this.lab.world, this.meddle);
    if (this.isMute) return opener;
    const context = from instanceof LabNode
      ? { remote: from.address, peer: from.peer, signal: never }
      : { remote: from, signal: never };
    const serving = this.enroller.handle(acceptor, context)
      .finally(async () => {
        this.serving.delete(serving);
        await acceptor[Symbol.asyncDispose]();
      });
    this.serving.add(serving);
    return opener;
  }

  /** The events it has logged, with their fields. */
  logged(event: string) {
    return this.log.records.filter((record) => record.event === event);
  }
}

/** A whole cluster. */
export class Lab {
  readonly world: World;
  readonly root: ClusterRoot;
  readonly rootKey: PrivateKey;
  readonly nodes = new Map<PeerId, LabNode>();
  /** What links have shown of authority keys, where not those of the nodes. */
  readonly shown = new Map<PeerId, AuthorityCandidate | undefined>();
  readonly #clock;
  readonly #random;

  /** In a world of its own, or in one that is there. */
  constructor(world: World | number = 1) {
    this.world = typeof world === "number" ? openWorld(world, { turn }) : world;
    this.#clock = openSimClock(this.world, { name: "maker" });
    this.#random = this.world.random.fork("maker");
    this.rootKey = this.newKey();
    this.root = verifyRoot({ signer }, issueRoot(this.making, this.rootKey));
  }

  get making() {
    return { clock: this.#clock, random: this.#random, signer };
  }

  newKey(): PrivateKey {
    return signer.privateKey(this.#random.bytes(32));
  }

  /** Every wall clock is this far from where the lab began. */
  passTime(passedMs: number): void {
    for (const { clock } of [this.making, ...this.nodes.values()]) {
      clock.setWallOffset(passedMs);
    }
  }

  /** What links have shown of a node. */
  candidateOf(peer: PeerId): AuthorityCandidate | undefined {
    const node = this.nodes.get(peer);
    if (node === undefined || this.shown.has(peer)) return this.shown.get(peer);
    return signAuthorityKey({ signer }, node.identity);
  }

  newKeys() {
    return { key: this.newKey(), authorityKey: this.newKey() };
  }

  /** Runs virtual time until `work` has settled. */
  async run<T>(work: Promise<T>): Promise<T> {
    return await this.world.complete(work, { withinMs: 40 * dayMs });
  }

  /** An admin with its document at every node. */
  admin(name: string): LabNode {
    const keys = this.newKeys();
    const authority = issueAuthority(this.making, {
      root: this.root,
      rootKey: this.rootKey,
      publicKey: keys.authorityKey.publicKey,
      admin: peerIdOf(keys.key.publicKey),
    });
    const identity = this.#identity({
      ...keys,
      authority,
      by: { key: keys.authorityKey, certificate: authority },
      claims: { tier: "publisher" },
      isAdmin: true,
    });
    const node = this.#add(name, identity);
    const document = {
      owner: node.peer,
      ownAuthority: authority,
      sections: new Map(),
    };
    for (const { state } of this.nodes.values()) {
      state.documents.set(node.peer, document);
    }
    return node;
  }

  /** A member that `by` has certified; no document says so. */
  member(
    name: string,
    by: LabNode,
    claims: {
      readonly tier?: Tier;
      readonly properties?: Properties;
      readonly accessDeadlineMs?: number;
      readonly issue?: number;
    } = {},
  ): LabNode {
    const authority = by.identity.authority;
    assert.ok(authority !== undefined, "admins certify members");
    return this.#add(
      name,
      this.#identity({
        ...this.newKeys(),
        authority: undefined,
        by: authority,
        claims,
        isAdmin: false,
      }),
    );
  }

  /** Gives a node a new certificate under the authority of `by`. */
  recertify(node: LabNode, by: LabNode): void {
    const { key, authorityKey, authority: own } = node.identity;
    const { authority } = by.identity;
    assert.ok(authority !== undefined, "admins certify members");
    node.identity = this.#identity({
      ...{ key, authorityKey, authority: own?.certificate, by: authority },
      claims: { tier: "publisher" },
      isAdmin: own !== undefined,
    });
  }

  /** A node with an identity that came about elsewhere. */
  adopt(name: string, identity: NodeIdentity): LabNode {
    return this.#add(name, identity);
  }

  #add(name: string, identity: NodeIdentity): LabNode {
    const node = new LabNode(this, { name, identity });
    for (
      const [owner, one] of [...this.nodes.values()][0]?.state.documents ?? []
    ) {
      node.state.documents.set(owner, one);
    }
    this.nodes.set(node.peer, node);
    return node;
  }

  #identity(parts: {
    readonly key: PrivateKey;
    readonly authorityKey: PrivateKey;
    readonly authority: Certificate | undefined;
    readonly by: {
      readonly key: PrivateKey;
      readonly certificate: Certificate;
    };
    readonly claims: Partial<MemberClaims>;
    readonly isAdmin: boolean;
  }): NodeIdentity {
    const { key, authorityKey, authority, by } = parts;
    const { root } = this;
    const member = issueMember(this.making, {
      authority: by.certificate,
      authorityKey: by.key,
      publicKey: key.publicKey,
      claims: {
        type: "member",
        cluster: root.cluster,
        tier: "leaf",
        properties: new Map(),
        accessDeadlineMs: undefined,
        memberSinceMs: this.#clock.wallMs(),
        issue: 1,
        ...parts.claims,
      },
    });
    const credential = {
      member,
      authority: by.certificate,
      ...(authority === undefined ? {} : { ownAuthority: authority }),
    };
    const check = { type: "permanent" } as const;
    const facts: MemberFacts = verifyCredential({ signer }, {
      root,
      credential,
      check,
    });
    return {
      ...{ peer: facts.peer, cluster: facts.cluster, key, authorityKey, root },
      ...{ credential, credentialPem: credentialPem(credential), facts },
      authority: authority === undefined
        ? undefined
        : { key: authorityKey, certificate: authority },
    };
  }

  /** Dials the nodes of the lab, from `ip`. */
  dialer(ip = "198.51.100.1"): JoinDialing {
    return {
      dial: async (peer, to, { signal }) => {
        signal.throwIfAborted();
        await pause(this.world, 5);
        const node = [...this.nodes.values()].find(({ address }) =>
          address.ip === to.ip && address.port === to.port
        );
        if (node?.isUp !== true || node.peer !== peer) {
          await silence(signal);
        }
        assert.ok(node !== undefined, "silence never ends well");
        const stream = node.serve({ ip, port: 50_000 });
        return {
          stream,
          [Symbol.asyncDispose]: () => stream[Symbol.asyncDispose](),
        };
      },
    };
  }
}

/** Nobody answers, until the caller gives up. */
async function silence(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return await promise;
}

/** A token of `by`, read; bootstraps are `through`, else `by` itself. */
export async function inviteOf(
  by: LabNode,
  options: Partial<Parameters<Admins["invite"]>[0]> & {
    readonly through?: readonly LabNode[];
  } = {},
): Promise<InviteToken> {
  const { through = [by], ...rest } = options;
  const bootstraps = through.map(({ peer, address }) => ({
    peer,
    addresses: [address],
  }));
  const made = await by.admins.invite({ bootstraps, ...rest });
  return parseInviteToken({ signer }, made.token);
}

/** How `work` fails; it must. */
export async function failure(work: Promise<unknown>): Promise<PlnError> {
  try {
    await work;
  } catch (cause) {
    assert.ok(cause instanceof PlnError, String(cause));
    return cause;
  }
  throw new assert.AssertionError({ message: "it succeeded" });
}

/** What the root makes of a request: one line. */
export function signedByRoot(lab: Lab, decision: Decision): string {
  assert.ok(decision.type === "needs-root");
  return signRootStatement(lab.making, {
    request: parseRootRequest(decision.request),
    rootKey: lab.rootKey,
    root: lab.root,
  }).text;
}

/** Has the root sign what an admin asks for, and applies it there. */
export async function byRoot(
  lab: Lab,
  admin: LabNode,
  decision: Decision,
): Promise<Decision> {
  return await admin.admins.applyStatement(signedByRoot(lab, decision));
}
