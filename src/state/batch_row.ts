// The row of an owner's batches as others get it: the newest base and what came
// after, in their signed form. Checked batches go in, and what a peer lacks
// comes out. It also says what a further batch is: new, known, too early, or
// one that cannot be right. A row never changes; a batch makes another one.

import { type Bytes, equalBytes, limits } from "../kernel/mod.ts";
import type { BatchHead } from "./batch_head.ts";
import type { Batch, SignedBatch } from "./batches.ts";
import { rightsSections } from "./schema.ts";

/** A batch with the bytes that are kept and sent. */
export type StoredBatch = SignedBatch & { readonly bytes: Bytes };

/** Where a row stands, or what somebody has of it. */
export type RowPlace = { readonly generation: number; readonly seq: number };

/** The end of a row. */
export type RowHead = RowPlace & {
  /** The seq of the newest batch that touched a section of rights. */
  readonly rev: number;
  /** Of the newest batch's body. */
  readonly hash: Bytes;
};

/** `isFork`: its owner signed two batches of one number. */
export type Refusal = {
  readonly reason: string;
  readonly isFork: boolean;
  /** Of a fork: what contradicts it. */
  readonly rival?: StoredBatch;
};

/** "gap": something before it is missing. */
export type Judgement = "new" | "known" | "gap" | Refusal;

function headAfter({ batch, hash }: StoredBatch): RowHead {
  const { generation, seq, rev } = batch;
  return { generation, seq, rev, hash };
}

function refusal(reason: string): Refusal {
  return { reason, isFork: false };
}

function forkWith(rival: StoredBatch): Refusal {
  const reason = "its owner signed two batches of one number";
  return { reason, isFork: true, rival };
}

/** Rows start empty, and the first batch of each generation is a base. */
export class BatchRow {
  /** No batches. */
  static readonly empty = new BatchRow([], 0);

  /** What came after the newest base, with it. */
  readonly batches: readonly StoredBatch[];
  readonly sizeBytes: number;
  /** Undefined of an empty row. */
  readonly head: RowHead | undefined;

  private constructor(batches: readonly StoredBatch[], sizeBytes: number) {
    this.batches = batches;
    this.sizeBytes = sizeBytes;
    const last = batches.at(-1);
    this.head = last && headAfter(last);
  }

  /** The row with a batch more, which was judged new. */
  with(stored: StoredBatch): BatchRow {
    const sizeBytes = stored.bytes.length;
    return stored.batch.base
      ? new BatchRow([stored], sizeBytes)
      : new BatchRow([...this.batches, stored], this.sizeBytes + sizeBytes);
  }

  /** What somebody lacks who is at `place`; all when that is unknown here. */
  since(place: RowPlace): readonly Bytes[] {
    const { head } = this;
    if (head === undefined || place.generation > head.generation) return [];
    const lacking = place.generation < head.generation
      ? this.batches
      : this.batches.filter(({ batch }) => batch.seq > place.seq);
    return lacking.map(({ bytes }) => bytes);
  }

  /** What a batch of the same owner is to this row; its signature is open. */
  judge(signed: SignedBatch): Judgement {
    const { batch } = signed;
    const { head } = this;
    const last = this.batches.at(-1);
    if (
      head === undefined || last === undefined ||
      batch.generation > head.generation
    ) return batch.base ? "new" : "gap";
    if (batch.generation < head.generation) return "known";
    if (batch.seq <= head.seq) return this.#judgeOld(signed);
    const isNext = batch.seq === head.seq + 1;
    if (isNext && !equalBytes(batch.prev, head.hash)) return forkWith(last);
    // Of a base nothing may depend on what it skipped: others skipped less.
    if (batch.base) return "new";
    if (!isNext) return "gap";
    const fault = revFault(batch, head);
    if (fault !== undefined) return refusal(fault);
    return this.#growthFault(signed) ?? "new";
  }

  /**
   * Whether a batch is surely nothing new, whoever signed it. One that is held
   * is known by its signature; another in its place may prove a fork.
   */
  isKnown(head: BatchHead): boolean {
    if (!this.reaches(head)) return false;
    if (this.head?.generation !== head.generation) return true;
    const held = this.batches.find(({ batch }) => batch.seq === head.seq);
    return held === undefined || equalBytes(held.signature, head.signature);
  }

  /** Whether the row is at this place, or past it. */
  reaches({ generation, seq }: RowPlace): boolean {
    const { head } = this;
    if (head === undefined || generation > head.generation) return false;
    return generation < head.generation || seq <= head.seq;
  }

  #judgeOld(signed: SignedBatch): Judgement {
    const { seq } = signed.batch;
    const held = this.batches.find(({ batch }) => batch.seq === seq);
    return held === undefined || equalBytes(held.hash, signed.hash)
      ? "known"
      : forkWith(held);
  }

  /** An owner that makes no bases would fill everybody's memory. */
  #growthFault({ body }: SignedBatch): Refusal | undefined {
    const isLong = this.batches.length >= limits.replicaBatchesMax ||
      this.sizeBytes + body.length > limits.replicaBytesMax;
    return isLong ? refusal("its owner made no base for too long") : undefined;
  }
}

/** Peers learn by `rev` alone whether they lack rights. */
function revFault(batch: Batch, head: RowHead): string | undefined {
  if (batch.rev < head.rev) return "its rev goes back";
  if (batch.rev === batch.seq) return undefined;
  const isTouching = batch.operations
    .some(({ section }) => rightsSections.has(section));
  return isTouching
    ? "it changes rights and its rev does not say so"
    : undefined;
}
