// Runs the contract of owners' documents against both kinds, and both beside
// each other: the simulation of many nodes uses the plain one, and must not see
// anything that production would not.

import assert from "node:assert/strict";
import fc from "fast-check";
import { peerIdOf } from "../../src/kernel/mod.ts";
import { OwnerDocument } from "../../src/state/document.ts";
import { PlainDocument } from "../../src/state/plain_document.ts";
import { rows, shownBy, testStateDocument } from "./state_document_contract.ts";

const owner = peerIdOf(new Uint8Array(32).fill(7));

testStateDocument("Loro", () => new OwnerDocument(owner));
testStateDocument("plain", () => new PlainDocument(owner));

Deno.test("a plain document equals the one of Loro after every batch", () => {
  fc.assert(
    fc.property(rows, (row) => {
      using loro = new OwnerDocument(owner);
      using plain = new PlainDocument(owner);
      for (const batch of row) {
        assert.deepEqual(plain.apply(batch), loro.apply(batch));
        assert.deepEqual(shownBy(plain), shownBy(loro));
      }
      assert.deepEqual(plain.clear(), loro.clear());
    }),
    { numRuns: 100 },
  );
});
