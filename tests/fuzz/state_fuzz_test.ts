// Mutants of batches and journals, from a fixed seed. In: good bytes with bytes
// changed, cut, doubled and moved. Out: a value or a PlnError, nothing else,
// and never a batch whose signature no longer fits. Must stay repeatable.

import assert from "node:assert/strict";
import {
  canonicalJson,
  type PeerId,
  peerIdOf,
  PlnError,
} from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import {
  encodeBatch,
  encodeSignedBatch,
  parseBatch,
  parseSignedBatch,
  signBatch,
} from "../../src/state/mod.ts";
import { isBatchStart } from "../../src/state/batches.ts";
import {
  encodeJournalFile,
  encodeJournalRecord,
  scanJournal,
} from "../../src/state/journal_file.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { cluster, key, signer, specOf } from "../unit/state_lab.ts";
import { fuzzRuns } from "./runs.ts";

const mutants = fuzzRuns(5_000);

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

function mutate(bytes: Uint8Array, random: Random): Uint8Array<ArrayBuffer> {
  let mutant = Uint8Array.from(bytes);
  for (let count = random.integer(3); count >= 0; count--) {
    if (mutant.length === 0) return mutant;
    const at = random.integer(mutant.length);
    const end = Math.min(mutant.length, at + 1 + random.integer(16));
    const edges = [0x00, 0x1b, 0x3b, 0x5f, 0x7f, 0x9f, 0xbf, 0xf6, 0xfb, 0xff];
    switch (random.integer(6)) {
      case 0:
        mutant[at] = random.integer(256);
        break;
      case 1:
        mutant[at] = edges[random.integer(edges.length)] ?? 0;
        break;
      case 2:
        mutant = mutant.slice(0, at);
        break;
      case 3:
        mutant = join(mutant.subarray(0, at), mutant.subarray(end));
        break;
      case 4:
        mutant = join(mutant.subarray(0, end), mutant.subarray(at));
        break;
      default:
        mutant.set(random.bytes(end - at), at);
    }
  }
  return mutant;
}

function signedBatch(owner: PeerId, seq: number) {
  return signBatch({
    owner,
    generation: 3,
    session: new Uint8Array(16).fill(5),
    seq,
    prev: new Uint8Array(32).fill(6),
    base: seq === 1,
    rev: 1,
    operations: [
      {
        section: "node",
        key: "self",
        text: canonicalJson({ name: "n", startedMs: 1, version: "1" }),
      },
      { section: "seeds", key: "a", text: canonicalJson(specOf(1)) },
    ],
    hlc: { wallMs: 1_767_225_600_000, counter: 2 },
  }, { signer, key, cluster });
}

const owner = peerIdOf(key.publicKey);

function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (cause) {
    assert.ok(cause instanceof PlnError, String(cause));
    return undefined;
  }
}

Deno.test("fuzz: parseBatch() takes only what encodes to itself", () => {
  const random = openSimRandom(1);
  const { body } = signedBatch(owner, 1);
  let taken = 0;
  for (let round = 0; round < mutants; round++) {
    const mutant = mutate(body, random);
    const batch = attempt(() => parseBatch(mutant));
    if (batch === undefined) continue;
    assert.deepEqual(encodeBatch(batch), mutant);
    taken++;
  }
  assert.ok(taken > 0 && taken < mutants / 2, `${taken} taken`);
});

Deno.test("fuzz: parseSignedBatch() takes only what was signed", () => {
  const random = openSimRandom(2);
  const bytes = encodeSignedBatch(signedBatch(owner, 1));
  for (let round = 0; round < mutants; round++) {
    const mutant = mutate(bytes, random);
    const read = attempt(() => parseSignedBatch(mutant, { signer, cluster }));
    if (read !== undefined) assert.deepEqual(mutant, bytes);
  }
  assert.ok(attempt(() => parseSignedBatch(bytes, { signer, cluster })));
});

Deno.test("fuzz: scanJournal() gives back only whole records", () => {
  const random = openSimRandom(3);
  const records = [1, 2, 3].map((seq) =>
    encodeSignedBatch(signedBatch(owner, seq))
  );
  const [base = new Uint8Array(0), ...batches] = records;
  let bytes = encodeJournalFile({ number: 7, generation: 3 }, base);
  for (const batch of batches) {
    const durableBytes = bytes.length;
    bytes = join(bytes, encodeJournalRecord(batch, { durableBytes }));
  }
  const known = new Set(records.map((record) => record.toHex()));
  let damaged = 0;
  for (let round = 0; round < mutants; round++) {
    const mutant = mutate(bytes, random);
    const scan = attempt(() =>
      scanJournal(mutant, { isRecordStart: isBatchStart })
    );
    if (scan === undefined) continue;
    for (const record of scan.records) assert.ok(known.has(record.toHex()));
    assert.equal(scan.endBytes + scan.tailBytes, mutant.length);
    if (scan.badRegions > 0) damaged++;
  }
  assert.ok(damaged > mutants / 10, `${damaged} with damage in the middle`);
});
