// WebAssembly modules as bytes: what they declare, whether this host runs them,
// and the rewriting that meters them and caps their memory. Bytes in, bytes and
// a plan out; nothing is instantiated here.

export * from "./plan.ts";
export * from "./prepare.ts";
export { ModuleRefusal } from "./refusal.ts";
export { rewriteModule } from "./rewrite.ts";
