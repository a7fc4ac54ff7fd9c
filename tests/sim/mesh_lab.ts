// Meshes of many nodes in one world: the production mesh and its book on
// simulated clocks and disks, over a transport without keys. What scenarios
// share: nodes by number, starting, killing, moving them, and looking at who is
// linked to whom.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { emptyBytes, type PeerId } from "../../src/kernel/mod.ts";
import { type Mesh, type MeshConfig, openMesh } from "../../src/mesh/mesh.ts";
import { openPeersFile, type PeersFile } from "../../src/mesh/peers_file.ts";
import type { NetworkAddress } from "../../src/ports/mod.ts";
import { openSimClock, type SimClock } from "../../src/sim/clock.ts";
import { openSimDisk, type SimDisk } from "../../src/sim/disk.ts";
import { openSimLog, type SimLog } from "../../src/sim/log.ts";
import { replay } from "../../src/sim/replay.ts";
import type { World } from "../../src/sim/world.ts";
import { peerNumber } from "../unit/mesh_world.ts";
import {
  FakeNetwork,
  FakeTransport,
  type FakeTransportOptions,
} from "./mesh_links.ts";

const turn = openTurn();
const port = 60_611;

/** Runs a scenario twice in each of several worlds, without any permission. */
export function meshScenario(
  name: string,
  run: (lab: MeshLab) => Promise<void>,
  options: { readonly worlds?: number } = {},
): void {
  const whole = async (world: World) => {
    const lab = new MeshLab(world);
    await world.complete(run(lab), { withinMs: 40 * 86_400_000 });
  };
  const fn = async () => {
    for (let seed = 1; seed <= (options.worlds ?? 5); seed++) {
      await replay(whole, { seed, turn });
    }
  };
  Deno.test({ name, permissions: "none", fn });
}

/** What may differ from one process of a node to the next. */
export type StartOptions =
  & Partial<Pick<MeshConfig, "announce" | "rights" | "alsoKnown">>
  & Partial<Pick<FakeTransportOptions, "seenAs" | "refusal">>;

/** One world's meshes. */
export class MeshLab {
  readonly world: World;
  readonly network: FakeNetwork;
  readonly nodes: MeshNode[] = [];

  constructor(world: World) {
    this.world = world;
    this.network = new FakeNetwork(world);
  }

  /** A machine with an empty disk. */
  machine(ip?: string): MeshNode {
    const number = this.nodes.length + 1;
    // Ids in an order that has nothing to do with that of joining.
    const peer = peerNumber(((number * 7_919) % 10_007) * 100_000);
    const node = new MeshNode(this, {
      peer,
      name: `n${number}`,
      ip: ip ?? `10.0.${number >> 8}.${number & 255}`,
    });
    this.nodes.push(node);
    return node;
  }

  /** Starts `count` nodes that know only the first. */
  async join(count: number, delayMs = 0): Promise<readonly MeshNode[]> {
    const nodes = Array.from({ length: count }, () => this.machine());
    const [first] = nodes;
    assert.ok(first !== undefined);
    for (const node of nodes) {
      const mesh = await node.start();
      if (node !== first) mesh.note(first.peer, [first.address]);
      if (delayMs > 0) await this.pause(delayMs);
    }
    return nodes;
  }

  async pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.world.after(delayMs, resolve);
    await promise;
  }

  /** Waits until it is so; fails with `what` when it is not in time. */
  async until(
    what: string,
    isSo: () => boolean,
    { withinMs }: { readonly withinMs: number },
  ): Promise<number> {
    const startMs = this.world.nowMs;
    while (!isSo()) {
      const passedMs = this.world.nowMs - startMs;
      assert.ok(passedMs < withinMs, `${what} within ${withinMs} ms`);
      await this.pause(Math.min(50, withinMs - passedMs));
    }
    return this.world.nowMs - startMs;
  }

  async end(): Promise<void> {
    for (const node of this.nodes) await node.stop();
    // What is on the wires, and what idle links would find out.
    await this.pause(20_000);
    assert.equal(this.world.timerCount, 0, "no timer is left behind");
  }
}

/** Whether each has exactly one link to each other. */
export function isFullMesh(nodes: readonly MeshNode[]): boolean {
  return nodes.every(({ peer, transport }) =>
    nodes.every((other) =>
      other.peer === peer || transport?.links.has(other.peer)
    )
  );
}

/** One machine; its disk stays over its processes. */
export class MeshNode {
  readonly peer: PeerId;
  readonly name: string;
  readonly disk: SimDisk;
  readonly log: SimLog;
  readonly #lab: MeshLab;
  ips: readonly string[];
  clock: SimClock | undefined;
  transport: FakeTransport | undefined;
  #mesh: Mesh | undefined;
  #file: PeersFile | undefined;

  constructor(
    lab: MeshLab,
    about: {
      readonly peer: PeerId;
      readonly name: string;
      readonly ip: string;
    },
  ) {
    const { peer, name, ip } = about;
    this.#lab = lab;
    this.peer = peer;
    this.name = name;
    this.ips = [ip, "127.0.0.1"];
    this.disk = openSimDisk(lab.world, { name });
    this.log = openSimLog(lab.world, { name });
  }

  get address(): NetworkAddress {
    return { ip: this.ips[0] ?? "127.0.0.1", port };
  }

  get mesh(): Mesh {
    assert.ok(this.#mesh !== undefined, `${this.name} runs`);
    return this.#mesh;
  }

  get linkCount(): number {
    return this.transport?.links.size ?? 0;
  }

  /** How it stands with another node, as it shows it. */
  stateOf(other: MeshNode): string | undefined {
    return this.mesh.peer(other.peer)?.state;
  }

  async start(options: StartOptions = {}): Promise<Mesh> {
    const { world, network } = this.#lab;
    const { peer, name, log } = this;
    const clock = this.clock = openSimClock(world, { name });
    const file = await openPeersFile({ clock, disk: this.disk.mount(), log });
    this.#file = file;
    const transport = this.transport = new FakeTransport(network, {
      ...options,
      peer,
      at: this.address,
      nowMs: () => clock.nowMs(),
      hello: () => ({
        ...{ name, version: "0.1.0", authorityKey: emptyBytes },
        addresses: this.#mesh?.ownAddresses() ?? [],
      }),
    });
    const random = world.random.fork(`mesh ${name}`);
    this.#mesh = openMesh({ clock, log, random, transport }, {
      ...options,
      self: { peer, name },
      book: file.book,
      announce: options.announce ?? { ips: [], isPublic: false },
      localIps: () => this.ips,
    });
    return this.#mesh;
  }

  /** As a daemon stops: peers are told. */
  async stop(): Promise<void> {
    await this.#mesh?.[Symbol.asyncDispose]();
    this.transport?.end("stopped");
    await this.#file?.[Symbol.asyncDispose]();
    this.clock?.kill();
    this.#mesh = this.#file = this.transport = undefined;
  }

  /** kill -9; peers notice when it is silent. */
  kill(): void {
    this.clock?.kill();
    this.transport?.end("killed");
    this.disk.kill();
    this.#mesh = this.#file = this.transport = undefined;
  }
}
