// Speed of an owner's state on this machine's real disk. In: nothing; a
// temporary directory is made and removed. Out: one JSON line per figure, the
// machine first. Asserts no times; figures of a busy machine mean little.

import { canonicalJson, peerIdOf } from "../../src/kernel/mod.ts";
import type { Log } from "../../src/ports/mod.ts";
import { openClock } from "../../src/adapters/clock.ts";
import { openDisk } from "../../src/adapters/disk.ts";
import { openRandom } from "../../src/adapters/random.ts";

function print(figure: string, fields: Record<string, unknown>): void {
  console.log(JSON.stringify({ figure, ...fields }));
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

async function timedMs(work: () => unknown): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function rssMiB(): number {
  return Math.round(Deno.memoryUsage().rss / 1024 / 1024);
}

print("machine", {
  deno: Deno.version.deno,
  cores: navigator.hardwareConcurrency,
  os: `${Deno.build.os}-${Deno.build.arch}`,
});

{
  const before = rssMiB();
  const importMs = await timedMs(async () => {
    const { LoroDoc } = await import("loro-crdt");
    new LoroDoc().free();
  });
  print("loro import", {
    ms: rounded(importMs),
    rssMiBBefore: before,
    rssMiBAfter: rssMiB(),
  });
}

const { cluster, key, root, seedChange, signer, specOf } = await import(
  "../unit/state_lab.ts"
);
const { openOwnerState, OwnerDocument, parseSignedBatch } = await import(
  "../../src/state/mod.ts"
);
const { encodeSignedBatch, signBatch } = await import("../../src/state/mod.ts");
const {
  encodeJournalHeader,
  encodeJournalRecord,
  journalHeaderBytes,
  scanJournal,
} = await import(
  "../../src/state/journal_file.ts"
);
const { isBatchStart, noHash } = await import("../../src/state/batches.ts");

const quiet = () => {};
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet };

function openIn(directory: string) {
  const needs = {
    clock: openClock(),
    disk: openDisk(directory),
    log,
    random: openRandom(),
    signer,
  };
  return openOwnerState(needs, { key, root });
}

async function inDirectory(work: (root: string) => Promise<void>) {
  const root = await Deno.makeTempDir({ prefix: "pln-state-bench-" });
  try {
    await work(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

await inDirectory(async (root) => {
  const openMs = await timedMs(async () => {
    await using _state = await openIn(root);
  });
  print("open, empty", { ms: rounded(openMs) });
  await using state = await openIn(root);
  await state.publish([seedChange("warm", 0)]);
  const count = 500;
  const ms = await timedMs(async () => {
    for (let index = 0; index < count; index++) {
      await state.publish([seedChange(`s${index % 50}`, index)]);
    }
  });
  print("publish, one at a time", {
    perSecond: Math.round(count / ms * 1000),
    msEach: rounded(ms / count),
  });
  let next = 0;
  const total = 20_000;
  const groupMs = await timedMs(() =>
    Promise.all(
      Array.from({ length: 64 }, async () => {
        while (next < total) {
          const index = next++;
          await state.publish([seedChange(`s${index % 50}`, index)]);
        }
      }),
    )
  );
  print("publish, 64 at a time", {
    perSecond: Math.round(total / groupMs * 1000),
    usEach: rounded(groupMs / total * 1000),
  });
});

await inDirectory(async (root) => {
  {
    await using state = await openIn(root);
    await state.publish(
      Array.from({ length: 1000 }, (_, index) => seedChange(`s${index}`, 1)),
    );
    for (let index = 0; index < 60; index++) {
      await state.publish([seedChange(`s${index}`, 2)]);
    }
  }
  const openMs = await timedMs(async () => {
    await using state = await openIn(root);
    state.view();
  });
  print("open, 1000 entries and 60 batches", { ms: rounded(openMs) });
  await using state = await openIn(root);
  await state.publish([seedChange("s0", 3)]);
  state.view();
  const viewMs = await timedMs(async () => {
    for (let index = 0; index < 50; index++) {
      await state.publish([seedChange("s0", index)]);
      state.view();
    }
  });
  print("publish and view, 1000 entries", { msEach: rounded(viewMs / 50) });
});

{
  const count = 10_000;
  const owner = peerIdOf(key.publicKey);
  let prev = noHash;
  const records: Uint8Array[] = [];
  let durableBytes = journalHeaderBytes;
  for (let seq = 1; seq <= count; seq++) {
    const signed = signBatch({
      owner,
      generation: 1,
      session: new Uint8Array(16).fill(3),
      seq,
      prev,
      base: seq === 1,
      rev: 1,
      operations: [{
        section: "seeds",
        key: `s${seq % 1000}`,
        text: canonicalJson(specOf(seq)),
      }],
      hlc: { wallMs: 1_767_225_600_000 + seq, counter: 0 },
    }, { signer, key, cluster });
    prev = signed.hash;
    const bytes = encodeSignedBatch(signed);
    const record = encodeJournalRecord(bytes, { durableBytes });
    records.push(record);
    durableBytes += record.length;
  }
  const journal = new Uint8Array(
    await new Blob([
      encodeJournalHeader({ number: 1, generation: 1 }),
      ...records.map((record) => new Uint8Array(record)),
    ]).arrayBuffer(),
  );
  let scanned: readonly Uint8Array[] = [];
  const scanMs = await timedMs(() => {
    scanned = scanJournal(journal, { isRecordStart: isBatchStart }).records;
  });
  let batches: readonly ReturnType<typeof parseSignedBatch>[] = [];
  const parseMs = await timedMs(() => {
    batches = scanned.map((one) => parseSignedBatch(one, { signer, cluster }));
  });
  using document = new OwnerDocument(owner, signer);
  const before = rssMiB();
  const applyMs = await timedMs(() => {
    for (const { batch } of batches) document.apply(batch);
  });
  print("replay of 10,000 batches", {
    journalBytes: journal.length,
    totalMs: rounded(scanMs + parseMs + applyMs),
    scanUsEach: rounded(scanMs / count * 1000),
    parseAndVerifyUsEach: rounded(parseMs / count * 1000),
    applyUsEach: rounded(applyMs / count * 1000),
    rssMiBBefore: before,
    rssMiBAfter: rssMiB(),
  });
  const damaged = journal.slice();
  for (let offset = 1000; offset < damaged.length; offset += 5000) {
    damaged[offset] = (damaged[offset] ?? 0) ^ 0xff;
  }
  const damagedMs = await timedMs(() =>
    scanJournal(damaged, { isRecordStart: isBatchStart })
  );
  print("scan, damage every 5000 bytes", { ms: rounded(damagedMs) });
}
