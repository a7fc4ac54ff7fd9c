// The history of the state: what was noted is read back in order and in
// pages, and undone to any moment that the log reaches; kills, damage, full
// disks and floods leave a gap and never more. It syncs nothing, and what it
// keeps is bounded.

import assert from "node:assert/strict";
import fc from "fast-check";
import { InputError, limits, NotFoundError } from "../../src/kernel/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import {
  ann,
  bob,
  HistoryLab,
  ownerNumber,
  shortOf,
  startMs,
} from "./history_lab.ts";

Deno.test("History reads back what was noted, before and after it is written", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  lab.change(history, ann, { a: "1", b: "2" });
  await lab.pass(10);
  lab.change(history, bob, { a: "3" });
  const early = await history.page({ limit: 10 });
  assert.deepEqual(shortOf(early.records), ["1", "2"]);
  assert.equal(lab.disk.paths().length, 0, "nothing was written yet");
  await lab.pass(limits.historyFlushMs);
  assert.deepEqual(lab.disk.paths(), ["history/00000001.log"]);
  assert.deepEqual(await history.page({ limit: 10 }), early);
  const [first] = early.records;
  assert.deepEqual(first, {
    type: "batch",
    atMs: startMs,
    owner: ann,
    generation: 1,
    seq: 1,
    changes: [
      { section: "seeds", key: "a", before: undefined, after: "1" },
      { section: "seeds", key: "b", before: undefined, after: "2" },
    ],
  });
});

Deno.test("History syncs nothing and writes nothing when nothing is noted", async () => {
  const lab = new HistoryLab();
  {
    await using _idle = lab.open();
    await lab.pass(10 * limits.historyFlushMs);
  }
  assert.deepEqual(lab.disk.paths(), []);
  await using history = lab.open();
  for (let round = 0; round < 5; round++) {
    lab.change(history, ann, { a: `${round}` });
    await lab.pass(limits.historyFlushMs);
  }
  assert.equal(lab.disk.counts.sync, undefined);
  assert.equal(lab.disk.counts.append, 1 + 5, "a header, then one a second");
});

Deno.test("History answers the newest batches of an owner, and says what it cut", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  for (let at = 0; at < 6; at++) {
    lab.change(history, at % 2 === 0 ? ann : bob, { a: `${at}` });
    await lab.pass(1_000);
  }
  const two = await history.page({ owner: bob, limit: 2 });
  assert.deepEqual(shortOf(two.records), ["4", "6"]);
  assert.equal(two.isCut, true);
  const all = await history.page({ owner: bob, limit: 3 });
  assert.equal(all.isCut, false);
  const late = await history.page({ sinceMs: startMs + 4_000, limit: 9 });
  assert.deepEqual(shortOf(late.records), ["5", "6"]);
  assert.equal(late.isCut, false);
});

Deno.test("History undoes to each moment since the log began, whatever was changed", async () => {
  const keys = ["a", "b", "c"];
  const step = fc.record({
    owner: fc.constantFrom(ann, bob),
    changes: fc.dictionary(
      fc.constantFrom(...keys),
      fc.option(fc.stringMatching(/^[0-9]$/), { nil: undefined }),
      { minKeys: 1 },
    ),
    waitMs: fc.constantFrom(0, 1, 400, 1_500),
    restarts: fc.boolean(),
  });
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 1, maxLength: 30 }),
    async (steps) => {
      const lab = new HistoryLab();
      let history = lab.open();
      lab.change(history, ann, { first: "0" });
      const known: [number, unknown][] = [];
      for (const { owner, changes, waitMs, restarts } of steps) {
        lab.change(history, owner, changes);
        await lab.pass(waitMs);
        if (restarts) {
          await history[Symbol.asyncDispose]();
          history = lab.open();
        }
        known.push([lab.wallMs, (await lab.at(history, lab.wallMs)).owners]);
        await lab.pass(1);
      }
      for (const [wallMs, owners] of known) {
        const past = await lab.at(history, wallMs);
        assert.deepEqual(past, { owners, isExact: true });
      }
      await history[Symbol.asyncDispose]();
    },
  );
  await fc.assert(property, { numRuns: 30, seed: 4711 });
});

Deno.test("History finds a moment by the place of records when the wall clock jumped", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  lab.change(history, ann, { a: "1" });
  lab.wallMs += 3_600_000; // an hour ahead, for a while
  lab.change(history, ann, { a: "2" });
  lab.wallMs -= 3_600_000 - 1_000;
  lab.change(history, ann, { a: "3" });
  await lab.pass(5_000);
  const { owners } = await lab.at(history, startMs + 500);
  assert.deepEqual(owners, { [ann]: { a: "1" } });
  assert.deepEqual((await lab.at(history, startMs + 2_000)).owners, {
    [ann]: { a: "3" },
  });
});

Deno.test("History refuses moments that are yet to come or before the log begins", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  await assert.rejects(
    lab.at(history, lab.wallMs),
    (cause) => cause instanceof NotFoundError && /is empty/.test(cause.message),
  );
  lab.change(history, ann, { a: "1" });
  await lab.pass(5_000);
  await assert.rejects(
    lab.at(history, startMs - 1),
    (cause) =>
      cause instanceof NotFoundError &&
      cause.message.includes("begins at 2026-01-01T00:00:00.000Z") &&
      cause.hint?.includes("--at 2026-01-01T00:00:00.000Z") === true,
  );
  await assert.rejects(lab.at(history, lab.wallMs + 1), InputError);
});

Deno.test("History goes on after kill -9: what was written stays, and a gap is shown", async () => {
  const lab = new HistoryLab();
  const killed = lab.open();
  lab.change(killed, ann, { a: "1" });
  await lab.pass(limits.historyFlushMs);
  lab.change(killed, ann, { a: "2" });
  lab.disk = lab.disk.afterKill(); // the last second is in memory only
  await lab.pass(60_000);
  await using history = lab.open();
  lab.change(history, ann, { a: "3" });
  await lab.pass(limits.historyFlushMs);
  const { records } = await history.page({ limit: 9 });
  assert.deepEqual(shortOf(records), ["1", "killed", "3"]);
  const before = await lab.at(history, startMs + 500);
  assert.equal(before.isExact, false, "a lost change may be missing");
  assert.equal((await lab.at(history, lab.wallMs)).isExact, true);
});

Deno.test("History cuts a torn end, which is no damage", async () => {
  const lab = new HistoryLab();
  const killed = lab.open();
  lab.change(killed, ann, { a: "1" });
  await lab.pass(limits.historyFlushMs);
  const path = "history/00000001.log";
  const bytes = lab.disk.bytes(path);
  lab.disk.put(path, new Uint8Array([...bytes, ...bytes.subarray(24, 40)]));
  await using history = lab.open();
  lab.change(history, ann, { a: "2" });
  await lab.pass(limits.historyFlushMs);
  const { records } = await history.page({ limit: 9 });
  assert.deepEqual(shortOf(records), ["1", "killed", "2"]);
});

Deno.test("History shows a stop and a start that lost nothing", async () => {
  const lab = new HistoryLab();
  {
    await using history = lab.open();
    lab.change(history, ann, { a: "1" });
  }
  await lab.pass(60_000);
  await using history = lab.open();
  lab.change(history, ann, { a: "2" });
  await lab.pass(limits.historyFlushMs);
  const { records } = await history.page({ limit: 9 });
  assert.deepEqual(shortOf(records), ["1", "stopped", "2"]);
  const past = await lab.at(history, startMs + 30_000);
  assert.deepEqual(past, { owners: { [ann]: { a: "1" } }, isExact: true });
});

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  Deno.test(`History keeps a good beginning after a power loss (seed ${seed})`, async () => {
    const lab = new HistoryLab();
    const first = lab.open();
    for (let at = 0; at < 40; at++) {
      lab.change(first, ann, { [`k${at % 3}`]: "x".repeat(at * 7) });
      await lab.pass(300);
    }
    lab.disk = lab.disk.afterLoss(openSimRandom(seed));
    await using history = lab.open();
    lab.change(history, ann, { last: "1" });
    await lab.pass(limits.historyFlushMs);
    assert.deepEqual(lab.log.events, []);
    const { records } = await history.page({ limit: 99 });
    const seqs = records.flatMap((record) =>
      record.type === "batch" ? [record.seq] : []
    );
    assert.deepEqual(seqs, [...new Set(seqs)].sort((a, b) => a - b));
    assert.equal(seqs.at(-1), 41);
    // Opened once more, the file is as good as new.
    await history[Symbol.asyncDispose]();
    await using again = lab.open();
    const after = await again.page({ limit: 99 });
    assert.deepEqual(
      shortOf(after.records).filter((one) => /^\d+$/.test(one)),
      seqs.map((one) => `${one}`),
    );
  });
}

Deno.test("History passes over a flipped byte, and says that something is missing", async () => {
  const lab = new HistoryLab();
  {
    await using history = lab.open();
    for (let at = 0; at < 9; at++) {
      lab.change(history, ann, { a: `${at}` });
      await lab.pass(limits.historyFlushMs);
    }
  }
  const bytes = lab.disk.bytes("history/00000001.log");
  const middle = bytes.length >> 1;
  bytes[middle] = (bytes[middle] ?? 0) ^ 0xff;
  lab.disk.put("history/00000001.log", bytes);
  await using history = lab.open();
  const { records } = await history.page({ limit: 99 });
  const shown = shortOf(records);
  assert.equal(shown.filter((one) => /^\d$/.test(one)).length, 8);
  assert.ok(shown.includes("damage"));
  assert.equal((await lab.at(history, startMs + 1)).isExact, false);
});

Deno.test("History costs one warning while the disk is full, and goes on when it is not", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  lab.change(history, ann, { a: "1" });
  await lab.pass(limits.historyFlushMs);
  lab.disk.fault = (step) => step === "append" ? "full" : undefined;
  for (let at = 2; at < 9; at++) {
    lab.change(history, ann, { a: `${at}` });
    await lab.pass(limits.historyRetryMs);
  }
  assert.deepEqual(lab.log.events, ["history.failed"]);
  assert.match(history.fault ?? "", /append/);
  const during = await history.page({ limit: 99 });
  assert.equal(during.records.length, 8, "what waits is shown too");
  lab.disk.fault = () => undefined;
  await lab.pass(limits.historyRetryMs);
  assert.deepEqual(lab.log.events, ["history.failed", "history.resumed"]);
  assert.equal(history.fault, undefined);
  const { records } = await history.page({ limit: 99 });
  const wanted = ["1", "2", "3", "4", "5", "6", "7", "8"];
  assert.deepEqual(shortOf(records), wanted, "each once, though torn between");
});

Deno.test("History drops what waits for a disk that never comes back, and shows the gap", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  lab.disk.fault = (step) => step === "open" ? "read-only" : undefined;
  const large = "x".repeat(limits.historyQueueCharactersMax / 16);
  for (let at = 0; at < 40; at++) {
    lab.change(history, ownerNumber(at), { a: large });
  }
  await lab.pass(limits.historyRetryMs);
  lab.disk.fault = () => undefined;
  await lab.pass(limits.historyRetryMs);
  lab.change(history, ann, { a: "1" });
  await lab.pass(limits.historyFlushMs);
  const { records } = await history.page({ limit: 99 });
  const shown = shortOf(records);
  assert.ok(["flood", "disk"].includes(shown[0] ?? ""), shown[0]);
  assert.equal(shown.at(-1), "41");
});

Deno.test("History keeps to its size, drops the oldest, and says where it begins", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  const large = "x".repeat(200 * 1024);
  for (let at = 0; at < 150; at++) {
    lab.change(history, ownerNumber(at), { a: `${at}${large}` });
    await lab.pass(limits.historyFlushMs);
  }
  const sizes = lab.disk.paths().map((path) => lab.disk.bytes(path).length);
  assert.equal(sizes.length, limits.historyFilesMax);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total <= limits.historyBytesMax, `${total} bytes`);
  await assert.rejects(lab.at(history, startMs + 1), NotFoundError);
  const { owners } = await lab.at(history, startMs + 140_500);
  assert.equal(owners[ownerNumber(140)]?.["a"], `140${large}`);
  assert.equal(owners[ownerNumber(141)], undefined);
  const page = await history.page({ limit: 10_000 });
  assert.equal(page.isCut, true, "an answer is bounded too");
});

Deno.test("History takes a batch that is larger than a record apart, and shows it whole", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  const many = Object.fromEntries(
    Array.from({ length: 300 }, (_, at) => [`k${at}`, "x".repeat(4_000)]),
  );
  lab.change(history, ann, many);
  await lab.pass(limits.historyFlushMs);
  const { records } = await history.page({ limit: 9 });
  assert.equal(records.length, 1);
  const [record] = records;
  assert.equal(record?.type === "batch" && record.changes.length, 300);
});

Deno.test("History keeps what others did, however much one owner publishes", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  lab.change(history, bob, { a: "1" });
  const many = (at: number) =>
    Object.fromEntries(
      Array.from({ length: 16 }, (_, key) => [
        `k${key}`,
        `${at}`.padStart(8_000, "x"),
      ]),
    );
  for (let at = 0; at < 300; at++) {
    lab.change(history, ann, many(at)); // 128 KiB a second, as is taken
    await lab.pass(1_000);
  }
  const { records } = await history.page({ owner: bob, limit: 9 });
  assert.deepEqual(shortOf(records), ["1"]);
  const newest = await history.page({ owner: ann, limit: 1 });
  const [last] = newest.records;
  assert.ok(last?.type === "batch");
  assert.equal(last.changes.length, limits.historyThinChangesMax);
  assert.deepEqual(last.changes[0], {
    section: "seeds",
    key: "k0",
    before: undefined,
    after: undefined,
  });
  const past = await lab.at(history, startMs + 500);
  assert.deepEqual(past.owners[bob], { a: "1" });
  assert.equal(past.isExact, false, "of the other one values are missing");
});

Deno.test("History leaves the files of a later version alone", async () => {
  const lab = new HistoryLab();
  {
    await using history = lab.open();
    lab.change(history, ann, { a: "1" });
  }
  const bytes = lab.disk.bytes("history/00000001.log");
  const view = new DataView(bytes.buffer);
  view.setUint16(4, 99);
  const { crc32c } = await import("../../src/kernel/mod.ts");
  view.setUint32(20, crc32c(bytes.subarray(0, 20)));
  lab.disk.put("history/00000001.log", bytes);
  await using history = lab.open();
  lab.change(history, ann, { a: "2" });
  await lab.pass(limits.historyFlushMs);
  assert.deepEqual(lab.log.events, ["history.failed"]);
  assert.deepEqual(lab.disk.bytes("history/00000001.log"), bytes);
  await assert.rejects(history.page({ limit: 9 }), {
    code: "PLN_NEWER_FORMAT",
  });
});

Deno.test("History reads what arrives while it answers neither twice nor torn", async () => {
  const lab = new HistoryLab();
  await using history = lab.open();
  for (let at = 0; at < 5; at++) {
    lab.change(history, ann, { a: `${at}` });
    await lab.pass(limits.historyFlushMs);
  }
  const asked = lab.at(history, startMs + 2_500);
  lab.change(history, ann, { a: "late" });
  await lab.pass(limits.historyFlushMs);
  assert.deepEqual((await asked).owners, { [ann]: { a: "2" } });
});
