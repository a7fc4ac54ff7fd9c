// What two nodes say on a stream of protocol "state". Each opens one stream and
// speaks first on it; the other answers on the same one. HEADS and NEED carry
// what concerns rights, ANNOUNCE and WANT all other documents, DIGESTS and
// BUCKETS find what was missed, RECORDS and WANT_RECORDS are for records. Kinds
// are append-only; those of a newer version are skipped.

import {
  booleanField,
  type Bytes,
  concatBytes,
  type Decoded,
  InputError,
  integerField,
  limits,
  listField,
  type Message,
  message,
  peerField,
  type PeerId,
  rowField,
} from "../kernel/mod.ts";
import { digestBytes } from "./packed_places.ts";
import type { OwnerPlace } from "./places.ts";

const ownerPlace = {
  owner: peerField,
  generation: integerField(),
  seq: integerField(),
};

/** Places beside the admins' in HEADS: the sender's, and the receiver's. */
const headsBeside = 2;

/**
 * What the sender holds of admins' documents; then how far its own reaches, and
 * what it has of the receiver's.
 */
export const headsMessage: Message<{ heads: readonly OwnerPlace[] }> = message(
  "heads",
  1,
  {
    heads: listField(rowField(ownerPlace), {
      countMax: limits.rightsHeadsMax + headsBeside,
    }),
  },
);

/** Asks for what comes after `seq`; from a base on, when that is needed. */
export const needMessage: Message<OwnerPlace> = message("need", 2, ownerPlace);

/** All that the sender has for a NEED was sent. */
export const doneMessage: Message<{ owner: PeerId }> = message("done", 4, {
  owner: peerField,
});

/** What a DONE says. */
export type Done = Decoded<typeof doneMessage>;

/** The sender picked the receiver as a neighbour, or not any more. */
export const followMessage: Message<{ isOn: boolean }> = message("follow", 13, {
  isOn: booleanField,
});

/** Kinds of frames, once and for ever. */
export const kinds = {
  heads: headsMessage.kind,
  need: needMessage.kind,
  /** A signed batch as documents keep it: its head names the owner. */
  batch: 3,
  done: doneMessage.kind,
  /** Places (see `encodePlaces`) that the sender has. */
  announce: 5,
  /** Places that the sender is at: it wants what comes after. */
  want: 6,
  /** A signed batch; two such frames in a row contradict each other. */
  fork: 7,
  /** A digest of 8 bytes for each bucket. */
  digests: 8,
  /** See `encodeBucketHeads`: the buckets that differ, and what is in them. */
  buckets: 9,
  /** Places of records that the sender has. */
  records: 10,
  /** Places of records that the sender is at. */
  wantRecords: 11,
  /** See `encodeAged`: a signed record, and how old it is. */
  record: 12,
  follow: followMessage.kind,
  /** Empty: what the oldest open WANT asks for was sent. */
  wanted: 14,
  /** Empty: what the oldest open WANT_RECORDS asks for was sent. */
  wantedRecords: 15,
} as const;

/** Bytes of HEADS, NEED, DONE and FOLLOW, at most. */
export const requestBytesMax = 8 * 1024;

/** The digests of all buckets in one. */
export function encodeDigests(digests: readonly Bytes[]): Bytes {
  return concatBytes(...digests);
}

/** @throws {InputError} Not one for each bucket. */
export function decodeDigests(body: Uint8Array): readonly Uint8Array[] {
  if (body.length !== limits.stateBuckets * digestBytes) {
    throw new InputError("A message with digests has not all of them");
  }
  return Array.from(
    { length: limits.stateBuckets },
    (_, bucket) =>
      body.subarray(bucket * digestBytes, (bucket + 1) * digestBytes),
  );
}
