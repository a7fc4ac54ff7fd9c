// Power losses and kills at every step of a publishing workload. In: a lab disk
// that stops at step k. Out: after the restart every acknowledged publish is
// there, every other one is whole or absent, and the state goes on. Must cover
// rewriting, since that is where files are replaced.

import assert from "node:assert/strict";
import { PlnError } from "../../src/kernel/mod.ts";
import type { OwnerState } from "../../src/state/mod.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { openSimDisk } from "../../src/sim/disk.ts";
import { openWorld } from "../../src/sim/world.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import type { Random } from "../../src/ports/mod.ts";
import {
  type Lab,
  LabDisk,
  openLab,
  openLabOn,
  seedChange,
  seedRemoval,
  seedsOf,
} from "./state_lab.ts";

/** What is known of publishes: numbered, each writes a pair of entries. */
class Ledger {
  /** Of each pair the newest number acknowledged, and those tried after. */
  readonly acknowledged = new Map<string, number>();
  readonly tried = new Map<string, Set<number>>();
  next = 1;

  async publish(state: OwnerState, pair: string): Promise<void> {
    const number = this.next++;
    await this.write(state, pair, number % 7 === 0 ? 0 : number);
  }

  /** 0 removes the pair. */
  async write(state: OwnerState, pair: string, value: number): Promise<void> {
    const names = [`${pair}-left`, `${pair}-right`];
    const changes = names.map((name) =>
      value === 0 ? seedRemoval(name) : seedChange(name, value)
    );
    const tried = this.tried.get(pair) ?? new Set();
    this.tried.set(pair, tried.add(value));
    await state.publish(changes);
    this.acknowledged.set(pair, value);
    this.tried.set(pair, new Set());
  }

  check(seeds: ReadonlyMap<string, number>, what: string): void {
    for (const pair of this.tried.keys()) {
      const left = seeds.get(`${pair}-left`) ?? 0;
      const right = seeds.get(`${pair}-right`) ?? 0;
      assert.equal(left, right, `${what}: pair ${pair} is torn`);
      const possible = new Set(this.tried.get(pair));
      possible.add(this.acknowledged.get(pair) ?? 0);
      assert.ok(
        possible.has(left),
        `${what}: pair ${pair} is ${left}, not one of ${[...possible]}`,
      );
    }
  }

  /** What was seen is there to stay. */
  settle(seeds: ReadonlyMap<string, number>): void {
    for (const pair of this.tried.keys()) {
      this.acknowledged.set(pair, seeds.get(`${pair}-left`) ?? 0);
      this.tried.set(pair, new Set());
    }
  }
}

type AnyLab = Pick<Lab, "open">;

/**
 * Publishes in groups until the work is done or the machine is gone. What was
 * refused is removed, which often changes nothing that is shown.
 */
async function work(lab: AnyLab, ledger: Ledger, groups: number) {
  const state = await lab.open();
  try {
    for (let group = 0; group < groups; group++) {
      const size = 1 + (group * 5) % 4;
      const pairs = Array.from({ length: size }, (_, index) => `p${index}`);
      const results = await Promise.allSettled(
        pairs.map((pair) => ledger.publish(state, pair)),
      );
      await Promise.allSettled(
        pairs.filter((_, index) => results[index]?.status === "rejected")
          .map((pair) => ledger.write(state, pair, 0)),
      );
    }
  } finally {
    await state[Symbol.asyncDispose]();
  }
}

async function workUntilLoss(lab: AnyLab, ledger: Ledger, groups: number) {
  try {
    await work(lab, ledger, groups);
  } catch (cause) {
    if (!(cause instanceof PlnError)) throw cause;
  }
}

async function stepsOf(groups: number): Promise<number> {
  const lab = openLab();
  await work(lab, new Ledger(), groups);
  return lab.disk.steps;
}

type Survivors = (disk: LabDisk, random: Random) => LabDisk;

/** Three runs of work on one disk; the power goes in the first two. */
async function surviveTwice(
  seed: number,
  options: {
    readonly lossAt: number;
    readonly groups: number;
    readonly survivors: Survivors;
  },
) {
  const random = openSimRandom(seed);
  const ledger = new Ledger();
  let disk = new LabDisk();
  const what = `seed ${seed}, loss at ${options.lossAt}`;
  for (const lossAt of [options.lossAt, 1 + random.integer(20)]) {
    disk.lossAt = lossAt;
    await workUntilLoss(openLab(disk, random), ledger, options.groups);
    disk = options.survivors(disk, random);
    const state = await openLab(disk, random).open();
    const { fault, corruptRecords } = state.report();
    ledger.check(seedsOf(state), what);
    ledger.settle(seedsOf(state));
    assert.equal(fault, undefined, what);
    assert.equal(corruptRecords, 0, what);
    await state[Symbol.asyncDispose]();
    // What a start has shown is durable: a power loss takes nothing back.
    disk = disk.afterLoss(random);
  }
  await work(openLab(disk, random), ledger, 3);
  const state = await openLab(disk.afterKill(), random).open();
  ledger.check(seedsOf(state), what);
  await state[Symbol.asyncDispose]();
}

Deno.test("S08 power loss at every step loses nothing acknowledged", async () => {
  const steps = await stepsOf(8);
  assert.ok(steps > 25, `${steps} steps`);
  for (let lossAt = 1; lossAt <= steps; lossAt++) {
    for (let seed = 0; seed < 12; seed++) {
      await surviveTwice(seed, {
        lossAt,
        groups: 8,
        survivors: (disk, random) => disk.afterLoss(random),
      });
    }
  }
});

Deno.test("S08 power loss around a rewrite loses nothing", async () => {
  const steps = await stepsOf(32);
  // The rewrite after 64 batches lies in the last third of the steps.
  for (let lossAt = Math.floor(steps * 0.6); lossAt <= steps; lossAt++) {
    for (let seed = 100; seed < 104; seed++) {
      await surviveTwice(seed, {
        lossAt,
        groups: 32,
        survivors: (disk, random) => disk.afterLoss(random),
      });
    }
  }
});

Deno.test("S07 kill -9 at every step loses nothing acknowledged", async () => {
  const steps = await stepsOf(8);
  for (let lossAt = 1; lossAt <= steps; lossAt++) {
    for (let seed = 0; seed < 3; seed++) {
      await surviveTwice(seed, {
        lossAt,
        groups: 8,
        survivors: (disk) => disk.afterKill(),
      });
    }
  }
});

Deno.test("S07 a record torn by a kill is cut off and reported", async () => {
  const lab = openLab();
  const state = await lab.open();
  await state.publish([seedChange("a", 1)]);
  lab.disk.lossAt = lab.disk.steps + 1;
  await assert.rejects(state.publish([seedChange("b", 2)]));
  await state[Symbol.asyncDispose]();
  const disk = lab.disk.afterKill();
  const torn = disk.bytes("journal/00000001.log").length;
  const next = openLab(disk);
  {
    await using again = await next.open();
    const dropped = again.report().droppedTailBytes;
    assert.ok(dropped > 100, `${dropped} bytes`);
    assert.deepEqual([...seedsOf(again)], [["a", 1]]);
    assert.equal(disk.bytes("journal/00000001.log").length, torn - dropped);
    assert.ok(next.log.events.includes("state.torn_tail"));
  }
  await using clean = await next.open();
  assert.equal(clean.report().droppedTailBytes, 0);
});

Deno.test("S07 S08 S11 S12 crashes and faults on a simulated disk", async () => {
  let shown = 0;
  for (let seed = 0; seed < 120; seed++) {
    const world = openWorld(seed, { turn: openTurn() });
    const disk = openSimDisk(world, { stepMsMax: 3 });
    const random = world.random.fork("test");
    const ledger = new Ledger();
    for (let round = 0; round < 4; round++) {
      const what = `seed ${seed}, round ${round}`;
      const operation = random.integer(2) === 0 ? "sync" : "append";
      using _fault = disk.fail(random.integer(2) === 0 ? "io" : "full", {
        operation,
        count: 1 + random.integer(3),
      });
      const lab = openLabOn(disk.mount(), random);
      const working = workUntilLoss(lab, ledger, 10);
      await world.run(world.nowMs + random.integer(300));
      if (random.integer(3) === 0) disk.kill();
      else disk.crash();
      await world.complete(working);
      const next = await world.complete(openLabOn(disk.mount(), random).open());
      ledger.check(seedsOf(next), what);
      shown += seedsOf(next).size;
      assert.equal(next.report().corruptRecords, 0, what);
      await world.complete(next[Symbol.asyncDispose]());
    }
  }
  assert.ok(shown > 1000, `${shown} entries were there to compare`);
});

Deno.test("S11 S12 a removal holds after a rewrite that failed late", async () => {
  let failures = 0;
  for (let seed = 0; seed < 60; seed++) {
    const random = openSimRandom(seed);
    const ledger = new Ledger();
    const disk = new LabDisk();
    disk.fault = (step) =>
      disk.counts.write === 2 && step === "write-name" ? "io" : undefined;
    const state = await openLab(disk, random).open();
    for (let isFailed = false; !isFailed;) {
      const pairs = Array.from(
        { length: 1 + random.integer(5) },
        (_, index) => `p${ledger.next + index}`, // new: removing changes nothing
      );
      const results = await Promise.allSettled(
        pairs.map((pair) => ledger.write(state, pair, ledger.next++)),
      );
      const refused = pairs.filter((_, index) =>
        results[index]?.status === "rejected"
      );
      isFailed = refused.length > 0;
      for (const pair of refused) {
        await ledger.write(state, pair, 0);
        assert.equal(ledger.acknowledged.get(pair), 0);
      }
      if (isFailed && refused.length < pairs.length) failures++;
    }
    const after = random.integer(2) === 0
      ? disk.afterLoss(random)
      : disk.afterKill();
    await state[Symbol.asyncDispose]();
    await using next = await openLab(after, random).open();
    ledger.check(seedsOf(next), `seed ${seed}`);
  }
  assert.ok(failures > 20, `${failures} groups with a rewrite inside`);
});

Deno.test("S11 S12 random faults lose nothing acknowledged", async () => {
  for (let seed = 0; seed < 150; seed++) {
    const random = openSimRandom(seed);
    const ledger = new Ledger();
    const disk = new LabDisk();
    const faults = ["full", "io", "read-only"] as const;
    disk.fault = (step) =>
      step === "read" || step === "list" || random.integer(4) > 0
        ? undefined
        : faults[random.integer(3)];
    await work(openLab(disk, random), ledger, 20 + random.integer(40));
    const after = random.integer(2) === 0
      ? disk.afterLoss(random)
      : disk.afterKill();
    await using state = await openLab(after, random).open();
    ledger.check(seedsOf(state), `seed ${seed}`);
    assert.equal(state.report().corruptRecords, 0, `seed ${seed}`);
  }
});
