// The bytes of an ephemeral record: as tests/fixtures/wire/records.json has
// them for ever, read back as they were meant, and what is refused. In: records
// of known keys. Out: bytes, and faults.

import assert from "node:assert/strict";
import {
  type CborValue,
  clusterIdOf,
  concatBytes,
  encodeCbor,
  fromHex,
  idBytes,
  InputError,
  LimitError,
  limits,
  toHex,
} from "../../src/kernel/mod.ts";
import { signedInput } from "../../src/identity/mod.ts";
import {
  isRecordSigned,
  readRecord,
  recordPeriodMs,
  signRecord,
} from "../../src/gossip/record.ts";
import { fittingBody, recordBytesAt } from "../../src/gossip/record_body.ts";
import {
  cluster,
  idleBody,
  recordOf,
  signed,
  signer,
  speaker,
} from "./record_lab.ts";
import golden from "../fixtures/wire/records.json" with { type: "json" };

const busy = recordOf(3, {
  generation: 70_000,
  seq: 2 ** 48 - 1,
  periodMs: 20_000,
  load: {
    permille: 63_999,
    cores: 64,
    freeBytes: 0,
    totalBytes: 2 ** 40,
    callsUnderWay: 4_711,
  },
  seeds: [
    { name: "hello", calls: 12, saturationPermille: 1_000 },
    { name: "picture-scaler", calls: 0, saturationPermille: 0 },
  ],
  rtts: [
    { prefix: new Uint8Array(8).fill(0xab), ms: 0 },
    { prefix: new Uint8Array(8).fill(0xcd), ms: 312 },
  ],
});

/** Signed as its owner would, whatever it holds. */
function signedItems(number: number, items: CborValue): Uint8Array {
  const { key } = speaker(number);
  const body = encodeCbor(items);
  const input = signedInput("pln/eph/1", cluster, body);
  return concatBytes(signer.sign(key, input), body);
}

/** A record as its items, to be bent. */
function itemsOf(number: number): CborValue[] {
  const { owner, generation, seq, periodMs, wallMs, load } = recordOf(number);
  const { permille, cores, freeBytes, totalBytes, callsUnderWay } = load;
  return [
    ...[idBytes(owner), generation, seq, periodMs, wallMs],
    [permille, cores, freeBytes, totalBytes, callsUnderWay],
    ...[[], []],
  ];
}

Deno.test("records are byte for byte as they always were", () => {
  assert.deepEqual({
    idle: toHex(signed(2)),
    busy: toHex(signRecord(speaker(3), busy)),
  }, golden);
});

Deno.test("records are read as they were meant", () => {
  const bytesOf = (name: keyof typeof golden) =>
    fromHex(golden[name]) ?? new Uint8Array();
  assert.deepEqual(readRecord(bytesOf("idle")), recordOf(2));
  assert.deepEqual(readRecord(bytesOf("busy")), busy);
});

Deno.test("R01 a record counts for its owner and its cluster alone", () => {
  const bytes = signed(2);
  const trust = { signer, cluster };
  const [owner, other] = [speaker(2).owner, speaker(3).owner];
  assert.equal(isRecordSigned({ owner, bytes }, trust), true);
  assert.equal(isRecordSigned({ owner: other, bytes }, trust), false);
  const elsewhere = clusterIdOf(new Uint8Array(32).fill(8));
  const foreign = { signer, cluster: elsewhere };
  assert.equal(isRecordSigned({ owner, bytes }, foreign), false);
  // What was signed as a batch is no record.
  const body = bytes.subarray(64);
  const batch = signer.sign(
    speaker(2).key,
    signedInput("pln/batch/1", cluster, body),
  );
  const wrong = { owner, bytes: concatBytes(batch, body) };
  assert.equal(isRecordSigned(wrong, trust), false);
});

Deno.test("S17 a record with members of a newer version is read", () => {
  const items = itemsOf(2);
  items[5] = [...items[5] as CborValue[], "gpu"];
  items[6] = [["hello", 1, 500, { zone: "a" }]];
  const bytes = signedItems(2, [...items, { weather: [1, 2] }]);
  const record = readRecord(bytes);
  assert.deepEqual(record, {
    ...recordOf(2),
    seeds: [{ name: "hello", calls: 1, saturationPermille: 500 }],
  });
  const { owner } = record;
  assert.equal(isRecordSigned({ owner, bytes }, { signer, cluster }), true);
});

Deno.test("R03 a record with a number that is none is refused", () => {
  for (const at of [1, 2, 3, 4]) {
    for (const wrong of [-1, 2 ** 48, 2n ** 60n, "1", [1]]) {
      const items = itemsOf(2);
      items[at] = wrong;
      assert.throws(() => readRecord(signedItems(2, items)), InputError);
    }
  }
  for (const at of [1, 2, 3]) {
    const items = itemsOf(2);
    items[at] = 0;
    assert.throws(() => readRecord(signedItems(2, items)), InputError);
  }
});

Deno.test("R05 a record with a seed that has no name is refused", () => {
  for (const name of ["", "A", "a/b", "..", "a\0", "x".repeat(64)]) {
    const items = itemsOf(2);
    items[6] = [[name, 1, 1]];
    assert.throws(() => readRecord(signedItems(2, items)), InputError);
  }
});

Deno.test("R06 a record that is too short, long or wide is refused", () => {
  assert.throws(() => readRecord(new Uint8Array(0)), InputError);
  assert.throws(() => readRecord(new Uint8Array(64)), InputError);
  assert.throws(() => readRecord(signed(2).subarray(0, 100)), InputError);
  assert.throws(
    () => readRecord(new Uint8Array(limits.recordBytesMax + 1)),
    /too long/,
  );
  const rows = (count: number, row: CborValue) =>
    Array.from({ length: count }, () => row);
  const items = itemsOf(2);
  items[7] = rows(limits.recordRttsMax + 1, [new Uint8Array(8), 1]);
  assert.throws(() => readRecord(signedItems(2, items)), /lists more/);
  for (const short of [itemsOf(2).slice(0, 7), [], {}, "record"]) {
    assert.throws(() => readRecord(signedItems(2, short)), InputError);
  }
});

Deno.test("signRecord() refuses what no node would take", () => {
  const name = "x".repeat(63);
  const seeds = Array.from({ length: 20 }, () => ({
    ...{ name, calls: 1, saturationPermille: 1 },
  }));
  const long = recordOf(2, { seeds });
  assert.throws(() => signRecord(speaker(2), long), LimitError);
});

Deno.test("a period out of bounds counts as the nearest that is allowed", () => {
  assert.equal(readRecord(signed(2, { periodMs: 1 })).periodMs, 5_000);
  const never = signed(2, { periodMs: limits.recordPeriodMsMax + 1 });
  assert.throws(() => readRecord(never), /unusable period/);
});

Deno.test("recordPeriodMs() grows with the cluster, within its bounds", () => {
  assert.deepEqual(
    [1, 50, 208, 210, 1_000, 10_000, 100_000].map(recordPeriodMs),
    [5_000, 5_000, 5_000, 5_040, 24_000, 240_000, 300_000],
  );
});

Deno.test("fittingBody() keeps the busiest seeds and the nearest peers", () => {
  const seeds = Array.from({ length: 100 }, (_, at) => ({
    name: `seed-${at}`,
    calls: at % 10,
    saturationPermille: at,
  }));
  const rtts = Array.from({ length: 100 }, (_, at) => ({
    prefix: new Uint8Array(8).fill(at),
    ms: 1_000 - at,
  }));
  for (const periodMs of [5_000, 7_000, 20_000, 300_000]) {
    const body = fittingBody({ ...idleBody, periodMs, seeds, rtts });
    const bytes = signed(2, {
      ...body,
      ...{ generation: 2 ** 48 - 1, seq: 2 ** 48 - 1 },
    });
    assert.ok(bytes.length <= recordBytesAt(periodMs), `${bytes.length}`);
    assert.equal(body.seeds[0]?.name, "seed-99");
    assert.equal(body.rtts[0]?.ms, 901);
    assert.ok(body.seeds.length >= 1 && body.rtts.length >= 1);
    assert.deepEqual(
      body,
      fittingBody({
        ...{ ...idleBody, periodMs },
        seeds: seeds.toReversed(),
        rtts: rtts.toReversed(),
      }),
    );
  }
});

Deno.test("fittingBody() drops nothing that fits", () => {
  const { seeds, rtts } = busy;
  const body = fittingBody({ ...idleBody, seeds, rtts });
  assert.deepEqual(body, { ...idleBody, seeds, rtts });
});
