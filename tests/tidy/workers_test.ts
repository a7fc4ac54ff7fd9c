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

workers.accepts("the global object as a type of ours, and new members of it", {
  file: "src/adapters/thread_scope.ts",
  source: "const scope = globalThis as unknown as Partial<WorkerScope>;" +
    "function f() { return globalThis as unknown as WorkerScope; }" +
    'Object.defineProperty(globalThis, "process", { value: undefined });' +
    'globalThis.addEventListener("error", f); self.close();',
});

workers.accepts("the one file that starts programs", {
  file: "src/adapters/detached_process.ts",
  source: 'const { spawn } = await import("node:child_process");',
});

workers.refuses("a Worker by any name of the global object", {
  file: "src/adapters/thread_scope.ts",
  source: "new self.Worker(url); new window.Worker(url);" +
    "new global.Worker(url); new self.window.globalThis.Worker(url);",
  says: Array.from({ length: 4 }, () => /makes threads/),
});

workers.refuses("the global object under another name, or handed on", {
  file: "src/adapters/thread_scope.ts",
  source:
    "const here = self; const there = globalThis; let all; all = window;" +
    'Reflect.get(globalThis, "Worker"); make(self as Scope);' +
    '(globalThis as any)["Wor" + "ker"]; (globalThis as Scope)[name];' +
    "const { ...rest } = globalThis; const one = globalThis as any;" +
    "function f() { return globalThis; } const list = [self];",
  says: Array.from({ length: 11 }, () => /makes threads/),
});

workers.refuses("modules by a way round imports", {
  file: "src/adapters/platform.ts",
  source: 'process.getBuiltinModule("worker_threads");' +
    'globalThis.process.getBuiltinModule("worker_threads");' +
    "const host = process; const { process: other } = globalThis;" +
    'import { createRequire } from "node:module";' +
    'import { getBuiltinModule } from "node:process";' +
    'await import("node:" + "worker_threads");' +
    'export * from "node:worker_threads";',
  says: Array.from({ length: 8 }, () => /makes threads/),
});

workers.refuses("this program started again by Node", {
  file: "src/adapters/platform.ts",
  source: 'import { fork } from "node:child_process";' +
    'import cluster from "node:cluster"; await import("child_process");',
  says: Array.from({ length: 3 }, () => /makes threads/),
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
