// The first call of a module that no thread has: from its bytes, or from what
// the cache on disk keeps of it; with the pool's threads running, or with none.

import type { Bytes } from "../../src/kernel/mod.ts";
import { type Figures, median } from "./figures.ts";
import { type BenchModule, cEcho, goEcho } from "./seeds_modules.ts";
import { RealPool } from "./seeds_pool.ts";

const rounds = 5;
/** The longest of both ways, by whether the threads run already. */
const warmTarget = [50, "ms"] as const;
const coldTarget = [65, "ms"] as const;

export async function benchCold(figures: Figures): Promise<void> {
  const modules = [cEcho, ...(goEcho === undefined ? [] : [goEcho])];
  for (const module of modules) {
    for (const isCached of [true, false]) {
      const from = isCached ? "from the cache" : "from its bytes";
      const name = `cold call: ${module.name}, ${from}`;
      const warm = await coldMs(module, { isCached, isWarm: true });
      figures.atMost(`${name}, threads running`, warm, warmTarget);
      const cold = await coldMs(module, { isCached, isWarm: false });
      figures.atMost(`${name}, no thread`, cold, coldTarget);
    }
  }
}

type Cold = { readonly isCached: boolean; readonly isWarm: boolean };

async function coldMs(
  module: BenchModule,
  { isCached, isWarm }: Cold,
): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < rounds; i++) {
    const directory = await Deno.makeTempDir({ prefix: "pln-cold-" });
    try {
      if (isCached) await fill(module, directory);
      await using pool = new RealPool({ cores: 2, directory });
      // It starts the worker, and the standby that prepares modules.
      if (isWarm) await firstCall(pool, { ...cEcho, bytes: other });
      const startMs = performance.now();
      await firstCall(pool, module);
      samples.push(performance.now() - startMs);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }
  return median(samples);
}

/** As the C module, with a custom section: another digest. */
const other: Bytes = Uint8Array.of(...cEcho.bytes, 0, 2, 1, 0x78);

/** Leaves the rewritten module in the cache. */
async function fill(module: BenchModule, directory: string): Promise<void> {
  await using pool = new RealPool({ cores: 2, directory });
  await firstCall(pool, module);
}

async function firstCall(
  pool: RealPool,
  { bytes, fn, inputOf }: BenchModule,
): Promise<void> {
  await pool.call(pool.host(bytes), fn, { input: inputOf(100) });
}
