// Runs the contract of owners' documents against all kinds, and all beside each
// other: the simulation of many nodes uses the plain one, and must not see
// anything that production would not. What a LoroDoc holds is what its document
// says, whenever it is opened.

import assert from "node:assert/strict";
import fc from "fast-check";
import { peerIdOf } from "../../src/kernel/mod.ts";
import { OwnerDocument } from "../../src/state/document.ts";
import type { LoroDoc } from "../../src/state/loro.ts";
import { PlainDocument } from "../../src/state/plain_document.ts";
import { rows, shownBy, testStateDocument } from "./state_document_contract.ts";

const owner = peerIdOf(new Uint8Array(32).fill(7));

testStateDocument("Loro", () => new OwnerDocument(owner));
testStateDocument(
  "Loro when asked",
  () => new OwnerDocument(owner, { isLazy: true }),
);
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

/** All entries of a LoroDoc, in no order. */
function heldBy(loro: LoroDoc): ReadonlyMap<string, unknown> {
  const all = ["node", "seeds", "zzz"].flatMap((section) => {
    const map = loro.getMap(section);
    try {
      return map.entries()
        .map(([key, text]) => [`${section} ${key}`, text] as const);
    } finally {
      map.free();
    }
  });
  return new Map(all);
}

function saidBy(document: OwnerDocument): ReadonlyMap<string, unknown> {
  return new Map(
    document.operations()
      .map(({ section, key, text }) => [`${section} ${key}`, text]),
  );
}

Deno.test("a LoroDoc holds what its document says after every batch", () => {
  fc.assert(
    fc.property(rows, fc.nat({ max: 12 }), (row, opened) => {
      using eager = new OwnerDocument(owner);
      using lazy = new OwnerDocument(owner, { isLazy: true });
      for (const [index, batch] of row.entries()) {
        eager.apply(batch);
        lazy.apply(batch);
        assert.deepEqual(heldBy(eager.loro), saidBy(eager));
        if (index < opened) continue;
        assert.deepEqual(heldBy(lazy.loro), saidBy(lazy));
        assert.equal(lazy.loro.opCount(), eager.loro.opCount());
      }
      eager.clear();
      assert.deepEqual(heldBy(eager.loro), new Map());
    }),
    { numRuns: 100 },
  );
});

Deno.test("a foreign document's LoroDoc is not there before it is asked for", () => {
  using document = new OwnerDocument(owner, { isLazy: true });
  const session = new Uint8Array(16).fill(1);
  const operations = [{ section: "seeds", key: "a", text: "1" }];
  let commits = 0;
  const prototype = Object.getPrototypeOf(new OwnerDocument(owner).loro);
  const original = prototype.commit;
  prototype.commit = function (...options: readonly unknown[]) {
    commits++;
    return original.apply(this, options);
  };
  try {
    document.apply({ base: true, session, operations });
    assert.equal(commits, 0);
    assert.equal(document.loro.opCount(), 1);
    assert.equal(commits, 1);
  } finally {
    prototype.commit = original;
  }
});
