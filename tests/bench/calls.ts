// `deno task bench calls`: calls of 100 B over one hop on loopback, with the
// other node in a process of its own: with a trivial executor, and with a seed
// on the pool. And how long a single one takes.

import { utf8 } from "../../src/kernel/mod.ts";
import { type BenchNode, openCaller, serverPeer } from "./calls_node.ts";
import { type Figures, median, quantile } from "./figures.ts";

const inFlight = 64;
const roundMs = 1_000;
const rounds = 4;
const singles = 2_000;

export async function benchCalls(figures: Figures): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const script = new URL("./calls_node.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script],
    stdout: "piped",
  }).spawn();
  opened.defer(async () => {
    child.kill("SIGKILL");
    await child.status;
    await child.stdout.cancel();
  });
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  const port = Number(new TextDecoder().decode(value));
  const node = opened.use(await openCaller(port));
  for (const seed of ["echo", "pool"]) {
    const call = callOf(node, seed);
    await rate(call, 300); // warm
    const rates: number[] = [];
    for (let round = 0; round < rounds; round++) {
      rates.push(await rate(call, roundMs));
    }
    const what = seed === "echo" ? "trivial" : "C seed on the pool";
    const best = Math.max(...rates);
    const name = `calls of 100 B over a hop, 64 in flight, ${what}`;
    figures.atLeast(name, best, [20_000, "/s"]);
    const samples: number[] = [];
    for (let at = 0; at < singles; at++) {
      const startMs = performance.now();
      await call();
      samples.push(performance.now() - startMs);
    }
    figures.atMost(`one call over a hop, ${what}`, median(samples), [
      0.3,
      "ms",
    ]);
    const p99 = quantile(samples, 0.99);
    figures.tell(`one call over a hop, ${what}, p99`, p99, { unit: "ms" });
  }
  await benchLarge(figures, node);
}

async function benchLarge(figures: Figures, node: BenchNode): Promise<void> {
  const input = new Uint8Array(4 * 1024 * 1024);
  const to = { peer: serverPeer, seed: "echo", function: "f" };
  const samples: number[] = [];
  for (let at = 0; at < 20; at++) {
    const startMs = performance.now();
    await node.client.call(to, input);
    samples.push(performance.now() - startMs);
  }
  const rate = 2 * input.length / 1e3 / median(samples);
  figures.tell("calls of 4 MiB and back", rate, { unit: "MB/s" });
}

function callOf({ client }: BenchNode, seed: string): () => Promise<unknown> {
  const input = utf8("x".repeat(100));
  const to = { peer: serverPeer, seed, function: "f" };
  return () => client.call(to, input, { timeoutMs: 10_000 });
}

/** Calls a second. */
async function rate(
  call: () => Promise<unknown>,
  lastsMs: number,
): Promise<number> {
  const startMs = performance.now();
  let calls = 0;
  const worker = async () => {
    while (performance.now() - startMs < lastsMs) {
      await call();
      calls++;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return calls / ((performance.now() - startMs) / 1_000);
}
