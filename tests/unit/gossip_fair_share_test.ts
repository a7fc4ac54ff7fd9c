// How long news wait at a node that is asked for more, or less, than it gets. In:
// what it got and gave, by hand. Out: the wait.

import assert from "node:assert/strict";
import { FairShare } from "../../src/gossip/fair_share.ts";

const options = { debtMax: 10, delayTimesMax: 5 };

Deno.test("who hands on what it gets waits as long as all", () => {
  const share = new FairShare(options);
  for (let count = 0; count < 1_000; count++) {
    share.got();
    share.gave(1);
  }
  assert.equal(share.delayMs(100), 100);
});

Deno.test("who is asked too often speaks later, and never not at all", () => {
  const share = new FairShare(options);
  share.gave(5);
  assert.equal(share.delayMs(100), 300);
  share.gave(1_000_000);
  assert.equal(share.delayMs(100), 500);
  for (let count = 0; count < 10; count++) share.got();
  assert.equal(share.delayMs(100), 100, "and soon as others again");
});

Deno.test("who is asked for little speaks sooner", () => {
  const share = new FairShare(options);
  for (let count = 0; count < 1_000; count++) share.got();
  assert.equal(share.delayMs(100), 25);
  share.gave(10);
  assert.equal(share.delayMs(100), 100);
});
