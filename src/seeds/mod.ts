// Seeds: WASM modules that run on request. `SeedCalls` finds and follows calls,
// `SeedPool` gives each a thread and an end, and keeps modules ready. What runs
// inside the threads is the guest folder's.

export {
  type Isolation,
  type ModuleFacts,
  SaturatedError,
  SeedError,
  type SeedReason,
} from "../threads/mod.ts";
export * from "./calls.ts";
export type { Caller } from "./flow.ts";
export {
  type DirectoryNeeds,
  HostedSeeds,
  type PublishedSpec,
} from "./directory.ts";
export { type HostedSeed, hostSeed, type SeedVersion } from "./hosted.ts";
export {
  parseSeedOptions,
  type SeedOptions,
  type SeedSettings,
} from "./options.ts";
export type { CallJob } from "./pending_call.ts";
export { type PoolNeeds, type SeedLogLine, SeedPool } from "./pool.ts";
export type { SeedEgress } from "./relay.ts";
export type { RemoteCallOptions, RemoteCalls } from "./remote_calls.ts";
export type { CallCounts, CallReport, SeedFailure } from "./statistics.ts";
export type { PublishedSeed, SeedDirectory } from "./targets.ts";
export type { SeedTarget } from "./uri.ts";
export type { SeedUsage } from "./usage.ts";
