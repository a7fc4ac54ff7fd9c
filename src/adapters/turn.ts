// A turn of the machine's event loop, for the simulator: it lets all promise
// work that is ready run to its end before virtual time moves on. In, nothing;
// out, a promise. A MessageChannel would not do: under Deno 2.9.6 its message
// can arrive as promise work itself, before longer chains have ended.

import { setImmediate } from "node:timers";

/** Makes promises that resolve after every microtask that was ready ran. */
export function openTurn(): () => Promise<void> {
  return () => new Promise((resolve) => setImmediate(resolve));
}
