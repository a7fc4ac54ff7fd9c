// What two nodes find out about what either missed: first digests of all
// buckets, then the places in those that differ. The state and what the peer
// said come in; out go the answer, or who of both has more of whom. Only owners
// of buckets that differ are looked at. Nothing is sent or stored here.

import { equalBytes } from "../kernel/mod.ts";
import type { GossipState } from "./needs.ts";
import type { BucketHeads } from "./packed_places.ts";
import {
  type HeadItem,
  isBehind,
  isSamePlace,
  type OwnerHead,
  type PlaceItem,
  prefixOf,
} from "./places.ts";

/** What this takes of the state. */
export type ComparedState = Pick<GossipState, "buckets" | "placesOfBucket">;

/** One owner that two nodes have different documents of. */
export type Difference = {
  /** Its id; its first 16 digits, where this node has nothing of it. */
  readonly owner: string;
  readonly here: OwnerHead | undefined;
  readonly there: HeadItem | undefined;
};

/** Who has more of whom. */
export type Comparison = {
  /** The peer has more. */
  readonly behind: readonly PlaceItem[];
  /** This node has more. */
  readonly ahead: readonly PlaceItem[];
  /** Both are at one place, with other documents. */
  readonly unlike: readonly PlaceItem[];
  readonly differences: readonly Difference[];
};

/** What is here in the buckets in which a peer has other digests. */
export function unlikeBuckets(
  state: ComparedState,
  theirs: readonly Uint8Array[],
): BucketHeads {
  const buckets: number[] = [];
  const heads: HeadItem[] = [];
  for (const [bucket, digest] of state.buckets().entries()) {
    const other = theirs[bucket];
    if (other === undefined || equalBytes(digest, other)) continue;
    buckets.push(bucket);
    heads.push(...state.placesOfBucket(bucket).map(headItem));
  }
  return { buckets, heads };
}

/** What to do with such an answer. */
export function compareBuckets(
  state: ComparedState,
  { buckets, heads }: BucketHeads,
): Comparison {
  const mine = new Map<string, OwnerHead>();
  for (const bucket of buckets) {
    for (const head of state.placesOfBucket(bucket)) {
      mine.set(prefixOf(head.owner), head);
    }
  }
  const behind: PlaceItem[] = [];
  const ahead: PlaceItem[] = [];
  const unlike: PlaceItem[] = [];
  const differences: Difference[] = [];
  for (const there of heads) {
    const here = mine.get(there.prefix);
    mine.delete(there.prefix);
    if (here === undefined || isBehind(here, there)) behind.push(there);
    else if (!isSamePlace(here, there)) ahead.push(headItem(here));
    else if (!equalBytes(here.digest, there.digest)) unlike.push(there);
    else continue;
    const owner = here?.owner ?? there.prefix;
    differences.push({ owner, here, there });
  }
  for (const here of mine.values()) {
    ahead.push(headItem(here));
    differences.push({ owner: here.owner, here, there: undefined });
  }
  return { behind, ahead, unlike, differences };
}

function headItem({ owner, generation, seq, digest }: OwnerHead): HeadItem {
  return { prefix: prefixOf(owner), generation, seq, digest };
}
