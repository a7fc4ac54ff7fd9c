// Where an owner's document stands, as nodes compare it. Places come in and go
// out; none of them proves anything. A place is (generation, seq): a void
// generation stands at `voidSeq`, ahead of every other place of it and behind
// the next one.

import { type Bytes, limits, type PeerId } from "../kernel/mod.ts";
import type { RowPlace } from "./batch_row.ts";

/** How far a document reaches, or what somebody has of it. */
export type OwnerPlace = RowPlace & { readonly owner: PeerId };

/** Equal digests mean the same stored document. */
export type OwnerHead = OwnerPlace & {
  /** 8 bytes, over all that is stored of it. */
  readonly digest: Bytes;
};

/** The seq of a generation that its owner forked; no batch has it. */
export const voidSeq = limits.stateIntegerMax;

/** Before everything there is. */
export const noPlace: RowPlace = { generation: 0, seq: 0 };

/** Below 0 when `left` is behind `right`, 0 when they are one place. */
export function comparePlace(left: RowPlace, right: RowPlace): number {
  return left.generation - right.generation || left.seq - right.seq;
}
