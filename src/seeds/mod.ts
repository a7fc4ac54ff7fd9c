// Seeds: WASM modules that run on request. `SeedCalls` finds and follows calls,
// `SeedPool` gives each a thread and an end, `serveSeedThread` is the program
// of such a thread, where the Extism host (guest.ts) runs one instance a call.

export * from "./calls.ts";
export * from "./errors.ts";
export { hostSeed, type SeedVersion } from "./hosted.ts";
export type { SeedSetup } from "./messages.ts";
export { type ModuleFacts, moduleFormFault } from "./module.ts";
export { parseSeedOptions, type SeedOptions } from "./options.ts";
export { type PoolNeeds, type SeedLogLine, SeedPool } from "./pool.ts";
export { serveSeedThread } from "./thread.ts";
export type { CallReport } from "./statistics.ts";
export type { CallJob, HostedSeed } from "./thread_handle.ts";
export { isFunctionName, type SeedTarget } from "./uri.ts";
