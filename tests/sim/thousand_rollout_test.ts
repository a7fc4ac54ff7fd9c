// A change of what nodes say of themselves that is rolled out node by node, as a
// newer version of the program would (SCENARIOS.md S18). Out: bytes on the wire
// after each step are bounded by what changed, nobody else's document moves, and
// rounds afterwards find nothing to do.

import assert from "node:assert/strict";
import type { PeerId } from "../../src/kernel/mod.ts";
import { limits } from "../../src/kernel/mod.ts";
import { nodeRecordKey } from "../../src/state/mod.ts";
import { Thousand } from "./thousand_lab.ts";

const size = 16;
/** Of a place that is announced or wanted, with its frame. */
const itemBytes = 64;
/** Of a frame's head and of an empty answer. */
const frameBytes = 16;

type Heads = ReadonlyMap<PeerId, string>;

function headsAt(thousand: Thousand, index: number): Heads {
  const { state: { gossip } } = thousand.nodes[index] ?? assert.fail();
  return new Map(thousand.nodes.map(({ member: { peer } }) => {
    const { generation, seq } = gossip.placeOf(peer) ?? assert.fail();
    return [peer, `${generation}.${seq}`];
  }));
}

function moved(before: Heads, after: Heads): readonly PeerId[] {
  return [...after].filter(([peer, place]) => before.get(peer) !== place)
    .map(([peer]) => peer);
}

/** Of all nodes since the last call. */
function takeBytes({ nodes }: Thousand): number {
  const sum = nodes.reduce((sum, { stateBytes }) => sum + stateBytes, 0);
  for (const node of nodes) node.stateBytes = 0;
  return sum;
}

Deno.test("S18: a rolled-out change of the schema costs what it changed", async () => {
  const thousand = await Thousand.open(size, { isWhole: true });
  await thousand.rest();
  takeBytes(thousand);
  const { nodes } = thousand;
  const links = nodes.reduce((sum, one) => sum + one.links.length, 0);
  for (const [index, { member, state }] of nodes.entries()) {
    const before = headsAt(thousand, 0);
    const from = state.gossip.placeOf(member.peer) ?? assert.fail();
    const value = { name: member.name, version: "2.0.0", startedMs: index };
    await state.say([{ section: "node", key: nodeRecordKey, value }]);
    await thousand.rest();
    const batches = state.gossip.batchesSince(member.peer, from);
    const [batch] = batches;
    assert.ok(batch !== undefined && batches.length === 1);
    assert.deepEqual(moved(before, headsAt(thousand, 0)), [member.peer]);
    // Each of the others gets it once; each link hears of it at most twice.
    const bytesMax = (size - 1) * (batch.length + 3 * frameBytes) +
      2 * links * itemBytes;
    const bytes = takeBytes(thousand);
    assert.ok(bytes <= bytesMax, `${bytes} of at most ${bytesMax} bytes`);
  }
  const sums = new Set(nodes.map(({ state }) => state.sum()));
  assert.equal(sums.size, 1);
  for (const node of nodes) node.beginRound();
  await thousand.rest();
  const roundBytesMax = limits.stateBuckets * 8 + 4 * frameBytes;
  assert.ok(takeBytes(thousand) <= size * roundBytesMax, "nothing to fetch");
});
