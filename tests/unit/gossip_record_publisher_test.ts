// When a node speaks: how often, from when on, and after it slept. In: a world
// with virtual time. Out: the records of its store and when they came.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { readRecord } from "../../src/gossip/record.ts";
import {
  RecordPublisher,
  type Situation,
} from "../../src/gossip/record_publisher.ts";
import { RecordStore } from "../../src/gossip/record_store.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { openSimLog } from "../../src/sim/log.ts";
import { openWorld } from "../../src/sim/world.ts";
import { idleBody, signed, speaker } from "./record_lab.ts";

const turn = openTurn();

/** A node that speaks, and the virtual times at which it did. */
function openLab({ nodes = 1 }: { readonly nodes?: number } = {}) {
  const world = openWorld(4711, { turn });
  const clock = openSimClock(world);
  const log = openSimLog(world);
  const { random } = world;
  const self = speaker(1);
  const facts = { generation: 1 as number | undefined, nodes };
  const store = new RecordStore({
    ...self,
    self: self.owner,
    isTaken: () => true,
    generation: () => facts.generation,
  });
  const saidMs: number[] = [];
  store.onRecord((owner) => {
    if (owner === self.owner) saidMs.push(world.nowMs);
  });
  const situation: { now: () => Situation } = { now: () => idleBody };
  const publisher = new RecordPublisher({ clock, log, random }, {
    store,
    nodes: () => facts.nodes,
    situation: () => situation.now(),
  });
  return { world, clock, log, store, facts, saidMs, situation, publisher };
}

Deno.test("a node speaks at once and then every period, not like clockwork", async () => {
  const { world, saidMs, publisher } = openLab();
  await world.run(600_000);
  publisher[Symbol.dispose]();
  assert.equal(saidMs[0], 0);
  const gapsMs = saidMs.slice(1).map((atMs, at) => atMs - (saidMs[at] ?? 0));
  assert.ok(gapsMs.every((gapMs) => gapMs >= 4_500 && gapMs <= 5_500));
  assert.ok(new Set(gapsMs).size > 50);
  assert.ok(gapsMs.length >= 115 && gapsMs.length <= 125);
  await world.settle({ withinMs: 0 });
});

Deno.test("a node of a large cluster speaks rarely, and says so", async () => {
  const { world, saidMs, store, publisher } = openLab({ nodes: 1_000 });
  await world.run(250_000);
  publisher[Symbol.dispose]();
  assert.ok(saidMs.length >= 10 && saidMs.length <= 12, `${saidMs.length}`);
  const bytes = store.bytesOf(speaker(1).owner);
  assert.equal(bytes && readRecord(bytes).periodMs, 24_000);
});

Deno.test("a node says nothing before it has a document", async () => {
  const { world, facts, saidMs, publisher } = openLab();
  facts.generation = undefined;
  await world.run(100);
  saidMs.length = 0;
  await world.run(20_000);
  assert.deepEqual(saidMs, []);
  facts.generation = 4;
  await world.run(21_100);
  assert.equal(saidMs.length, 1, "within a second");
  publisher[Symbol.dispose]();
});

Deno.test("S05 a node that slept speaks when it wakes", async () => {
  const { world, clock, saidMs, publisher } = openLab();
  await world.run(10_000);
  clock.freeze();
  await world.run(40_000);
  const before = saidMs.length;
  clock.thaw();
  await world.run(40_001);
  assert.equal(saidMs.length, before + 1);
  publisher[Symbol.dispose]();
});

Deno.test("what nobody repeats is cleared away", async () => {
  const { world, clock, store, publisher } = openLab();
  store.accept(signed(2), clock.nowMs());
  assert.equal(store.size, 1);
  await world.run(31_000);
  assert.equal(store.placeOf(speaker(2).owner), undefined);
  assert.equal(store.size, 1, "the own one");
  publisher[Symbol.dispose]();
});

Deno.test("a record carries the wall clock, however wrong it is", async () => {
  const { world, clock, store, publisher } = openLab();
  clock.setWallOffset(-60 * 365 * 86_400_000); // before 1970
  await world.run(6_000);
  publisher[Symbol.dispose]();
  assert.equal(store.get(speaker(1).owner, clock.nowMs())?.record.wallMs, 0);
});

Deno.test("a node with much to say says what fits", async () => {
  const { world, saidMs, situation, log, store, publisher } = openLab();
  const seeds = Array.from({ length: 500 }, (_, at) => ({
    ...{ name: `seed-number-${at}`, calls: at, saturationPermille: at },
  }));
  situation.now = () => ({ ...idleBody, seeds });
  await world.run(6_000);
  publisher[Symbol.dispose]();
  assert.equal(saidMs.length, 2);
  assert.deepEqual(log.records, []);
  const bytes = store.bytesOf(speaker(1).owner);
  assert.ok(bytes !== undefined && bytes.length > 900);
});
