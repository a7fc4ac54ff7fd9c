// Own batches that peers show: how a node learns what its disk has lost (a
// restored backup, damage) and that its key is in use elsewhere. In come the
// journal's row, own batches whose signatures were verified and word of what
// this start signs; out comes the newest row that others signed for this
// owner, and whether somebody else still signs. Pure: it publishes nothing.

import type { Bytes } from "../kernel/mod.ts";
import type { BatchHead } from "./batch_head.ts";
import {
  BatchRow,
  type Judgement,
  type RowPlace,
  type StoredBatch,
} from "./batch_row.ts";
import { comparePlace, noPlace } from "./places.ts";

/** What the journal showed at the start. */
export type FoundRow = {
  /** Empty when records are missing. */
  readonly row: BatchRow;
  /** Good records of a journal that lost others. */
  readonly rest: readonly StoredBatch[];
  /** The newest place it speaks of, whether or not that is lost. */
  readonly place: RowPlace;
};

/** Hears what was shown. Must not throw. */
export type CopiesHandler = {
  /** The row of earlier starts got longer, or is another one. */
  readonly onAhead: (fresh: readonly StoredBatch[]) => void;
  /** Somebody else signs with this node's key now. */
  readonly onClone: () => void;
};

/** Hashes of own batches that are remembered: what a clone could build on. */
const hashesMax = 256;

/** Of one start. */
export class OwnCopies {
  readonly #found: FoundRow;
  readonly #handler: CopiesHandler;
  #past: BatchRow;
  #generation: number;
  /** Of this start, from its first publish on. */
  #own: BatchRow | undefined;
  #ownGeneration = 0;
  readonly #ownSessions = new Set<string>();
  readonly #ownHashes = new Set<string>();
  /** Sessions that wrote beside this start, before it took their state over. */
  readonly #rivals = new Set<string>();
  #hasYielded = false;
  #isClone = false;

  constructor(found: FoundRow, handler: CopiesHandler) {
    this.#found = found;
    this.#handler = handler;
    this.#past = found.row;
    this.#generation = found.place.generation;
  }

  /** The newest row of earlier starts that is known, wherever from. */
  get past(): BatchRow {
    return this.#past;
  }

  /** After all that anybody has shown, and all of this start. */
  get nextGeneration(): number {
    return 1 + Math.max(this.#generation, this.#ownGeneration);
  }

  /** Whether others would not take what this start writes. */
  get isOvertaken(): boolean {
    return this.#own !== undefined && this.#generation >= this.#ownGeneration;
  }

  /** Of the newest batch there is; undefined when there is none. */
  get newestHash(): Bytes | undefined {
    const past = this.#past.head;
    const own = this.#own?.head;
    if (past === undefined || own === undefined) return (past ?? own)?.hash;
    return comparePlace(past, own) >= 0 ? past.hash : own.hash;
  }

  /** Whether somebody else signs with this key; it never changes back. */
  get isClone(): boolean {
    return this.#isClone;
  }

  /** Whether nothing is missing that the journal speaks of. */
  get isWhole(): boolean {
    const { head } = this.#past;
    return head !== undefined && comparePlace(head, this.#found.place) >= 0;
  }

  /**
   * Where to ask a peer from that shows this place of the own document;
   * undefined when there is nothing to learn from it.
   */
  wants(shown: RowPlace): RowPlace | undefined {
    const head = this.#past.head ?? noPlace;
    if (comparePlace(shown, head) <= 0) return undefined;
    const { generation, seq } = shown;
    const isOwn = generation === this.#ownGeneration &&
      seq <= (this.#own?.head?.seq ?? 0);
    return isOwn ? undefined : head;
  }

  /** This start writes a generation of its own from now on. */
  open(generation: number, session: Uint8Array): void {
    this.#hasYielded ||= this.#rivals.size > 0;
    this.#ownGeneration = generation;
    this.#own ??= BatchRow.empty;
    this.#ownSessions.add(session.toHex());
  }

  /** This start has signed and stored a batch. */
  published(stored: StoredBatch): void {
    this.#own = (this.#own ?? BatchRow.empty).with(stored);
    this.#ownHashes.add(stored.hash.toHex());
    const [oldest] = this.#ownHashes;
    if (this.#ownHashes.size > hashesMax && oldest !== undefined) {
      this.#ownHashes.delete(oldest);
    }
  }

  /** "known" when the head alone tells; the signature is open. */
  judgeHead(head: BatchHead): "known" | undefined {
    if (this.#past.isKnown(head)) return "known";
    const isOfThisStart = head.generation === this.#ownGeneration &&
      this.#own?.isKnown(head) === true;
    return isOfThisStart ? "known" : undefined;
  }

  /** Takes an own batch whose signature was verified. */
  take(stored: StoredBatch): Judgement {
    if (this.#isOfThisStart(stored)) return "known";
    const judgement = this.#past.judge(stored);
    this.#generation = Math.max(this.#generation, stored.batch.generation);
    if (judgement === "gap") return "gap";
    // Two earlier starts contradict each other: what came first stays, and a
    // generation after both of them replaces it.
    if (judgement !== "new") return "known";
    this.#past = this.#past.with(stored);
    const fresh = [stored, ...this.#fill()];
    this.#note([stored]);
    this.#handler.onAhead(fresh);
    return "new";
  }

  /** Takes the batches of a verified proof: their generation is void. */
  fork(batches: readonly StoredBatch[]): Judgement {
    const generation = batches[0]?.batch.generation ?? 0;
    const isOver = generation < this.#ownGeneration ||
      (this.#own === undefined && generation < this.#generation);
    this.#generation = Math.max(this.#generation, generation);
    if (isOver) return "known";
    const foreign = batches.filter((one) => !this.#isOfThisStart(one));
    const fresh: StoredBatch[] = [];
    for (const stored of foreign) {
      if (this.#past.judge(stored) !== "new") continue;
      this.#past = this.#past.with(stored);
      fresh.push(stored);
    }
    this.#note(foreign);
    this.#handler.onAhead(fresh);
    return "new";
  }

  /**
   * Admins have had everybody drop what is at or before `place`. This start
   * writes on after it: from a base that others take, or in a generation that
   * is still to be opened.
   */
  forgotten(place: RowPlace): void {
    const [base] = this.#own?.batches ?? [];
    if (base !== undefined && comparePlace(base.batch, place) > 0) return;
    this.#generation = Math.max(this.#generation, place.generation);
    if (this.isOvertaken) this.#handler.onAhead([]);
  }

  /** What the journal kept after its gap, when a peer has filled that. */
  #fill(): readonly StoredBatch[] {
    const filled: StoredBatch[] = [];
    for (const stored of this.#found.rest) {
      const { head } = this.#past;
      const isNext = stored.batch.generation === head?.generation &&
        stored.batch.seq === head.seq + 1;
      if (!isNext || this.#past.judge(stored) !== "new") continue;
      this.#past = this.#past.with(stored);
      filled.push(stored);
    }
    return filled;
  }

  #isOfThisStart({ batch, hash }: StoredBatch): boolean {
    if (!this.#ownSessions.has(batch.session.toHex())) return false;
    if (batch.generation !== this.#ownGeneration) return true;
    // A virtual machine that was set back continues its own session.
    const head = this.#own?.head;
    if (head === undefined || batch.seq > head.seq) return false;
    const held = this.#own?.batches.find((one) => one.batch.seq === batch.seq);
    return held === undefined || held.hash.toHex() === hash.toHex();
  }

  /**
   * Who wrote beside this start is taken for an earlier one: once. What builds
   * on a batch of this start, or comes after its newest generation again, was
   * written by somebody who lives.
   */
  #note(foreign: readonly StoredBatch[]): void {
    if (this.#own === undefined) return;
    for (const { batch } of foreign) {
      if (batch.generation < this.#ownGeneration) continue;
      const session = batch.session.toHex();
      const isOther = !this.#ownSessions.has(session);
      const isAgain = this.#hasYielded && !this.#rivals.has(session);
      const isBuiltOnThis = this.#ownHashes.has(batch.prev.toHex());
      if (isAgain || (isOther && isBuiltOnThis)) {
        if (!this.#isClone) {
          this.#isClone = true;
          this.#handler.onClone();
        }
        return;
      }
      this.#rivals.add(session);
    }
  }
}
