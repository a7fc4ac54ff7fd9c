// The command line: argv to exit code (run.ts), and what it needs of the world
// (platform.ts, terminal.ts). Commands lie in commands/, one file a verb, and
// load when they run. It must stay quick to import: `pln version` takes 40 ms.

export * from "./platform.ts";
export * from "./run.ts";
export * from "./terminal.ts";
