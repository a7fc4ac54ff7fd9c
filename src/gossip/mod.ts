// How nodes tell each other what they hold: documents of all owners as signed
// batches, rights before everything else, and the newest record of each node.
// Batches go from state to state; nothing here reads what they say.

export type { Difference } from "./anti_entropy.ts";
export { Gossip, type GossipConfig, type GossipReport } from "./gossip.ts";
export { doneMessage, headsMessage, kinds } from "./messages.ts";
export type {
  Contradiction,
  GossipNeeds,
  GossipState,
  GossipTransport,
  Outcome,
  RecordSource,
} from "./needs.ts";
export { encodeAged, encodePlaces } from "./packed_places.ts";
export {
  type HeadItem,
  type OwnerHead,
  type OwnerPlace,
  type Place,
  type PlaceItem,
  prefixOf,
} from "./places.ts";
export {
  type EphemeralRecord,
  isOlderRecord,
  type NodeLoad,
  readRecord,
  type RecordBody,
  recordPeriodMs,
  type RecordPlace,
  type RecordRtt,
  type RecordSigner,
  type SeedLoad,
  signRecord,
} from "./record.ts";
export { fittingBody, recordBytesAt } from "./record_body.ts";
export {
  RecordPublisher,
  type RecordPublisherConfig,
  type Situation,
} from "./record_publisher.ts";
export {
  type HeldRecord,
  type RecordHandler,
  type RecordOutcome,
  RecordStore,
  type RecordStoreConfig,
} from "./record_store.ts";
