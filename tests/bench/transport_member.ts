// A node of the transport's benches as a process of its own: it prints its id
// and its port, and serves one protocol that swallows frames. Asked on stdin for
// "links <port> <count>" it opens so many members more, which all dial a node.

import { openClock } from "../../src/adapters/clock.ts";
import { openNetwork } from "../../src/adapters/network.ts";
import { openRandom } from "../../src/adapters/random.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import { type PeerId, utf8Text } from "../../src/kernel/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import type { FrameStream, Protocol } from "../../src/transport/mod.ts";
import {
  LabCluster,
  type LabMember,
  never,
  openMember,
} from "../unit/transport_cluster.ts";

/** Swallows frames, and answers at their end. */
export const sink: Protocol = {
  ...{ id: 210, name: "bench-sink", frameBytesMax: 1024 * 1024, streamsMax: 8 },
};

export const needs = {
  clock: openClock(),
  log: { debug() {}, info() {}, warn() {}, error() {} },
  network: openNetwork(),
  random: openRandom(),
  signer: openSigner(),
};

/** The same keys in each process, which are no secret here. */
export function openCluster(): LabCluster {
  return new LabCluster({ clock: needs.clock, random: openSimRandom(1) });
}

/** A member with a key of its own. */
export function openBenchMember(cluster: LabCluster): Promise<LabMember> {
  const key = needs.signer.privateKey(needs.random.bytes(32));
  return openMember(needs, cluster, { key });
}

async function swallow(stream: FrameStream): Promise<void> {
  let frame = await stream.read();
  while (frame !== undefined) frame = await stream.read();
  await stream.write(1, new Uint8Array(1));
  await stream.end();
}

/** "links <port> <count> <peer>". */
async function obey(cluster: LabCluster, line: string): Promise<void> {
  const [verb, port, count, peer] = line.split(" ");
  if (verb !== "links") return;
  const to = { ip: "127.0.0.1", port: Number(port) };
  for (let i = 0; i < Number(count); i++) {
    const { transport } = await openBenchMember(cluster);
    await transport.dial(peer as PeerId, to, { signal: never });
  }
  console.log("done");
}

async function main(): Promise<void> {
  const cluster = openCluster();
  const member = await openBenchMember(cluster);
  member.transport.serve(sink, swallow);
  console.log(`${member.peer} ${member.transport.local.port}`);
  for await (const chunk of Deno.stdin.readable) {
    await obey(cluster, (utf8Text(chunk) ?? "").trim());
  }
  Deno.exit(0);
}

if (import.meta.main) await main();
