// Signed batches, records and files of the state, byte for byte as
// tests/fixtures/wire/state.json has them for ever (SCENARIOS.md S17): disks and
// peers of other versions hold the same. In: fixed keys and members. Out: those
// bytes, and the same members read back.

import assert from "node:assert/strict";
import { concatBytes, fromHex, peerIdOf, toHex } from "../../src/kernel/mod.ts";
import {
  type Batch,
  encodeSignedBatch,
  parseSignedBatch,
  signBatch,
} from "../../src/state/mod.ts";
import { readBatchHead } from "../../src/state/batch_head.ts";
import { isBatchStart } from "../../src/state/batches.ts";
import { contradict } from "../../src/state/fork.ts";
import {
  encodeJournalHeader,
  encodeJournalRecord,
  encodeWholeFile,
  journalContents,
  scanJournal,
} from "../../src/state/journal_file.ts";
import { recordKinds } from "../../src/state/replica_log.ts";
import { RecordReader } from "../../src/state/replica_records.ts";
import { cluster, key, signer } from "./state_lab.ts";
import golden from "../fixtures/wire/state.json" with { type: "json" };

const owner = peerIdOf(key.publicKey);

const base: Batch = {
  ...{ owner, generation: 3, seq: 1, rev: 1, base: true },
  session: new Uint8Array(16).fill(5),
  prev: new Uint8Array(32).fill(6),
  operations: [
    { section: "future", key: "a.b/c", text: '{"x":[1,"\u00e9"]}' },
    { section: "seeds", key: "hello", text: '{"digest":"ab"}' },
  ],
  hlc: { wallMs: 1_767_225_600_000, counter: 7 },
};

function signed(batch: Batch) {
  return signBatch(batch, { signer, key, cluster });
}

const first = signed(base);
const step: Batch = {
  ...base,
  ...{ seq: 2, base: false, prev: first.hash },
  operations: [{ section: "seeds", key: "hello", text: undefined }],
};
const rival: Batch = {
  ...step,
  operations: [{ section: "zzz", key: "k", text: "1" }],
};
const batches = { base, step, rival };

function bytesOf(name: keyof typeof golden): Uint8Array<ArrayBuffer> {
  return fromHex(golden[name]) ?? assert.fail(name);
}

/** A base, and the proof that its owner forked what comes after. */
function replicaFile(): Uint8Array {
  const header = encodeJournalHeader(
    { number: 1, generation: 0 },
    journalContents.replica,
  );
  const { batch, forkHalf } = recordKinds;
  const records = [
    [batch, base] as const,
    [forkHalf, step] as const,
    [forkHalf, rival] as const,
  ];
  return encodeWholeFile(
    header,
    records.map(([kind, one]) =>
      concatBytes(Uint8Array.of(kind), encodeSignedBatch(signed(one)))
    ),
  );
}

Deno.test("S17: signed batches are these bytes for ever", () => {
  for (const [name, batch] of Object.entries(batches)) {
    const bytes = bytesOf(name as keyof typeof golden);
    assert.equal(toHex(encodeSignedBatch(signed(batch))), toHex(bytes), name);
    const read = parseSignedBatch(bytes, { signer, cluster });
    assert.deepEqual(read.batch, batch, name);
    const { seq, generation } = readBatchHead(bytes);
    assert.deepEqual({ seq, generation }, { seq: batch.seq, generation: 3 });
  }
  assert.ok(contradict(signed(step), signed(rival)));
});

Deno.test("S17: files of batches are these bytes for ever", () => {
  const bytes = bytesOf("base");
  const header = encodeJournalHeader({ number: 9, generation: 3 });
  const journal = encodeWholeFile(header, [bytes]);
  assert.equal(toHex(journal), golden.journal);
  const scan = scanJournal(bytesOf("journal"), { isRecordStart: isBatchStart });
  assert.deepEqual(scan.header, { number: 9, generation: 3 });
  assert.deepEqual(scan.records.map(toHex), [golden.base]);
  const more = encodeJournalRecord(bytes, { durableBytes: journal.length });
  assert.equal(toHex(more), golden.record);
  const replicas = encodeJournalHeader(
    { number: 1, generation: 0 },
    journalContents.replica,
  );
  assert.equal(toHex(replicas), golden.replicasHeader);
});

Deno.test("S17: a file of replicas of this version is read", () => {
  const { records } = scanJournal(bytesOf("replicas"), {
    isRecordStart: (bytes, offset) => isBatchStart(bytes, offset + 1),
    content: journalContents.replica,
  });
  const reader = new RecordReader({ signer, cluster });
  reader.read(records.map((record) => ({
    kind: record[0] ?? 0,
    bytes: new Uint8Array(record.subarray(1)),
  })));
  assert.equal(reader.lost, 0);
  const found = reader.owners.get(owner) ?? assert.fail();
  assert.equal(found.isVoid, true);
  assert.deepEqual(
    found.forks.map(({ proof }) => [toHex(proof.first), toHex(proof.second)]),
    [[golden.step, golden.rival]],
  );
  assert.deepEqual(found.batches.map(({ bytes }) => toHex(bytes)), [
    golden.base,
  ]);
  assert.equal(toHex(replicaFile()), golden.replicas);
});
