// This node's own batches as others have them: what it published, and what peers
// show of earlier starts, of its backups and of its clones. In come own batches
// from both sides; out goes what peers lack, as of any other owner. What it
// means for this node when others know more is for `OwnCopies` to say.

import type { PeerId } from "../kernel/mod.ts";
import type { OwnArrivals } from "./arrivals.ts";
import type { BatchHead } from "./batch_head.ts";
import type {
  BatchRow,
  Judgement,
  RowPlace,
  StoredBatch,
} from "./batch_row.ts";
import { type ForkHalves, forkOf } from "./fork.ts";
import { Generations } from "./generations.ts";
import { comparePlace, noPlace, voidSeq } from "./places.ts";

/** Who judges what peers show of this node's own batches. */
export interface ShownCopies {
  /** Undefined: it has to be read. */
  judgeHead(head: BatchHead): "known" | undefined;
  /** Takes one whose signature was verified. */
  take(stored: StoredBatch): Judgement;
  /** Takes the batches of a proof that was verified. */
  fork(batches: readonly StoredBatch[]): Judgement;
  /** Nobody keeps what is at or before `place` any more. */
  forgotten(place: RowPlace): void;
}

export type OwnRowConfig = {
  readonly owner: PeerId;
  /** What the journal holds; empty when records are missing. */
  readonly row: BatchRow;
  readonly copies: ShownCopies | undefined;
  /** Called with a batch of this owner that peers have shown. */
  readonly onShown: (stored: StoredBatch) => void;
  /** A generation of this owner is void. */
  readonly onFork: () => void;
};

/** One of a start. */
export class OwnRow implements OwnArrivals {
  readonly #config: OwnRowConfig;
  #generations: Generations;
  /** What is at or before it counts for nobody, whoever shows it. */
  #forgotten: RowPlace = noPlace;

  constructor(config: OwnRowConfig) {
    this.#config = config;
    this.#generations = Generations.of([config.row], []);
  }

  get generations(): Generations {
    return this.#generations;
  }

  /** This start has signed and stored it; what peers have shown is there. */
  published(stored: StoredBatch): void {
    this.#add(stored);
  }

  judgeHead(head: BatchHead): "known" | undefined {
    const { copies } = this.#config;
    if (this.#isForgotten(head)) return "known";
    if (this.#generations.judgeHead(head) !== "known") return undefined;
    return copies === undefined ? "known" : copies.judgeHead(head);
  }

  take(stored: StoredBatch): Judgement {
    const judgement = this.#add(stored);
    if (judgement === "new") this.#config.onShown(stored);
    const { copies } = this.#config;
    if (copies !== undefined) return copies.take(stored);
    return typeof judgement === "string" ? judgement : "known";
  }

  takeFork(halves: ForkHalves): Judgement {
    const fork = forkOf(halves);
    const { generation } = fork;
    const isOver = this.#isForgotten({ generation, seq: voidSeq });
    if (isOver || !this.#generations.isNews(fork)) return "known";
    this.#generations = this.#generations.withFork(fork);
    this.#config.onFork();
    return this.#config.copies?.fork(halves) ?? "new";
  }

  /**
   * Admins have forgotten what is at or before `place`: it is held here no
   * longer than elsewhere. True when something of it was.
   *
   * @param place Undefined: nobody says so any more.
   */
  forget(place: RowPlace | undefined): boolean {
    this.#forgotten = place ?? noPlace;
    const before = this.#generations;
    this.#generations = before.after(place);
    if (place !== undefined) this.#config.copies?.forgotten(place);
    return this.#generations !== before;
  }

  #isForgotten(place: RowPlace): boolean {
    return comparePlace(place, this.#forgotten) <= 0;
  }

  #add(stored: StoredBatch): Judgement {
    if (this.#isForgotten(stored.batch)) return "known";
    const judgement = this.#generations.judge(stored);
    if (judgement === "new") {
      this.#generations = this.#generations.with(stored);
    } else if (typeof judgement !== "string" && judgement.rival !== undefined) {
      this.takeFork([judgement.rival, stored]);
    }
    return judgement;
  }
}
