// Examples of what tidy/workers accepts and refuses.
// In: made-up files that never touch the disk. Out: one test per example.
// It must never run the code of an example.

import { testsOf } from "./examples.ts";

const workers = testsOf("workers");

workers.accepts("the one file that makes threads", {
  file: "src/adapters/sandbox.ts",
  source: 'new Worker(url, { deno: { permissions: "none" } });',
});

workers.accepts("a test that shows what a Worker inherits", {
  file: "tests/contracts/sandbox_rights_test.ts",
  source: "new Worker(url);",
});

workers.accepts("types, and names that the file declares itself", {
  file: "src/adapters/thread_scope.ts",
  source: 'import type { Worker as Thread } from "node:worker_threads";' +
    "function end(worker: Worker, all: Thread[]) { worker.terminate(all); }" +
    "class Pool { Worker = 1; } function f(Worker) { return new Worker(); }" +
    "const scope = globalThis as unknown as WorkerScope; scope.close();",
});

workers.refuses("a Worker made by another adapter or by main.ts", {
  file: "src/adapters/thread_scope.ts",
  source: 'new Worker(url); new globalThis.Worker(url, { deno: "none" });' +
    "const { Worker: Thread } = globalThis; const make = Worker;" +
    "class Ticker extends Worker {}",
  says: Array.from({ length: 5 }, () => /Only src\/adapters\/sandbox.ts makes/),
});

workers.refuses("a Worker in main.ts", {
  file: "main.ts",
  source: "new Worker(import.meta.url);",
  says: [/makes threads/],
});

workers.refuses("Node's way to make threads", {
  file: "src/adapters/platform.ts",
  source: 'import { Worker } from "node:worker_threads";' +
    'await import("worker_threads");',
  says: [/makes threads/, /makes threads/],
});
