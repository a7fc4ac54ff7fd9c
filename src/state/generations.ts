// What a node keeps of one owner: the row of its newest generation, the last
// state of the generation before, and the proofs of generations that it forked.
// Checked batches and proofs go in, in any order; what peers lack comes out.
// It depends on what went in alone and not on the order, as soon as two nodes
// have told each other what they keep. Never changes: a batch makes another one.

import { type Bytes, encodeCbor, limits } from "../kernel/mod.ts";
import type { Signer } from "../ports/mod.ts";
import type { BatchHead } from "./batch_head.ts";
import {
  BatchRow,
  type Judgement,
  type RowPlace,
  type StoredBatch,
} from "./batch_row.ts";
import type { Fork } from "./fork.ts";
import { comparePlace, voidSeq } from "./places.ts";

const digestBytes = 8;

/** What a head alone says of a batch; undefined: it has to be read. */
export type HeadAnswer = "known" | "gap" | undefined;

function generationOf(row: BatchRow): number {
  return row.head?.generation ?? 0;
}

function newestFirst(left: Fork, right: Fork): number {
  return right.generation - left.generation;
}

export class Generations {
  /** Nothing is kept. */
  static readonly empty = new Generations(BatchRow.empty, BatchRow.empty, {
    forks: [],
  });

  /** Of the newest generation; empty when that is void. */
  readonly row: BatchRow;
  /** The last state of a generation before, kept while it may be needed. */
  readonly previous: BatchRow;
  /** Of generations after `previous`, the newest first. */
  readonly forks: readonly Fork[];
  /**
   * A base of a void generation, while nothing else tells who its owner is:
   * those who do not know it would take the proof for a stranger's.
   */
  readonly witness: StoredBatch | undefined;
  #digest: Bytes | undefined;

  private constructor(
    row: BatchRow,
    previous: BatchRow,
    { forks, witness }: {
      readonly forks: readonly Fork[];
      readonly witness?: StoredBatch | undefined;
    },
  ) {
    this.row = row;
    this.previous = previous;
    this.forks = forks;
    const isNeeded = row.head === undefined && previous.head === undefined;
    this.witness = isNeeded ? witness : undefined;
  }

  /** What of all that is to be kept: the one place where that is decided. */
  static of(
    rows: readonly BatchRow[],
    forks: readonly Fork[],
    { witness }: { readonly witness?: StoredBatch | undefined } = {},
  ): Generations {
    const voids = new Map(forks.map((fork) => [fork.generation, fork]));
    const [first = BatchRow.empty, second = BatchRow.empty] = rows
      .filter((row) => row.head && !voids.has(row.head.generation))
      .sort((left, right) => generationOf(right) - generationOf(left));
    const isVoid = forks.some(({ generation }) =>
      generation > generationOf(first)
    );
    const row = isVoid ? BatchRow.empty : first;
    const isSettled = (row.head?.seq ?? 0) > limits.generationKeptSeqMax;
    if (isSettled) return new Generations(row, BatchRow.empty, { forks: [] });
    const previous = isVoid ? first : second;
    const kept = [...voids.values()].sort(newestFirst)
      .filter(({ generation }) => generation > generationOf(previous));
    if (kept.length < limits.ownerForksMax) {
      return new Generations(row, previous, { forks: kept, witness });
    }
    // Who forks that often loses its last good state, on all nodes alike.
    return new Generations(row, BatchRow.empty, {
      forks: kept.slice(0, limits.ownerForksMax),
      witness,
    });
  }

  get isEmpty(): boolean {
    return this.row.head === undefined && this.forks.length === 0;
  }

  /** Whether the newest generation is void. */
  get isVoid(): boolean {
    return this.row.head === undefined && this.forks.length > 0;
  }

  /** Undefined when nothing is kept. */
  get place(): RowPlace | undefined {
    const { head } = this.row;
    if (head !== undefined) return head;
    const [fork] = this.forks;
    return fork && { generation: fork.generation, seq: voidSeq };
  }

  /** Whose last batch shows what the document says. */
  get effective(): BatchRow {
    return this.isVoid ? this.previous : this.row;
  }

  get #generation(): number {
    return this.place?.generation ?? 0;
  }

  /** What is older is gone for good, while this is the newest generation. */
  get #floor(): number {
    const { head } = this.row;
    if (head !== undefined && head.seq > limits.generationKeptSeqMax) {
      return head.generation;
    }
    const isFull = this.forks.length >= limits.ownerForksMax;
    const lowest = isFull ? this.forks.at(-1)?.generation ?? 0 : 0;
    return Math.max(lowest, generationOf(this.previous));
  }

  #isForked(generation: number): boolean {
    return this.forks.some((fork) => fork.generation === generation);
  }

  /** The row that a batch of `generation` belongs to; undefined: to none. */
  #rowFor(generation: number): BatchRow | undefined {
    if (this.#isForked(generation)) return undefined;
    if (generation > this.#generation) return BatchRow.empty;
    if (generation === generationOf(this.row)) return this.row;
    if (generation === generationOf(this.previous)) return this.previous;
    return generation > this.#floor ? BatchRow.empty : undefined;
  }

  /** Whatever is true of a batch whoever signed it. */
  judgeHead(head: BatchHead): HeadAnswer {
    const row = this.#rowFor(head.generation);
    if (row === undefined || row.isKnown(head)) return "known";
    if (head.base || row.reaches(head)) return undefined;
    const last = row.head;
    if (last !== undefined && last.seq + 1 === head.seq) return undefined;
    // Nobody waits for the rest of what is past.
    return head.generation < this.#generation ? "known" : "gap";
  }

  /** What a batch of this owner is; its signature was verified. */
  judge(stored: StoredBatch): Judgement {
    const { generation } = stored.batch;
    const row = this.#rowFor(generation);
    if (row === undefined) return "known";
    const judgement = row.judge(stored);
    const isPast = generation < this.#generation;
    return judgement === "gap" && isPast ? "known" : judgement;
  }

  /** The row that a batch would extend which was judged new. */
  groundOf({ batch }: StoredBatch): BatchRow {
    return this.#rowFor(batch.generation) ?? BatchRow.empty;
  }

  /** With a batch more, which was judged new. */
  with(stored: StoredBatch): Generations {
    const ground = this.groundOf(stored);
    const rows = [this.row, this.previous].filter((row) => row !== ground);
    return Generations.of([...rows, ground.with(stored)], this.forks, this);
  }

  /** Whether a proof says something that counts and is not kept yet. */
  isNews({ generation }: Pick<Fork, "generation">): boolean {
    if (this.#isForked(generation)) return false;
    return generation >= this.#floor;
  }

  withFork(fork: Fork): Generations {
    const [witness = this.witness] = this.batches;
    return Generations.of([this.row, this.previous], [...this.forks, fork], {
      witness,
    });
  }

  /** Without what is at or before `place`; a row goes by its base. */
  after(place: RowPlace | undefined): Generations {
    if (place === undefined) return this;
    const old = [this.row, this.previous].filter(({ head }) => head);
    const rows = old.filter(({ batches: [base] }) =>
      base !== undefined && comparePlace(base.batch, place) > 0
    );
    const forks = this.forks.filter(({ generation }) =>
      comparePlace({ generation, seq: voidSeq }, place) > 0
    );
    const isSame = rows.length === old.length &&
      forks.length === this.forks.length;
    return isSame ? this : Generations.of(rows, forks, this);
  }

  /**
   * The batches that somebody lacks who is at `place`: the newest generation
   * first, since that is what counts.
   */
  since(place: RowPlace): readonly Bytes[] {
    const isBefore = place.generation < this.#generation;
    const { witness } = this;
    if (witness !== undefined) return isBefore ? [witness.bytes] : [];
    const past = isBefore || (this.isVoid && place.seq < voidSeq)
      ? this.previous.since(isBefore ? place : { generation: 0, seq: 0 })
      : [];
    return [...this.row.since(place), ...past];
  }

  /** 8 bytes; equal ones mean that the same is kept. */
  digest(signer: Signer): Bytes {
    this.#digest ??= signer.sha256(encodeCbor([
      ...[this.row, this.previous].map(({ head }) =>
        head === undefined ? [] : [head.generation, head.seq, head.hash]
      ),
      this.forks.map(({ generation }) => generation),
    ])).slice(0, digestBytes);
    return this.#digest;
  }

  /** All that has to be written to have it again. */
  get batches(): readonly StoredBatch[] {
    const { witness } = this;
    if (witness !== undefined) return [witness];
    return [...this.previous.batches, ...this.row.batches];
  }
}
