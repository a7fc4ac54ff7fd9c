// What a node sends a peer that asks for much and comes back again and again. In:
// questions by hand, over links in memory and virtual time. Out: the bytes that
// the node has sent.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { kinds } from "../../src/gossip/messages.ts";
import { encodePlaces } from "../../src/gossip/packed_places.ts";
import { prefixOf } from "../../src/gossip/places.ts";
import { limits } from "../../src/kernel/mod.ts";
import { openWorld, type World } from "../../src/sim/mod.ts";
import { protocols } from "../../src/transport/mod.ts";
import { connect, GossipNode, LabTransport } from "./gossip_lab.ts";
import { LabState, ownerOf } from "./gossip_state_lab.ts";

const never = new AbortController().signal;
const sizeBytes = 256 * 1024;

function pause(world: World, delayMs: number): Promise<void> {
  return new Promise((resolve) => world.after(delayMs, resolve));
}

/** Asks for all there is as often as a question may, and reads it. */
async function hunger(world: World, node: GossipNode): Promise<() => void> {
  const transport = new LabTransport();
  const far = { peer: ownerOf(900), transport, rightsHeads: [] };
  transport.serve(protocols.state, async (stream) => {
    while (await stream.read() !== undefined);
  });
  const link = connect(world, node, { far, latencyMs: () => 0 });
  const stream = await link.far.openStream(protocols.state, never);
  const read = async () => {
    while (await stream.read() !== undefined);
  };
  void read().catch(() => {});
  const item = { prefix: prefixOf(node.peer), generation: 0, seq: 0 };
  const items = Array.from({ length: limits.gossipWantItemsMax }, () => item);
  for (let count = 0; count < 8; count++) {
    await stream.write(kinds.want, encodePlaces(items));
  }
  return () => link.cut();
}

Deno.test("who comes back is sent no more than who stays", async () => {
  const world = openWorld(1, { turn: openTurn() });
  await world.complete((async () => {
    const state = new LabState(ownerOf(1));
    state.publish(sizeBytes);
    const node = new GossipNode(world, state.self, { state });
    const seconds = 10;
    for (let second = 0; second < seconds; second++) {
      const leave = await hunger(world, node);
      await pause(world, 1_000);
      leave();
    }
    const sent = node.transport.sent.get(kinds.batch) ?? 0;
    const most = limits.gossipAnswerBytesBurstMax +
      seconds * limits.gossipAnswerBytesPerSecondMax;
    assert.ok(sent > limits.gossipAnswerBytesBurstMax, `${sent} bytes`);
    assert.ok(sent <= most + sizeBytes, `${sent} bytes`);
    await node[Symbol.asyncDispose]();
  })());
});
