// Tables of numbered things: whatever comes and goes, in whatever order, they
// hold what a plain map would.

import assert from "node:assert/strict";
import fc from "fast-check";
import { Slots } from "../../src/kernel/mod.ts";

type Thing = { readonly id: number; readonly text: string };

Deno.test("Slots hold what a map of the same history holds", () => {
  // Few places, so that many numbers meet in one.
  const id = fc.tuple(fc.integer({ min: -2, max: 2 }), fc.nat(3))
    .map(([turn, place]) => turn * 4096 + place);
  const step = fc.tuple(id, fc.constantFrom("add", "delete"), fc.string());
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const slots = new Slots<Thing>();
    const map = new Map<number, Thing>();
    for (const [id, what, text] of steps) {
      if (what === "add") {
        slots.add({ id, text });
        map.set(id, { id, text });
      } else {
        assert.equal(slots.delete(id), map.delete(id));
      }
      assert.equal(slots.size, map.size);
      assert.deepEqual(slots.get(id), map.get(id));
    }
    const byId = (a: Thing, b: Thing) => a.id - b.id;
    assert.deepEqual(
      [...slots.values()].sort(byId),
      [...map.values()].sort(byId),
    );
  }));
});

Deno.test("Slots may lose what is being looked through", () => {
  const slots = new Slots<Thing>();
  for (const id of [1, 2, 4097, 4098, 8193]) slots.add({ id, text: "" });
  for (const { id } of slots.values()) slots.delete(id);
  assert.equal(slots.size, 0);
  assert.deepEqual([...slots.values()], []);
});
