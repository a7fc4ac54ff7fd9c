// Damaged journals: every truncation, every changed byte, foreign batches. In:
// the bytes of a small journal, broken in one place. Out: what is left is kept
// and shown, what is lost is said, and a loss in the middle stops publishing.
// Must never see anything thrown but a PlnError.

import assert from "node:assert/strict";
import { CorruptError, PlnError } from "../../src/kernel/mod.ts";
import type { PrivateKey } from "../../src/ports/mod.ts";
import {
  encodeSignedBatch,
  type Operation,
  signBatch,
} from "../../src/state/mod.ts";
import { noHash } from "../../src/state/batches.ts";
import {
  encodeJournalFile,
  encodeJournalRecord,
  journalHeaderBytes,
} from "../../src/state/journal_file.ts";
import { type ClusterId, concatBytes, peerIdOf } from "../../src/kernel/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import {
  cluster,
  key,
  type Lab,
  LabDisk,
  openLab,
  otherCluster,
  otherKey,
  seedChange,
  seedsOf,
  signer,
  specOf,
} from "./state_lab.ts";
import { canonicalJson } from "../../src/kernel/mod.ts";

const first = "journal/00000001.log";
const names = ["one", "two", "three", "four"];

/** A journal of a base with "one" and a batch for each further name. */
async function smallJournal() {
  const lab = openLab();
  await using state = await lab.open();
  const ends: number[] = [];
  for (const [index, name] of names.entries()) {
    await state.publish([seedChange(name, index + 1)]);
    ends.push(lab.disk.bytes(first).length);
  }
  return { bytes: lab.disk.bytes(first), ends };
}

function labWith(bytes: Uint8Array) {
  const disk = new LabDisk();
  disk.put(first, bytes);
  return openLab(disk, openSimRandom(9));
}

const isLossRefusal = (cause: unknown) =>
  cause instanceof CorruptError &&
  /pln recover --accept-loss/.test(cause.hint ?? "");

Deno.test("S10 a journal truncated anywhere keeps its whole records", async () => {
  const { bytes, ends } = await smallJournal();
  const [baseEnd = 0] = ends;
  for (let length = 0; length < bytes.length; length++) {
    const lab = labWith(bytes.subarray(0, length));
    await using state = await lab.open();
    const whole = ends.filter((end) => end <= length).length;
    const what = `${length} of ${bytes.length} bytes`;
    assert.deepEqual(
      [...seedsOf(state).keys()].sort(),
      names.slice(0, whole).sort(),
      what,
    );
    const report = state.report();
    if (length < baseEnd) {
      assert.equal(report.corruptRecords, 1, what);
      await assert.rejects(
        state.publish([seedChange("x", 1)]),
        isLossRefusal,
        what,
      );
      continue;
    }
    const kept = ends[whole - 1] ?? 0;
    assert.equal(report.droppedTailBytes, length - kept, what);
    assert.equal(report.corruptRecords, 0, what);
    assert.equal(report.generation, 2, what);
    assert.equal(lab.disk.bytes(first).length, kept, what);
    assert.equal(report.fault, undefined, what);
  }
});

Deno.test("S10 one changed byte costs at most its own record", async () => {
  const { bytes, ends } = await smallJournal();
  const lastStart = ends.at(-2) ?? 0;
  for (let offset = 0; offset < bytes.length; offset++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const bad = bytes.slice();
      bad[offset] = (bad[offset] ?? 0) ^ flip;
      const lab = labWith(bad);
      await using state = await lab.open();
      const what = `byte ${offset} ^ ${flip}`;
      const hit = ends.findIndex((end) => offset < end);
      const isHeader = offset < journalHeaderBytes;
      const left = names.filter((_, index) => isHeader || index !== hit);
      assert.deepEqual(
        [...seedsOf(state).keys()].sort(),
        left.toSorted(),
        what,
      );
      const report = state.report();
      const publish = state.publish([seedChange("x", 1)]);
      if (isHeader || offset >= lastStart) await publish;
      else await assert.rejects(publish, isLossRefusal, what);
      assert.equal(
        report.droppedTailBytes > 0,
        offset >= lastStart,
        what,
      );
      assert.equal(
        report.corruptRecords,
        offset < lastStart ? 1 : 0,
        what,
      );
    }
  }
});

Deno.test("S10 an accepted loss publishes what was left", async () => {
  const { bytes, ends } = await smallJournal();
  const bad = bytes.slice();
  bad[(ends[1] ?? 0) - 5] = 0xee; // in the record of "two"
  const lab = labWith(bad);
  {
    await using state = await lab.open();
    assert.match(state.report().fault ?? "", /damaged/);
    await assert.rejects(state.publish([seedChange("x", 1)]), isLossRefusal);
    lab.disk.fault = (step) => step === "write" ? "full" : undefined;
    await assert.rejects(state.acceptLoss(), { code: "PLN_DISK" });
    await assert.rejects(state.publish([seedChange("x", 1)]), isLossRefusal);
    lab.disk.fault = () => undefined;
    await state.acceptLoss();
    await state.acceptLoss();
    assert.equal(state.report().fault, undefined);
  }
  assert.deepEqual(lab.disk.bytes("journal/00000001.damaged"), bad);
  {
    await using state = await lab.open();
    assert.deepEqual(
      [...seedsOf(state).keys()].sort(),
      ["four", "one", "three"],
    );
    await state.publish([seedChange("x", 1)]);
  }
  assert.deepEqual(lab.disk.paths(), [
    "journal/00000001.damaged",
    "journal/00000004.log",
  ]);
});

/** A base with "one", then "two", "three" and "four" in one sync. */
async function groupJournal() {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([seedChange("one", 1)]);
  const start = lab.disk.bytes(first).length;
  await Promise.all(
    names.slice(1).map((name, index) =>
      state.publish([seedChange(name, index + 2)])
    ),
  );
  const bytes = lab.disk.bytes(first);
  await state.publish([seedChange("five", 5)]);
  return { start, bytes, longer: lab.disk.bytes(first) };
}

Deno.test("S08 a hole in what one sync wrote is a torn end", async () => {
  const { start, bytes, longer } = await groupJournal();
  for (let offset = start; offset < bytes.length; offset += 7) {
    const end = Math.min(bytes.length, offset + 7);
    const hole = bytes.slice().fill(0, offset, end);
    const lab = labWith(hole);
    await using state = await lab.open();
    const what = `hole at ${offset}`;
    const left = [...seedsOf(state).keys()];
    assert.deepEqual(
      left.toSorted(),
      names.slice(0, left.length).toSorted(),
      what,
    );
    const report = state.report();
    assert.equal(report.fault, undefined, what);
    assert.equal(report.corruptRecords, 0, what);
    const kept = lab.disk.bytes(first).length;
    assert.ok(kept <= offset && kept >= start, what);
    assert.equal(report.droppedTailBytes, bytes.length - kept, what);
    await state.publish([seedChange("x", 1)]);
    // A later sync says that the same place was durable: damage.
    const damaged = labWith(longer.slice().fill(0, offset, end));
    await using lossy = await damaged.open();
    assert.equal(lossy.report().corruptRecords, 1, what);
    assert.ok(seedsOf(lossy).has("five"), what);
    await assert.rejects(lossy.publish([seedChange("x", 1)]), isLossRefusal);
  }
});

type Damaged = {
  readonly files: ReadonlyMap<string, Uint8Array>;
  readonly left: readonly string[];
};

/** Damage in the middle of a file, and a damaged base after a good file. */
async function damagedJournals(): Promise<readonly Damaged[]> {
  const { bytes, ends } = await smallJournal();
  const middle = bytes.slice();
  middle[(ends[1] ?? 0) - 5] = 0xee; // in the record of "two"
  const lab = labWith(bytes);
  {
    await using state = await lab.open();
    await state.publish([seedChange("five", 5)]);
  }
  const base = lab.disk.bytes("journal/00000002.log");
  base[journalHeaderBytes + 100] = 0xee;
  return [
    { files: new Map([[first, middle]]), left: ["four", "one", "three"] },
    {
      files: new Map([[first, bytes], ["journal/00000002.log", base]]),
      left: names.toSorted(),
    },
  ];
}

/** Restarts until the loss is accepted and a publish went through. */
async function acceptAndPublish(lab: Lab, left: readonly string[]) {
  await using state = await lab.open();
  const shown = [...seedsOf(state).keys()].filter((name) => name !== "x");
  assert.deepEqual(shown.toSorted(), left);
  await state.acceptLoss();
  await state.publish([seedChange("x", 1)]);
}

function checkKept(disk: LabDisk, damaged: Damaged) {
  for (const [path, bytes] of damaged.files) {
    assert.deepEqual(disk.bytes(path.replace(".log", ".damaged")), bytes);
  }
}

Deno.test("S07 S08 S10 damaged files outlive a stop at any step", async () => {
  let stops = 0;
  for (const damaged of await damagedJournals()) {
    for (let seed = 0; seed < 6; seed++) {
      for (let lossAt = 1;; lossAt++) {
        const random = openSimRandom(seed);
        let disk = new LabDisk();
        for (const [path, bytes] of damaged.files) disk.put(path, bytes);
        disk.lossAt = lossAt;
        try {
          await acceptAndPublish(openLab(disk, random), damaged.left);
          break;
        } catch (cause) {
          if (!(cause instanceof PlnError)) throw cause;
          stops++;
        }
        disk = seed % 2 === 0 ? disk.afterKill() : disk.afterLoss(random);
        await acceptAndPublish(openLab(disk, random), damaged.left);
        checkKept(disk, damaged);
        await using state = await openLab(disk, random).open();
        assert.equal(state.report().fault, undefined);
        assert.deepEqual(
          [...seedsOf(state).keys()].sort(),
          [...damaged.left, "x"].sort(),
        );
      }
    }
  }
  assert.ok(stops > 50, `${stops} stops`);
});

Deno.test("S12 a loss is not accepted while its file cannot be kept", async () => {
  for (const damaged of await damagedJournals()) {
    const disk = new LabDisk();
    for (const [path, bytes] of damaged.files) disk.put(path, bytes);
    {
      await using state = await openLab(disk).open();
      for (const step of ["rename", "open", "write"] as const) {
        disk.fault = (one) => one === step ? "io" : undefined;
        await assert.rejects(state.acceptLoss(), { code: "PLN_DISK" });
        await assert.rejects(
          state.publish([seedChange("x", 1)]),
          isLossRefusal,
        );
        assert.equal(disk.counts["write-name"], undefined);
      }
      disk.fault = () => undefined;
    }
    await acceptAndPublish(openLab(disk), damaged.left);
    checkKept(disk, damaged);
  }
});

Deno.test("S10 a damaged newest base falls back to the older file", async () => {
  const old = await smallJournal();
  const lab = labWith(old.bytes);
  {
    await using state = await lab.open();
    await state.publish([seedChange("five", 5)]);
  }
  const second = "journal/00000002.log";
  const bad = lab.disk.bytes(second);
  bad[journalHeaderBytes + 100] = (bad[journalHeaderBytes + 100] ?? 0) ^ 0xff;
  lab.disk.put(first, old.bytes);
  lab.disk.put(second, bad);
  await using state = await lab.open();
  assert.deepEqual([...seedsOf(state).keys()].sort(), names.toSorted());
  assert.equal(state.report().generation, 3);
  await assert.rejects(state.publish([seedChange("x", 1)]), isLossRefusal);
});

type Forged = {
  readonly key?: PrivateKey;
  readonly cluster?: ClusterId;
  readonly owner?: PrivateKey;
  readonly operations?: readonly Operation[];
};

/** A journal of one base, then a second record as told. */
function forgedJournal(forged: Forged): Uint8Array {
  const record = (seq: number, options: Forged) =>
    encodeSignedBatch(signBatch({
      owner: peerIdOf((options.owner ?? key).publicKey),
      generation: 1,
      session: new Uint8Array(16),
      seq,
      prev: noHash,
      base: true,
      rev: 1,
      operations: options.operations ?? [{
        section: "seeds",
        key: seq === 1 ? "mine" : "forged",
        text: canonicalJson(specOf(1)),
      }],
      hlc: { wallMs: 1, counter: 0 },
    }, {
      signer,
      key: options.key ?? key,
      cluster: options.cluster ?? cluster,
    }));
  const start = encodeJournalFile({ number: 1, generation: 1 }, record(1, {}));
  const durableBytes = start.length;
  return concatBytes(
    start,
    encodeJournalRecord(record(2, forged), { durableBytes }),
  );
}

Deno.test("R01 a batch of another key or cluster is not applied", async () => {
  const forgeries: readonly Forged[] = [
    { key: otherKey },
    { cluster: otherCluster },
    { owner: otherKey, key: otherKey },
    { owner: otherKey },
  ];
  for (const forged of forgeries) {
    const lab = labWith(forgedJournal(forged));
    await using state = await lab.open();
    assert.deepEqual([...seedsOf(state).keys()], ["mine"]);
    assert.equal(state.report().corruptRecords, 1);
    assert.equal(state.report().droppedTailBytes, 0);
    await assert.rejects(state.publish([seedChange("x", 1)]), isLossRefusal);
  }
  await using state = await labWith(forgedJournal({})).open();
  assert.deepEqual([...seedsOf(state).keys()], ["forged"]);
});

Deno.test("R05 S17 entries that do not fit are kept, not shown", async () => {
  const fits = canonicalJson(specOf(1));
  const operations: readonly Operation[] = [
    { section: "node", key: "self", text: '{"name":"../x"}' },
    { section: "node", key: "zone", text: '"later"' },
    { section: "orchards", key: "apple", text: "[1,2]" },
    { section: "seeds", key: "A", text: fits },
    { section: "seeds", key: "a..b", text: fits },
    { section: "seeds", key: "bad", text: "7" },
    {
      section: "seeds",
      key: "good",
      text: canonicalJson({ ...specOf(1), future: { deep: true } }),
    },
    {
      section: "seeds",
      key: "short",
      text: canonicalJson({
        digest: specOf(2).digest,
        publishedMs: 2,
        sizeBytes: 3,
      }),
    },
  ];
  const lab = labWith(forgedJournal({ operations }));
  {
    await using state = await lab.open();
    assert.deepEqual([...state.view().seeds.keys()], ["good", "short"]);
    assert.deepEqual(state.view().seeds.get("good")?.spec, specOf(1));
    assert.equal(state.view().seeds.get("short")?.spec.timeoutMs, 30_000);
    assert.equal(state.view().node, undefined);
    assert.deepEqual(
      state.report().ignoredEntries.map((one) => one.key).sort(),
      ["A", "a..b", "bad", "self"],
    );
    await state.publish([seedChange("more", 2)]);
  }
  await using state = await lab.open();
  assert.equal(state.report().entries, operations.length + 1);
  const text = new TextDecoder().decode(
    lab.disk.bytes("journal/00000002.log"),
  );
  for (const { section, key, text: kept = "" } of operations) {
    assert.ok(text.includes(section) && text.includes(kept), key);
  }
});

Deno.test("S10 random damage of any size throws PlnErrors only", async () => {
  const { bytes } = await smallJournal();
  const random = openSimRandom(4711);
  let refusals = 0;
  for (let round = 0; round < 1000; round++) {
    let bad = bytes.slice();
    for (let hits = random.integer(4); hits >= 0; hits--) {
      const from = random.integer(bad.length);
      const length = random.integer(60);
      const kind = random.integer(4);
      if (kind === 0) bad.fill(random.integer(256), from, from + length);
      else if (kind === 1) bad.set(random.bytes(1), from);
      else {
        bad = concatBytes(
          bad.subarray(0, from),
          kind === 2 ? random.bytes(length) : bad.subarray(0, length),
          bad.subarray(Math.min(bad.length, from + random.integer(60))),
        );
      }
      if (bad.length === 0) bad = new Uint8Array(1);
    }
    const lab = labWith(bad);
    try {
      await using state = await lab.open();
      await state.acceptLoss();
      await state.publish([seedChange("x", 1)]);
      assert.ok(seedsOf(state).has("x"));
    } catch (cause) {
      assert.ok(cause instanceof PlnError, String(cause));
      refusals++;
    }
  }
  assert.equal(refusals, 0);
});
