// Large clusters: what nodes send each other, and how soon all know what one
// said. Sixty with whole states, and a thousand (a hundred where nobody asked
// for the long form) that keep the newest batches only. The figures are printed;
// bytes have limits, since they do not depend on the machine.

import assert from "node:assert/strict";
import { isLongForm } from "./seeds.ts";
import { Thousand, type ThousandFigures } from "./thousand_lab.ts";

const durationMs = 5_000;
const size = isLongForm ? 1_000 : 100;
/** Of the busiest node, in a second. */
const recordBytesMax = 15_000;
/** Of the busiest node, of what nodes send on average. */
const unequalMax = 2;

function judge(thousand: Thousand, figures: ThousandFigures): void {
  console.log(JSON.stringify(figures));
  for (const { log, refused, member } of thousand.nodes) {
    assert.deepEqual(log.errors, [], member.name);
    assert.equal(refused, 0, member.name);
  }
  const {
    stateBytesPerSecond: state,
    stateBytesPerSecondMax: stateMost,
    recordBytesPerSecond: records,
    recordBytesPerSecondMax: recordsMost,
  } = figures;
  assert.ok(stateMost <= 40_000, "state of the busiest node");
  assert.ok(recordsMost <= recordBytesMax, "records of the busiest node");
  assert.ok(stateMost <= unequalMax * state, "state of one and all");
  assert.ok(recordsMost <= unequalMax * records, "records of one and all");
  assert.ok(figures.spreadMsMax <= 2_000, "spread");
  assert.ok(thousand.nodes.every(({ recordsHeld }) => recordsHeld > 0));
}

Deno.test("60 nodes with whole states tell each other all in few bytes", async () => {
  const thousand = await Thousand.open(60, { isWhole: true });
  judge(thousand, await thousand.run(durationMs));
  await thousand.rest();
  assert.equal(new Set(thousand.nodes.map(({ state }) => state.sum())).size, 1);
});

Deno.test(`${size} nodes tell each other everything in few bytes`, async () => {
  const thousand = await Thousand.open(size, { isWhole: false });
  judge(thousand, await thousand.run(durationMs));
  await thousand.rest();
  assert.equal(new Set(thousand.nodes.map(({ state }) => state.sum())).size, 1);
});
