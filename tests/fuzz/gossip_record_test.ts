// Foreign bytes into the reader of records and into the store: whatever comes,
// it is refused or it is a record that says the same again, and the store takes
// none that its owner did not sign. The seed is fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import { equalBytes, limits, PlnError } from "../../src/kernel/mod.ts";
import {
  type EphemeralRecord,
  readRecord,
  type RecordBody,
  signRecord,
} from "../../src/gossip/record.ts";
import { fittingBody, recordBytesAt } from "../../src/gossip/record_body.ts";
import { openStore, recordOf, signed, speaker } from "../unit/record_lab.ts";
import { mutated } from "./mutated_bytes.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(2_000), seed: 4711 };
const count = fc.nat({ max: 2 ** 48 - 1 });
const positive = fc.integer({ min: 1, max: 2 ** 48 - 1 });
const name = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}[a-z0-9]$/);

const body = fc.record({
  periodMs: fc.integer({
    min: limits.recordPeriodMsMin,
    max: limits.recordPeriodMsMax,
  }),
  wallMs: count,
  load: fc.record({
    permille: count,
    cores: count,
    freeBytes: count,
    totalBytes: count,
    callsUnderWay: count,
  }),
  seeds: fc.array(
    fc.record({ name, calls: count, saturationPermille: count }),
    { maxLength: 80 },
  ),
  rtts: fc.array(
    fc.record({
      prefix: fc.uint8Array({ minLength: 8, maxLength: 8 })
        .map((bytes) => Uint8Array.from(bytes)),
      ms: count,
    }),
    { maxLength: 30 },
  ),
});

/** Without prototypes that only generated values lack. */
function plain(said: RecordBody): RecordBody {
  return {
    ...said,
    load: { ...said.load },
    seeds: said.seeds.map((seed) => ({ ...seed })),
    rtts: said.rtts.map((rtt) => ({ ...rtt })),
  };
}

function readOrUndefined(bytes: Uint8Array): EphemeralRecord | undefined {
  try {
    return readRecord(bytes);
  } catch (cause) {
    if (cause instanceof PlnError) return undefined;
    throw cause;
  }
}

Deno.test("whatever a node has to say fits, and is read as it was said", () => {
  fc.assert(
    fc.property(body, positive, positive, (said, generation, seq) => {
      const { owner } = speaker(2);
      const record = { ...fittingBody(plain(said)), owner, generation, seq };
      const bytes = signRecord(speaker(2), record);
      assert.ok(bytes.length <= recordBytesAt(said.periodMs));
      assert.deepEqual(readRecord(bytes), record);
    }),
    { numRuns: 300, seed: 4711 },
  );
});

Deno.test("R01 mutated records never get in", () => {
  const whole = [
    signed(2),
    signed(3, {
      seeds: [{ name: "hello", calls: 3, saturationPermille: 9 }],
      rtts: [{ prefix: new Uint8Array(8).fill(1), ms: 7 }],
    }),
  ];
  for (const bytes of whole) {
    fc.assert(
      fc.property(mutated(bytes), (wrong) => {
        if (equalBytes(wrong, bytes)) return;
        const { store, heard } = openStore();
        assert.notEqual(store.accept(wrong, 0), "new");
        assert.deepEqual(heard, []);
        assert.equal(store.size, 0);
      }),
      runs,
    );
  }
});

Deno.test("R06 any bytes are refused, or are one record in one form", () => {
  const anything = fc.oneof(
    fc.uint8Array({ maxLength: 1_100 }),
    mutated(signed(2)),
  );
  fc.assert(
    fc.property(anything, (bytes) => {
      const record = readOrUndefined(bytes);
      if (record === undefined) return;
      assert.ok(bytes.length <= limits.recordBytesMax);
      assert.ok(record.generation > 0 && record.seq > 0);
      assert.ok(record.seeds.length <= limits.recordSeedsMax);
      assert.ok(record.rtts.length <= limits.recordRttsMax);
    }),
    runs,
  );
});

Deno.test("stores that hear the same in any order end with the same", () => {
  const bytes = [1, 2, 3, 4, 5].flatMap((seq) =>
    [1, 2].map((generation) => signed(2, { generation, seq }))
  );
  const newest = recordOf(2, { generation: 2, seq: 5 });
  const order = fc.shuffledSubarray(bytes, { minLength: bytes.length });
  fc.assert(
    fc.property(
      order,
      fc.array(fc.nat({ max: 9 }), { maxLength: 8 }),
      (first, again) => {
        const { store } = openStore();
        let nowMs = 0;
        const all = [...first, ...again.map((at) => bytes[at] ?? first[0])];
        for (const one of all) {
          nowMs += 1_000;
          if (one !== undefined) store.accept(one, nowMs);
        }
        assert.deepEqual(store.get(newest.owner, nowMs)?.record, newest);
      },
    ),
    { numRuns: 200, seed: 4711 },
  );
});
