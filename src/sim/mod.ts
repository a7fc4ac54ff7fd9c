// The simulator: a world with virtual time and one source of randomness, and
// machines in it whose every port is simulated but the signer. It runs the
// production node and the production seed threads; nothing here is a stand-in
// for them. Tests break machines and look at what is left.

export { openSimClock, SimClock } from "./clock.ts";
export {
  SimCluster,
  type SimClusterOptions,
  type SimInvite,
  type SimMemberOptions,
} from "./cluster.ts";
export {
  isLinked,
  leftOver,
  livenessOf,
  loggedBug,
  lostAt,
  rightsText,
  stateOf,
  unequallyAlive,
  unequalRights,
  unequalViews,
  unlinked,
} from "./cluster_checks.ts";
export {
  type DiskOperation,
  type FaultOptions,
  openSimDisk,
  SimDisk,
  type SimDiskOptions,
} from "./disk.ts";
export type { DiskContent } from "./disk_content.ts";
export type { DiskMachine } from "./disk_mount.ts";
export type {
  DirectoryNode,
  DiskNode,
  DiskTree,
  FileNode,
  NameChange,
  NameEdit,
} from "./disk_tree.ts";
export { openSimHost, type SimHostFigures, SimMachineHost } from "./host.ts";
export { ClusterInvariants } from "./invariants.ts";
export { openSimLog, type SimLog, type SimLogRecord } from "./log.ts";
export { SimMember } from "./member.ts";
export {
  openSimNetwork,
  type SimHost,
  type SimHostCounts,
  type SimHostOptions,
  SimNetwork,
} from "./network.ts";
export type { PathOptions } from "./network_wire.ts";
export {
  initSimNode,
  openSimMachine,
  openSimNode,
  SimMachine,
  type SimMachineOptions,
  SimProcess,
} from "./node.ts";
export {
  openSimOutbound,
  type SimAnswer,
  SimOutbound,
  type SimOutboundOptions,
  type SimServer,
} from "./outbound.ts";
export { openSimRandom } from "./random.ts";
export { play, replay, type Scenario } from "./replay.ts";
export {
  openSimSandbox,
  type SimSandbox,
  type SimSandboxOptions,
  type ThreadProgram,
} from "./sandbox.ts";
export {
  type ClusterScenario,
  type RunOptions,
  runScenario,
  scenarioNodesMax,
  type ScenarioOutcome,
} from "./scenario.ts";
export { clusterScenarios } from "./scenario_list.ts";
export { type Attempted, SeedLedger } from "./seed_ledger.ts";
export { rememberingSigner } from "./signer_cache.ts";
export { openSimSockets, type SimSocketsOptions } from "./sockets.ts";
export { Stage, type StageLine } from "./stage.ts";
export { Trace, type TraceFields } from "./trace.ts";
export { openSimWeb, type SimWebOptions } from "./web.ts";
export { openWorld, SimulationError, type Turn, World } from "./world.ts";
