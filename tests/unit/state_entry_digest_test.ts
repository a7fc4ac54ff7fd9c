// The digest of an owner's entries: the same for the same entries whatever
// their history, and another one for any other entries. In: random changes.
// Out: the digest that was kept up, and one made from scratch.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Operation } from "../../src/state/mod.ts";
import { EntryDigest } from "../../src/state/entry_digest.ts";
import { signer } from "./identity_world.ts";

const operation: fc.Arbitrary<Operation> = fc.record({
  section: fc.constantFrom("grants", "denies", "node"),
  key: fc.nat(400).map((number) => `k${number}`),
  text: fc.option(fc.nat(9).map(String), { nil: undefined }),
});

function fresh(entries: Iterable<Operation>): string {
  const digest = new EntryDigest(signer);
  for (const entry of entries) digest.set(entry);
  return digest.get();
}

Deno.test("a digest that was kept up equals one from scratch", () => {
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 200 }), (operations) => {
      const entries = new Map<string, Operation>();
      const kept = new EntryDigest(signer);
      for (const one of operations) {
        const place = `${one.section} ${one.key}`;
        kept.set(one);
        if (one.text === undefined) entries.delete(place);
        else entries.set(place, one);
        kept.get(); // what is remembered must not matter
      }
      const turned = [...entries.values()].reverse();
      assert.equal(kept.get(), fresh(turned));
    }),
    { seed: 4711, numRuns: 200 },
  );
});

Deno.test("any other entries have another digest", () => {
  const entry = { section: "grants", key: "a", text: "1" };
  const digests = [
    fresh([]),
    fresh([entry]),
    fresh([{ ...entry, text: "2" }]),
    fresh([{ ...entry, key: "b" }]),
    fresh([{ ...entry, section: "denies" }]),
    fresh([entry, { ...entry, key: "b" }]),
  ];
  assert.equal(new Set(digests).size, digests.length);
});
