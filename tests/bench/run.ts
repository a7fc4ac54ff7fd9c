// `deno task bench`: figures with their targets, as JSON with the machine
// described. It asserts nothing about time; a figure that misses its target says
// so in "met". `deno task bench processes` runs real processes, like a user's;
// `deno task bench seeds` runs seeds on the pool, in this process;
// `deno task bench state` measures documents and how they spread,
// `deno task bench transport` frames, QUIC and authentication, and
// `deno task bench calls` calls between two nodes.

import { utf8 } from "../../src/kernel/mod.ts";
import { example, Lab } from "../e2e/lab.ts";
import { Figures, median } from "./figures.ts";
import { benchCalls } from "./calls.ts";
import { benchSeeds } from "./seeds.ts";
import { benchState } from "./state.ts";
import { benchTransport } from "./transport.ts";

const figures = new Figures();

async function times(
  count: number,
  run: () => Promise<unknown>,
): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const startMs = performance.now();
    await run();
    samples.push(performance.now() - startMs);
  }
  return median(samples);
}

async function version(): Promise<void> {
  await using lab = await Lab.open();
  await lab.must(["version"]);
  const ms = await times(15, () => lab.must(["version"]));
  figures.atMost("pln version", ms, [40, "ms"]);
}

async function start(): Promise<void> {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  const samples: number[] = [];
  for (let i = 0; i < 7; i++) {
    const startMs = performance.now();
    const daemon = await lab.startDaemon();
    samples.push(performance.now() - startMs);
    if (i === 6) {
      await new Promise((resolve) => setTimeout(resolve, 3_000));
      const { node } = await lab.client.status();
      figures.atMost("idle daemon, no seeds", node.residentBytes / 1e6, [
        110,
        "MB",
      ]);
    }
    daemon.kill("SIGTERM");
    await daemon.status;
  }
  figures.atMost("daemon ready after start", median(samples), [400, "ms"]);
}

async function coldCall(): Promise<void> {
  await using lab = await Lab.open();
  const module = new URL("../../examples/echo-go/echo.wasm", import.meta.url);
  try {
    await Deno.stat(module);
  } catch {
    console.error("skip cold call: build it with deno task examples echo-go");
    return;
  }
  await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  await lab.must(["seed", module.pathname, "echo"]);
  await lab.must(["down"]);
  const samples: number[] = [];
  for (let i = 0; i < 5; i++) {
    await lab.startDaemon();
    const { client } = lab;
    const hello = { seed: "hello", function: "greet" };
    await client.call(hello, utf8('{"name":"world"}'));
    const startMs = performance.now();
    await client.call({ seed: "echo", function: "echo" }, utf8("x"));
    samples.push(performance.now() - startMs);
    await lab.must(["down"]);
  }
  figures.atMost("cold call of a 2.3 MB module", median(samples), [60, "ms"]);
}

async function throughput(): Promise<void> {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  const { client } = lab;
  const target = { seed: "hello", function: "greet" };
  const input = utf8('{"name":"world"}');
  const calls = 20_000;
  const rates: number[] = [];
  for (let round = 0; round < 5; round++) {
    let left = calls;
    const worker = async () => {
      while (left-- > 0) await client.call(target, input);
    };
    const startMs = performance.now();
    await Promise.all(Array.from({ length: 32 }, worker));
    rates.push(calls / ((performance.now() - startMs) / 1000));
  }
  const rate = median(rates.slice(1));
  figures.atLeast("calls by one client, 32 in flight", rate, [
    10_000,
    "calls/s",
  ]);
}

async function processes(): Promise<void> {
  for (const measure of [version, start, coldCall, throughput]) {
    await measure();
  }
}

const benches = {
  processes,
  seeds: () => benchSeeds(figures),
  state: () => benchState(figures),
  transport: () => benchTransport(figures),
  calls: () => benchCalls(figures),
};
const wanted = Deno.args[0];
if (wanted !== undefined && !Object.hasOwn(benches, wanted)) {
  console.error(`There is no bench "${wanted}": ${Object.keys(benches)}`);
  Deno.exit(2);
}
for (const [name, bench] of Object.entries(benches)) {
  if (wanted === undefined || wanted === name) await bench();
}
console.error(figures.table());
console.log(figures.json());
