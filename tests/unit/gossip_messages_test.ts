// Frames of protocol "state", byte for byte as tests/fixtures/wire/gossip.json
// has them for ever: nodes of several versions exchange them. In: one message
// of each kind. Out: its bytes, and the same message read back.

import assert from "node:assert/strict";
import {
  emptyBytes,
  fromHex,
  InputError,
  limits,
  parsePeerId,
  toHex,
} from "../../src/kernel/mod.ts";
import {
  decodeDigests,
  doneMessage,
  encodeDigests,
  followMessage,
  headsMessage,
  kinds,
  needMessage,
  requestBytesMax,
} from "../../src/gossip/messages.ts";
import {
  decodeAged,
  decodeBucketHeads,
  decodePlaces,
  encodeAged,
  encodeBucketHeads,
  encodePlaces,
} from "../../src/gossip/packed_places.ts";
import type { PlaceItem } from "../../src/gossip/places.ts";
import golden from "../fixtures/wire/gossip.json" with { type: "json" };

const owner = parsePeerId("0f".repeat(32));
const other = parsePeerId("f0".repeat(32));
const options = { bytesMax: requestBytesMax };

const heads = {
  heads: [
    { owner, generation: 3, seq: 41 },
    { owner: other, generation: 2 ** 48 - 1, seq: 0 },
  ],
};
const need = { owner, generation: 3, seq: 40 };
const batch = Uint8Array.from({ length: 70 }, (_, index) => index);
const places: readonly PlaceItem[] = [
  { prefix: "0f".repeat(8), generation: 3, seq: 41 },
  { prefix: "f0".repeat(8), generation: 2 ** 48 - 1, seq: 0 },
  { prefix: "00".repeat(8), generation: 128, seq: 16_384 },
];
const digestOf = (value: number) => new Uint8Array(8).fill(value);
const digests = Array.from({ length: 64 }, (_, index) => digestOf(index));
const buckets = {
  buckets: [0, 9, 63],
  heads: places.map((place, index) => ({ ...place, digest: digestOf(index) })),
};
const record = batch.subarray(0, 20);

const bodies = {
  heads: headsMessage.encode(heads),
  need: needMessage.encode(need),
  batch,
  done: doneMessage.encode({ owner }),
  announce: encodePlaces(places),
  want: encodePlaces(places.slice(0, 1)),
  fork: batch,
  digests: encodeDigests(digests),
  buckets: encodeBucketHeads(buckets),
  records: encodePlaces(places.slice(1)),
  wantRecords: encodePlaces(places.slice(2)),
  record: encodeAged(1_500, record),
  follow: followMessage.encode({ isOn: true }),
  wanted: emptyBytes,
  wantedRecords: emptyBytes,
};

Deno.test("frames of gossip are as they always were", () => {
  const frames = Object.entries(bodies).map(([name, body]) => {
    const kind = kinds[name as keyof typeof kinds];
    return [name, { kind, body: toHex(body) }];
  });
  assert.deepEqual(Object.fromEntries(frames), golden);
});

Deno.test("frames of gossip are read as they were meant", () => {
  const bodyOf = (name: keyof typeof golden) =>
    fromHex(golden[name].body) ?? new Uint8Array();
  const countMax = 3;
  const bytesMax = limits.recordBytesMax;
  assert.deepEqual(headsMessage.decode(bodyOf("heads"), options), heads);
  assert.deepEqual(needMessage.decode(bodyOf("need"), options), need);
  assert.deepEqual(doneMessage.decode(bodyOf("done"), options), { owner });
  assert.deepEqual(decodePlaces(bodyOf("announce"), { countMax }), places);
  assert.deepEqual(decodeDigests(bodyOf("digests")), digests);
  assert.deepEqual(
    decodeBucketHeads(bodyOf("buckets"), { countMax }),
    buckets,
  );
  const aged = decodeAged(bodyOf("record"), { bytesMax });
  assert.deepEqual(aged, { ageMs: 1_500, record });
  const follow = followMessage.decode(bodyOf("follow"), options);
  assert.deepEqual(follow, { isOn: true });
});

Deno.test("R06 frames over their limits are refused", () => {
  const many = Array.from(
    { length: limits.rightsHeadsMax + 3 },
    () => ({ owner, generation: 1, seq: 1 }),
  );
  const small = { prefix: "0f".repeat(8), generation: 1, seq: 1 };
  const items = Array.from({ length: 4 }, () => small);
  const withDigest = items.map((item) => ({ ...item, digest: digestOf(1) }));
  const bytesMax = limits.recordBytesMax;
  const refused = [
    () => headsMessage.decode(headsMessage.encode({ heads: many }), options),
    () => headsMessage.decode(new Uint8Array(requestBytesMax + 1), options),
    () => needMessage.decode(headsMessage.encode(heads), options),
    () => decodePlaces(encodePlaces(items), { countMax: 3 }),
    () => decodePlaces(new Uint8Array(1_000_000), { countMax: 3 }),
    () => decodePlaces(encodePlaces(places).subarray(1), { countMax: 3 }),
    () => decodeDigests(new Uint8Array(513)),
    () => decodeBucketHeads(new Uint8Array(7), { countMax: 3 }),
    () => decodeBucketHeads(new Uint8Array(1_000_000), { countMax: 3 }),
    () =>
      decodeBucketHeads(
        encodeBucketHeads({ buckets: [1], heads: withDigest }),
        { countMax: 3 },
      ),
    () => decodeAged(new Uint8Array(limits.recordBytesMax + 8), { bytesMax }),
    () => decodeAged(emptyBytes, { bytesMax }),
  ];
  for (const refuse of refused) assert.throws(refuse, InputError);
});

Deno.test("R03 places that are no integers below 2^48 are refused", () => {
  for (const seq of [2 ** 48, 2 ** 53, -1]) {
    const body = needMessage.encode({ ...need, seq });
    assert.throws(() => needMessage.decode(body, options), InputError);
  }
  for (const hex of ["80808080808040", "8000", "ffffffffffffff01"]) {
    const body = fromHex("0f".repeat(8) + hex + "00") ?? emptyBytes;
    assert.throws(() => decodePlaces(body, { countMax: 3 }), InputError, hex);
  }
});
