// One record of the history as it lies on the disk: what a batch changed, that
// the node stopped, or that something is missing here. In come and out go
// records; a record of a later version reads as undefined and is passed over.
// Times are the wall clock of this node: they are for people and order nothing.

import {
  type Bytes,
  isPeerId,
  limits,
  type PeerId,
  utf8,
  utf8TextLossy,
} from "../kernel/mod.ts";
import type { EntryChange } from "./changes.ts";

/** What one applied batch changed. Large ones lie in several records. */
export type HistoryBatch = {
  readonly type: "batch";
  /** When this node applied it. */
  readonly atMs: number;
  readonly owner: PeerId;
  /** Both are 0 when the document was dropped. */
  readonly generation: number;
  readonly seq: number;
  /** Without before and after where the values were not kept. */
  readonly changes: readonly EntryChange[];
};

/**
 * Why a row of batches ends: the node stopped; it started again after it was
 * killed; the disk took nothing; records are damaged; they came too fast.
 */
export type GapReason = "stopped" | "killed" | "disk" | "damage" | "flood";

/** Where batches may be missing; none are after a node that just stopped. */
export type HistoryGap = {
  readonly type: "gap";
  readonly atMs: number;
  readonly why: GapReason;
};

/** One record of the log. */
export type HistoryRecord = HistoryBatch | HistoryGap;

/** Whether changes are missing in a gap. */
export function isLossy({ why }: HistoryGap): boolean {
  return why !== "stopped";
}

type StoredChange = {
  readonly s: string;
  readonly k: string;
  readonly b?: string;
  readonly a?: string;
};

const reasons: readonly GapReason[] = [
  ...["stopped", "killed", "disk", "damage", "flood"] as const,
];

/** `["b"` or `["g"`: makes the search after damage quick. */
export function isHistoryRecordStart(
  bytes: Uint8Array,
  offset: number,
): boolean {
  return bytes[offset] === 0x5b && bytes[offset + 1] === 0x22 &&
    bytes[offset + 3] === 0x22;
}

/** How much of memory and disk a record takes, in characters. */
export function sizeOfChange(
  { section, key, before, after }: EntryChange,
): number {
  return section.length + key.length + (before?.length ?? 0) +
    (after?.length ?? 0) + 24;
}

/** What is kept of the changes of an owner who has too many. */
export function thinned(
  changes: readonly EntryChange[],
): readonly EntryChange[] {
  return changes.slice(0, limits.historyThinChangesMax)
    .map(({ section, key }) => ({
      ...{ section, key },
      before: undefined,
      after: undefined,
    }));
}

/** Whether the values were not kept. */
export function isThin({ before, after }: EntryChange): boolean {
  return before === undefined && after === undefined;
}

/** The records of a batch: each has some of its changes. */
export function splitBatch(batch: HistoryBatch): readonly HistoryBatch[] {
  const parts: HistoryBatch[] = [];
  let changes: EntryChange[] = [];
  let size = 0;
  for (const change of batch.changes) {
    const next = sizeOfChange(change);
    if (size + next > limits.historyRecordCharactersMax && size > 0) {
      parts.push({ ...batch, changes });
      changes = [];
      size = 0;
    }
    changes.push(change);
    size += next;
  }
  return [...parts, { ...batch, changes }];
}

export function encodeHistoryRecord(record: HistoryRecord): Bytes {
  if (record.type === "gap") {
    return utf8(JSON.stringify(["g", record.atMs, record.why]));
  }
  const { atMs, owner, generation, seq } = record;
  const changes = record.changes.map((
    { section: s, key: k, before: b, after: a },
  ): StoredChange => ({
    s,
    k,
    ...(b === undefined ? {} : { b }),
    ...(a === undefined ? {} : { a }),
  }));
  return utf8(JSON.stringify(["b", atMs, owner, generation, seq, changes]));
}

/** The bytes have a checksum that fits; undefined: of a later version. */
export function decodeHistoryRecord(
  bytes: Uint8Array,
): HistoryRecord | undefined {
  const value = jsonOf(utf8TextLossy(bytes));
  if (!Array.isArray(value)) return undefined;
  const [kind, atMs, ...rest]: readonly unknown[] = value;
  if (!isWholeNumber(atMs)) return undefined;
  if (kind === "g") {
    const why = reasons.find((reason) => reason === rest[0]);
    return why && { type: "gap", atMs, why };
  }
  const [owner, generation, seq, changes] = rest;
  const isBatch = kind === "b" && typeof owner === "string" &&
    isPeerId(owner) && isWholeNumber(generation) && isWholeNumber(seq) &&
    Array.isArray(changes) && changes.every(isChange);
  if (!isBatch) return undefined;
  return {
    type: "batch",
    ...{ atMs, owner, generation, seq },
    changes: changes.map(({ s, k, b, a }) => ({
      section: s,
      key: k,
      before: b,
      after: a,
    })),
  };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}

function isWholeNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value);
}

function isChange(value: unknown): value is StoredChange {
  if (typeof value !== "object" || !value) return false;
  const { s, k, b, a } = value as Readonly<Record<string, unknown>>;
  return typeof s === "string" && typeof k === "string" &&
    (b === undefined || typeof b === "string") &&
    (a === undefined || typeof a === "string");
}
