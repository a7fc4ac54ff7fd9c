// What a node's durable state tells people and metrics about itself: counts,
// places and faults. Plain values of one moment go out. No secret is ever in it,
// and nothing here is decided.

import type { IgnoredEntry } from "./views.ts";

/** Of this moment, or of this start where a member says so. */
export type StateReport = {
  /** Of this start; on the disk from its first publish on. */
  readonly generation: number;
  /** Batches of this generation; 0 before the first publish. */
  readonly seq: number;
  readonly entries: number;
  readonly journalBytes: number;
  /** Torn end that the start cut off: never acknowledged writes. */
  readonly droppedTailBytes: number;
  /** Damaged places that the start found in the journal. */
  readonly corruptRecords: number;
  /** Documents of others that are held. */
  readonly replicas: number;
  /** Batches of others that were refused since the start. */
  readonly refusedBatches: number;
  /** Of these: two of one owner with one number. */
  readonly forks: number;
  /** Put off: their owners sent more than is taken. */
  readonly deferredBatches: number;
  /** Documents in memory whose owners nobody has named. */
  readonly waiting: number;
  /** Entries of this node's own that are stored but do not fit this version. */
  readonly ignoredEntries: readonly IgnoredEntry[];
  /** Entries of other admins that were met and count for nothing. */
  readonly ignoredOfOthers: number;
  /** Whether another node publishes with this node's key. */
  readonly isCloned: boolean;
  /** What an operator has to know: loss, or why the newest write failed. */
  readonly fault?: string;
  readonly faultHint?: string;
};
