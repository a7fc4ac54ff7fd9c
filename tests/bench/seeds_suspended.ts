// A process of its own with a thousand calls that wait, for an answer ("wait")
// or for time ("sleep"). Prints how many bytes more it occupies with them than
// before, its threads started and its module loaded in both cases.

import { limits } from "../../src/kernel/mod.ts";
import { waiting } from "./seeds_modules.ts";
import { RealPool } from "./seeds_pool.ts";

const calls = 1000;
/** Of one seed and thread no more than its cap run at once. */
const seeds = Math.ceil(calls / limits.callsPerSeedAndThreadMax);

const fn = Deno.args[0] ?? "wait";
await using pool = new RealPool({ cores: 2 });
const hosted = Array.from({ length: seeds }, () => pool.host(waiting));
for (const seed of hosted) await pool.pool.load(seed);
await settle();
const before = Deno.memoryUsage().rss;

const ending = new AbortController();
let asked = 0;
const ends = Array.from({ length: calls }, async (_, index) => {
  const seed = hosted[index % seeds];
  if (seed === undefined) return;
  await pool.call(seed, fn, {
    input: new Uint8Array(0),
    signal: ending.signal,
    onRequest: () => {
      asked++;
      return new Promise(() => {});
    },
  }).catch(() => undefined);
});
while (fn === "wait" && asked < calls) await pause(10);
await settle();
console.log(Deno.memoryUsage().rss - before);
ending.abort();
await Promise.all(ends);

/** Until what was begun is done; there is no event for it. */
function settle(): Promise<void> {
  return pause(1_000);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
