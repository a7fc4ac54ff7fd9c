// Heads of batches, read without the batch: what they say is what the whole
// batch says, and bytes that are no batch are refused. In: batches of every
// size of number, cut and changed. Out: heads, or a refusal.

import assert from "node:assert/strict";
import fc from "fast-check";
import { type Bytes, limits, peerIdOf } from "../../src/kernel/mod.ts";
import {
  type Batch,
  BatchError,
  encodeSignedBatch,
  parseSignedBatch,
  signBatch,
} from "../../src/state/mod.ts";
import { readBatchHead } from "../../src/state/batch_head.ts";
import { cluster, key, signer } from "./state_lab.ts";

function signed(changes: Partial<Batch>): Bytes {
  const batch: Batch = {
    owner: peerIdOf(key.publicKey),
    generation: 1,
    session: new Uint8Array(16).fill(0x63),
    seq: 1,
    prev: new Uint8Array(32).fill(0x71),
    base: false,
    rev: 0,
    operations: [{ section: "zzz", key: "a", text: "1" }],
    hlc: { wallMs: 1, counter: 0 },
    ...changes,
  };
  return encodeSignedBatch(signBatch(batch, { signer, key, cluster }));
}

/** Where one more byte, or four, are needed; and the key "seq" as a number. */
const numbers = [
  ...[1, 23, 24, 255, 256, 65_535, 65_536, 0x63_73_65_71],
  ...[0xffff_ffff, 0x1_0000_0000, 0x63_73_65_71_05, limits.stateIntegerMax - 1],
];

function checkHead(bytes: Bytes): void {
  const { batch, signature } = parseSignedBatch(bytes, { signer, cluster });
  const { owner, generation, seq, base } = batch;
  assert.deepEqual(readBatchHead(bytes), {
    ...{ owner, generation, seq, base, signature },
  });
}

Deno.test("a head says what its batch says, whatever its numbers", () => {
  for (const generation of numbers) {
    for (const seq of numbers) {
      for (const rev of [0, seq]) {
        checkHead(signed({ generation, seq, rev, base: seq % 2 === 0 }));
      }
    }
  }
});

Deno.test("a head says what its batch says, whatever is in it", () => {
  const bytes = (length: number) =>
    fc.uint8Array({ minLength: length, maxLength: length });
  const number = fc.integer({ min: 1, max: limits.stateIntegerMax - 1 });
  fc.assert(
    fc.property(
      fc.record({ generation: number, seq: number, base: fc.boolean() }),
      fc.tuple(bytes(16), bytes(32)),
      (changes, [session, prev]) =>
        checkHead(signed({
          ...changes,
          session: new Uint8Array(session),
          prev: new Uint8Array(prev),
        })),
    ),
    { seed: 4711, numRuns: 300 },
  );
});

Deno.test("R06 what is no batch has no head", () => {
  const good = signed({ seq: 300, generation: 70_000 });
  for (let length = 0; length < good.length; length++) {
    assert.throws(() => readBatchHead(good.subarray(0, length)), BatchError);
  }
  assert.throws(
    () => readBatchHead(new Uint8Array([...good, 0])),
    BatchError,
  );
  const [yes, no] = [signed({ base: true }), signed({ base: false })];
  const place = yes.findLastIndex((byte, at) => byte !== no[at]);
  const neither = yes.map((byte, at) => at === place ? 0xf6 : byte);
  assert.throws(() => readBatchHead(neither), BatchError);
  for (const size of [0, 1, 63, 64, 65, 200, 4_000]) {
    assert.throws(() => readBatchHead(new Uint8Array(size)), BatchError);
  }
});

Deno.test("fuzz: changed bytes have a head or a refusal, no other", () => {
  const good = signed({ seq: 300, generation: 70_000 });
  fc.assert(
    fc.property(
      fc.nat(good.length - 1),
      fc.nat(255),
      (at, byte) => {
        const bytes = good.map((one, index) => index === at ? byte : one);
        try {
          const { seq, generation } = readBatchHead(bytes);
          assert.ok(Number.isInteger(seq) && Number.isInteger(generation));
        } catch (cause) {
          assert.ok(cause instanceof BatchError);
        }
      },
    ),
    { seed: 4711, numRuns: 2_000 },
  );
});
