// Guests: running instances of seeds. `serveSeedThread` is the program of a
// sandbox thread, which checks, rewrites and compiles modules, and runs calls
// under limits; messages.ts is what it and the pool tell each other.

export { Budget } from "./budget.ts";
export * from "./errors.ts";
export { Mail } from "./mail.ts";
export * from "./messages.ts";
export { callableFunctions, moduleFormFault } from "./module.ts";
export { serveSeedThread } from "./thread.ts";
export type { ModuleCaps, ModulePlan } from "../wasm/mod.ts";
export {
  pageBytes,
  /** Of what "prepared" gives for keeping: another one is made anew. */
  rewriterVersion,
} from "../wasm/mod.ts";
