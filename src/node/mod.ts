// One node: `openNode` joins all parts over the ports it is given. Whoever runs
// a node (the daemon, the simulator) gets here all that it needs of it, the
// files of its identity included.

export type { Decision } from "../admission/mod.ts";
export {
  type Certificate,
  createCluster,
  type Denial,
  isInitialised,
  type Membership,
  type NodeIdentity,
  openIdentity,
  readMembership,
} from "../identity/mod.ts";
export {
  type MemberStanding,
  type NodeInspection,
  NodeMembers,
  type NodePing,
  type NodeRow,
} from "./members.ts";
export type { NodeLiveness, NodeWork } from "./presence.ts";
export {
  type DocumentDifference,
  type DocumentsReport,
  type ForgottenNode,
  type HistoryWish,
  type NodeDifference,
  NodeDocuments,
} from "./node_documents.ts";
export type { NodeAlarm } from "./alarms.ts";
export { type LocalCall, Node, type NodeConfig, openNode } from "./node.ts";
export type { SeedEntry } from "../state/mod.ts";
export type { NameHolder } from "./seed_names.ts";
export type {
  PublishedFacts,
  PublishOptions,
  SeedInspection,
  SeedReport,
} from "./node_seeds.ts";
export type { MeshSettings } from "./node_mesh.ts";
