// Large clusters: what nodes send each other, and how soon all know what one
// said. Sixty with whole states, and a thousand (a hundred where nobody asked
// for the long form) that keep the newest batches only. The figures are printed;
// bytes have limits, since they do not depend on the machine.

import assert from "node:assert/strict";
import { isLongForm } from "./seeds.ts";
import { Thousand, type ThousandFigures } from "./thousand_lab.ts";

const durationMs = 5_000;
const size = isLongForm ? 1_000 : 100;

function judge(thousand: Thousand, figures: ThousandFigures): void {
  console.log(JSON.stringify(figures));
  for (const { log, refused, member } of thousand.nodes) {
    assert.deepEqual(log.errors, [], member.name);
    assert.equal(refused, 0, member.name);
  }
  assert.ok(figures.stateBytesPerSecond <= 40_000, "state");
  assert.ok(figures.recordBytesPerSecond <= 15_000, "records");
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
