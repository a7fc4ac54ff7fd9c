// The bytes of a journal file, all integers big-endian. In come bytes from the
// disk, out go every record whose checksum fits and an account of the rest.
// Never throws for damage, and never takes bytes of a newer format for damage.
//
//   header  "PLNJ", version u16, content u16, number u32, generation u64,
//           CRC-32C u32 of these 20 bytes; the same place in every version
//   record  CRC-32C u32 of what follows, length u32, durable u32, bytes

import {
  type Bytes,
  concatBytes,
  crc32c,
  equalBytes,
  type ErrorKind,
  limits,
  PlnError,
  utf8,
} from "../kernel/mod.ts";

/** A file of a later program; it is left alone. */
export class NewerFormatError extends PlnError {
  /** Retry with the version that wrote it, or a later one. */
  readonly code = "PLN_NEWER_FORMAT";
  /** This directory was last used by a later program. */
  readonly kind: ErrorKind = "local";
}

/** What a file's records are; append only. */
export const journalContents = {
  /** Signed batches of this node. */
  ownBatches: 1,
  /** Signed batches of one other owner. */
  replica: 2,
  /** What batches of all owners changed, for people. */
  history: 3,
} as const;

export type JournalContent =
  typeof journalContents[keyof typeof journalContents];

export type JournalHeader = {
  /** The number in the file's name; 1 where there is none. */
  readonly number: number;
  /** The generation of the file's base. */
  readonly generation: number;
};

export type JournalScan = {
  /** Undefined when it is damaged. */
  readonly header: JournalHeader | undefined;
  readonly records: readonly Uint8Array[];
  /** Damaged stretches of what was durable once. */
  readonly badRegions: number;
  /** Where the last record before a torn end ends. */
  readonly endBytes: number;
  /** Bytes after it: a torn end, which may hold good records too. */
  readonly tailBytes: number;
};

const magic = utf8("PLNJ");
const version = 1;
export const journalHeaderBytes = 24;
const recordHeaderBytes = 12;
const checksumBytes = 4;
/** 0 would make a stretch of zeros a row of good, empty records. */
const recordBytesMin = 1;

export function encodeJournalHeader(
  header: JournalHeader,
  content: JournalContent = journalContents.ownBatches,
): Bytes {
  const bytes = new Uint8Array(journalHeaderBytes);
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  view.setUint16(4, version);
  view.setUint16(6, content);
  view.setUint32(8, header.number);
  view.setBigUint64(12, BigInt(header.generation));
  view.setUint32(20, crc32c(bytes.subarray(0, 20)));
  return bytes;
}

/** `durableBytes`: how much of the file was durable before this record. */
export function encodeJournalRecord(
  bytes: Uint8Array,
  options: { readonly durableBytes: number },
): Bytes {
  const record = concatBytes(new Uint8Array(recordHeaderBytes), bytes);
  const view = viewOf(record);
  view.setUint32(4, bytes.length);
  view.setUint32(8, options.durableBytes);
  view.setUint32(0, crc32c(record.subarray(checksumBytes)));
  return record;
}

/** A new file with its base; it gets its name when all of it is durable. */
export function encodeJournalFile(
  header: JournalHeader,
  base: Uint8Array,
): Bytes {
  return encodeWholeFile(encodeJournalHeader(header), [base]);
}

/** A file that gets its name only when all of it is durable. */
export function encodeWholeFile(
  header: Uint8Array,
  records: readonly Uint8Array[],
): Bytes {
  const durableBytes = records.reduce(
    (total, record) => total + recordHeaderBytes + record.length,
    header.length,
  );
  return concatBytes(
    header,
    ...records.map((record) => encodeJournalRecord(record, { durableBytes })),
  );
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @throws {NewerFormatError} An intact header of a later version. */
function parseHeader(
  bytes: Uint8Array,
  content: JournalContent,
): JournalHeader | undefined {
  if (bytes.length < journalHeaderBytes) return undefined;
  const view = viewOf(bytes);
  const isIntact = equalBytes(bytes.subarray(0, magic.length), magic) &&
    view.getUint32(20) === crc32c(bytes.subarray(0, 20));
  if (!isIntact) return undefined;
  const found = view.getUint16(4);
  if (found > version || view.getUint16(6) !== content) {
    throw new NewerFormatError(
      `The journal has format ${found}.${view.getUint16(6)}; this program ` +
        `reads ${version}.${content}`,
      { hint: 'Run "pln upgrade"; the journal was left as it is' },
    );
  }
  const generation = view.getBigUint64(12);
  if (generation > BigInt(limits.stateIntegerMax)) return undefined;
  return { number: view.getUint32(8), generation: Number(generation) };
}

export type RecordStart = (bytes: Uint8Array, offset: number) => boolean;

type Extent = {
  readonly offset: number;
  readonly start: number;
  readonly end: number;
  /** How much of the file was durable before this record. */
  readonly durable: number;
};

class Scanner {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #isRecordStart: RecordStart;

  constructor(bytes: Uint8Array, isRecordStart: RecordStart) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    this.#isRecordStart = isRecordStart;
  }

  /** The good record at `offset`; undefined when there is none. */
  at(offset: number): Extent | undefined {
    const start = offset + recordHeaderBytes;
    if (start > this.#bytes.length) return undefined;
    const length = this.#view.getUint32(offset + 4);
    const end = start + length;
    if (
      length < recordBytesMin || length > limits.journalRecordBytesMax ||
      end > this.#bytes.length
    ) return undefined;
    const checked = this.#bytes.subarray(offset + checksumBytes, end);
    if (this.#view.getUint32(offset) !== crc32c(checked)) return undefined;
    return { offset, start, end, durable: this.#view.getUint32(offset + 8) };
  }

  /** The first good record after a damaged one at `offset`. */
  after(offset: number): Extent | undefined {
    const last = this.#bytes.length - recordHeaderBytes;
    for (let at = offset + 1; at < last; at++) {
      if (!this.#isRecordStart(this.#bytes, at + recordHeaderBytes)) continue;
      const extent = this.at(at);
      if (extent !== undefined) return extent;
    }
    return undefined;
  }

  /** Every good record from `offset` on, whatever lies between them. */
  all(offset: number): readonly Extent[] {
    const extents: Extent[] = [];
    for (let at = offset; at < this.#bytes.length;) {
      const extent = this.at(at) ?? this.after(at);
      if (extent === undefined) break;
      extents.push(extent);
      at = extent.end;
    }
    return extents;
  }
}

/**
 * Reads a whole journal file.
 *
 * Records of one sync reach the disk in any order, so a bad one before a good
 * one is damage only where a good one says that the place was durable. Else it
 * is a torn end: nothing from there on was acknowledged.
 *
 * @param options.isRecordStart Whether a record's bytes may start at an offset;
 * it keeps the search after damage linear.
 * @param options.content What the file should hold; own batches unless told.
 * @throws {NewerFormatError} A later program wrote it.
 */
export function scanJournal(
  bytes: Uint8Array,
  options: {
    readonly isRecordStart: RecordStart;
    readonly content?: JournalContent;
  },
): JournalScan {
  const { content = journalContents.ownBatches } = options;
  const header = parseHeader(bytes, content);
  const records: Uint8Array[] = [];
  let endBytes = Math.min(journalHeaderBytes, bytes.length);
  let badRegions = 0;
  const found = new Scanner(bytes, options.isRecordStart).all(endBytes);
  const durableBytes = found.reduce(
    (most, record) => Math.max(most, record.durable),
    0,
  );
  for (const record of found) {
    if (record.offset > endBytes) {
      if (endBytes >= durableBytes) break;
      badRegions++;
    }
    records.push(bytes.subarray(record.start, record.end));
    endBytes = record.end;
  }
  const tailBytes = bytes.length - endBytes;
  return { header, records, badRegions, endBytes, tailBytes };
}
