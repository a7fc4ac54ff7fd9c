// Guests: running instances of seeds. `serveSeedThread` is the program of a
// sandbox thread, which checks, rewrites and compiles modules, and runs calls
// under limits. The main thread of a node never imports this.

export { serveSeedThread } from "./thread.ts";
