// The start of an owner's state: reads the journal, replays what is good, and
// says what is not. In come the files of `journal/`, out goes the document with
// the facts the next batch needs. Never applies a batch that this node did not
// sign for this cluster, and never writes but to cut a torn end.

import {
  asPlnError,
  type Bytes,
  type ClusterId,
  equalBytes,
  limits,
  type PeerId,
  PlnError,
} from "../kernel/mod.ts";
import type { Ports } from "../ports/mod.ts";
import {
  encodeSignedBatch,
  type HybridTime,
  isBatchStart,
  noHash,
  parseSignedBatch,
  type SignedBatch,
} from "./batches.ts";
import { BatchRow, type RowPlace, type StoredBatch } from "./batch_row.ts";
import { laterTime, timeZero } from "./hybrid_clock.ts";
import { type JournalName, listJournal, settleJournal } from "./journal.ts";
import { comparePlace, noPlace } from "./places.ts";
import type { NewDocument, StateDocument } from "./state_document.ts";
import { type JournalScan, scanJournal } from "./journal_file.ts";

export type RecoveryNeeds = Pick<Ports, "disk" | "log" | "signer">;

/** Whose journal it is. */
export type Owner = {
  readonly owner: PeerId;
  readonly cluster: ClusterId;
  readonly newDocument: NewDocument;
};

export type Recovered = {
  readonly document: StateDocument;
  /** The largest generation found; 0 for an empty journal. */
  readonly generation: number;
  /** The newest time found. */
  readonly time: HybridTime;
  /** The hash of the newest batch. */
  readonly hash: Bytes;
  /** For peers; empty when records are missing. */
  readonly row: BatchRow;
  /** What is left when records are missing; else empty. */
  readonly rest: readonly StoredBatch[];
  /** The newest place that the journal speaks of, lost or not. */
  readonly place: RowPlace;
  readonly newest: { readonly number: number; readonly sizeBytes: number };
  /** Damaged stretches, refused records and damaged headers. */
  readonly corruptRecords: number;
  readonly droppedTailBytes: number;
  /** Whether own records are missing. */
  readonly isLossy: boolean;
  /** Whether a sync said that all of it is durable. */
  readonly isSynced: boolean;
};

type JournalFile = {
  readonly name: JournalName;
  readonly sizeBytes: number;
  readonly scan: JournalScan;
  readonly batches: readonly SignedBatch[];
  /** Whether its first record is a base of this node. */
  readonly hasBase: boolean;
};

/** What the records of all files add up to, while they are replayed. */
class Replay {
  readonly #needs: RecoveryNeeds;
  readonly document: StateDocument;
  generation = 0;
  time = timeZero;
  corruptRecords = 0;
  isLossy = false;
  row = BatchRow.empty;
  readonly found: StoredBatch[] = [];
  place: RowPlace = noPlace;
  #last: SignedBatch | undefined;

  constructor(needs: RecoveryNeeds, { owner, newDocument }: Owner) {
    this.#needs = needs;
    this.document = newDocument(owner);
  }

  get hash(): Bytes {
    return this.#last?.hash ?? noHash;
  }

  file(file: JournalFile): void {
    const { header, badRegions, records } = file.scan;
    const refused = records.length - file.batches.length;
    this.corruptRecords += refused + badRegions +
      (header === undefined || records.length === 0 ? 1 : 0);
    if (refused + badRegions > 0 || !file.hasBase) this.isLossy = true;
    this.generation = Math.max(this.generation, header?.generation ?? 0);
    for (const signed of file.batches) this.#batch(signed);
    if (this.generation > this.place.generation) { // its base is lost
      this.place = { generation: this.generation, seq: 1 };
    }
  }

  #batch(signed: SignedBatch): void {
    const { batch } = signed;
    if (!this.#follows(signed)) {
      this.isLossy = true;
      this.#needs.log.error("state.journal_gap", {
        generation: batch.generation,
        seq: batch.seq,
      });
    }
    this.document.apply(batch);
    const stored = { ...signed, bytes: encodeSignedBatch(signed) };
    this.row = this.row.with(stored);
    this.found.push(stored);
    if (comparePlace(batch, this.place) > 0) {
      this.place = { generation: batch.generation, seq: batch.seq };
    }
    this.#last = signed;
    this.generation = Math.max(this.generation, batch.generation);
    this.time = laterTime(this.time, batch.hlc);
  }

  #follows({ batch }: SignedBatch): boolean {
    if (batch.base) return true;
    const last = this.#last;
    return last !== undefined && batch.seq === last.batch.seq + 1 &&
      batch.generation === last.batch.generation &&
      equalBytes(batch.prev, last.hash);
  }
}

async function readFile(
  needs: RecoveryNeeds,
  name: JournalName,
  owner: Owner,
): Promise<JournalFile> {
  const bytes = await needs.disk.read(name.path, {
    bytesMax: limits.journalBytesMax,
  });
  const scan = scanJournal(bytes, { isRecordStart: isBatchStart });
  const batches: SignedBatch[] = [];
  let hasBase = false;
  for (const [index, record] of scan.records.entries()) {
    const signed = readRecord(needs, record, owner);
    if (signed === undefined) continue;
    if (index === 0) hasBase = signed.batch.base;
    batches.push(signed);
  }
  return { name, sizeBytes: bytes.length, scan, batches, hasBase };
}

function readRecord(
  needs: RecoveryNeeds,
  record: Uint8Array,
  owner: Owner,
): SignedBatch | undefined {
  try {
    const signed = parseSignedBatch(record, {
      signer: needs.signer,
      cluster: owner.cluster,
    });
    if (signed.batch.owner === owner.owner) return signed;
    needs.log.error("state.foreign_record", { owner: signed.batch.owner });
  } catch (cause) {
    if (!(cause instanceof PlnError)) throw cause;
    needs.log.error("state.bad_record", { reason: cause.message });
  }
  return undefined;
}

/** From the newest file that starts with a base, ascending. */
async function readFiles(
  needs: RecoveryNeeds,
  names: readonly JournalName[],
  owner: Owner,
): Promise<readonly JournalFile[]> {
  const files: JournalFile[] = [];
  for (const name of names.toReversed()) {
    const file = await readFile(needs, name, owner);
    files.unshift(file);
    if (file.hasBase) break;
  }
  return files;
}

/** A disk that refuses the cut stays readable: it is reported, no more. */
async function settle(
  needs: RecoveryNeeds,
  file: JournalFile,
  options: { readonly isLossy: boolean },
): Promise<boolean> {
  try {
    await settleJournal(needs, {
      path: file.name.path,
      endBytes: options.isLossy ? file.sizeBytes : file.scan.endBytes,
    });
    return true;
  } catch (cause) {
    if (!(cause instanceof PlnError)) throw cause;
    needs.log.warn("state.journal_not_settled", {
      reason: asPlnError(cause).message,
    });
    return false;
  }
}

/**
 * Reads the own journal.
 *
 * @throws {NewerFormatError} A later program wrote it.
 * @throws {DiskError} It cannot be read.
 */
export async function recover(
  needs: RecoveryNeeds,
  owner: Owner,
): Promise<Recovered> {
  const names = await listJournal(needs);
  const files = await readFiles(needs, names, owner);
  const replay = new Replay(needs, owner);
  for (const file of files) replay.file(file);
  const newest = files.at(-1);
  const droppedTailBytes = newest?.hasBase === true ? newest.scan.tailBytes : 0;
  if (droppedTailBytes > 0) {
    needs.log.warn("state.torn_tail", { bytes: droppedTailBytes });
  }
  return {
    document: replay.document,
    generation: replay.generation,
    time: replay.time,
    hash: replay.hash,
    row: replay.isLossy ? BatchRow.empty : replay.row,
    rest: replay.isLossy ? replay.found : [],
    place: replay.place,
    newest: {
      number: newest?.name.number ?? 0,
      sizeBytes: newest?.sizeBytes ?? 0,
    },
    corruptRecords: replay.corruptRecords,
    droppedTailBytes,
    isLossy: replay.isLossy,
    isSynced: newest === undefined ||
      await settle(needs, newest, { isLossy: replay.isLossy }),
  };
}
