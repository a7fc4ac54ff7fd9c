// The part of `deno task bench transport` that is about links: how fast nodes
// authenticate, what idle peers and hostile strangers cost in memory, and how
// fast one stream is. The measured node is a process of its own.

import { peerDnsName, type PeerId, utf8 } from "../../src/kernel/mod.ts";
import { anchorPem, issueTlsLeaf } from "../../src/identity/mod.ts";
import type { NetworkAddress, Session } from "../../src/ports/mod.ts";
import { closeCodes, memberProtocol } from "../../src/transport/mod.ts";
import {
  type LabCluster,
  type LabMember,
  never,
} from "../unit/transport_cluster.ts";
import type { Figures } from "./figures.ts";
import {
  needs,
  openBenchMember,
  openCluster,
  sink,
} from "./transport_member.ts";

const dialers = 16;
const dialsEach = 60;
const idlePeers = 500;
const frameBytes = 256 * 1024;
const frames = 2_000;
const floodingSessions = 32;
const floodMs = 3_000;

/** The measured node. */
class Node implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reader: ReadableStreamDefaultReader<string>;
  peer = "" as PeerId;
  address: NetworkAddress = { ip: "127.0.0.1", port: 0 };

  constructor() {
    const script = new URL("./transport_member.ts", import.meta.url).pathname;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", script],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#reader = this.#child.stdout
      .pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open(): Promise<Node> {
    const node = new Node();
    const [peer = "", port] = (await node.line()).split(" ");
    node.peer = peer as PeerId;
    node.address = { ip: "127.0.0.1", port: Number(port) };
    return node;
  }

  async line(): Promise<string> {
    return ((await this.#reader.read()).value ?? "").trim();
  }

  async say(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(utf8(`${text}\n`));
    writer.releaseLock();
  }

  /** Megabytes of memory now ("VmRSS") or at most so far ("VmHWM"). */
  async memory(what: "VmRSS" | "VmHWM"): Promise<number> {
    const path = `/proc/${this.#child.pid}/status`;
    const status = await Deno.readTextFile(path);
    const kilobytes = status.match(new RegExp(`^${what}:\\s+(\\d+) kB`, "m"));
    return Number(kilobytes?.[1]) * 1_024 / 1e6;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.status;
    await this.#reader.cancel();
    await this.#child.stdin.abort().catch(() => undefined);
  }
}

async function openMembers(
  cluster: LabCluster,
  count: number,
): Promise<AsyncDisposable & { readonly members: readonly LabMember[] }> {
  const members: LabMember[] = [];
  for (let i = 0; i < count; i++) members.push(await openBenchMember(cluster));
  return {
    members,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(
        members.map(({ transport }) => transport[Symbol.asyncDispose]()),
      );
    },
  };
}

async function benchConnections(figures: Figures): Promise<void> {
  await using node = await Node.open();
  await using opened = await openMembers(openCluster(), dialers);
  let best = 0;
  for (let round = 0; round < 3; round++) {
    const startMs = performance.now();
    await Promise.all(opened.members.map(async ({ transport }) => {
      for (let i = 0; i < dialsEach; i++) {
        const options = { signal: never };
        const link = await transport.dial(node.peer, node.address, options);
        link.close(closeCodes.shutdown, "");
        await link.ended;
      }
    }));
    const seconds = (performance.now() - startMs) / 1_000;
    best = Math.max(best, dialers * dialsEach / seconds);
  }
  figures.atLeast("authenticated connections", best, [500, "/s"]);
}

async function benchBulk(figures: Figures): Promise<void> {
  await using node = await Node.open();
  await using opened = await openMembers(openCluster(), 1);
  const [member] = opened.members;
  if (member === undefined) throw new Error("one member is open");
  const options = { signal: never };
  const link = await member.transport.dial(node.peer, node.address, options);
  const body = new Uint8Array(frameBytes);
  let best = 0;
  for (let round = 0; round < 4; round++) {
    await using stream = await link.openStream(sink, never);
    const startMs = performance.now();
    const writer = async () => {
      for (let i = 0; i < frames / 2; i++) await stream.write(1, body);
    };
    await Promise.all([writer(), writer()]);
    await stream.end();
    await stream.read();
    const seconds = (performance.now() - startMs) / 1_000;
    best = Math.max(best, frames * frameBytes / 1e6 / seconds);
  }
  figures.atLeast("one bulk stream of a link", best, [300, "MB/s"]);
}

async function benchIdle(figures: Figures): Promise<void> {
  await using node = await Node.open();
  const before = await node.memory("VmRSS");
  await using other = await Node.open();
  await other.say(`links ${node.address.port} ${idlePeers} ${node.peer}`);
  await other.line();
  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const memory = await node.memory("VmRSS");
  figures.tell("memory without peers", before, { unit: "MB" });
  figures.atMost(`memory with ${idlePeers} idle peers`, memory, [200, "MB"]);
}

/** Opens streams and fills them until the node has had enough. */
async function flood(session: Session): Promise<void> {
  const junk = new Uint8Array(64 * 1024);
  while (true) {
    const { writable } = await session.openStream(never);
    const writer = writable.getWriter();
    const writes = Array.from({ length: 32 }, () => writer.write(junk));
    for (const write of writes) write.catch(() => undefined);
    await writes[0];
  }
}

async function benchFlood(figures: Figures): Promise<void> {
  await using node = await Node.open();
  const key = needs.signer.privateKey(needs.random.bytes(32));
  const own = await openBenchMember(openCluster());
  const endpoint = await needs.network.open({ ip: "127.0.0.1", port: 0 }, {
    identity: issueTlsLeaf(needs, { peer: own.peer, key }),
    protocols: [],
  });
  const endMs = performance.now() + floodMs;
  const before = await node.memory("VmRSS");
  let sessions = 0;
  const attack = async () => {
    while (performance.now() < endMs) {
      const session = await endpoint.dial(node.address, {
        serverName: peerDnsName(node.peer),
        anchorPem: anchorPem(needs, node.peer),
        protocols: [memberProtocol],
        signal: never,
      });
      sessions++;
      await flood(session).catch(() => undefined);
      await session[Symbol.asyncDispose]();
    }
  };
  await Promise.all(
    Array.from(
      { length: floodingSessions },
      () => attack().catch(() => undefined),
    ),
  );
  await endpoint[Symbol.asyncDispose]();
  await own.transport[Symbol.asyncDispose]();
  const peak = await node.memory("VmHWM");
  figures.tell("flooding sessions that were closed", sessions, { unit: "" });
  figures.tell("memory before the flood", before, { unit: "MB" });
  const name = `memory under ${floodingSessions} flooding strangers`;
  figures.atMost(name, peak, [300, "MB"]);
}

export async function benchLinks(figures: Figures): Promise<void> {
  await benchConnections(figures);
  await benchBulk(figures);
  await benchIdle(figures);
  await benchFlood(figures);
}
