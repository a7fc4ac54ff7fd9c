// Admission over the real transport, in worlds that lose packets, cut cables
// and kill processes: a stranger joins and is a member, many join at once, and
// members renew without losing a link, or after their certificates have expired.

import assert from "node:assert/strict";
import {
  joinCluster,
  openRenewer,
  type Renewer,
} from "../../src/admission/mod.ts";
import {
  type InviteToken,
  type NodeIdentity,
  type NodeKeys,
  renewalDueMs,
  verifyCredential,
} from "../../src/identity/mod.ts";
import type { NetworkAddress } from "../../src/ports/mod.ts";
import { openSimClock, openSimNetwork, type World } from "../../src/sim/mod.ts";
import {
  openJoinDialer,
  openTransport,
  protocols,
  type Transport,
} from "../../src/transport/mod.ts";
import {
  dayMs,
  failure,
  inviteOf,
  Lab,
  type LabNode,
  never,
  pause,
  signer,
} from "../unit/admission_lab.ts";
import { scenario } from "./lab.ts";

const port = 7_444;
const seeds = [1, 2, 3, 4, 5];

/** A node of the lab on a machine of its own, with a real transport. */
class Machine implements AsyncDisposable {
  readonly node: LabNode;
  readonly name: string;
  readonly transport: Transport;
  readonly address: NetworkAddress;
  #renewer: Renewer | undefined;

  constructor(node: LabNode, name: string, parts: {
    readonly transport: Transport;
    readonly address: NetworkAddress;
  }) {
    this.node = node;
    this.name = name;
    this.transport = parts.transport;
    this.address = parts.address;
    node.realLinks = () => this.transport.links.values();
  }

  /** Keeps its credential valid from now on. */
  renew(candidates: readonly Machine[] = []): Renewer {
    const { node, transport } = this;
    this.#renewer = openRenewer(node.needs, {
      identity: node.identity,
      state: node.state,
      links: { links: () => transport.links.values() },
      dialer: { dial: (...args) => transport.dialJoin(...args) },
      candidates: () =>
        candidates.map(({ node, address }) => ({
          peer: node.peer,
          addresses: [address],
        })),
      onIdentity: (identity) => {
        node.identity = identity;
        transport.setCredential(identity.credential);
      },
    });
    return this.#renewer;
  }

  async dial(to: Machine) {
    return await this.transport.dial(to.node.peer, to.address, {
      signal: never,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#renewer?.[Symbol.asyncDispose]();
    await this.transport[Symbol.asyncDispose]();
  }
}

async function start(lab: Lab, name: string, node: LabNode): Promise<Machine> {
  const { clock, log, random } = node;
  const network = openSimNetwork(lab.world);
  const host = network.host(name, { clock, signer });
  const transport = await openTransport(
    { clock, log, random, signer, network: host },
    {
      identity: node.identity,
      bind: { ip: "::", port },
      gatekeeper: {
        admit: (credential) => {
          const wallMs = clock.wallMs();
          const check = { type: "now", wallMs } as const;
          const { root } = lab;
          const facts = verifyCredential({ signer }, {
            root,
            credential,
            check,
          });
          node.state.rights().standing(facts, wallMs);
          return facts;
        },
        heads: () => [],
        settle: () => Promise.resolve(),
      },
      hello: () => ({
        name,
        version: "0.0.0",
        addresses: [],
        authorityKey: node.identity.authorityKey.publicKey,
      }),
      onJoin: (stream, context) => node.enroller.handle(stream, context),
    },
  );
  transport.serve(protocols.enroll, (stream, { link, signal }) => {
    const { remote, peer } = link;
    return node.enroller.handle(stream, { remote, peer, signal });
  });
  const [ip = ""] = host.localIps();
  return new Machine(node, name, { transport, address: { ip, port } });
}

/** A token whose bootstraps are these machines. */
async function tokenOf(
  by: Machine,
  through: readonly Machine[],
  options: { readonly uses?: number } = {},
): Promise<InviteToken> {
  const token = await inviteOf(by.node, options);
  const bootstraps = through.map(({ node, address }) => ({
    peer: node.peer,
    addresses: [{ ip: "10.255.255.1", port }, address], // the first is dead
  }));
  return { ...token, context: { ...token.context, bootstraps } };
}

/** Joins from a machine of this name that is no member. */
async function join(
  lab: Lab,
  token: InviteToken,
  options: { readonly name: string; readonly keys: NodeKeys },
) {
  const { name, keys } = options;
  const clock = openSimClock(lab.world, { name });
  const random = lab.world.random.fork(`join ${name}`);
  const network = openSimNetwork(lab.world).host(name, { clock, signer });
  const needs = { clock, random, signer, network };
  await using dialer = await openJoinDialer(needs);
  return await joinCluster(needs, token, { keys, dialer, signal: never });
}

function openLab(world: World) {
  const lab = new Lab(world);
  const admin = lab.admin("admin");
  const member = lab.member("member", admin);
  return { lab, admin, member };
}

scenario(
  "a stranger joins through a member over bad paths, and is let in by the admin",
  async (world) => {
    const { lab, admin: adminNode, member: memberNode } = openLab(world);
    const network = openSimNetwork(world);
    await using admin = await start(lab, "admin", adminNode);
    await using member = await start(lab, "member", memberNode);
    const keys = lab.newKeys();
    await member.dial(admin);
    const token = await tokenOf(admin, [member]);
    for (const to of ["admin", "member"]) {
      network.setPath("stranger", to, { latencyMs: 80, lossPercent: 10 });
    }
    const joined = await join(lab, token, { name: "stranger", keys });
    assert.equal(joined.via, memberNode.peer);
    assert.equal(joined.redeemer, adminNode.peer);
    const { facts, credential, root } = joined;
    const identity: NodeIdentity = {
      ...adminNode.identity,
      ...{ ...keys, facts, credential, root, peer: facts.peer },
      authority: undefined,
    };
    const self = lab.adopt("stranger", identity);
    await using stranger = await start(lab, "stranger", self);
    const link = await stranger.dial(admin);
    assert.equal(link.peer, adminNode.peer);
    world.trace.note("joined", { peer: facts.peer });
  },
  { seeds },
);

scenario(
  "S21: 50 strangers join within five seconds, through one member",
  async (world) => {
    const { lab, admin: adminNode, member: memberNode } = openLab(world);
    await using admin = await start(lab, "admin", adminNode);
    await using member = await start(lab, "member", memberNode);
    await member.dial(admin);
    const token = await tokenOf(admin, [member], { uses: 50 });
    const random = world.random.fork("storm");
    const startMs = world.nowMs;
    const joins = Array.from({ length: 50 }, async (_, index) => {
      await pause(world, random.integer(5_000));
      const name = `stranger ${index}`;
      return await join(lab, token, { name, keys: lab.newKeys() });
    });
    const joined = await Promise.all(joins);
    const peers = new Set(joined.map(({ facts }) => facts.peer));
    assert.equal(peers.size, 50);
    assert.equal(adminNode.state.rights().usesOf(token.invite.terms.id), 50);
    assert.ok(world.nowMs - startMs < 15_000, `${world.nowMs - startMs} ms`);
    world.trace.note("storm", { peers: [...peers].sort() });
  },
  { seeds: [1, 2] },
);

scenario(
  "a stranger cut off after its proof joins again as the same node",
  async (world) => {
    const { lab, admin: adminNode } = openLab(world);
    const network = openSimNetwork(world);
    await using admin = await start(lab, "admin", adminNode);
    const keys = lab.newKeys();
    const token = await tokenOf(admin, [admin]);
    const publish = adminNode.state.publish.bind(adminNode.state);
    adminNode.state.publish = async (changes) => {
      await publish(changes);
      network.partition(["stranger"], ["admin"]);
    };
    const error = await failure(join(lab, token, { name: "stranger", keys }));
    assert.equal(error.outcome, "unreachable");
    network.heal();
    const joined = await join(lab, token, { name: "stranger", keys });
    assert.equal(joined.facts.issue, 1);
    const other = { name: "other", keys: lab.newKeys() };
    assert.match(
      (await failure(join(lab, token, other))).message,
      /used already/,
    );
  },
  { seeds },
);

const minuteMs = 60_000;

scenario(
  "S16: a member renews while it runs, and its link stays",
  async (world) => {
    const { lab, admin: adminNode, member: memberNode } = openLab(world);
    const { credential } = memberNode.identity;
    const dueMs = renewalDueMs(credential.member) - memberNode.clock.wallMs();
    lab.passTime(dueMs - minuteMs);
    await using admin = await start(lab, "admin", adminNode);
    await using member = await start(lab, "member", memberNode);
    admin.renew();
    const renewer = member.renew();
    const { id } = await member.dial(admin);
    await pause(world, minuteMs / 2);
    assert.equal(renewer.identity.facts.issue, 1);
    await pause(world, minuteMs);
    assert.equal(renewer.identity.facts.issue, 2);
    const link = admin.transport.links.get(memberNode.peer);
    assert.equal(link?.id, id, "the same connection");
    assert.equal(link?.facts.issue, 2, "with the new credential");
  },
  { seeds },
);

scenario(
  "S16: a member whose certificate expired while it was off renews and is let in",
  async (world) => {
    const { lab, admin: adminNode, member: memberNode } = openLab(world);
    lab.passTime(9 * dayMs);
    await using admin = await start(lab, "admin", adminNode);
    admin.renew();
    await pause(world, 1_000);
    await using member = await start(lab, "member", memberNode);
    const refused = await failure(member.dial(admin));
    assert.match(refused.message, /expired at/);
    member.renew([admin]);
    await pause(world, 10_000);
    assert.equal(memberNode.identity.facts.issue, 2);
    const link = await member.dial(admin);
    assert.equal(link.peer, adminNode.peer);
  },
  { seeds },
);
