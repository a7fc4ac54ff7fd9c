// Transports in one simulated world: machines with their own clocks, logs and
// keys in one cluster, a gatekeeper that a test sets, and ways to wait in
// virtual time. Real signatures and certificates; no socket and no real clock.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  anchorPem,
  type ClusterRoot,
  type Credential,
  issueTlsLeaf,
  type MemberClaims,
} from "../../src/identity/mod.ts";
import { peerDnsName, type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import type {
  DialOptions,
  Endpoint,
  Network,
  NetworkAddress,
  PrivateKey,
  Session,
} from "../../src/ports/mod.ts";
import { openSimClock, type SimClock } from "../../src/sim/clock.ts";
import { openSimLog, type SimLog } from "../../src/sim/log.ts";
import {
  openSimNetwork,
  type SimHost,
  type SimNetwork,
} from "../../src/sim/network.ts";
import { openWorld, type World } from "../../src/sim/world.ts";
import { Authenticator } from "../../src/transport/authenticator.ts";
import { dialSession } from "../../src/transport/dial_session.ts";
import { HeldCredentials } from "../../src/transport/held_credentials.ts";
import {
  type FrameStream,
  type Link,
  memberProtocol,
} from "../../src/transport/mod.ts";
import {
  LabCluster,
  LabGatekeeper,
  type LabMember,
  type MemberOptions,
  never,
  openMember,
  signer,
} from "./transport_cluster.ts";

export {
  ask,
  echo,
  LabGatekeeper,
  never,
  signer,
} from "./transport_cluster.ts";

export const port = 4433;
const turn = openTurn();

export type LabNode = LabMember & {
  readonly name: string;
  readonly clock: SimClock;
  readonly log: SimLog;
  readonly host: SimHost;
  readonly address: NetworkAddress;
};

export type NodeOptions = Omit<MemberOptions, "bind" | "name"> & {
  /** The name of its machine unless told; several may share one. */
  readonly machine?: string;
  /** Wraps the simulated network. */
  readonly network?: (host: SimHost) => Network;
  readonly wallOffsetMs?: number;
  readonly port?: number;
};

/** One cluster in one world. */
export class Lab {
  readonly world: World;
  readonly network: SimNetwork;
  readonly #clock: SimClock;
  readonly #cluster: LabCluster;
  readonly #clocks: SimClock[] = [];
  readonly #peers: PeerId[] = [];
  #processes = 0;

  constructor(world: World) {
    this.world = world;
    this.network = openSimNetwork(world);
    this.#clock = openSimClock(world, { name: "mint" });
    this.#clocks.push(this.#clock);
    this.#cluster = new LabCluster({
      clock: this.#clock,
      random: world.random,
    });
  }

  get root(): ClusterRoot {
    return this.#cluster.root;
  }

  /** Another cluster in the same world. */
  otherCluster(): Lab {
    return new Lab(this.world);
  }

  /** The anchor that fits the server of this name, whoever was meant. */
  anchorOf({ serverName }: Pick<DialOptions, "serverName">): string {
    const peer = this.#peers.find((one) => peerDnsName(one) === serverName);
    assert.ok(peer !== undefined, "the server is a node of this lab");
    return anchorPem({ random: this.world.random }, peer);
  }

  newKey(): PrivateKey {
    return this.#cluster.newKey();
  }

  /** Every wall clock is this far from where it started. */
  setWallOffset(offsetMs: number): void {
    for (const clock of this.#clocks) clock.setWallOffset(offsetMs);
  }

  /** A member credential issued now. */
  credential(key: PrivateKey, claims: Partial<MemberClaims> = {}): Credential {
    return this.#cluster.credential(key, claims);
  }

  /** Starts a process with a transport; it serves the echo protocol. */
  async node(name: string, options: NodeOptions = {}): Promise<LabNode> {
    const { machine = name, key = this.newKey() } = options;
    const process = `${name} ${this.#processes++}`;
    const clock = openSimClock(this.world, { name: process });
    this.#clocks.push(clock);
    clock.setWallOffset(options.wallOffsetMs ?? 0);
    const log = openSimLog(this.world, { name: process });
    const host = this.network.host(machine, { clock, signer });
    this.#peers.push(peerIdOf(key.publicKey));
    const member = await openMember(
      {
        ...{ clock, log, signer, random: this.world.random.fork(process) },
        network: options.network?.(host) ?? host,
      },
      this.#cluster,
      { ...options, name, key, bind: { ip: "::", port: options.port ?? port } },
    );
    const [ip = ""] = this.network.ipsOf(machine);
    const address = { ip, port: member.transport.local.port };
    return { ...member, name, clock, log, host, address };
  }

  /** Resolves in virtual time. */
  async pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.world.after(delayMs, resolve);
    await promise;
  }
}

/** Runs a scenario in virtual time, once for each seed, with no rights. */
export function scenario(
  name: string,
  run: (lab: Lab) => Promise<void>,
  options: { readonly seeds?: number } = {},
): void {
  const fn = async () => {
    for (let seed = 1; seed <= (options.seeds ?? 1); seed++) {
      const world = openWorld(seed, { turn });
      await world.complete(runIn(world, run));
    }
  };
  Deno.test({ name, permissions: "none", fn });
}

async function runIn(
  world: World,
  run: (lab: Lab) => Promise<void>,
): Promise<void> {
  try {
    await run(new Lab(world));
  } catch (cause) {
    throw new Error(`seed ${world.seed}`, { cause });
  }
}

/** Dials from one node to another. */
export async function connect(from: LabNode, to: LabNode): Promise<Link> {
  return await from.transport.dial(to.peer, to.address, { signal: never });
}

/** A link as early as a first request may leave on it. */
export async function connectEarly(from: LabNode, to: LabNode): Promise<Link> {
  return await from.transport.earliest(to.peer, connect(from, to));
}

/** Disposes everything; nothing of it may stay behind. */
export async function closeAll(...nodes: readonly LabNode[]): Promise<void> {
  for (const { transport } of nodes) await transport[Symbol.asyncDispose]();
}

export function onlyLink(node: LabNode): Link {
  const [link, ...more] = node.transport.links.values();
  assert.ok(link !== undefined && more.length === 0, `${node.name}: one link`);
  return link;
}

/** A process that follows no rule but those a test wants. */
export type Rogue = {
  readonly endpoint: Endpoint;
  readonly peer: PeerId;
  /** A session with a node, not authenticated. */
  session(to: LabNode, protocol?: string): Promise<Session>;
  /** A session with a node, authenticated by the rogue's own credential. */
  member(
    to: LabNode,
    options?: { readonly onAnswer?: (session: Session) => void },
  ): Promise<{
    readonly session: Session;
    readonly control: FrameStream;
  }>;
};

/** Opens an endpoint of its own on a machine of its name. */
export async function openRogue(
  lab: Lab,
  name: string,
  key: PrivateKey = lab.newKey(),
): Promise<Rogue> {
  const clock = openSimClock(lab.world, { name });
  const random = lab.world.random.fork(name);
  const needs = { clock, random, signer };
  const peer = peerIdOf(key.publicKey);
  const endpoint = await lab.network.host(name, { clock, signer }).open(
    { ip: "::", port: 0 },
    {
      identity: issueTlsLeaf(needs, { peer, key }),
      protocols: [memberProtocol],
    },
  );
  const credential = lab.credential(key);
  const authenticator = new Authenticator(needs, {
    identity: { peer, key },
    gatekeeper: new LabGatekeeper(lab.root, clock),
    held: new HeldCredentials({ signer }),
    bootId: random.bytes(16),
    credential: () => credential,
  });
  const session = (to: LabNode, protocol: string = memberProtocol) =>
    dialSession({ random }, endpoint, {
      ...{ peer: to.peer, to: to.address, protocol, signal: never },
    });
  return {
    ...{ endpoint, peer, session },
    member: async (to, options = {}) => {
      const opened = await session(to);
      const streams = opened.incomingStreams()[Symbol.asyncIterator]();
      const first = await streams.next();
      assert.ok(first.done !== true);
      const { control, proven } = await authenticator.answer(
        first.value,
        to.peer,
        {
          ...{ replaces: [], signal: never },
          onAnswer: () => options.onAnswer?.(opened),
        },
      );
      assert.ok(proven !== undefined, "the node takes the rogue for a member");
      return { session: opened, control };
    },
  };
}

/** Writes bytes on a new stream of a session; the stream stays open. */
export async function pour(session: Session, bytes: Uint8Array): Promise<void> {
  const { writable } = await session.openStream(never);
  const writer = writable.getWriter();
  await writer.write(bytes);
  writer.releaseLock();
}

/** A handler that takes streams, reads none, and holds them until let go. */
export function holding() {
  const streams: FrameStream[] = [];
  const letGo = Promise.withResolvers<void>();
  const handler = async (stream: FrameStream) => {
    streams.push(stream);
    await letGo.promise;
  };
  return { streams, handler, letGo: () => letGo.resolve() };
}
