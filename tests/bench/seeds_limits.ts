// Guests that never end and guests that wait: when the processor limit ends the
// ones and what calls beside them notice, and what a thousand of the others
// occupy.

import { SeedError } from "../../src/seeds/mod.ts";
import { type Figures, median } from "./figures.ts";
import { cEcho, goEcho, runaway, runaways } from "./seeds_modules.ts";
import { RealPool } from "./seeds_pool.ts";

const rounds = 5;
const cpuMs = 300;
const endTarget = [350, "ms"] as const;
const besideTarget = [20, "ms"] as const;
const loopsAtOnce = 16;
const suspendedTarget = [60, "MB"] as const;

export async function benchLimits(figures: Figures): Promise<void> {
  await benchEach(figures);
  await benchMany(figures);
  await benchSuspended(figures);
}

/** Each kind alone on the worker, which must answer afterwards. */
async function benchEach(figures: Figures): Promise<void> {
  await using pool = new RealPool({ cores: 2 });
  const seed = pool.host(runaway, { cpuMs });
  const beside = pool.host(cEcho.bytes);
  for (const fn of runaways) {
    const samples: number[] = [];
    for (let i = 0; i < rounds; i++) {
      await pool.call(beside, cEcho.fn, { input: cEcho.inputOf(100) });
      samples.push(await endOf(pool, { seed, fn }));
    }
    const name = `runaway "${fn}" with ${cpuMs} ms of processor ends after`;
    figures.atMost(name, Math.max(...samples), endTarget);
  }
}

/** Many at once share one worker; each gets its limit, in slices. */
async function benchMany(figures: Figures): Promise<void> {
  await using pool = new RealPool({ cores: 2 });
  const seed = pool.host(runaway, { cpuMs });
  await pool.pool.load(seed);
  for (const module of [cEcho, ...(goEcho === undefined ? [] : [goEcho])]) {
    const beside = pool.host(module.bytes);
    const call = () =>
      pool.call(beside, module.fn, { input: module.inputOf(100) });
    await call();
    let running = loopsAtOnce;
    const ends = Promise.all(
      Array.from({ length: loopsAtOnce }, async () => {
        const endMs = await endOf(pool, { seed, fn: "loop" });
        running--;
        return endMs;
      }),
    );
    const samples: number[] = [];
    while (running > 0) {
      const startMs = performance.now();
      await call();
      samples.push(performance.now() - startMs);
    }
    const [begins = NaN, ...later] = samples;
    const name =
      `a call of 100 B in ${module.name} beside ${loopsAtOnce} loops`;
    figures.tell(`${name}, p50`, median(later), { unit: "ms" });
    figures.atMost(`${name}, longest`, Math.max(...later), besideTarget);
    figures.atMost(`${name}, posted behind all of them`, begins, besideTarget);
    figures.tell(
      `${loopsAtOnce} loops at once: processor time of the longest`,
      Math.max(...await ends) / loopsAtOnce,
      { unit: "ms" },
    );
  }
}

type Runaway = {
  readonly seed: ReturnType<RealPool["host"]>;
  readonly fn: string;
};

/** When a call that never returns was ended by its limit. */
async function endOf(pool: RealPool, { seed, fn }: Runaway): Promise<number> {
  const startMs = performance.now();
  try {
    await pool.call(seed, fn, { input: new Uint8Array(0) });
  } catch (cause) {
    if (!(cause instanceof SeedError) || cause.reason !== "timeout") {
      throw cause;
    }
    return performance.now() - startMs;
  }
  throw new Error(`"${fn}" ended by itself`);
}

/** In processes of their own: memory that was used before is used again. */
async function benchSuspended(figures: Figures): Promise<void> {
  for (const fn of ["wait", "sleep"]) {
    const samples: number[] = [];
    for (let i = 0; i < rounds; i++) samples.push(await suspendedBytes(fn));
    const name = fn === "wait" ? "that wait for an answer" : "that sleep";
    figures.atMost(
      `1000 calls ${name}, of 16 seeds with 64 calls each at most: memory`,
      median(samples) / 1e6,
      suspendedTarget,
    );
  }
}

async function suspendedBytes(fn: string): Promise<number> {
  const path = (file: string) => new URL(file, import.meta.url).pathname;
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--no-check", "--config", path("../../deno.json")],
      ...[path("seeds_suspended.ts"), fn],
    ],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("The process with suspended calls failed");
  return Number(new TextDecoder().decode(stdout));
}
