// What two nodes say on a stream of protocol "state". Each opens one stream and
// speaks first on it: HEADS, then NEED for what it lacks and BATCH for what is
// new; the other answers a NEED with BATCHes and DONE. Kinds are append-only;
// those of a newer version are skipped.

import {
  type Bytes,
  concatBytes,
  type Decoded,
  idBytes,
  InputError,
  integerField,
  limits,
  listField,
  type Message,
  message,
  peerField,
  type PeerId,
  peerIdOf,
  rowField,
} from "../kernel/mod.ts";

/** How far one owner's document reaches. */
export type OwnerPlace = {
  readonly owner: PeerId;
  readonly generation: number;
  readonly seq: number;
};

const ownerPlace = {
  owner: peerField,
  generation: integerField(),
  seq: integerField(),
};

/** What the sender holds of admins' documents. */
export const headsMessage: Message<{ heads: readonly OwnerPlace[] }> = message(
  "heads",
  1,
  {
    heads: listField(rowField(ownerPlace), {
      countMax: limits.rightsHeadsMax,
    }),
  },
);

/** Asks for what comes after `seq`; from a base on, when that is needed. */
export const needMessage: Message<OwnerPlace> = message("need", 2, ownerPlace);

/** A signed batch, after its owner's id: see `encodeBatchFrame`. */
export const batchKind = 3;

/** All that the sender has for a NEED was sent. */
export const doneMessage: Message<{ owner: PeerId }> = message("done", 4, {
  owner: peerField,
});

/** What a DONE says. */
export type Done = Decoded<typeof doneMessage>;

/** Bytes of HEADS, NEED and DONE, at most. */
export const requestBytesMax = 8 * 1024;
const ownerBytes = 32;

/** 32 bytes of the owner's id, then the batch as documents keep it. */
export function encodeBatchFrame(owner: PeerId, batch: Uint8Array): Bytes {
  return concatBytes(idBytes(owner), batch);
}

/**
 * The owner is only the sender's claim: the batch itself proves whose it is.
 *
 * @throws {InputError} Too short.
 */
export function parseBatchFrame(
  body: Uint8Array,
): { readonly owner: PeerId; readonly batch: Bytes } {
  if (body.length <= ownerBytes) {
    throw new InputError("A frame with a batch is too short");
  }
  return {
    owner: peerIdOf(body.subarray(0, ownerBytes)),
    batch: new Uint8Array(body.subarray(ownerBytes)),
  };
}
