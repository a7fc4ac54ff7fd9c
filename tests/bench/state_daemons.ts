// Twenty daemons on loopback, as real processes on this machine: how long a
// publish takes until all of them show it, and what each occupies. In the
// figures of memory nobody hosts a seed yet.

import { ClusterNode } from "../e2e/cluster_lab.ts";
import { example } from "../e2e/lab.ts";
import { type Figures, median } from "./figures.ts";

const daemons = 20;
const rounds = 5;
const lookMs = 10;
/** V8 gives memory back to the system some time after the last work. */
const quietMs = 20_000;

export async function benchDaemons(figures: Figures): Promise<void> {
  await using scope = new AsyncDisposableStack();
  const nodes: ClusterNode[] = [];
  for (let number = 1; number <= daemons; number++) {
    nodes.push(scope.use(await ClusterNode.open(`n${number}`)));
  }
  const [first, ...others] = nodes;
  if (first === undefined) return;
  await first.init();
  const uses = `${others.length}`;
  const token = await first.invite("--publisher", "--uses", uses);
  for (const node of others) await node.join(token);
  for (const node of nodes) await showsMembers(node, daemons);
  await sleep(quietMs);

  const resident = await Promise.all(
    nodes.map(async (node) => (await node.status()).node.residentBytes / 1e6),
  );
  const name = `${daemons} daemons on loopback`;
  figures.atMost(`${name}: the largest`, Math.max(...resident), [120, "MB"]);
  const middle = { unit: "MB" };
  figures.tell(`${name}: the median one`, median(resident), middle);
  console.error(resident.map((megabytes) => megabytes.toFixed(0)).join(" "));

  const module = await Deno.readFile(example("hello"));
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const owner = nodes[(round * 7 + 3) % daemons] ?? first;
    const seed = `round-${round}`;
    const request = { config: {} };
    await owner.lab.client.publishSeed(seed, module, request);
    const startMs = performance.now();
    for (const node of nodes) await showsSeed(node, seed);
    times.push(performance.now() - startMs);
  }
  const worst = Math.max(...times);
  figures.atMost(`${name}: all show a publish`, worst, [2_000, "ms"]);
  const unit = "ms";
  figures.tell(`${name}: all show it, median`, median(times), { unit });
}

async function showsMembers(node: ClusterNode, count: number): Promise<void> {
  await node.lab.until(async () => {
    const { nodes } = await presentOf(node);
    return nodes.length >= count;
  });
}

async function showsSeed(node: ClusterNode, name: string): Promise<void> {
  for (;;) {
    const { seeds } = await presentOf(node);
    if (seeds.some((seed) => seed.name === name)) return;
    await sleep(lookMs);
  }
}

/** The view of all documents that a node has now. */
function presentOf(node: ClusterNode) {
  return node.lab.client.state.past(Date.now());
}

function sleep(delayMs: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delayMs));
}
