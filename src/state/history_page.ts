// One answer of `pln history`: the newest batches that fit a question. In come
// records, the newest file first; out goes a page with the newest last. A batch
// that lies in several records becomes one again. It keeps no more than it may
// answer.

import { limits, type PeerId } from "../kernel/mod.ts";
import {
  type HistoryBatch,
  type HistoryGap,
  type HistoryRecord,
  sizeOfChange,
} from "./history_record.ts";

/** What happened, the newest last. */
export type HistoryPage = {
  readonly records: readonly (HistoryBatch | HistoryGap)[];
  /** Wall clock of the oldest record that was looked at. */
  readonly beginsMs: number | undefined;
  /** Whether older ones would have fitted the question. */
  readonly isCut: boolean;
};

type Filter = {
  readonly sinceMs?: number | undefined;
  readonly owner?: PeerId | undefined;
  readonly limit: number;
};

/** Of one question. */
export class HistoryPageMaker {
  readonly #filter: Filter;
  /** The newest first. */
  readonly #records: HistoryRecord[] = [];
  #batches = 0;
  #size = 0;
  #beginsMs: number | undefined;
  #isCut = false;
  #isPast = false;

  constructor(filter: Filter) {
    this.#filter = filter;
  }

  /** Whether older records are of no use any more. */
  get isFull(): boolean {
    return this.#isCut || this.#isPast;
  }

  /** The next older ones, the oldest of them first. */
  take(records: readonly HistoryRecord[]): void {
    for (let at = records.length - 1; at >= 0 && !this.isFull; at--) {
      const record = records[at];
      if (record !== undefined) this.#take(record);
    }
  }

  page(): HistoryPage {
    return {
      records: this.#records.toReversed(),
      beginsMs: this.#beginsMs,
      isCut: this.#isCut,
    };
  }

  #take(record: HistoryRecord): void {
    const { sinceMs = -Infinity, owner, limit } = this.#filter;
    if (record.atMs < sinceMs) {
      this.#isPast = true;
      return;
    }
    this.#beginsMs = record.atMs;
    if (record.type === "gap") {
      this.#records.push(record);
      return;
    }
    if (owner !== undefined && record.owner !== owner) return;
    const newer = this.#records.at(-1);
    const isPart = newer?.type === "batch" && isSame(newer, record);
    for (const change of record.changes) this.#size += sizeOfChange(change);
    const isOver = this.#batches >= limit && !isPart ||
      this.#size > limits.historyAnswerCharactersMax;
    if (isOver) {
      this.#isCut = true;
    } else if (isPart) {
      const changes = [...record.changes, ...newer.changes];
      this.#records[this.#records.length - 1] = { ...newer, changes };
    } else {
      this.#batches++;
      this.#records.push(record);
    }
  }
}

function isSame(one: HistoryBatch, other: HistoryBatch): boolean {
  return one.owner === other.owner && one.generation === other.generation &&
    one.seq === other.seq && one.atMs === other.atMs;
}
