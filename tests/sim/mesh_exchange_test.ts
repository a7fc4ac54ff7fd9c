// What linked peers tell each other of third ones: when, what, to whom, and how
// much of it is heard. The far ends are bare transports of the test's.

import assert from "node:assert/strict";
import { emptyBytes, limits, type PeerId } from "../../src/kernel/mod.ts";
import { type PeerRow, PeersMessage } from "../../src/mesh/messages.ts";
import type { NetworkAddress } from "../../src/ports/mod.ts";
import { protocols } from "../../src/transport/protocols.ts";
import { addressNumber, peerNumber } from "../unit/mesh_world.ts";
import { type MeshLab, type MeshNode, meshScenario } from "./mesh_lab.ts";
import { type FakeLink, FakeTransport } from "./mesh_links.ts";

const never = new AbortController().signal;
const bytesMax = protocols.peers.frameBytesMax;

type Heard = { readonly atMs: number; readonly rows: readonly PeerRow[] };

/** A far end that keeps what it hears. */
class Ear {
  readonly heard: Heard[] = [];
  readonly transport: FakeTransport;

  constructor(
    lab: MeshLab,
    about: {
      readonly peer: PeerId;
      readonly at: NetworkAddress;
      readonly said?: readonly NetworkAddress[];
    },
  ) {
    const { world } = lab;
    this.transport = new FakeTransport(lab.network, {
      ...about,
      nowMs: () => world.nowMs,
      hello: () => ({
        ...{ name: "ear", version: "1", authorityKey: emptyBytes },
        addresses: about.said ?? [],
      }),
    });
    this.transport.serve(protocols.peers, async (stream) => {
      const frame = await stream.read();
      if (frame === undefined) return;
      const { rows } = PeersMessage.decode(frame.body, { bytesMax });
      this.heard.push({ atMs: world.nowMs, rows });
    });
  }

  async link(to: MeshNode): Promise<FakeLink> {
    const { transport } = this;
    const link = await transport.dial(to.peer, to.address, { signal: never });
    return link as FakeLink;
  }

  get peersHeard(): readonly PeerId[] {
    return this.heard.flatMap(({ rows }) => rows.map(({ peer }) => peer));
  }

  end(): void {
    this.transport.end("stopped");
  }
}

function ear(lab: MeshLab, number: number): Ear {
  return new Ear(lab, { peer: peerNumber(number), at: addressNumber(number) });
}

async function tell(
  link: FakeLink,
  frames: readonly { readonly kind: number; readonly body: Uint8Array }[],
): Promise<void> {
  await using stream = await link.openStream(protocols.peers);
  for (const { kind, body } of frames) await stream.write(kind, body);
  await stream.end();
  await stream.read();
}

function message(rows: readonly PeerRow[]) {
  return { kind: PeersMessage.kind, body: PeersMessage.encode({ rows }) };
}

meshScenario(
  "a new peer is told of the links there are, at once",
  async (lab) => {
    const node = lab.machine();
    await node.start();
    const [early, late] = [ear(lab, 1), ear(lab, 2)];
    await early.link(node);
    await lab.pause(10_000);
    await late.link(node);
    const linkedMs = lab.world.nowMs;
    await lab.pause(10_000);
    const [first] = late.heard;
    assert.ok(first !== undefined && first.atMs - linkedMs < 100);
    assert.deepEqual(late.peersHeard, [early.transport.peer]);
    assert.deepEqual(early.peersHeard, [late.transport.peer]);
    const [news] = early.heard;
    assert.ok(news !== undefined && news.atMs - linkedMs >= limits.peersTellMs);
    for (const one of [early, late]) one.end();
    await lab.end();
  },
);

meshScenario("news of many links leave together", async (lab) => {
  const node = lab.machine();
  await node.start();
  const first = ear(lab, 1);
  await first.link(node);
  await lab.pause(5_000);
  const others = Array.from({ length: 40 }, (_, at) => ear(lab, 10 + at));
  for (const other of others) await other.link(node);
  await lab.pause(5_000);
  assert.ok(first.heard.length <= 2, `${first.heard.length} messages`);
  assert.equal(new Set(first.peersHeard).size, 40);
  for (const one of [first, ...others]) one.end();
  await lab.end();
}, { worlds: 2 });

meshScenario("64 of many links are told, others to each", async (lab) => {
  const node = lab.machine();
  await node.start();
  const many = Array.from({ length: 150 }, (_, at) => ear(lab, 10 + at));
  for (const one of many) await one.link(node);
  await lab.pause(5_000);
  const [left, right] = [ear(lab, 1), ear(lab, 2)];
  await left.link(node);
  await right.link(node);
  await lab.pause(500);
  for (const { peersHeard } of [left, right]) {
    assert.equal(peersHeard.length, limits.peersToldMax);
  }
  assert.notDeepEqual(left.peersHeard, right.peersHeard);
  for (const one of [...many, left, right]) one.end();
  await lab.end();
}, { worlds: 1 });

meshScenario(
  "a row has where the peer was met, then what it says",
  async (lab) => {
    const node = lab.machine();
    await node.start();
    const met = { ip: "10.5.5.5", port: 7 };
    const said = [
      ...[{ ip: "127.0.0.1", port: 7 }, { ip: "203.0.113.5", port: 7 }],
      ...[{ ip: "ff02::1", port: 7 }, { ip: "10.5.5.6", port: 7 }],
    ];
    const about = new Ear(lab, { peer: peerNumber(1), at: met, said });
    await about.link(node);
    await lab.pause(5_000);
    const far = ear(lab, 2);
    const near = new Ear(lab, {
      peer: peerNumber(3),
      at: { ip: "127.0.0.1", port: 9 },
    });
    await far.link(node);
    await near.link(node);
    await lab.pause(5_000);
    const rowOf = ({ heard }: Ear) =>
      heard.flatMap(({ rows }) => rows)
        .find(({ peer }) => peer === about.transport.peer)?.addresses
        .map(({ ip }) => ip);
    assert.deepEqual(rowOf(far), ["10.5.5.5", "10.5.5.6", "203.0.113.5"]);
    assert.deepEqual(
      rowOf(near),
      ["10.5.5.5", "10.5.5.6", "203.0.113.5", "127.0.0.1"],
      "who is on this machine gets loopback too",
    );
    for (const one of [about, far, near]) one.end();
    await lab.end();
  },
);

meshScenario("what one peer tells is rationed", async (lab) => {
  const node = lab.machine();
  await node.start();
  const liar = ear(lab, 1);
  const link = await liar.link(node);
  const frames = Array.from(
    { length: 20 },
    (_, frame) =>
      message(Array.from({ length: 60 }, (_, at) => {
        const number = 1_000 + frame * 60 + at;
        return { peer: peerNumber(number), addresses: [addressNumber(number)] };
      })),
  );
  for (let again = 0; again < 10; again++) await tell(link, frames);
  const known = node.mesh.peers().length - 1;
  assert.ok(known >= limits.peersToldPerLinkMax, `${known}`);
  assert.ok(known <= limits.peersToldPerLinkMax + 10, `${known}`);
  liar.end();
  await lab.end();
}, { worlds: 1 });

meshScenario(
  "a kind of message from a newer version is skipped",
  async (lab) => {
    const node = lab.machine();
    await node.start();
    const newer = ear(lab, 1);
    const link = await newer.link(node);
    const row = { peer: peerNumber(2), addresses: [addressNumber(2)] };
    const strange = { kind: 200, body: new Uint8Array([1, 2, 3]) };
    await tell(link, [strange, message([row])]);
    assert.ok(node.mesh.peer(row.peer) !== undefined);
    newer.end();
    await lab.end();
  },
);

meshScenario(
  "nobody is told of itself, nor believed about this node",
  async (lab) => {
    const node = lab.machine();
    await node.start();
    const liar = ear(lab, 1);
    const link = await liar.link(node);
    await tell(link, [message([
      { peer: node.peer, addresses: [addressNumber(9)] },
      { peer: liar.transport.peer, addresses: [] },
    ])]);
    await lab.pause(60_000);
    assert.deepEqual(node.mesh.peers().map(({ peer }) => peer), [
      liar.transport.peer,
    ]);
    assert.deepEqual(node.transport?.dialled, []);
    assert.deepEqual(liar.heard, []);
    liar.end();
    await lab.end();
  },
);

meshScenario(
  "a peer whose news make no sense loses its link, a few are forgiven",
  async (lab) => {
    const node = lab.machine();
    await node.start();
    const liar = ear(lab, 1);
    const link = await liar.link(node);
    const peer = peerNumber(7);
    const good = message([{ peer, addresses: [addressNumber(7)] }]);
    const bad = { ...good, body: good.body.subarray(1) };
    for (let count = 0; count < 2; count++) await tell(link, [bad]);
    await tell(link, [good]);
    await lab.pause(100);
    assert.ok(node.mesh.peer(peer) !== undefined, "it is still heard");
    assert.ok(node.transport?.links.has(liar.transport.peer));
    await tell(link, [bad]).catch(() => {});
    await lab.pause(100);
    assert.ok(!node.transport?.links.has(liar.transport.peer));
    const refused = node.log.records
      .filter(({ event }) => event === "peers.frame_refused");
    assert.equal(refused.length, 3);
    liar.end();
    await lab.end();
  },
);
