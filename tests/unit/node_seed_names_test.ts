// Whose seed a name means, and when a node may publish under it. In: views in
// which several owners have one name, and who of them is alive. Out: places,
// refusals with a way out, and what a takeover publishes.

import assert from "node:assert/strict";
import {
  ConflictError,
  NotFoundError,
  type PeerId,
} from "../../src/kernel/mod.ts";
import { SeedNames } from "../../src/node/seed_names.ts";
import { nodeRecordKey } from "../../src/state/mod.ts";
import { type LabOwner, seedValue, ViewLab } from "./view_lab.ts";

function newLab() {
  const world = new ViewLab("seed names");
  const owners = [world.newOwner(), world.newOwner()]
    .sort((left, right) => left.peer < right.peer ? -1 : 1);
  const [low, high] = owners;
  assert.ok(low && high);
  low.say("node", nodeRecordKey, { name: "low", version: "1", startedMs: 1 });
  const dead = new Set<PeerId>();
  const namesOf = (self: LabOwner) =>
    new SeedNames({
      state: {
        view: () =>
          world.viewOf(self.peer, [low, high, world.ownerOf(world.admin)]),
      },
      self: self.peer,
      isLive: (peer) => !dead.has(peer),
    });
  return { world, low, high, dead, namesOf };
}

const refuse = { isTakeover: false };

Deno.test("a name that another live node has is refused, with a way out", () => {
  const { low, high, namesOf } = newLab();
  low.say("seeds", "hello", seedValue(1));
  assert.throws(
    () => namesOf(high).checkFree("hello", refuse),
    (error) => {
      assert.ok(error instanceof ConflictError);
      const id = low.peer.slice(0, 8);
      assert.equal(
        error.message,
        `Node "low" (${id}) has a seed "hello" already`,
      );
      assert.match(error.hint ?? "", new RegExp(`--takeover.*hello@${id}`));
      return true;
    },
  );
  namesOf(high).checkFree("other", refuse);
  namesOf(high).checkFree("hello", { isTakeover: true });
  namesOf(low).checkFree("hello", refuse);
});

Deno.test("a name is free whose owners are lost, denied or have left", () => {
  const { world, low, high, dead, namesOf } = newLab();
  low.say("seeds", "hello", seedValue(1));
  dead.add(low.peer);
  namesOf(high).checkFree("hello", refuse);
  dead.clear();
  assert.throws(() => namesOf(high).checkFree("hello", refuse), ConflictError);
  low.say("node", "left", { atMs: 1 });
  namesOf(high).checkFree("hello", refuse);
  low.say("node", "left");
  world.admin.deny(low.peer);
  namesOf(high).checkFree("hello", refuse);
});

Deno.test("who has the name already may publish again, holding it or not", () => {
  const { low, high, namesOf } = newLab();
  for (const owner of [low, high]) owner.say("seeds", "hello", seedValue(1));
  namesOf(high).checkFree("hello", refuse);
  assert.deepEqual(
    namesOf(high).holderOf("hello"),
    { peer: low.peer, name: "low" },
  );
  assert.equal(namesOf(low).holderOf("hello"), undefined);
  assert.equal(namesOf(low).holderOf("nobody"), undefined);
});

Deno.test("only an admin's takeover binds the name, and only if it must", () => {
  const { world, low, high, namesOf } = newLab();
  const { admin } = world;
  const self = world.ownerOf(admin);
  assert.deepEqual(namesOf(self).takeover("hello", 5), []);
  low.say("seeds", "hello", seedValue(1));
  assert.deepEqual(namesOf(high).takeover("hello", 5), []);
  const value = { number: 1, owner: admin.owner, atMs: 5 };
  const key = "seeds/hello";
  assert.deepEqual(
    namesOf(self).takeover("hello", 5),
    [{ section: "names", key, value }],
  );
  admin.say("names", key, value);
  assert.deepEqual(namesOf(self).takeover("hello", 6), []);
  admin.say("names", key, { ...value, owner: low.peer, number: 7 });
  const [again] = namesOf(self).takeover("hello", 6);
  assert.deepEqual(again?.value, { number: 8, owner: admin.owner, atMs: 6 });
});

Deno.test("a seed that nobody else sees is still its own node's to find", () => {
  const { world, low, namesOf } = newLab();
  low.say("seeds", "hello", seedValue(1));
  world.admin.deny(low.peer);
  assert.equal(namesOf(low).find("hello").owner, low.peer);
  assert.throws(() => namesOf(low).find("helo"), NotFoundError);
});

Deno.test("another's seed is its owner's to take back", () => {
  const { low, high, namesOf } = newLab();
  low.say("seeds", "hello", seedValue(1));
  const { message = "" } = namesOf(high).notOwn("hello") ?? {};
  assert.match(message, /^Node .* has the seed/);
  assert.equal(namesOf(high).notOwn("nobody"), undefined);
  assert.equal(namesOf(low).notOwn("hello"), undefined);
});
