// The state of the cluster as signed batches over owners' documents. Changes
// and foreign batches go in, a view comes out; in between lie the journal and
// Loro. It holds this node's own document and those of everybody whom rights
// name. Nothing here touches the network.

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
export type {
  DocumentBatch,
  NewDocument,
  StateDocument,
} from "./state_document.ts";
export { NewerFormatError } from "./journal_file.ts";
export {
  openOwnerState,
  OwnerState,
  type StateChange,
  type StateConfig,
  type StateNeeds,
} from "./owner_state.ts";
export type { StateReport } from "./state_report.ts";
export {
  certificateKeys,
  certificateValue,
  leftKey,
  type NodeRecord,
  nodeRecordKey,
} from "./node_entries.ts";
export {
  Archive,
  type ArchiveConfig,
  type ArchivedState,
  type ArchiveNeeds,
  type PastState,
} from "./archive.ts";
export type { EntryChange } from "./changes.ts";
export type { HistoryNeeds, HistoryQuery, NotedChange } from "./history.ts";
export type { HistoryPage } from "./history_page.ts";
export type {
  GapReason,
  HistoryBatch,
  HistoryGap,
  HistoryRecord,
} from "./history_record.ts";
export type { ForkProof } from "./fork.ts";
export { noSeed } from "./seed_address.ts";
export { comparePlace, type OwnerHead, type OwnerPlace } from "./places.ts";
export type { Acceptance } from "./arrivals.ts";
export type { BatchHandler, ForkHandler } from "./listeners.ts";
export type { AdminHead, DocumentChange } from "./replication.ts";
export {
  type Change,
  type Operation,
  type Section,
  sections,
  type SeedSpec,
} from "./schema.ts";
export type {
  IgnoredEntry,
  NameSection,
  NodeEntry,
  OwnerEntries,
  RawEntry,
  RawSection,
  SeedEntry,
  View,
} from "./views.ts";
