// Whole clusters that exchange admins' batches while links break, latencies
// differ and nodes restart. In: the seed of a world. Out: the same rights on
// every node once all can reach each other.

import assert from "node:assert/strict";
import { openSimClock, type World } from "../../src/sim/mod.ts";
import { connect, type Connected, ExchangeNode } from "../unit/gossip_lab.ts";
import {
  denyChange,
  newAdminNode,
  newMemberNode,
  type StateNode,
} from "../unit/replicas_lab.ts";
import { RightsLab, shown } from "../unit/rights_lab.ts";
import { scenario } from "./lab.ts";

const adminCount = 3;
const nodeCount = 8;

class Cluster {
  readonly lab = new RightsLab();
  readonly nodes: ExchangeNode[] = [];
  readonly #links = new Map<string, Connected>();
  readonly #world: World;
  readonly #random;

  constructor(world: World) {
    this.#world = world;
    this.#random = world.random.fork("cluster");
  }

  async open(): Promise<void> {
    for (let index = 0; index < nodeCount; index++) {
      const machine = index < adminCount
        ? newAdminNode(this.lab)
        : newMemberNode(this.lab);
      await this.start(index, machine);
    }
  }

  async start(index: number, machine: StateNode): Promise<void> {
    machine.clock = openSimClock(this.#world, { name: machine.peer });
    const state = machine.authority === undefined
      ? await machine.open()
      : await machine.openAdmin();
    this.nodes[index] = new ExchangeNode(this.#world, machine, state);
  }

  /** Ends a node as kill -9 does, and starts it anew. */
  async restart(index: number): Promise<void> {
    const node = this.nodes[index];
    if (node === undefined) return;
    for (const [name, link] of this.#links) {
      if (!name.split(" ").includes(String(index))) continue;
      link.cut();
      this.#links.delete(name);
    }
    await node[Symbol.asyncDispose]();
    node.machine.disk = node.machine.disk.afterKill();
    await this.start(index, node.machine);
  }

  link(from: number, to: number): void {
    const [near, far] = [this.nodes[from], this.nodes[to]];
    const name = `${Math.min(from, to)} ${Math.max(from, to)}`;
    if (near === undefined || far === undefined || from === to) return;
    if (this.#links.has(name)) return;
    const slowest = 1 + this.#random.integer(200);
    const latencyMs = () => 1 + this.#random.integer(slowest);
    const link = connect(this.#world, near, { far, latencyMs });
    this.#links.set(name, link);
  }

  cutSome(): void {
    for (const [name, link] of this.#links) {
      if (this.#random.integer(3) > 0) continue;
      link.cut();
      this.#links.delete(name);
    }
  }

  /** A ring: everybody can reach everybody, over others. */
  heal(): void {
    for (let index = 0; index < nodeCount; index++) {
      this.link(index, (index + 1) % nodeCount);
    }
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}

function wait(world: World, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(delayMs, resolve);
  return promise;
}

scenario("S01 rights are equal 10 s after a heal", async (world) => {
  const cluster = new Cluster(world);
  const random = world.random.fork("scenario");
  await cluster.open();
  const subjects = cluster.lab.newPeers(6);
  for (let step = 0; step < 40; step++) {
    const admin = cluster.nodes[random.integer(adminCount)];
    const subject = subjects[random.integer(subjects.length)];
    if (admin === undefined || subject === undefined) continue;
    await admin.state.publish([
      denyChange(subject.peer, {
        number: 1 + step,
        verdict: random.integer(2) === 0 ? "deny" : "allow",
      }),
    ]);
    cluster.link(random.integer(nodeCount), random.integer(nodeCount));
    if (random.integer(6) === 0) cluster.cutSome();
    if (random.integer(10) === 0) {
      await cluster.restart(random.integer(nodeCount));
    }
    await wait(world, random.integer(300));
  }
  cluster.heal();
  await wait(world, 10_000);
  const [first, ...others] = cluster.nodes;
  assert.ok(first);
  const rights = shown(first.state.view().rights);
  assert.equal(rights.admins.length, adminCount);
  const heads = first.state.heads().length;
  assert.equal(heads, adminCount);
  for (const node of others) {
    assert.deepEqual(shown(node.state.view().rights), rights);
    assert.equal(node.state.report().refusedBatches, 0);
  }
  await cluster.close();
}, { seeds: [1, 2, 3, 4, 5] });

scenario("S01 bursts over the limit end alike everywhere", async (world) => {
  const cluster = new Cluster(world);
  const random = world.random.fork("scenario");
  await cluster.open();
  const subjects = cluster.lab.newPeers(60);
  for (let step = 0; step < 210; step++) {
    const admin = cluster.nodes[random.integer(adminCount)];
    const subject = subjects[random.integer(subjects.length)];
    if (admin === undefined || subject === undefined) continue;
    const number = 1 + step;
    await admin.state.publish([denyChange(subject.peer, { number })]);
    cluster.link(random.integer(nodeCount), random.integer(nodeCount));
    if (random.integer(30) === 0) cluster.cutSome();
    await wait(world, random.integer(20));
  }
  cluster.heal();
  await wait(world, 10_000);
  const [first, ...others] = cluster.nodes;
  assert.ok(first);
  const rights = shown(first.state.view().rights);
  const deferred = cluster.nodes
    .map(({ state }) => state.report().deferredBatches);
  assert.ok(Math.max(...deferred) > 0, "it was too much at once");
  for (const node of others) {
    assert.deepEqual(shown(node.state.view().rights), rights);
    assert.equal(node.state.report().refusedBatches, 0);
  }
  await cluster.close();
}, { seeds: [1] });
