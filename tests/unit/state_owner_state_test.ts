// An owner's state through its public face: publish, view, report, restart.
// In: the lab's disk, whole or failing. Out: what the promises of publish say.
// Must never read the clock of this machine.

import assert from "node:assert/strict";
import {
  CorruptError,
  InputError,
  LimitError,
  limits,
} from "../../src/kernel/mod.ts";
import { DiskError } from "../../src/ports/mod.ts";
import {
  type Change,
  NewerFormatError,
  nodeRecordKey,
  parseSignedBatch,
} from "../../src/state/mod.ts";
import {
  encodeJournalHeader,
  scanJournal,
} from "../../src/state/journal_file.ts";
import { openDisk } from "../../src/adapters/disk.ts";
import { openRandom } from "../../src/adapters/random.ts";
import {
  cluster,
  LabDisk,
  openLab,
  openLabOn,
  seedChange,
  seedRemoval,
  seedsOf,
  signer,
  specOf,
} from "./state_lab.ts";
import { crc32c } from "../../src/kernel/mod.ts";

const first = "journal/00000001.log";

function batchesOf(bytes: Uint8Array) {
  const scan = scanJournal(bytes, { isRecordStart: () => true });
  return scan.records.map((record) =>
    parseSignedBatch(record, { signer, cluster }).batch
  );
}

Deno.test("a published seed is in the view, and after a restart", async () => {
  const lab = openLab();
  {
    await using state = await lab.open();
    assert.equal(state.view().seeds.size, 0);
    await state.publish([seedChange("hello", 1), {
      section: "node",
      key: nodeRecordKey,
      value: { name: "alpha", version: "0.1.0", startedMs: 5 },
    }]);
    assert.deepEqual(state.view().seeds.get("hello")?.spec, specOf(1));
    assert.equal(state.view().node?.name, "alpha");
    assert.equal(state.report().generation, 1);
    assert.equal(state.report().seq, 1);
  }
  await using state = await lab.open();
  assert.deepEqual(state.view().seeds.get("hello")?.spec, specOf(1));
  assert.equal(state.view().node?.name, "alpha");
  assert.equal(state.report().generation, 2);
  assert.equal(state.report().seq, 0);
  assert.equal(state.report().fault, undefined);
});

Deno.test("a real directory holds the state of a node", async () => {
  const root = await Deno.makeTempDir({ prefix: "pln-state-" });
  try {
    const lab = () => openLabOn(openDisk(root), openRandom());
    {
      await using state = await lab().open();
      await Promise.all(
        [1, 2, 3].map((number) =>
          state.publish([seedChange(`s${number}`, number)])
        ),
      );
    }
    const path = `${root}/${first}`;
    const size = (await Deno.stat(path)).size;
    await Deno.truncate(path, size - 1);
    {
      await using state = await lab().open();
      assert.deepEqual([...seedsOf(state).keys()], ["s1", "s2"]);
      assert.ok(state.report().droppedTailBytes > 0);
      assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
      await state.publish([seedChange("s4", 4)]);
    }
    const names = [...Deno.readDirSync(`${root}/journal`)];
    assert.deepEqual(names.map((one) => one.name), ["00000002.log"]);
    await using state = await lab().open();
    assert.deepEqual([...seedsOf(state).keys()], ["s1", "s2", "s4"]);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a removed seed stays removed after a restart", async () => {
  const lab = openLab();
  {
    await using state = await lab.open();
    await state.publish([seedChange("a", 1), seedChange("b", 2)]);
    await state.publish([seedRemoval("a")]);
    assert.deepEqual([...seedsOf(state)], [["b", 2]]);
  }
  await using state = await lab.open();
  assert.deepEqual([...seedsOf(state)], [["b", 2]]);
});

Deno.test("a start writes nothing until its first publish", async () => {
  const lab = openLab();
  for (let start = 0; start < 3; start++) {
    await using state = await lab.open();
    assert.equal(state.report().generation, 1);
  }
  assert.deepEqual(lab.disk.paths(), []);
});

Deno.test("every generation begins with a base of its own session", async () => {
  const lab = openLab();
  const sessions = new Set<string>();
  for (let start = 1; start <= 3; start++) {
    await using state = await lab.open();
    await state.publish([seedChange("s", start)]);
    await state.publish([seedChange("t", start)]);
    const batches = batchesOf(
      lab.disk.bytes(`journal/0000000${start}.log`),
    );
    assert.deepEqual(
      batches.map((one) => [one.generation, one.seq, one.base, one.rev]),
      [[start, 1, true, 1], [start, 2, false, 1]],
    );
    sessions.add(batches[0]?.session.toHex() ?? "");
  }
  assert.equal(sessions.size, 3);
  assert.deepEqual(lab.disk.paths(), ["journal/00000003.log"]);
});

Deno.test("equal states have equal digests, whatever their history", async () => {
  const one = openLab();
  const two = openLab();
  await using left = await one.open();
  await using right = await two.open();
  const empty = left.view().digest;
  await left.publish([seedChange("a", 1)]);
  await left.publish([seedChange("b", 2), seedChange("a", 3)]);
  await left.publish([seedChange("a", 1)]);
  await right.publish([seedChange("b", 2)]);
  assert.notEqual(left.view().digest, right.view().digest);
  await right.publish([seedChange("a", 1)]);
  assert.equal(left.view().digest, right.view().digest);
  assert.notEqual(left.view().digest, empty);
});

Deno.test("publishing what is there already writes nothing", async () => {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([seedChange("a", 1)]);
  const steps = lab.disk.steps;
  await state.publish([seedChange("a", 1), seedRemoval("missing")]);
  assert.equal(lab.disk.steps, steps);
  assert.equal(state.report().seq, 1);
});

Deno.test("of two changes of one entry the last wins", async () => {
  await using state = await openLab().open();
  await state.publish([seedChange("a", 1), seedChange("a", 2)]);
  assert.deepEqual([...seedsOf(state)], [["a", 2]]);
});

Deno.test("listeners hear of changes until they are disposed", async () => {
  const lab = openLab();
  await using state = await lab.open();
  const heard: number[] = [];
  const broken = state.onChange(() => {
    throw new TypeError("a listener's bug");
  });
  const listener = state.onChange(() => heard.push(state.view().seeds.size));
  await state.publish([seedChange("a", 1)]);
  await state.publish([seedChange("a", 1)]);
  await state.publish([seedChange("b", 1)]);
  listener[Symbol.dispose]();
  broken[Symbol.dispose]();
  await state.publish([seedChange("c", 1)]);
  assert.deepEqual(heard, [1, 2]);
  const failures = lab.log.events.filter((one) =>
    one === "state.listener_failed"
  );
  assert.equal(failures.length, 2);
});

Deno.test("publishes at one time share syncs, in order and whole", async () => {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([seedChange("start", 0)]);
  lab.disk.counts = {};
  await Promise.all(
    Array.from({ length: 50 }, (_, index) =>
      state.publish([
        seedChange(`seed-${index}`, index),
        seedChange("last", index),
      ])),
  );
  assert.equal(lab.disk.counts.append, 50);
  assert.equal(lab.disk.counts.sync, 1);
  assert.equal(seedsOf(state).size, 52);
  assert.equal(seedsOf(state).get("last"), 49);
  assert.equal(state.report().seq, 51);
});

Deno.test("a base in a new file comes after 64 batches", async () => {
  const lab = openLab();
  await using state = await lab.open();
  for (let index = 0; index < 2 * limits.batchesPerBase; index++) {
    await state.publish([seedChange("a", index)]);
  }
  const [path = "", ...more] = lab.disk.paths();
  assert.deepEqual(more, []);
  assert.equal(path, "journal/00000002.log");
  const bases = batchesOf(lab.disk.bytes(path)).map((one) => one.base);
  assert.deepEqual(bases.slice(0, 2), [true, false]);
  assert.ok(bases.length <= limits.batchesPerBase + 1);
  assert.deepEqual([...seedsOf(state)], [["a", 127]]);
});

Deno.test("a journal is rewritten at twice its live size", async () => {
  const lab = openLab();
  await using state = await lab.open();
  const config = { text: "x".repeat(4000) };
  const largest: number[] = [];
  for (let index = 0; index < 40; index++) {
    const value = { ...specOf(index), config };
    await state.publish(
      Array.from({ length: 10 }, (_, seed): Change => ({
        section: "seeds",
        key: `seed-${seed}`,
        value,
      })),
    );
    largest.push(state.report().journalBytes);
  }
  // One batch has 42 KB; 64 of them would make 2.7 MB.
  assert.ok(Math.max(...largest) < limits.journalRewriteBytesMin + 50_000);
  assert.ok(Math.max(...largest) > limits.journalRewriteBytesMin - 50_000);
  assert.equal(lab.disk.paths().length, 1);
});

Deno.test("limits are refused before anything is written", async () => {
  const lab = openLab();
  await using state = await lab.open();
  const large = (text: string): Change => ({
    section: "seeds",
    key: "large",
    value: { ...specOf(1), config: { text } },
  });
  await assert.rejects(state.publish([large("x".repeat(4093))]), InputError);
  const escaped = large("\x01".repeat(2000)); // six bytes each in JSON
  await assert.rejects(state.publish([escaped]), LimitError);
  const many = Array.from(
    { length: limits.ownerEntriesMax + 1 },
    (_, index) => seedChange(`s${index}`, 1),
  );
  await assert.rejects(state.publish(many), LimitError);
  assert.equal(lab.disk.counts.write, undefined);
  await state.publish(many.slice(0, 15_000));
  await assert.rejects(
    state.publish(Array.from(
      { length: 5_001 },
      (_, index) => seedChange(`t${index}`, 1),
    )),
    LimitError,
  );
  assert.equal(state.report().entries, 15_000);
  assert.equal(state.report().seq, 1);
  assert.equal(state.report().fault, undefined);
});

Deno.test("a document over the size of a batch is refused", async () => {
  const lab = openLab();
  await using state = await lab.open();
  const config = { text: "x".repeat(4000) };
  const some = (prefix: string) =>
    Array.from({ length: 400 }, (_, index): Change => ({
      section: "seeds",
      key: `${prefix}${index}`,
      value: { ...specOf(index), config },
    }));
  await state.publish(some("a"));
  await state.publish(some("b"));
  await assert.rejects(state.publish(some("c")), LimitError);
  assert.equal(state.report().entries, 800);
  await state.publish(some("a").map((one) => seedRemoval(one.key)));
  await state.publish(some("c"));
  assert.equal(state.report().entries, 800);
});

Deno.test("R05 the writer refuses names and values that do not fit", async () => {
  const lab = openLab();
  await using state = await lab.open();
  const bad: readonly Change[] = [
    seedChange("", 1),
    seedChange("a/b", 1),
    seedChange("..", 1),
    seedChange("a\0b", 1),
    seedChange("pln", 1),
    seedChange("x".repeat(10_000), 1),
    seedChange("p\u0430ypal", 1),
    { section: "seeds", key: "a", value: { ...specOf(1), digest: "short" } },
    { section: "seeds", key: "a", value: { ...specOf(1), typo: true } },
    { section: "seeds", key: "a", value: { ...specOf(1), timeoutMs: 0 } },
    { section: "seeds", key: "a", value: { ...specOf(1), timeoutMs: 1.5 } },
    { section: "seeds", key: "a", value: { ...specOf(1), sizeBytes: -1 } },
    { section: "seeds", key: "a", value: { ...specOf(1), publishedMs: 2e15 } },
    { section: "seeds", key: "a", value: { ...specOf(1), publishedMs: NaN } },
    {
      section: "seeds",
      key: "a",
      value: { ...specOf(1), config: { k: "\ud800" } },
    },
    {
      section: "seeds",
      key: "a",
      value: {
        ...specOf(1),
        config: JSON.parse('{"__proto__":"x"}'),
      },
    },
    { section: "seeds", key: "a", value: "text" },
    { section: "node", key: "other", value: "text" },
    { section: "claims", key: "a", value: {} },
  ];
  for (const change of bad) {
    await assert.rejects(
      state.publish([seedChange("good", 1), change]),
      InputError,
      JSON.stringify(change).slice(0, 200),
    );
  }
  assert.equal(state.report().entries, 0);
  assert.equal(lab.disk.counts.write, undefined);
});

Deno.test("S11 a full disk fails one publish and takes it back", async () => {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([seedChange("a", 1)]);
  const size = lab.disk.bytes(first).length;
  let count = 0;
  lab.disk.fault = (step) =>
    step === "append" && ++count === 2 ? "full" : undefined;
  const results = await Promise.allSettled([
    state.publish([seedChange("b", 2)]),
    state.publish([seedChange("c", 3)]),
    state.publish([seedChange("d", 4)]),
  ]);
  assert.deepEqual(
    results.map((one) => one.status),
    ["fulfilled", "rejected", "fulfilled"],
  );
  assert.deepEqual([...seedsOf(state).keys()], ["a", "b", "d"]);
  assert.ok(lab.disk.bytes(first).length > size);
  lab.disk.fault = (step) => step === "append" ? "full" : undefined;
  await assert.rejects(
    state.publish([seedChange("e", 5)]),
    (cause) => cause instanceof DiskError && cause.fault === "full",
  );
  assert.match(state.report().fault ?? "", /append/);
  lab.disk.fault = () => undefined;
  await state.publish([seedChange("f", 6)]);
  assert.equal(state.report().fault, undefined);
  const again = await openLab(lab.disk.afterKill()).open();
  assert.deepEqual([...seedsOf(again).keys()], ["a", "b", "d", "f"]);
  assert.equal(again.report().corruptRecords, 0);
  assert.equal(again.report().droppedTailBytes, 0);
  await again[Symbol.asyncDispose]();
});

Deno.test("S12 after a failed sync the file acknowledges nothing", async () => {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([seedChange("a", 1)]);
  lab.disk.fault = (step) => step === "sync" ? "io" : undefined;
  const results = await Promise.allSettled([
    state.publish([seedChange("b", 2)]),
    state.publish([seedChange("c", 3)]),
  ]);
  assert.deepEqual(
    results.map((one) => one.status),
    ["rejected", "rejected"],
  );
  assert.deepEqual([...seedsOf(state).keys()], ["a"]);
  assert.match(state.report().fault ?? "", /sync/);
  lab.disk.fault = () => undefined;
  await state.publish([seedChange("d", 4)]);
  assert.deepEqual(lab.disk.paths(), ["journal/00000002.log"]);
  assert.deepEqual([...seedsOf(state).keys()], ["a", "d"]);
  const [base] = batchesOf(lab.disk.bytes("journal/00000002.log"));
  assert.equal(base?.base, true);
  assert.equal(base?.seq, 4, "the numbers of lost batches are not used again");
});

Deno.test("S12 a failed sync and no new file fails the publish", async () => {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([seedChange("a", 1)]);
  lab.disk.fault = (step) => step === "sync" ? "io" : undefined;
  await assert.rejects(state.publish([seedChange("b", 2)]), DiskError);
  lab.disk.fault = (step) => step === "write-name" ? "io" : undefined;
  await assert.rejects(state.publish([seedChange("c", 3)]), DiskError);
  await assert.rejects(state.publish([seedChange("d", 4)]), DiskError);
  assert.deepEqual([...seedsOf(state).keys()], ["a"]);
  lab.disk.fault = () => undefined;
  await state.publish([seedChange("e", 5)]);
  await using again = await openLab(lab.disk.afterKill()).open();
  assert.deepEqual([...seedsOf(again).keys()], ["a", "e"]);
});

Deno.test("S12 a base that failed late ends the file before it", async () => {
  const lab = openLab();
  await using state = await lab.open();
  await state.publish([seedChange("a", 1)]);
  lab.disk.fault = (step) => step === "append" ? "full" : undefined;
  await assert.rejects(state.publish([seedChange("b", 2)]), DiskError);
  // The disk may hold "b" after all: saying that "b" is gone takes a base.
  lab.disk.fault = (step) => step === "write-name" ? "io" : undefined;
  await assert.rejects(state.publish([seedRemoval("b")]), DiskError);
  assert.deepEqual(lab.disk.paths(), [first, "journal/00000002.log"]);
  lab.disk.fault = () => undefined;
  await state.publish([seedChange("c", 3)]);
  await using again = await openLab(lab.disk.afterKill()).open();
  assert.deepEqual([...seedsOf(again).keys()], ["a", "c"]);
});

Deno.test("S12 a rewrite that failed late in a group settles nothing", async () => {
  const lab = openLab();
  await using state = await lab.open();
  for (let count = 0; count < limits.batchesPerBase; count++) {
    await state.publish([seedChange("a", count)]);
  }
  lab.disk.fault = (step) => step === "write-name" ? "io" : undefined;
  const results = await Promise.allSettled([
    state.publish([seedChange("b", 1)]),
    state.publish([seedChange("c", 1)]),
  ]);
  assert.deepEqual(
    results.map((one) => one.status),
    ["fulfilled", "rejected"],
  );
  assert.deepEqual(lab.disk.paths(), [first, "journal/00000002.log"]);
  lab.disk.fault = () => undefined;
  await state.publish([seedRemoval("c")]);
  await using again = await openLab(lab.disk.afterKill()).open();
  assert.deepEqual([...seedsOf(again).keys()], ["a", "b"]);
});

Deno.test("S11 what a failed append left is cut off durably", async () => {
  const lab = openLab();
  await using state = await lab.open();
  lab.disk.fault = (step) => step === "append" ? "full" : undefined;
  const results = await Promise.allSettled([
    state.publish([seedChange("a", 1)]),
    state.publish([seedChange("b", 2)]),
  ]);
  assert.deepEqual(
    results.map((one) => one.status),
    ["fulfilled", "rejected"],
  );
  assert.equal(lab.disk.counts.truncate, 1);
  assert.equal(lab.disk.counts.sync, 1);
});

Deno.test("S12 a start trusts no file of an earlier start", async () => {
  const lab = openLab();
  {
    await using state = await lab.open();
    await state.publish([seedChange("a", 1)]);
  }
  await using state = await lab.open();
  await state.publish([seedChange("a", 1)]);
  assert.deepEqual(lab.disk.paths(), ["journal/00000002.log"]);
});

Deno.test("S12 a read-only disk serves reads and raises the alarm", async () => {
  const lab = openLab();
  {
    await using state = await lab.open();
    await state.publish([seedChange("a", 1)]);
    await state.publish([seedChange("b", 2)]);
  }
  const bytes = lab.disk.bytes(first);
  lab.disk.put(first, bytes.subarray(0, bytes.length - 3));
  const writes = ["append", "sync", "truncate", "write", "open", "remove"];
  lab.disk.fault = (step) => writes.includes(step) ? "read-only" : undefined;
  await using state = await lab.open();
  assert.deepEqual([...seedsOf(state)], [["a", 1]]);
  assert.match(state.report().fault ?? "", /durable/);
  await assert.rejects(
    state.publish([seedChange("c", 3)]),
    (cause) => cause instanceof DiskError && cause.fault === "read-only",
  );
  await assert.rejects(state.publish([seedChange("a", 1)]), DiskError);
  assert.deepEqual([...seedsOf(state)], [["a", 1]]);
  lab.disk.fault = () => undefined;
  await state.publish([seedChange("a", 1)]);
  assert.equal(state.report().fault, undefined);
});

Deno.test("S12 a journal that cannot be read stops the start", async () => {
  const lab = openLab();
  {
    await using state = await lab.open();
    await state.publish([seedChange("a", 1)]);
  }
  lab.disk.fault = (step) => step === "read" ? "io" : undefined;
  await assert.rejects(lab.open(), DiskError);
});

Deno.test("S15 the batches' time never goes back", async () => {
  const lab = openLab();
  const steps = [5_000, 5_000, -10 * 365 * 86_400_000, 1, -1, 7_000];
  const times: number[][] = [];
  for (const stepMs of steps) {
    await using state = await lab.open();
    for (let index = 0; index < 2; index++) {
      lab.wallMs += stepMs;
      await state.publish([seedChange("a", times.length)]);
      const [path = ""] = lab.disk.paths();
      const hlc = batchesOf(lab.disk.bytes(path)).at(-1)?.hlc;
      times.push([hlc?.wallMs ?? -1, hlc?.counter ?? -1]);
    }
  }
  for (const [index, [wallMs = 0, counter = 0]] of times.entries()) {
    const [lastMs = 0, lastCounter = -1] = times[index - 1] ?? [];
    assert.ok(
      wallMs > lastMs || (wallMs === lastMs && counter > lastCounter),
      `time ${index}: ${wallMs},${counter} after ${lastMs},${lastCounter}`,
    );
  }
});

Deno.test("a journal of a newer format is refused and left alone", async () => {
  const lab = openLab();
  {
    await using state = await lab.open();
    await state.publish([seedChange("a", 1)]);
  }
  const bytes = lab.disk.bytes(first);
  const view = new DataView(bytes.buffer);
  view.setUint16(4, 2);
  view.setUint32(20, crc32c(bytes.subarray(0, 20)));
  lab.disk.put(first, bytes);
  await assert.rejects(
    lab.open(),
    (cause) =>
      cause instanceof NewerFormatError && /upgrade/.test(cause.hint ?? ""),
  );
  assert.deepEqual(lab.disk.bytes(first), bytes);
});

Deno.test("of two files the newest with a base counts", async () => {
  const lab = openLab();
  {
    await using state = await lab.open();
    await state.publish([seedChange("old", 1)]);
  }
  const old = lab.disk.bytes(first);
  {
    await using state = await lab.open();
    await state.publish([seedChange("new", 2)]);
  }
  lab.disk.put(first, old);
  {
    await using state = await lab.open();
    assert.deepEqual([...seedsOf(state).keys()], ["new", "old"]);
    assert.equal(state.report().generation, 3);
    assert.equal(state.report().corruptRecords, 0);
    await state.publish([seedRemoval("old")]);
  }
  assert.deepEqual(lab.disk.paths(), ["journal/00000003.log"]);
});

Deno.test("S10 an empty file in place of the journal is a loss", async () => {
  const disk = new LabDisk();
  disk.put(first, new Uint8Array(0));
  const lab = openLab(disk);
  {
    await using state = await lab.open();
    assert.equal(state.report().corruptRecords, 1);
    await assert.rejects(
      state.publish([seedChange("a", 1)]),
      (cause) =>
        cause instanceof CorruptError &&
        /pln recover --accept-loss/.test(cause.hint ?? ""),
    );
    await state.acceptLoss();
    await state.publish([seedChange("a", 1)]);
    assert.equal(state.report().fault, undefined);
  }
  assert.deepEqual(disk.paths(), [
    "journal/00000001.damaged",
    "journal/00000002.log",
  ]);
  await using state = await lab.open();
  assert.deepEqual([...seedsOf(state)], [["a", 1]]);
  assert.equal(state.report().fault, undefined);
});

Deno.test("a header's generation counts when its base is lost", async () => {
  const disk = new LabDisk();
  disk.put(first, encodeJournalHeader({ number: 1, generation: 41 }));
  await using state = await openLab(disk).open();
  assert.equal(state.report().generation, 42);
  await state.acceptLoss();
  await state.publish([seedChange("a", 1)]);
});

Deno.test("a closed state refuses publishes and keeps its view", async () => {
  const state = await openLab().open();
  const published = state.publish([seedChange("a", 1)]);
  await state[Symbol.asyncDispose]();
  await published;
  assert.equal(state.view().seeds.size, 1);
  await assert.rejects(state.publish([seedChange("b", 1)]), {
    code: "PLN_CLOSED",
  });
  await state[Symbol.asyncDispose]();
});
