// Takes Node's `process` global away before any package looks for it. In Deno
// 2.9.6 the first look starts Node's whole process object, which costs 9 ms in
// every process and thread, and some packages look when they are imported.
// Nothing here needs it: node: modules do not use the global. Must be the first
// import of mod.ts.

Object.defineProperty(globalThis, "process", {
  value: undefined,
  configurable: true,
  writable: true,
});
