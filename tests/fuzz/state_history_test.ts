// Files of the history that were changed while the node was down: whatever they
// hold, it opens, answers within its limits and goes on. What is damaged is left
// out and shown as a gap. Seeds are fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, NotFoundError, PlnError } from "../../src/kernel/mod.ts";
import { decodeHistoryRecord } from "../../src/state/history_record.ts";
import { ann, bob, HistoryLab, startMs } from "../unit/history_lab.ts";
import { LabDisk } from "../unit/state_lab.ts";
import { mutated } from "./mutated_bytes.ts";
import { fuzzRuns } from "./runs.ts";

const path = "history/00000001.log";

async function written(): Promise<Uint8Array<ArrayBuffer>> {
  const lab = new HistoryLab();
  {
    await using history = lab.open();
    for (let at = 0; at < 12; at++) {
      const texts = { a: `${at}`, [`b${at}`]: "x".repeat(at * 3) };
      lab.change(history, at % 3 === 0 ? bob : ann, texts);
      await lab.pass(500);
    }
  }
  return lab.disk.bytes(path);
}

const good = await written();

Deno.test("History takes any bytes for its files, and goes on", async () => {
  const anything = fc.oneof(
    mutated(good),
    fc.uint8Array({ maxLength: 200 }).map((bytes) => new Uint8Array(bytes)),
    fc.nat({ max: good.length }).map((length) => good.slice(0, length)),
  );
  const property = fc.asyncProperty(anything, async (bytes) => {
    const lab = new HistoryLab();
    lab.disk = new LabDisk();
    lab.disk.put(path, bytes);
    lab.wallMs = startMs + 60_000;
    {
      await using history = lab.open();
      const { records } = await history.page({ limit: 100 });
      assert.ok(records.length <= 40);
      try {
        await lab.at(history, startMs + 2_000);
      } catch (cause) {
        assert.ok(cause instanceof NotFoundError);
      }
      lab.change(history, ann, { after: "1" });
      await lab.pass(limits.historyFlushMs);
      assert.equal(history.fault, undefined);
    }
    await using again = lab.open();
    const { records } = await again.page({ limit: 100 });
    const last = records.findLast((record) => record.type === "batch");
    assert.deepEqual(last?.changes.map(({ key }) => key), ["after"]);
  });
  await fc.assert(property, { numRuns: fuzzRuns(300), seed: 4711 });
});

Deno.test("a record of the history is read whole or not at all", () => {
  const json = fc.json().map((text) => new TextEncoder().encode(text));
  const near = fc.tuple(
    fc.constantFrom("b", "g", "z"),
    fc.oneof(fc.nat(), fc.double(), fc.string()),
    fc.oneof(fc.constant(ann), fc.string(), fc.constant("stopped")),
    fc.oneof(fc.nat(), fc.string()),
    fc.oneof(fc.nat(), fc.double()),
    fc.oneof(
      fc.array(
        fc.record({ s: fc.string(), k: fc.string(), b: fc.anything() }),
      ),
      fc.anything(),
    ),
  ).map((value) => new TextEncoder().encode(jsonText(value)));
  const property = fc.property(
    fc.oneof(json, near, fc.uint8Array()),
    (bytes) => {
      const record = decodeHistoryRecord(bytes);
      if (record?.type !== "batch") return;
      assert.equal(record.owner, ann);
      for (const { section, key, before } of record.changes) {
        assert.equal(typeof section, "string");
        assert.equal(typeof key, "string");
        assert.ok(before === undefined || typeof before === "string");
      }
    },
  );
  fc.assert(property, { numRuns: fuzzRuns(2_000), seed: 4711 });
});

/** Of values that JSON cannot hold: nothing. */
function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value) ?? "";
  } catch (cause) {
    assert.ok(!(cause instanceof PlnError));
    return "";
  }
}
