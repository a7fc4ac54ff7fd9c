// Fifty nodes that gossip over a graph of bounded degree, in virtual time. In:
// the seed of a world, and what each node publishes. Out: how soon everybody
// has it, how often it came, and how many bytes that took.

import assert from "node:assert/strict";
import type { PeerId } from "../../src/kernel/mod.ts";
import { limits } from "../../src/kernel/mod.ts";
import type { World } from "../../src/sim/mod.ts";
import { connect, GossipNode } from "../unit/gossip_lab.ts";
import { LabState, ownerOf } from "../unit/gossip_state_lab.ts";
import { scenario } from "./lab.ts";
import { seedNumbers } from "./seeds.ts";

const nodeCount = 50;
const linksPerNode = 14;
const changeCount = 100;
const lanMs = () => 1;
/** Each has fifty nodes. */
const worlds = 4;

function wait(world: World, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(delayMs, resolve);
  return promise;
}

/** States, their nodes, and the bytes that their links carry. */
class Cluster {
  readonly states: LabState[] = [];
  readonly nodes: GossipNode[] = [];
  readonly #links = new Map<string, ReturnType<typeof connect>>();

  constructor(readonly world: World, count: number) {
    for (let index = 0; index < count; index++) {
      const peer: PeerId = ownerOf(index);
      const state = new LabState(peer);
      state.publish();
      this.states.push(state);
      this.nodes.push(new GossipNode(world, peer, { state }));
    }
  }

  get bytes(): number {
    return this.nodes.reduce((sum, { transport }) => sum + transport.bytes, 0);
  }

  link(from: number, to: number): void {
    const [near, far] = [this.nodes[from], this.nodes[to]];
    const name = `${Math.min(from, to)} ${Math.max(from, to)}`;
    if (near === undefined || far === undefined || from === to) return;
    if (this.#links.has(name)) return;
    const link = connect(this.world, near, { far, latencyMs: lanMs });
    this.#links.set(name, link);
  }

  /** A ring, and chords at random: each node has about so many links. */
  bound(degree: number): void {
    const random = this.world.random.fork("links");
    const count = this.nodes.length;
    for (let index = 0; index < count; index++) {
      this.link(index, (index + 1) % count);
      for (let more = 1; more < degree / 2; more++) {
        this.link(index, random.integer(count));
      }
    }
  }

  /** Cuts all links between two groups; they come back by `link`. */
  cut(isAcross: (from: number, to: number) => boolean): void {
    for (const [name, link] of this.#links) {
      const [from = 0, to = 0] = name.split(" ").map(Number);
      if (!isAcross(from, to)) continue;
      link.cut();
      this.#links.delete(name);
    }
  }

  get digests(): ReadonlySet<string> {
    return new Set(this.states.map(({ digest }) => digest));
  }

  async close(): Promise<void> {
    for (const node of this.nodes) await node[Symbol.asyncDispose]();
  }
}

scenario(
  "S21 nodes that start at once know each other in 10 s",
  async (world) => {
    const cluster = new Cluster(world, nodeCount);
    cluster.bound(linksPerNode);
    await wait(world, 10_000);
    assert.equal(cluster.digests.size, 1);
    await cluster.close();
  },
  { seeds: seedNumbers(worlds) },
);

scenario(
  "99 % have a change in 1 s, and each batch about once",
  async (world) => {
    const cluster = new Cluster(world, nodeCount);
    cluster.bound(linksPerNode);
    await wait(world, 20_000);
    for (const { came } of cluster.states) came.clear();
    const random = world.random.fork("changes");
    const [bytes, startMs] = [cluster.bytes, world.nowMs];
    const delays: number[] = [];
    for (let change = 0; change < changeCount; change++) {
      const owner = cluster.states[random.integer(nodeCount)];
      if (owner === undefined) continue;
      const sentMs = world.nowMs;
      const batch = owner.publish();
      const place = owner.placeIn(batch);
      for (const state of cluster.states) {
        if (state === owner) continue;
        const listening = state.onBatch((_, of) => {
          if (
            of !== place?.owner || state.placeOf(of)?.seq !== place.seq
          ) return;
          delays.push(world.nowMs - sentMs);
          listening[Symbol.dispose]();
        });
      }
      await wait(world, random.integer(400));
    }
    await wait(world, 2_000);
    const seconds = (world.nowMs - startMs) / 1_000;
    const each = (cluster.bytes - bytes) / seconds / nodeCount;
    delays.sort((left, right) => left - right);
    const most = delays[Math.ceil(delays.length * 0.99) - 1] ?? Infinity;
    const came = cluster.states.flatMap((state) => [...state.came.values()]);
    const often = came.reduce((sum, count) => sum + count, 0) / came.length;
    console.log(
      `${nodeCount} nodes, ${(changeCount / seconds).toFixed(1)} changes/s: ` +
        `${Math.round(each)} B/s each, 99 % in ${most} ms, ` +
        `each batch ${often.toFixed(3)} times`,
    );
    assert.equal(
      delays.length,
      changeCount * (nodeCount - 1),
      "everybody has all",
    );
    assert.ok(most <= 1_000, `99 % have a change in ${most} ms`);
    assert.ok(often <= 1.2, `each batch comes ${often} times`);
    await cluster.close();
  },
  { seeds: [1] },
);

scenario(
  "S01 both sides of a partition are equal 10 s after it",
  async (world) => {
    const cluster = new Cluster(world, nodeCount);
    cluster.bound(linksPerNode);
    await wait(world, 10_000);
    const isAcross = (from: number, to: number) => (from < 25) !== (to < 25);
    cluster.cut(isAcross);
    for (const state of cluster.states) state.publish();
    await wait(world, 60_000);
    assert.equal(cluster.digests.size, 2, "two worlds");
    cluster.link(3, 40);
    await wait(world, 10_000);
    assert.equal(cluster.digests.size, 1);
    await cluster.close();
  },
  { seeds: seedNumbers(worlds) },
);

scenario("few nodes have a change in a tenth of a second", async (world) => {
  const cluster = new Cluster(world, limits.gossipNeighboursAllMax);
  cluster.bound(100);
  await wait(world, 5_000);
  cluster.states[0]?.publish();
  await wait(world, 100);
  assert.equal(cluster.digests.size, 1);
  await cluster.close();
});
