// The members of the cluster, as people ask about them and decide over them:
// names and id prefixes come in, what this node knows or a decision goes out.
// Who may decide is checked by the parts below; nothing here changes rights.

import {
  DeniedError,
  formatDurationMs,
  limits,
  type PeerId,
  type PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { NetworkAddress, Ports } from "../ports/mod.ts";
import {
  type Credential,
  type Denial,
  type Grant,
  isValidAt,
  type MemberFacts,
  type NodeIdentity,
  type Properties,
  type Redemption,
  type Tier,
} from "../identity/mod.ts";
import type {
  Decision,
  DenyOptions,
  GrantChange,
  InviteMade,
  InviteOptions,
  InviteStatus,
} from "../admission/mod.ts";
import type { NodeLoad } from "../gossip/mod.ts";
import type { PeerState } from "../mesh/mod.ts";
import type { TransportReport } from "../transport/mod.ts";
import { version } from "../version.ts";
import { runInTime } from "./late.ts";
import { describedRow, type LinkRow } from "./described_rows.ts";
import type { NodeMesh } from "./node_mesh.ts";
import type { NodeLiveness } from "./presence.ts";

/** One node of the cluster; "self" is this one. */
export type NodeRow = Omit<PeerState, "state"> & {
  readonly state: PeerState["state"] | "self";
  /** Undefined for this node itself, and for who is no member. */
  readonly liveness: NodeLiveness | undefined;
  /** As it says; undefined while nothing new is heard of it. */
  readonly load: NodeLoad | undefined;
};

/** All that this node knows of another, or of itself. */
export type NodeInspection = {
  readonly row: NodeRow;
  /** Undefined while none was seen. */
  readonly credential: Credential | undefined;
  readonly facts: MemberFacts | undefined;
  readonly root: NodeIdentity["root"];
  readonly standing: MemberStanding | undefined;
  readonly grant: Grant | undefined;
  readonly denial: Denial | undefined;
  readonly redemptions: readonly Redemption[];
  /** Waits for the root to sign its authority. */
  readonly isAdminPending: boolean;
};

/** What a member may do now. */
export type MemberStanding = {
  readonly tier: Tier;
  readonly properties: Properties;
  readonly accessDeadlineMs?: number | undefined;
  readonly source: "grant" | "certificate";
};

/** One round trip. */
export type NodePing = {
  readonly peer: PeerId;
  readonly name: string | undefined;
  readonly address: NetworkAddress;
  readonly rttMs: number;
};

const pingMsMax = 10_000;

/** As peers see this node: without a valid authority it is no admin. */
function factsAt(identity: NodeIdentity, wallMs: number): MemberFacts {
  const { facts, credential } = identity;
  const { member: { claims }, ownAuthority } = credential;
  const isExpired = ownAuthority && !isValidAt(ownAuthority, wallMs);
  if (!isExpired || claims?.type !== "member") return facts;
  return { ...facts, tier: claims.tier };
}

/** Of one node; holds nothing to dispose. */
export class NodeMembers {
  readonly #clock: Ports["clock"];
  readonly #mesh: NodeMesh;
  readonly #name: string;

  /** For the node. */
  constructor(
    clock: Ports["clock"],
    mesh: NodeMesh,
    { name }: { readonly name: string },
  ) {
    this.#clock = clock;
    this.#mesh = mesh;
    this.#name = name;
  }

  /** What this node itself may do now; a denied one what it was given. */
  get standing(): MemberStanding {
    const { identity, rights } = this.#mesh;
    const wallMs = this.#clock.wallMs();
    const facts = factsAt(identity, wallMs);
    try {
      return rights.standing(facts, wallMs);
    } catch (cause) {
      if (!(cause instanceof DeniedError)) throw cause;
      const { tier, properties } = rights.grantOf(identity.peer) ?? facts;
      return { tier, properties, source: "certificate" };
    }
  }

  /** This node, then all others it knows. */
  peers(): readonly NodeRow[] {
    const { nodes } = this.#mesh.view;
    const others = this.#mesh.peers.peers()
      .map((row) => this.#seen(describedRow(row, nodes.get(row.peer))));
    return [this.#self(), ...others];
  }

  /**
   * The node that `text` means: an id, its start, or a name.
   *
   * @throws {NotFoundError | AmbiguousError} With what could be meant.
   */
  resolve(text: string): PeerId {
    return this.#mesh.peers.resolve(text);
  }

  /** As `resolve`, with all that is known of it. */
  inspect(text: string): NodeInspection {
    const peer = this.resolve(text);
    const { identity, rights, known, transport } = this.#mesh;
    // What a link shows is renewed as its peer renews.
    const seen = peer === identity.peer
      ? identity
      : transport.links.get(peer) ?? known.get(peer);
    const grant = rights.grantOf(peer);
    const denial = rights.denialOf(peer);
    const isAdmin = seen?.facts.tier === "admin";
    return {
      row: this.#rowOf(peer),
      credential: seen?.credential,
      facts: seen?.facts,
      root: identity.root,
      standing: this.#standingOf(peer, seen?.facts),
      grant,
      denial,
      redemptions: rights.redemptionsOf(peer),
      isAdminPending: denial === undefined && !isAdmin &&
        this.#isToBeAdmin(grant),
    };
  }

  /** Why a node may not be here; undefined when nobody has denied it. */
  denialOf(peer: PeerId): Denial | undefined {
    return this.#mesh.rights.denialOf(peer);
  }

  /** Links, sessions that wait, and whom this node refused. */
  meshReport(): TransportReport {
    return this.#mesh.transport.report();
  }

  /** What a peer says that lets this node in no more; undefined: none does. */
  get refusal(): PlnError | undefined {
    return this.#mesh.peers.peers()
      .find(({ lastError }) => lastError?.outcome === "permission")
      ?.lastError;
  }

  /**
   * One round trip; dials when there is no link.
   *
   * @throws {UnreachableError} No answer within 10 s.
   */
  async ping(text: string, signal: AbortSignal): Promise<NodePing> {
    const peer = this.resolve(text);
    const { name } = this.#rowOf(peer);
    if (peer === this.#mesh.identity.peer) {
      const { address = this.#mesh.local } = this.#self();
      return { peer, name, address, rttMs: 0 };
    }
    const late = () => {
      const after = formatDurationMs(pingMsMax);
      return new UnreachableError(
        `${name ?? peer} gave no answer in ${after}`,
        {
          hint: 'See "pln status nodes"',
        },
      );
    };
    return await runInTime(this.#clock, async (either) => {
      const link = await this.#mesh.peers.connect(peer, either);
      const rttMs = await link.ping(either);
      return { peer, name, address: link.remote, rttMs };
    }, { ms: pingMsMax, signal, late });
  }

  /** Makes an invite that leads to this node and to other admins it sees. */
  invite(options: Omit<InviteOptions, "bootstraps">): Promise<InviteMade> {
    return this.#mesh.admins.invite({
      ...options,
      bootstraps: this.#bootstraps(),
    });
  }

  /** All that are known here, the newest first. */
  invites(): readonly InviteStatus[] {
    return this.#mesh.admins.invites();
  }

  /** By id or a prefix of it. */
  revokeInvite(id: string): Promise<InviteStatus> {
    return this.#mesh.admins.revokeInvite(id);
  }

  /** Changes what a member may do; durable when it resolves. */
  grant(text: string, change: GrantChange): Promise<Decision> {
    return this.#mesh.admins.grant(this.resolve(text), change);
  }

  /** Ends a membership; durable when it resolves. */
  deny(text: string, options: DenyOptions): Promise<Decision> {
    return this.#mesh.admins.deny(this.resolve(text), options);
  }

  /** Lifts a denial; durable when it resolves. */
  allow(text: string): Promise<Decision> {
    return this.#mesh.admins.allow(this.resolve(text));
  }

  /** Publishes what the root has signed. */
  applyStatement(text: string): Promise<Decision> {
    return this.#mesh.admins.applyStatement(text);
  }

  /** As peers call it, for messages; undefined for a stranger. */
  nameOf(peer: PeerId): string | undefined {
    return this.#rowOf(peer).name;
  }

  /** Publishes that this node goes for good, then tells the peers. */
  leave(): Promise<void> {
    return this.#mesh.leave();
  }

  /** This node first, then admins that it has a link to. */
  #bootstraps() {
    const { identity, transport, peers } = this.#mesh;
    const own = { peer: identity.peer, addresses: peers.ownAddresses() };
    const admins = [...transport.links.values()]
      .filter(({ facts }) => facts.tier === "admin")
      .map(({ peer, hello, remote }) => ({
        peer,
        addresses: [remote, ...hello?.addresses ?? []],
      }));
    return [own, ...admins].slice(0, limits.inviteBootstrapsMax)
      .map(({ peer, addresses }) => ({
        peer,
        addresses: addresses.slice(0, limits.inviteAddressesMax),
      }));
  }

  #rowOf(peer: PeerId): NodeRow {
    if (peer === this.#mesh.identity.peer) return this.#self();
    const { rights, view } = this.#mesh;
    const row = this.#mesh.peers.peer(peer) ?? {
      ...this.#self(),
      peer,
      name: undefined,
      tier: rights.grantOf(peer)?.tier,
      properties: rights.grantOf(peer)?.properties ?? new Map(),
      state: rights.denialOf(peer) ? "denied" : "unreachable",
      address: undefined,
      addresses: [],
      version: undefined,
    };
    return this.#seen(describedRow(row, view.nodes.get(peer)));
  }

  /** With how it is, as far as this node knows. */
  #seen(row: LinkRow): NodeRow {
    const { presence } = this.#mesh;
    const { peer } = row;
    const liveness = presence.livenessOf(peer);
    return { ...row, liveness, load: presence.loadOf(peer) };
  }

  #self(): NodeRow {
    const { identity, peers } = this.#mesh;
    const addresses = peers.ownAddresses();
    const { tier, properties } = this.standing;
    return this.#seen({
      peer: identity.peer,
      name: this.#name,
      ...{ tier, properties },
      state: "self",
      address: addresses[0],
      addresses,
      rttMs: undefined,
      connectedMs: undefined,
      lastSeenMs: undefined,
      version,
      lastError: undefined,
      observed: undefined,
    });
  }

  /** By a grant, or by the invite that it joined with. */
  #isToBeAdmin(grant: Grant | undefined): boolean {
    if (grant?.redemption === undefined) return grant?.tier === "admin";
    return this.#mesh.rights.invites.some(({ invite, tier }) =>
      invite === grant.redemption && tier === "admin"
    );
  }

  #standingOf(
    peer: PeerId,
    facts: MemberFacts | undefined,
  ): MemberStanding | undefined {
    const { rights, identity } = this.#mesh;
    if (peer === identity.peer) return this.standing;
    if (facts === undefined || rights.denialOf(peer) !== undefined) return;
    try {
      return rights.standing(facts, this.#clock.wallMs());
    } catch (cause) {
      if (cause instanceof DeniedError) return undefined;
      throw cause;
    }
  }
}
