// Frames of protocol "state", byte for byte as tests/fixtures/wire/gossip.json
// has them for ever: nodes of several versions exchange them. In: one message
// of each kind. Out: its bytes, and the same message read back.

import assert from "node:assert/strict";
import {
  fromHex,
  InputError,
  limits,
  parsePeerId,
  toHex,
} from "../../src/kernel/mod.ts";
import {
  batchKind,
  doneMessage,
  encodeBatchFrame,
  headsMessage,
  needMessage,
  parseBatchFrame,
  requestBytesMax,
} from "../../src/gossip/messages.ts";
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

Deno.test("frames of batches are as they always were", () => {
  assert.deepEqual({
    heads: { kind: headsMessage.kind, body: toHex(headsMessage.encode(heads)) },
    need: { kind: needMessage.kind, body: toHex(needMessage.encode(need)) },
    batch: { kind: batchKind, body: toHex(encodeBatchFrame(owner, batch)) },
    done: {
      kind: doneMessage.kind,
      body: toHex(doneMessage.encode({ owner })),
    },
  }, golden);
});

Deno.test("frames of batches are read as they were meant", () => {
  const bodyOf = (name: keyof typeof golden) =>
    fromHex(golden[name].body) ?? new Uint8Array();
  assert.deepEqual(headsMessage.decode(bodyOf("heads"), options), heads);
  assert.deepEqual(needMessage.decode(bodyOf("need"), options), need);
  assert.deepEqual(doneMessage.decode(bodyOf("done"), options), { owner });
  assert.deepEqual(parseBatchFrame(bodyOf("batch")), { owner, batch });
});

Deno.test("R06 frames over their limits are refused", () => {
  const many = Array.from(
    { length: limits.rightsHeadsMax + 1 },
    () => ({ owner, generation: 1, seq: 1 }),
  );
  const refused = [
    () => headsMessage.decode(headsMessage.encode({ heads: many }), options),
    () => headsMessage.decode(new Uint8Array(requestBytesMax + 1), options),
    () => needMessage.decode(headsMessage.encode(heads), options),
    () => parseBatchFrame(new Uint8Array(32)),
    () => parseBatchFrame(new Uint8Array()),
  ];
  for (const refuse of refused) assert.throws(refuse, InputError);
});

Deno.test("R03 places that are no integers below 2^48 are refused", () => {
  for (const seq of [2 ** 48, 2 ** 53, -1]) {
    const body = needMessage.encode({ ...need, seq });
    assert.throws(() => needMessage.decode(body, options), InputError);
  }
});
