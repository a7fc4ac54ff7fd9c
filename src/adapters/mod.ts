// The adapters: the ports on Deno, and the only place that touches it. main.ts
// gets the platform of its process here, and a thread its scope. What is
// exported is light to import; the ports themselves load when they open.

import "./quick_start.ts";
export type {
  LaunchedProcess,
  LaunchOptions,
  ProcessEnd,
} from "./detached_process.ts";
export type { DaemonPorts, DaemonPortsOptions } from "./daemon_ports.ts";
export {
  openPlatform,
  type Platform,
  type PlatformOptions,
} from "./platform.ts";
export {
  type EndSignal,
  openTerminal,
  type Terminal,
  type VariableName,
} from "./terminal.ts";
export type { TerminalInput, TerminalOutput } from "./terminal_streams.ts";
export { openThreadScope, runTicker, threadRole } from "./thread_scope.ts";
export type { FileType } from "./user_files.ts";
