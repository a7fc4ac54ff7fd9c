// The state of the cluster as signed batches over owners' documents. Changes
// and foreign batches go in, a view comes out; in between lie the journal and
// Loro. It holds this node's own document and those of all admins; formats and
// views are made for more. Nothing here touches the network.

export {
  type Batch,
  BatchError,
  type BatchTrust,
  encodeBatch,
  encodeSignedBatch,
  type HybridTime,
  parseBatch,
  parseSignedBatch,
  signBatch,
  type SignedBatch,
} from "./batches.ts";
export type { RowPlace } from "./batch_row.ts";
export { OwnerDocument } from "./document.ts";
export { NewerFormatError } from "./journal_file.ts";
export {
  openOwnerState,
  OwnerState,
  type StateConfig,
  type StateNeeds,
  type StateReport,
} from "./owner_state.ts";
export {
  certificateKeys,
  certificateValue,
  type NodeRecord,
  nodeRecordKey,
} from "./node_entries.ts";
export type { Acceptance } from "./replicas.ts";
export type { AdminHead, BatchHandler } from "./replication.ts";
export {
  type Change,
  type Operation,
  type Section,
  sections,
  type SeedSpec,
} from "./schema.ts";
export {
  type EntriesView,
  type IgnoredEntry,
  type OwnerEntries,
  Projector,
  type SeedEntry,
  type View,
} from "./views.ts";
