// A proven fork: two batches that one owner signed and that cannot both be in
// one row. Signed bytes come in from anybody, out comes whose generation they
// void. Holds for everybody and for ever, so it depends on nothing but the
// bytes: not on what is stored here, on limits of documents, or on a clock.

import { type Bytes, equalBytes, type PeerId } from "../kernel/mod.ts";
import type { StoredBatch } from "./batch_row.ts";
import {
  BatchError,
  type BatchTrust,
  checkSignature,
  readSignedBatch,
  type SignedBatch,
} from "./batches.ts";

/**
 * Two signed batches of one owner and generation: with one number and unlike
 * bodies, or `second` comes right after `first` and does not build on it.
 */
export type ForkProof = { readonly first: Bytes; readonly second: Bytes };

/** A proof that was verified. */
export type Fork = {
  readonly owner: PeerId;
  readonly generation: number;
  readonly proof: ForkProof;
};

/** Its two batches. */
export type ForkHalves = readonly [first: StoredBatch, second: StoredBatch];

/** Whether one owner cannot honestly have signed both, in this order. */
export function contradict(first: SignedBatch, second: SignedBatch): boolean {
  const [left, right] = [first.batch, second.batch];
  if (left.owner !== right.owner || left.generation !== right.generation) {
    return false;
  }
  if (left.seq === right.seq) return !equalBytes(first.hash, second.hash);
  return left.seq + 1 === right.seq && !equalBytes(right.prev, first.hash);
}

/** The fork that two batches prove whose signatures were verified. */
export function forkOf([first, second]: ForkHalves): Fork {
  const { owner, generation } = first.batch;
  const proof = { first: first.bytes, second: second.bytes };
  return { owner, generation, proof };
}

/**
 * Verifies a proof.
 *
 * @throws {PlnError} It proves nothing.
 */
export function readFork(proof: ForkProof, trust: BatchTrust): ForkHalves {
  const read = (bytes: Bytes): StoredBatch => {
    const signed = readSignedBatch(bytes, trust);
    checkSignature({ owner: signed.batch.owner, bytes }, trust);
    return { ...signed, bytes };
  };
  const halves = [read(proof.first), read(proof.second)] as const;
  if (contradict(...halves)) return halves;
  throw new BatchError("Two batches do not contradict each other");
}
