// What a node sends when it is asked: batches of a document, from a place on,
// and the proofs of forks where there are any. The state and a request come in,
// frames come out one by one, each made when the one before was taken, so that
// a slow asker costs nothing but its own stream.

import { emptyBytes, type PeerId } from "../kernel/mod.ts";
import type { Frame } from "../transport/mod.ts";
import { type ComparedState, unlikeBuckets } from "./anti_entropy.ts";
import { doneMessage, kinds } from "./messages.ts";
import type { GossipState, RecordSource } from "./needs.ts";
import { encodeAged, encodeBucketHeads } from "./packed_places.ts";
import {
  isBehind,
  type OwnerPlace,
  type Place,
  type PlaceItem,
  voidSeq,
} from "./places.ts";

type AnsweringState = Pick<
  GossipState,
  "batchesSince" | "forksOf" | "ownerOf" | "placeOf"
>;

/** All that is here of a document after a place. */
function* documentFrames(
  state: AnsweringState,
  owner: PeerId,
  { after }: { readonly after: Place },
): Iterable<Frame> {
  for (const body of state.batchesSince(owner, after)) {
    yield { kind: kinds.batch, body };
  }
  const here = state.placeOf(owner);
  if (here === undefined || !isBehind(after, here)) return;
  const isVoid = here.seq === voidSeq || after.generation < here.generation;
  for (const { first, second } of isVoid ? state.forksOf(owner) : []) {
    yield { kind: kinds.fork, body: first };
    yield { kind: kinds.fork, body: second };
  }
}

/** To a NEED. */
export function* answerNeed(
  state: AnsweringState,
  need: OwnerPlace,
): Iterable<Frame> {
  const { owner } = need;
  yield* documentFrames(state, owner, { after: need });
  yield { kind: kinds.done, body: doneMessage.encode({ owner }) };
}

/** To a WANT. */
export function* answerWant(
  state: AnsweringState,
  items: readonly PlaceItem[],
): Iterable<Frame> {
  for (const item of items) {
    const owner = state.ownerOf(item.prefix);
    if (owner === undefined) continue;
    yield* documentFrames(state, owner, { after: item });
  }
  yield { kind: kinds.wanted, body: emptyBytes };
}

/** To a WANT_RECORDS. */
export function* answerWantRecords(
  state: AnsweringState,
  records: RecordSource | undefined,
  { items, nowMs }: {
    readonly items: readonly PlaceItem[];
    readonly nowMs: number;
  },
): Iterable<Frame> {
  for (const item of items) {
    const owner = state.ownerOf(item.prefix);
    if (owner === undefined || records === undefined) continue;
    const place = records.placeOf(owner);
    const record = records.bytesOf(owner);
    if (place === undefined || record === undefined) continue;
    if (!isBehind(item, place)) continue;
    const body = encodeAged(records.ageMsOf(owner, nowMs), record);
    yield { kind: kinds.record, body };
  }
  yield { kind: kinds.wantedRecords, body: emptyBytes };
}

/** To DIGESTS; looked up when it leaves. */
export function* answerDigests(
  state: ComparedState,
  theirs: readonly Uint8Array[],
): Iterable<Frame> {
  const body = encodeBucketHeads(unlikeBuckets(state, theirs));
  yield { kind: kinds.buckets, body };
}
