// Where an owner's document, or its newest record, stands: a place. Places come
// from anybody and prove nothing; they say who has more than whom. What is said
// most often names an owner by its prefix, the first 8 bytes of its id. Nothing
// here knows what stands at a place.

import { type Bytes, limits, type PeerId } from "../kernel/mod.ts";

/** Ordered by generation, then by seq. */
export type Place = { readonly generation: number; readonly seq: number };

/** How far one owner's document reaches. */
export type OwnerPlace = Place & { readonly owner: PeerId };

/** Equal digests of one owner mean equal documents. */
export type OwnerHead = OwnerPlace & { readonly digest: Bytes };

/** A place as most messages have it. */
export type PlaceItem = Place & {
  /** The first 16 hex digits of its owner's id. */
  readonly prefix: string;
};

/** A place with what tells two documents at one place apart. */
export type HeadItem = PlaceItem & { readonly digest: Bytes };

/** Before everything. */
export const nowhere: Place = { generation: 0, seq: 0 };

/** The seq of a generation that its owner forked. */
export const voidSeq = limits.stateIntegerMax;

/** Bytes of a prefix. */
export const prefixBytes = 8;

/** Whether `own` comes before `other`. */
export function isBehind(own: Place, other: Place): boolean {
  return own.generation === other.generation
    ? own.seq < other.seq
    : own.generation < other.generation;
}

/** Whether neither comes before the other. */
export function isSamePlace(left: Place, right: Place): boolean {
  return left.generation === right.generation && left.seq === right.seq;
}

/** What names an owner in most messages. */
export function prefixOf(owner: PeerId): string {
  return owner.slice(0, 2 * prefixBytes);
}
