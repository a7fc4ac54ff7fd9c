// Bytes that promise more than they hold (SCENARIOS.md R06, R07): nothing in this
// program decompresses anything, so what a message may cost is what it weighs;
// and a length or a count of any size is refused before anything of that size is
// there. In: short bytes with numbers up to 2^53. Out: refusals, and no memory.

import assert from "node:assert/strict";
import {
  type Bytes,
  concatBytes,
  decodeCbor,
  fromHex,
  limits,
  PlnError,
  utf8,
} from "../../src/kernel/mod.ts";
import {
  decodeAged,
  decodeBucketHeads,
  decodePlaces,
} from "../../src/gossip/packed_places.ts";
import {
  decodeDigests,
  doneMessage,
  headsMessage,
  needMessage,
  requestBytesMax,
} from "../../src/gossip/messages.ts";
import { readRecord } from "../../src/gossip/record.ts";
import { readBatchHead } from "../../src/state/batch_head.ts";
import { isBatchStart, parseBatch } from "../../src/state/batches.ts";
import {
  encodeJournalHeader,
  scanJournal,
} from "../../src/state/journal_file.ts";
import golden from "../fixtures/wire/state.json" with { type: "json" };

const decompressing =
  /DecompressionStream|\bzlib\b|brotli|inflate|gunzip|decompress/i;

async function* sourcesIn(url: URL): AsyncGenerator<URL> {
  for await (const { name, isDirectory } of Deno.readDir(url)) {
    if (isDirectory) yield* sourcesIn(new URL(`${name}/`, url));
    else if (name.endsWith(".ts")) yield new URL(name, url);
  }
}

Deno.test("R07: no source file decompresses anything", async () => {
  const found: string[] = [];
  let files = 0;
  for await (const url of sourcesIn(new URL("../../src/", import.meta.url))) {
    files++;
    if (decompressing.test(await Deno.readTextFile(url))) found.push(url.href);
  }
  assert.ok(files > 100);
  assert.deepEqual(found, []);
});

/** Heads of CBOR items of every kind, that promise as much as there is. */
const heads = [0x40, 0x60, 0x80, 0xa0].flatMap((major) => [
  Uint8Array.of(major + 26, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(major + 26, 0x7f, 0xff, 0xff, 0xff),
  Uint8Array.of(major + 27, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff),
  Uint8Array.of(major + 27, 0, 0, 1, 0, 0, 0, 0, 0),
]);

const body = (fromHex(golden.base) ?? new Uint8Array()).subarray(64);

/** A good body with each of those heads in the place of each of its bytes. */
function* bentBodies(): Generator<Bytes> {
  for (const head of heads) {
    for (let at = 0; at < body.length; at++) {
      yield concatBytes(body.subarray(0, at), head, body.subarray(at + 1));
      yield concatBytes(body.subarray(0, at), head);
    }
  }
}

const options = { bytesMax: requestBytesMax };

const readers: readonly ((bytes: Uint8Array) => unknown)[] = [
  (bytes) => decodeCbor(bytes, options),
  (bytes) => headsMessage.decode(new Uint8Array(bytes), options),
  (bytes) => needMessage.decode(new Uint8Array(bytes), options),
  (bytes) => doneMessage.decode(new Uint8Array(bytes), options),
  (bytes) => readRecord(concatBytes(new Uint8Array(64), bytes)),
  (bytes) => decodeDigests(bytes),
  (bytes) => decodePlaces(bytes, { countMax: limits.gossipItemsMax }),
  (bytes) => decodeBucketHeads(bytes, { countMax: limits.replicasMax }),
  (bytes) => decodeAged(bytes, { bytesMax: 1_024 }),
];

/** Refused as foreign bytes are, never by the engine's own limits. */
function refuses(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch (cause) {
    assert.ok(cause instanceof PlnError, String(cause));
    return true;
  }
}

/** What buffers and the heap hold now. */
function heldBytes(): number {
  const { external, heapUsed } = Deno.memoryUsage();
  return external + heapUsed;
}

Deno.test("R06 R07: a batch that promises more than it holds costs nothing", () => {
  const before = heldBytes();
  let refused = 0;
  let bodies = 0;
  for (const bent of bentBodies()) {
    bodies++;
    if (refuses(() => parseBatch(bent))) refused++;
    refuses(() => readBatchHead(concatBytes(new Uint8Array(64), bent)));
  }
  assert.equal(refused, bodies);
  assert.ok(heldBytes() - before < 256 * 2 ** 20);
});

Deno.test("R06 R07: messages that promise more than they hold cost nothing", () => {
  const before = heldBytes();
  const parts = [new Uint8Array(), Uint8Array.of(0x81), Uint8Array.of(0x82)];
  for (const head of heads) {
    for (const part of parts) {
      for (const tail of [new Uint8Array(), new Uint8Array(40)]) {
        const bytes = concatBytes(part, head, tail);
        for (const read of readers.slice(0, 5)) {
          assert.ok(refuses(() => read(bytes)));
        }
        for (const read of readers.slice(5)) refuses(() => read(bytes));
      }
    }
  }
  assert.ok(heldBytes() - before < 256 * 2 ** 20);
});

Deno.test("R06 R07: a record of a file that promises 4 GiB is a torn end", () => {
  const header = encodeJournalHeader({ number: 1, generation: 1 });
  const length = Uint8Array.of(1, 2, 3, 4, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 24);
  const bytes = concatBytes(header, length, utf8("and nothing more"));
  const scan = scanJournal(bytes, { isRecordStart: isBatchStart });
  assert.deepEqual(scan.records, []);
  assert.equal(scan.endBytes, header.length);
});
