// Calls a second, and how long one takes: modules of four languages, three
// sizes, all isolations, one worker and two. Also what the issue demands of it.

import type { Bytes } from "../../src/kernel/mod.ts";
import type { HostedSeed } from "../../src/seeds/mod.ts";
import { type Figures, median, quantile } from "./figures.ts";
import { type BenchModule, echoes } from "./seeds_modules.ts";
import { RealPool } from "./seeds_pool.ts";

const sizes: readonly (readonly [name: string, bytes: number])[] = [
  ["100 B", 100],
  ["64 KB", 65_536],
  ["1 MB", 1_048_576],
];
const isolations = ["restore", "fresh", "reuse"] as const;
const rounds = 5;
const roundMs = 300;
const warmMs = 200;

/** Calls/s with isolation "restore" and one worker, by module and size. */
const targets: Readonly<Record<string, number>> = {
  "C, 100 B": 140_000,
  "Go, 100 B": 10_000,
  "Go, 1 MB": 400,
};

export async function benchThroughput(figures: Figures): Promise<void> {
  for (const workers of [1, 2]) {
    await using pool = new RealPool({ cores: workers + 1 });
    for (const module of echoes) {
      for (const isolation of isolations) {
        const seed = pool.host(module.bytes, { isolation });
        for (const [size, bytes] of sizes) {
          const load = new Loading(pool, seed, { module, bytes });
          const name = `${module.name}, ${size}`;
          const more = `${isolation}, ${plural(workers)}`;
          const rate = median(await load.rates());
          const target = targets[name];
          if (
            target !== undefined && isolation === "restore" && workers === 1
          ) {
            figures.atLeast(`calls: ${name}, ${more}`, rate, [target, "/s"]);
          } else {
            figures.tell(`calls: ${name}, ${more}`, rate, { unit: "/s" });
          }
          if (workers === 1) {
            await tellLatency(figures, load, `${name}, ${isolation}`);
          }
        }
        pool.pool.unload(seed.key);
      }
    }
  }
}

function plural(workers: number): string {
  return workers === 1 ? "1 worker" : `${workers} workers`;
}

async function tellLatency(
  figures: Figures,
  load: Loading,
  name: string,
): Promise<void> {
  const samples = await load.latenciesUs();
  figures.tell(`latency p50: ${name}`, median(samples), { unit: "us" });
  figures.tell(`latency p99: ${name}`, quantile(samples, 0.99), { unit: "us" });
}

/** One seed under load, with inputs of one size. */
export class Loading {
  readonly #pool: RealPool;
  readonly #seed: HostedSeed;
  readonly #fn: string;
  readonly #input: Bytes;
  readonly #concurrency: number;

  constructor(
    pool: RealPool,
    seed: HostedSeed,
    { module, bytes }: { readonly module: BenchModule; readonly bytes: number },
  ) {
    this.#pool = pool;
    this.#seed = seed;
    this.#fn = module.fn;
    this.#input = module.inputOf(bytes);
    this.#concurrency = bytes > 500_000 ? 8 : 64;
  }

  /** Of each round, after one to warm up. */
  async rates(): Promise<number[]> {
    await this.#rate(warmMs);
    const rates: number[] = [];
    for (let i = 0; i < rounds; i++) rates.push(await this.#rate(roundMs));
    return rates;
  }

  /** Of calls one after the other. */
  async latenciesUs(): Promise<number[]> {
    const samples: number[] = [];
    const endMs = performance.now() + roundMs * 2;
    while (performance.now() < endMs) {
      const startMs = performance.now();
      await this.call();
      samples.push((performance.now() - startMs) * 1000);
    }
    return samples;
  }

  call(): Promise<Bytes> {
    const input = this.#input.slice();
    return this.#pool.call(this.#seed, this.#fn, { input });
  }

  async #rate(lastsMs: number): Promise<number> {
    const startMs = performance.now();
    const endMs = startMs + lastsMs;
    let calls = 0;
    const caller = async () => {
      while (performance.now() < endMs) {
        await this.call();
        calls++;
      }
    };
    await Promise.all(Array.from({ length: this.#concurrency }, caller));
    return calls / ((performance.now() - startMs) / 1000);
  }
}
