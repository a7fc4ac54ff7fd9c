// Hostile entries against the view, from a fixed seed. In: documents of any
// sections, keys and texts, broken JSON and cut certificates among them. Out: a
// view that can be read whole and in which an honest owner's entries are as
// they were: never an error.

import assert from "node:assert/strict";
import fc from "fast-check";
import { openSimRandom } from "../../src/sim/random.ts";
import { certificateKeys, nodeRecordKey } from "../../src/state/mod.ts";
import { LabOwner, seedValue, shownView, ViewLab } from "../unit/view_lab.ts";
import { fuzzRuns } from "./runs.ts";

const runs = fuzzRuns(400);
const world = new ViewLab("hostile");
const honest = world.newOwner();
honest.say("node", nodeRecordKey, { name: "ann", version: "1", startedMs: 1 });
honest.say("seeds", "hello", seedValue(1));
const hostile = world.newOwner();
const rights = world.rights();

function check(owner: LabOwner): void {
  const view = world.viewOf(honest.peer, [owner, honest], { rights });
  shownView(view);
  for (const name of ["hello", "x", "__proto__", "constructor"]) {
    view.holders("seeds", name);
  }
  const [seed] = view.seedsOf(honest.peer);
  assert.equal(seed?.spec.publishedMs, 1);
  assert.equal(view.nodes.get(honest.peer)?.name, "ann");
  assert.equal(view.seed(`hello@${honest.peer}`).owner, honest.peer);
  for (const seed of view.seeds.values()) {
    assert.ok([owner.peer, honest.peer].includes(seed.owner));
  }
}

Deno.test("fuzz: any text under any key makes a view, not an error", () => {
  const key = fc.oneof(
    fc.constantFrom("hello", "self", "left", "member", "own-authority"),
    fc.constantFrom("__proto__", "constructor", "toString", "..", "a/b"),
    fc.string({ maxLength: 20 }).map((text) => text.replaceAll(" ", "_")),
  );
  const entry = fc.record({
    section: fc.constantFrom(
      ...["node", "seeds", "services", "sites", "blobs", "claims", "later"],
      ...["names", "__proto__"],
    ),
    key,
    text: fc.oneof(fc.json({ maxDepth: 4 }), fc.string({ maxLength: 30 })),
  });
  const property = fc.property(
    fc.array(entry, { maxLength: 12 }),
    (entries) => {
      const owner = new LabOwner(hostile.peer);
      for (const [place, text] of hostile.texts) owner.texts.set(place, text);
      for (const { section, key, text } of entries) {
        owner.sayText(section, key, text);
      }
      check(owner);
    },
  );
  fc.assert(property, { seed: 4711, numRuns: runs });
  assert.deepEqual(world.log.events, [], "no reader broke");
});

Deno.test("fuzz: mutants of good entries and certificates make a view", () => {
  const random = openSimRandom(4711);
  const good = new LabOwner(hostile.peer);
  for (const { section, key, after } of hostile.all()) {
    good.sayText(section, key, after);
  }
  good.say("node", nodeRecordKey, { name: "eve", version: "1", startedMs: 1 });
  good.say("seeds", "x", seedValue(5));
  let proven = 0;
  for (let count = 0; count < runs; count++) {
    const owner = new LabOwner(hostile.peer);
    for (const { section, key, after = "" } of good.all()) {
      const at = random.integer(after.length);
      const put = '"{}[],:0Az-_=/\\u'[random.integer(16)] ?? "";
      const end = at + random.integer(3);
      const isMutant = random.integer(3) === 0;
      const text = isMutant
        ? after.slice(0, at) + put + after.slice(end)
        : after;
      owner.sayText(section, key, text);
    }
    check(owner);
    const view = world.viewOf(honest.peer, [owner], { rights });
    if (!view.nodes.has(hostile.peer)) continue;
    proven++;
    for (const key of [certificateKeys.member, certificateKeys.authority]) {
      const texts = [owner, hostile].map(({ texts }) =>
        texts.get(`node ${key}`)
      );
      const [is, was] = texts.map((text) =>
        Uint8Array.fromBase64(JSON.parse(text ?? '""')).toHex()
      );
      assert.equal(is, was, "only the very certificate proves it");
    }
  }
  assert.ok(proven > 0 && proven < runs);
});
