// A node whose disk was set back, damaged or copied, and peers that know more of
// its document. In: batches that earlier starts of it, and clones, have signed.
// Out: what its view shows, what its journal keeps, and when it stops. What was
// acknowledged since the start must never be lost by what peers show.

import assert from "node:assert/strict";
import {
  type Bytes,
  ConflictError,
  CorruptError,
} from "../../src/kernel/mod.ts";
import { encodeSignedBatch, type OwnerState } from "../../src/state/mod.ts";
import { noHash } from "../../src/state/batches.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { ownBatch, OwnMachine, settled, showAll } from "./own_lab.ts";
import {
  PowerLoss,
  seedChange,
  seedRemoval,
  seedsOf,
  specOf,
} from "./state_lab.ts";
import { canonicalJson } from "../../src/kernel/mod.ts";

type Seeds = Readonly<Record<string, number>>;

function seedsIn(state: OwnerState): Seeds {
  return Object.fromEntries(
    [...seedsOf(state)].sort(([left], [right]) => left < right ? -1 : 1),
  );
}

/**
 * A machine that published, a backup of it from before the end, and what peers
 * have of it in the end.
 */
async function setBack(): Promise<{ machine: OwnMachine; row: Bytes[] }> {
  const machine = new OwnMachine(1);
  {
    await using state = await machine.open();
    await state.publish([seedChange("old", 1), seedChange("gone", 1)]);
  }
  const backup = machine.disk.afterKill();
  const row: Bytes[] = [];
  for (let start = 2; start <= 4; start++) {
    await using state = await machine.open();
    await state.publish([seedChange("newer", start), seedRemoval("gone")]);
    await state.publish([seedChange("same", start)]);
    row.splice(0, row.length, ...machine.row());
  }
  machine.disk = backup;
  return { machine, row };
}

/** The last file of the journal is what a restart would show. */
async function afterRestart(machine: OwnMachine): Promise<Seeds> {
  machine.disk = machine.disk.afterKill();
  machine.askCopies = undefined;
  await using state = await machine.open();
  return seedsIn(state);
}

Deno.test("S13 a backup takes over what peers have before it writes", async () => {
  const { machine, row } = await setBack();
  {
    await using state = await machine.open();
    assert.deepEqual(seedsIn(state), { gone: 1, old: 1 });
    assert.deepEqual(await showAll(state, row), ["new", "new"]);
    assert.deepEqual(seedsIn(state), { newer: 4, old: 1, same: 4 });
    assert.equal(state.report().generation, 5);
    await state.publish([seedChange("mine", 7)]);
    const [base] = machine.batches();
    assert.equal(base?.batch.base, true);
    assert.deepEqual([base?.batch.generation, base?.batch.seq], [5, 1]);
  }
  const all = { mine: 7, newer: 4, old: 1, same: 4 };
  assert.deepEqual(await afterRestart(machine), all);
});

Deno.test("S13 the first publish waits until peers were asked", async () => {
  const { machine, row } = await setBack();
  const asked = Promise.withResolvers<void>();
  machine.askCopies = () => asked.promise;
  await using state = await machine.open();
  const published = state.publish([seedChange("mine", 7)]);
  await settled();
  assert.equal(state.report().seq, 0);
  await showAll(state, row);
  asked.resolve();
  await published;
  assert.deepEqual(seedsIn(state), { mine: 7, newer: 4, old: 1, same: 4 });
  assert.equal(state.report().generation, 5);
});

Deno.test("a question that fails keeps nobody from publishing", async () => {
  const machine = new OwnMachine(2);
  machine.askCopies = () => Promise.reject(new CorruptError("no peers"));
  await using state = await machine.open();
  await state.publish([seedChange("mine", 7)]);
  assert.deepEqual(seedsIn(state), { mine: 7 });
});

Deno.test("S13 what was acknowledged since the start goes over it", async () => {
  const { machine, row } = await setBack();
  {
    await using state = await machine.open();
    await state.publish([seedChange("mine", 7), seedChange("same", 8)]);
    await state.publish([seedChange("mine", 9), seedRemoval("old")]);
    assert.equal(state.report().generation, 2);
    await showAll(state, row);
    await settled();
    await state.publish([]);
    assert.deepEqual(seedsIn(state), { mine: 9, newer: 4, same: 8 });
    assert.equal(state.report().generation, 5);
    assert.ok(machine.log.events.includes("state.adopted"));
  }
  assert.deepEqual(await afterRestart(machine), { mine: 9, newer: 4, same: 8 });
});

Deno.test("S13 publishes that wait for an adoption are in it", async () => {
  const { machine, row } = await setBack();
  const acknowledged: Record<string, number> = {};
  {
    await using state = await machine.open();
    await state.publish([seedChange("first", 0)]);
    const publishes: Promise<void>[] = [];
    const publish = async (name: string, number: number) => {
      await state.publish([seedChange(name, number)]);
      acknowledged[name] = number;
    };
    for (let number = 0; number < 20; number++) {
      publishes.push(publish(`s${number % 7}`, number));
      if (number === 3) void state.accept(row[0] as Bytes);
      if (number === 9) void state.accept(row[1] as Bytes);
      if (number % 2 === 0) await settled();
    }
    await Promise.all(publishes);
    await settled();
    await state.publish([]);
    const all = { ...acknowledged, first: 0, newer: 4, old: 1, same: 4 };
    assert.deepEqual(seedsIn(state), all);
  }
  const all = { ...acknowledged, first: 0, newer: 4, old: 1, same: 4 };
  assert.deepEqual(await afterRestart(machine), all);
});

Deno.test("a part of a row is adopted, and then the rest of it", async () => {
  const { machine, row } = await setBack();
  await using state = await machine.open();
  let clones = 0;
  using _ = state.onClone(() => void clones++);
  await state.publish([seedChange("mine", 7)]);
  for (const bytes of row) {
    await showAll(state, [bytes]);
    await settled();
    await state.publish([]);
  }
  assert.deepEqual(seedsIn(state), { mine: 7, newer: 4, old: 1, same: 4 });
  assert.deepEqual([state.report().generation, clones], [5, 0]);
  const [last] = machine.batches();
  assert.equal(last?.batch.base, true, "others need no more than this");
});

Deno.test("own batches that come back are nothing new", async () => {
  const machine = new OwnMachine(3);
  await using state = await machine.open();
  await state.publish([seedChange("a", 1)]);
  await state.publish([seedChange("b", 2)]);
  const row = machine.row();
  const steps = machine.disk.steps;
  assert.deepEqual(await showAll(state, row), ["known", "known"]);
  await settled();
  assert.equal(machine.disk.steps, steps);
  assert.deepEqual(
    [state.report().generation, state.report().isCloned],
    [1, false],
  );
});

Deno.test("a second adoption would be a clone's: nothing is written", async () => {
  const machine = new OwnMachine(4);
  await using state = await machine.open();
  const clones: unknown[] = [];
  using _ = state.onClone(() => void clones.push(state.report().fault));
  await state.publish([seedChange("mine", 1)]);
  const foreign = (generation: number) =>
    encodeSignedBatch(ownBatch({
      ...{ generation, session: generation, seq: 1, prev: noHash },
      operations: [{
        section: "seeds",
        key: `of-${generation}`,
        text: canonicalJson(specOf(generation)),
      }],
    }));
  await showAll(state, [foreign(5)]);
  await settled();
  await state.publish([seedChange("mine", 2)]);
  assert.deepEqual(seedsIn(state), { mine: 2, "of-5": 5 });
  await showAll(state, [foreign(9)]);
  await assert.rejects(state.publish([seedChange("mine", 3)]), (error) => {
    assert.ok(error instanceof ConflictError);
    assert.match(error.message, /this node's key/);
    assert.match(error.hint ?? "", /purge/);
    return true;
  });
  assert.equal(clones.length, 1);
  assert.equal(state.report().isCloned, true);
  assert.match(state.report().fault ?? "", /this node's key/);
  assert.deepEqual(seedsIn(state), { mine: 2, "of-5": 5 });
  const steps = machine.disk.steps;
  await showAll(state, [foreign(12)]);
  await settled();
  assert.deepEqual([machine.disk.steps, clones.length], [steps, 1]);
});

Deno.test("two machines with one disk: one of them stops", async () => {
  const machine = new OwnMachine(5);
  {
    await using state = await machine.open();
    await state.publish([seedChange("old", 1)]);
  }
  const twin = new OwnMachine(6, machine.disk.afterKill());
  await using left = await machine.open();
  await using right = await twin.open();
  await left.publish([seedChange("left", 1)]);
  await right.publish([seedChange("right", 1)]);
  for (let round = 0; round < 4; round++) {
    await showAll(right, machine.row());
    await settled();
    await showAll(left, twin.row());
    await settled();
  }
  const cloned = [left, right].filter((one) => one.report().isCloned);
  assert.ok(cloned.length >= 1);
  const publishes = [left, right].map((one) =>
    one.publish([seedChange("more", 1)])
  );
  const results = await Promise.allSettled(publishes);
  assert.ok(results.some(({ status }) => status === "rejected"));
});

Deno.test("S07 S08 a stop in an adoption loses nothing of either", async () => {
  let stops = 0;
  for (let lossAt = 1; lossAt < 20; lossAt++) {
    for (const isKill of [true, false]) {
      const { machine, row } = await setBack();
      const acknowledged: Record<string, number> = {};
      {
        await using state = await machine.open();
        const { disk } = machine;
        await state.publish([seedChange("first", 0)]);
        disk.lossAt = disk.steps + lossAt;
        try {
          await showAll(state, row);
          for (let number = 1; number < 4; number++) {
            await settled();
            await state.publish([seedChange("mine", number)]);
            acknowledged.mine = number;
          }
        } catch (cause) {
          assert.ok(cause instanceof PowerLoss, String(cause));
          stops++;
        }
      }
      machine.disk = isKill
        ? machine.disk.afterKill()
        : machine.disk.afterLoss(openSimRandom(lossAt));
      await using state = await machine.open();
      assert.equal(state.report().corruptRecords, 0);
      const found = seedsIn(state);
      assert.equal(found.first, 0);
      assert.ok((found.mine ?? 0) >= (acknowledged.mine ?? 0));
      if (found.newer !== undefined) {
        const { newer, old, same } = found;
        assert.deepEqual({ newer, old, same }, { newer: 4, old: 1, same: 4 });
      }
      await showAll(state, row);
      await state.publish([seedChange("last", 1)]);
      const { newer, old, same } = seedsIn(state);
      assert.deepEqual({ newer, old, same }, { newer: 4, old: 1, same: 4 });
    }
  }
  assert.ok(stops > 10, `${stops} stops`);
});

Deno.test("S11 an adoption that the disk refuses is made later", async () => {
  const { machine, row } = await setBack();
  await using state = await machine.open();
  await state.publish([seedChange("mine", 7)]);
  machine.disk.fault = (step) => step === "write" ? "full" : undefined;
  await showAll(state, row);
  await settled();
  await assert.rejects(state.publish([seedChange("mine", 8)]), /write/);
  assert.deepEqual(seedsIn(state), { gone: 1, mine: 7, old: 1 });
  assert.notEqual(state.report().fault, undefined);
  machine.disk.fault = () => undefined;
  await state.publish([seedChange("more", 1)]);
  const all = { mine: 7, more: 1, newer: 4, old: 1, same: 4 };
  assert.deepEqual(seedsIn(state), all);
  assert.equal(state.report().fault, undefined);
});

/** Damage in the middle of what was published; peers have `row`. */
async function damaged(): Promise<{ machine: OwnMachine; row: Bytes[] }> {
  const machine = new OwnMachine(7);
  const row: Bytes[] = [];
  {
    await using state = await machine.open();
    for (let number = 1; number <= 5; number++) {
      await state.publish([seedChange(`s${number}`, number)]);
    }
    row.push(...machine.row());
  }
  const [path = ""] = machine.disk.paths();
  const bytes = machine.disk.bytes(path);
  const third = row[2] as Bytes;
  const at = indexOf(bytes, third);
  bytes[at + 70] = (bytes[at + 70] ?? 0) ^ 1;
  machine.disk.put(path, bytes);
  return { machine, row };
}

function indexOf(bytes: Bytes, part: Bytes): number {
  for (let at = 0; at < bytes.length; at++) {
    if (part.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  throw new Error("not in the journal");
}

Deno.test("S10 S13 a peer's copy makes good what damage took", async () => {
  const { machine, row } = await damaged();
  {
    await using state = await machine.open();
    await assert.rejects(state.publish([seedChange("x", 1)]), CorruptError);
    assert.match(state.report().faultHint ?? "", /accept-loss/);
    await showAll(state, row.slice(0, 2));
    await assert.rejects(state.publish([seedChange("x", 1)]), CorruptError);
    await showAll(state, [row[2] as Bytes]); // the journal has the rest
    assert.equal(state.report().fault, undefined);
    assert.ok(machine.log.events.includes("state.loss_made_good"));
    await state.publish([seedChange("x", 1)]);
    const all = { s1: 1, s2: 2, s3: 3, s4: 4, s5: 5, x: 1 };
    assert.deepEqual(seedsIn(state), all);
  }
  assert.ok(machine.disk.paths().some((path) => path.endsWith(".damaged")));
  const all = { s1: 1, s2: 2, s3: 3, s4: 4, s5: 5, x: 1 };
  assert.deepEqual(await afterRestart(machine), all);
});

Deno.test("S10 S13 a publish over damage waits for peers' answers", async () => {
  const { machine, row } = await damaged();
  const asked = Promise.withResolvers<void>();
  machine.askCopies = () => asked.promise;
  await using state = await machine.open();
  const published = state.publish([seedChange("x", 1)]);
  await showAll(state, row);
  asked.resolve();
  await published;
  assert.equal(Object.keys(seedsIn(state)).length, 6);
});

Deno.test("S13 a journal that is gone is made good by a copy", async () => {
  const { machine, row } = await setBack();
  machine.disk.files.clear();
  machine.expectsJournal = true;
  await using state = await machine.open();
  await assert.rejects(state.publish([seedChange("x", 1)]), CorruptError);
  await showAll(state, row);
  await state.publish([seedChange("x", 1)]);
  assert.deepEqual(seedsIn(state), { newer: 4, old: 1, same: 4, x: 1 });
  assert.equal(state.report().generation, 5);
});

Deno.test("S13 what an empty disk takes over is on it after a publish", async () => {
  const { machine, row } = await setBack();
  machine.disk.files.clear();
  {
    await using state = await machine.open();
    await showAll(state, row);
    await state.publish([]);
  }
  const all = { newer: 4, old: 1, same: 4 };
  assert.deepEqual(await afterRestart(machine), all);
});

Deno.test("S13 copies older than an accepted loss change nothing", async () => {
  const { machine, row } = await damaged();
  await using state = await machine.open();
  await state.acceptLoss();
  const left = seedsIn(state);
  await showAll(state, row.slice(0, 2));
  await settled();
  await state.publish([]);
  assert.deepEqual(seedsIn(state), left);
  assert.equal(state.report().generation, 2);
});

Deno.test("R01 what others signed for an own document is refused", async () => {
  const { machine, row } = await setBack();
  await using state = await machine.open();
  const [base] = row;
  assert.ok(base);
  for (const at of [3, 70, base.length - 5]) {
    const bytes: Bytes = new Uint8Array(base);
    bytes[at] = (bytes[at] ?? 0) ^ 1;
    assert.equal(await state.accept(bytes), "refused");
  }
  assert.deepEqual(seedsIn(state), { gone: 1, old: 1 });
  assert.equal(state.report().generation, 2);
});

Deno.test("S15 a copy from the future moves the clock a minute at most", async () => {
  const machine = new OwnMachine(8);
  await using state = await machine.open();
  const wallMs = machine.wallMs + 10 * 365 * 86_400_000;
  await showAll(state, [encodeSignedBatch(ownBatch({
    ...{ generation: 3, session: 3, seq: 1, prev: noHash },
    hlc: { wallMs, counter: 7 },
    operations: [],
  }))]);
  await state.publish([seedChange("a", 1)]);
  const first = machine.batches().at(-1)?.batch.hlc;
  assert.deepEqual(first, { wallMs: machine.wallMs + 60_000, counter: 1 });
  machine.wallMs -= 3_600_000;
  await state.publish([seedChange("a", 2)]);
  const second = machine.batches().at(-1)?.batch.hlc;
  assert.deepEqual(second, { ...first, counter: 2 }, "never back");
  machine.wallMs += 3_600_000 + 61_000;
  await state.publish([seedChange("a", 3)]);
  assert.deepEqual(machine.batches().at(-1)?.batch.hlc, {
    ...{ wallMs: machine.wallMs, counter: 0 },
  });
});
