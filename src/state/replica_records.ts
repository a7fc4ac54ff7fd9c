// Replicas as records of the shared log: what is kept of an owner goes in and
// comes back. What comes back was verified before it was written, and is
// protected by checksums: of each row only the end is verified again, since the
// hashes of the batches pin all before it. Never gives back what its owner did
// not sign.

import { type PeerId, PlnError } from "../kernel/mod.ts";
import type { StoredBatch } from "./batch_row.ts";
import { type BatchTrust, checkSignature, readSignedBatch } from "./batches.ts";
import { contradict, type Fork, forkOf } from "./fork.ts";
import { Generations } from "./generations.ts";
import type { ReplicaItem } from "./replica.ts";
import { recordKinds, type ReplicaRecord } from "./replica_log.ts";

/** A proof takes two records, one after the other. */
export function recordsOf(item: ReplicaItem): readonly ReplicaRecord[] {
  if ("batch" in item) return [{ kind: recordKinds.batch, bytes: item.bytes }];
  const { first, second } = item.proof;
  return [first, second].map((bytes) => ({
    kind: recordKinds.forkHalf,
    bytes,
  }));
}

/** All that is kept of an owner, in an order that gives it again. */
export function recordsOfAll(
  { batches, forks }: Generations,
): readonly ReplicaRecord[] {
  return [...batches, ...forks].flatMap(recordsOf);
}

/** What the records of a log add up to. */
export class RecordReader {
  readonly owners = new Map<PeerId, Generations>();
  /** Records that could not be used. */
  lost = 0;
  readonly #trust: BatchTrust;
  #half: StoredBatch | undefined;

  constructor(trust: BatchTrust) {
    this.#trust = trust;
  }

  /** Takes the records of a log, the oldest first. */
  read(records: readonly ReplicaRecord[]): void {
    for (const record of records) {
      try {
        this.#read(record);
      } catch (cause) {
        if (!(cause instanceof PlnError)) throw cause;
        this.lost++;
      }
    }
    for (const [owner, found] of this.owners) {
      if (!this.#isSigned(found)) {
        this.lost += found.batches.length;
        this.owners.delete(owner);
      }
    }
  }

  #read({ kind, bytes }: ReplicaRecord): void {
    const stored = { ...readSignedBatch(bytes, this.#trust), bytes };
    if (kind === recordKinds.batch) this.#addBatch(stored);
    else if (kind === recordKinds.forkHalf) this.#addHalf(stored);
    else this.lost++;
  }

  #of({ batch: { owner } }: StoredBatch): Generations {
    return this.owners.get(owner) ?? Generations.empty;
  }

  #addBatch(stored: StoredBatch): void {
    const known = this.#of(stored);
    const judgement = known.judge(stored);
    if (judgement === "new") {
      this.owners.set(stored.batch.owner, known.with(stored));
    } else if (judgement !== "known") this.lost++;
  }

  #addHalf(stored: StoredBatch): void {
    const first = this.#half;
    this.#half = stored;
    if (first === undefined || !contradict(first, stored)) return;
    this.#half = undefined;
    const fork: Fork = forkOf([first, stored]);
    const known = this.#of(stored);
    if (!known.isNews(fork)) return;
    checkSignature({ owner: fork.owner, bytes: first.bytes }, this.#trust);
    checkSignature({ owner: fork.owner, bytes: stored.bytes }, this.#trust);
    this.owners.set(fork.owner, known.withFork(fork));
  }

  #isSigned({ row, previous }: Generations): boolean {
    const ends = [row, previous].map(({ batches }) => batches.at(-1));
    try {
      for (const end of ends) {
        if (end === undefined) continue;
        const { batch: { owner }, bytes } = end;
        checkSignature({ owner, bytes }, this.#trust);
      }
      return true;
    } catch (cause) {
      if (cause instanceof PlnError) return false;
      throw cause;
    }
  }
}
