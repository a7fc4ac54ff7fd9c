// `deno task bench seeds`: what the issue of metering and isolation demands, on
// the production pool and real workers. A second argument picks one part:
// throughput, cold, limits or metering.

import type { Figures } from "./figures.ts";
import { benchCold } from "./seeds_cold.ts";
import { benchLimits } from "./seeds_limits.ts";
import { benchMetering } from "./seeds_metering.ts";
import { benchThroughput } from "./seeds_throughput.ts";

const parts = {
  throughput: benchThroughput,
  cold: benchCold,
  limits: benchLimits,
  metering: benchMetering,
} as const;

export async function benchSeeds(figures: Figures): Promise<void> {
  const wanted = Deno.args[1];
  for (const [name, bench] of Object.entries(parts)) {
    if (wanted === undefined || wanted === name) await bench(figures);
  }
}
