// What the pool and the program of a seed thread tell each other, and what both
// must know of a module: messages, faults, budget. The main thread imports this
// and neither guest nor wasm, whose code would lie there unused.

export { Budget } from "./budget.ts";
export * from "./errors.ts";
export {
  callableFunctions,
  isCallable,
  moduleFormFault,
  rewriterVersion,
} from "./functions.ts";
export { Mail } from "./mail.ts";
export * from "./messages.ts";
export type { ModuleCaps, ModulePlan } from "../wasm/mod.ts";
