// The state of the cluster as signed batches over owners' documents. Changes
// go in, a view comes out; in between lie the journal and Loro. This first part
// holds one owner, this node; formats and views are made for many. Nothing here
// touches the network.

export {
  type Batch,
  BatchError,
  encodeBatch,
  encodeSignedBatch,
  type HybridTime,
  parseBatch,
  parseSignedBatch,
  signBatch,
  type SignedBatch,
} from "./batches.ts";
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
  type Change,
  type NodeRecord,
  nodeRecordKey,
  type Operation,
  type Section,
  sections,
  type SeedSpec,
} from "./schema.ts";
export {
  type IgnoredEntry,
  type OwnerEntries,
  Projector,
  type SeedEntry,
  type View,
} from "./views.ts";
