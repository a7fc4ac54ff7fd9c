// Records of many nodes over gossip, with real signatures, in virtual time. In:
// what each node says of itself now and then. Out: what the others hold of it,
// how old it counts there, and how often each record came.

import assert from "node:assert/strict";
import { RecordStore } from "../../src/gossip/record_store.ts";
import type { PeerId } from "../../src/kernel/mod.ts";
import type { World } from "../../src/sim/mod.ts";
import { connect, GossipNode } from "../unit/gossip_lab.ts";
import { labBatch, LabState } from "../unit/gossip_state_lab.ts";
import { idleBody, signed, speaker } from "../unit/record_lab.ts";
import { kinds } from "../../src/gossip/messages.ts";
import { pause, scenario } from "./lab.ts";

const nodeCount = 20;
const latencyMs = 20;

class Speaking {
  readonly state: LabState;
  readonly records: RecordStore;
  readonly node: GossipNode;
  /** How often a record came that was not known. */
  came = 0;

  constructor(readonly world: World, number: number) {
    const self = speaker(number);
    this.state = new LabState(self.owner);
    this.state.publish();
    this.records = new RecordStore({
      ...{ ...self, self: self.owner },
      isTaken: (owner) => this.state.placeOf(owner) !== undefined,
      generation: () => 1,
    });
    this.records.onRecord(() => this.came++);
    const { records, state } = this;
    this.node = new GossipNode(world, self.owner, { state, records });
  }

  speak(): void {
    this.records.own(idleBody, this.node.nowMs());
  }

  /** Of the records that it holds. */
  seqsOf(owners: readonly PeerId[]): readonly (number | undefined)[] {
    return owners.map((owner) => this.records.placeOf(owner)?.seq);
  }
}

function open(world: World): readonly Speaking[] {
  const random = world.random.fork("links");
  const all = Array.from(
    { length: nodeCount },
    (_, index) => new Speaking(world, 1 + index),
  );
  const link = (from: number, to: number) => {
    const [near, far] = [all[from]?.node, all[to]?.node];
    if (near === undefined || far === undefined || near === far) return;
    connect(world, near, { far, latencyMs: () => latencyMs });
  };
  for (let index = 0; index < nodeCount; index++) {
    link(index, (index + 1) % nodeCount);
    for (let more = 0; more < 5; more++) {
      link(index, random.integer(nodeCount));
    }
  }
  return all;
}

async function close(all: readonly Speaking[]): Promise<void> {
  for (const { node } of all) await node[Symbol.asyncDispose]();
}

scenario(
  "records reach everybody once, within a few seconds",
  async (world) => {
    const all = open(world);
    const owners = all.map(({ state }) => state.self);
    await pause(world, 8_000);
    for (const one of all) one.came = 0;
    for (const one of all) one.speak();
    await pause(world, 4_000);
    for (
      const { came, records, seqsOf } of all.map((one) => ({
        ...{ came: one.came, records: one.records },
        seqsOf: one.seqsOf(owners),
      }))
    ) {
      assert.deepEqual(seqsOf, owners.map(() => 1));
      assert.equal(came, nodeCount, "each once, the own one too");
      assert.equal(records.size, nodeCount);
    }
    const bytes = (kind: number) =>
      all.reduce(
        (sum, { node }) => sum + (node.transport.sent.get(kind) ?? 0),
        0,
      );
    const size = signed(1).length + 5 + 2;
    const most = 1.2 * nodeCount * (nodeCount - 1) * size;
    assert.ok(bytes(kinds.record) <= most, `${bytes(kinds.record)} bytes`);
    await close(all);
  },
  { seeds: [1, 2] },
);

scenario(
  "a record is as old everywhere as it is at its owner",
  async (world) => {
    const all = open(world);
    await pause(world, 8_000);
    const [first] = all;
    first?.speak();
    const spokenMs = world.nowMs;
    await pause(world, 10_000);
    const late = new Speaking(world, 100);
    const [, , near] = all;
    assert.ok(near && first);
    const place = { owner: first.state.self, generation: 1, seq: 1 };
    late.state.put(labBatch(place));
    connect(world, late.node, { far: near.node, latencyMs: () => latencyMs });
    await pause(world, 1_000);
    const held = late.records.get(first.state.self, late.node.nowMs());
    assert.ok(held !== undefined, "a new node is told of what there is");
    const ageMs = late.node.nowMs() - held.heardMs;
    const realMs = world.nowMs - spokenMs;
    assert.ok(
      ageMs <= realMs && ageMs > realMs - 1_000,
      `${ageMs} of ${realMs}`,
    );
    await close([...all, late]);
  },
  { seeds: [1] },
);

scenario(
  "a record that its owner did not sign goes no further",
  async (world) => {
    const all = open(world);
    await pause(world, 8_000);
    const [liar, ...others] = all;
    assert.ok(liar);
    const forged = signed(10, { seq: 9 });
    forged[80] = (forged[80] ?? 0) ^ 1;
    const { owner } = speaker(10);
    liar.records.placeOf = () => ({ owner, generation: 1, seq: 9 });
    liar.records.bytesOf = () => forged;
    let asked = 0;
    liar.records.ageMsOf = () => asked++;
    liar.records.places = () => [{ owner, generation: 1, seq: 9 }];
    for (const { node } of others) {
      connect(world, liar.node, { far: node, latencyMs: () => latencyMs });
    }
    await pause(world, 5_000);
    assert.ok(asked > 0, "somebody was lied to");
    for (const { records } of others) {
      assert.equal(records.placeOf(owner), undefined);
    }
    await close(all);
  },
  { seeds: [1] },
);
