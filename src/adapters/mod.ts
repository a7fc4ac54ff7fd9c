// The adapters: the ports on Deno, and the only place that touches it. main.ts
// gets the platform of its process here, and a thread its scope. What is
// exported is light to import; the ports themselves load when they open.

import "./quick_start.ts";
export { openPlatform, type PlatformOptions } from "./platform.ts";
export { openTerminal } from "./terminal.ts";
export { openThreadScope, threadRole } from "./thread_scope.ts";
