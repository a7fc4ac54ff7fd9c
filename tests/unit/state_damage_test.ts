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
  encodeJournalHeader,
  encodeJournalRecord,
  journalHeaderBytes,
} from "../../src/state/journal_file.ts";
import { type ClusterId, concatBytes, peerIdOf } from "../../src/kernel/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import {
  cluster,
  key,
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
  return concatBytes(
    encodeJournalHeader({ number: 1, generation: 1 }),
    encodeJournalRecord(record(1, {})),
    encodeJournalRecord(record(2, forged)),
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
