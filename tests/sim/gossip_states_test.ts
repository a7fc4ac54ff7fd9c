// Nodes with real states that gossip about all owners' documents while links
// break and nodes are killed. In: the seed of a world, and what members publish.
// Out: the same documents everywhere once all can reach each other, and nothing
// that anybody refused.

import assert from "node:assert/strict";
import { openSimClock, type World } from "../../src/sim/mod.ts";
import { nodeRecordKey } from "../../src/state/mod.ts";
import { connect, type Connected, ExchangeNode } from "../unit/gossip_lab.ts";
import {
  grantChange,
  memberChanges,
  newAdminNode,
  newMemberNode,
  type StateNode,
} from "../unit/replicas_lab.ts";
import { RightsLab } from "../unit/rights_lab.ts";
import { toHex } from "../../src/kernel/mod.ts";
import { pause, scenario } from "./lab.ts";

const memberCount = 9;

class Cluster {
  readonly lab = new RightsLab();
  readonly admin = newAdminNode(this.lab);
  readonly nodes: ExchangeNode[] = [];
  readonly #links = new Map<string, Connected>();

  constructor(readonly world: World) {}

  async open(): Promise<void> {
    const members = Array.from(
      { length: memberCount },
      () => newMemberNode(this.lab),
    );
    await this.start(0, this.admin);
    await this.nodes[0]?.state.publish([
      ...memberChanges(this.lab, this.admin, { by: this.admin }),
      ...members.map(({ peer }) => grantChange(peer)),
    ]);
    for (const [index, member] of members.entries()) {
      await this.start(1 + index, member);
      const changes = memberChanges(this.lab, member, { by: this.admin });
      await this.nodes[1 + index]?.state.publish(changes);
    }
  }

  async start(index: number, machine: StateNode): Promise<void> {
    machine.clock = openSimClock(this.world, { name: machine.peer });
    const state = machine.authority === undefined
      ? await machine.open()
      : await machine.openAdmin();
    this.nodes[index] = new ExchangeNode(this.world, machine, state);
  }

  /** Ends a node as kill -9 does, and starts it anew. */
  async restart(index: number): Promise<void> {
    const node = this.nodes[index];
    if (node === undefined) return;
    this.cut((from, to) => from === index || to === index);
    await node[Symbol.asyncDispose]();
    node.machine.disk = node.machine.disk.afterKill();
    await this.start(index, node.machine);
  }

  link(from: number, to: number): void {
    const [near, far] = [this.nodes[from], this.nodes[to]];
    const name = `${Math.min(from, to)} ${Math.max(from, to)}`;
    if (near === undefined || far === undefined || from === to) return;
    if (this.#links.has(name)) return;
    const link = connect(this.world, near, { far, latencyMs: () => 20 });
    this.#links.set(name, link);
  }

  cut(isCut: (from: number, to: number) => boolean): void {
    for (const [name, link] of this.#links) {
      const [from = 0, to = 0] = name.split(" ").map(Number);
      if (!isCut(from, to)) continue;
      link.cut();
      this.#links.delete(name);
    }
  }

  /** A ring: everybody can reach everybody, over others. */
  heal(): void {
    for (let index = 0; index < this.nodes.length; index++) {
      this.link(index, (index + 1) % this.nodes.length);
    }
  }

  /** Digests of all buckets, one text for each state that differs. */
  get digests(): ReadonlySet<string> {
    return new Set(
      this.nodes.map(({ state }) => state.buckets().map(toHex).join("")),
    );
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}

scenario("S01 all documents are equal 10 s after a heal", async (world) => {
  const cluster = new Cluster(world);
  const random = world.random.fork("scenario");
  await cluster.open();
  const count = cluster.nodes.length;
  for (let step = 0; step < 40; step++) {
    const node = cluster.nodes[random.integer(count)];
    const name = `node-${step}`;
    const value = { name, version: "1.0.0", startedMs: 1 };
    await node?.state.publish([{ section: "node", key: nodeRecordKey, value }]);
    cluster.link(random.integer(count), random.integer(count));
    const unlucky = random.integer(count);
    if (random.integer(6) === 0) cluster.cut((from) => from === unlucky);
    if (random.integer(10) === 0) await cluster.restart(unlucky);
    await pause(world, random.integer(300));
  }
  cluster.heal();
  await pause(world, 10_000);
  assert.equal(cluster.digests.size, 1);
  for (const node of cluster.nodes) {
    assert.equal([...node.state.places()].length, 1 + memberCount);
    assert.equal(node.state.report().refusedBatches, 0);
    const { unfilled, wanted } = node.gossip.report();
    assert.deepEqual({ unfilled, wanted }, { unfilled: 0, wanted: 0 });
  }
  await cluster.close();
}, { seeds: [1, 2] });
