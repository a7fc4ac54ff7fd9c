// Meshes over the real transport and the simulated network: keys, handshakes,
// tie-breaks and streams are production's, time and wires are not (SCENARIOS.md
// S01, S33).

import assert from "node:assert/strict";
import { type Mesh, openMesh } from "../../src/mesh/mesh.ts";
import { PeerBook } from "../../src/mesh/peer_book.ts";
import type { MeshRights } from "../../src/mesh/needs.ts";
import { closeCodes } from "../../src/transport/mod.ts";
import type { PrivateKey } from "../../src/ports/mod.ts";
import {
  type Lab,
  type LabNode,
  never,
  scenario,
} from "../unit/transport_lab.ts";

type Member = LabNode & {
  readonly mesh: Mesh;
  readonly book: PeerBook;
};

/** A process of a machine, with what its last one remembered. */
async function start(
  lab: Lab,
  name: string,
  last: { readonly key?: PrivateKey; readonly book?: PeerBook } = {},
): Promise<Member> {
  const book = new PeerBook(last.book?.records());
  const opened: { mesh?: Mesh } = {};
  const node = await lab.node(name, {
    ...(last.key === undefined ? {} : { key: last.key }),
    hello: () => ({ addresses: opened.mesh?.ownAddresses() ?? [] }),
    knownIps: () => book.knownIps(),
  });
  const { peer, transport, clock, log, host } = node;
  const random = lab.world.random.fork(`mesh ${name}`);
  const mesh = opened.mesh = openMesh({ clock, log, random, transport }, {
    self: { peer, name },
    book,
    announce: { ips: [], isPublic: false },
    localIps: () => host.localIps(),
  });
  return { ...node, mesh, book };
}

async function stop(...members: readonly Member[]): Promise<void> {
  for (const { mesh, transport, host } of members) {
    await mesh[Symbol.asyncDispose]();
    await transport[Symbol.asyncDispose]();
    host.kill();
  }
}

function kill({ clock, host }: Member): void {
  clock.kill();
  host.kill();
}

function isFull(members: readonly Member[]): boolean {
  return members.every(({ transport }) =>
    transport.links.size >= members.length - 1 &&
    members.filter(({ peer }) => transport.links.has(peer)).length ===
      members.length - 1
  );
}

async function until(
  lab: Lab,
  withinMs: number,
  isSo: () => boolean,
): Promise<void> {
  const endMs = lab.world.nowMs + withinMs;
  while (!isSo()) {
    assert.ok(lab.world.nowMs < endMs, `it happens within ${withinMs} ms`);
    await lab.pause(20);
  }
}

/** Members that know only the first, joined one after the other. */
async function join(lab: Lab, count: number): Promise<readonly Member[]> {
  const first = await start(lab, "n1");
  const members = [first];
  while (members.length < count) {
    const member = await start(lab, `n${members.length + 1}`);
    member.mesh.note(first.peer, [first.address]);
    members.push(member);
    await lab.pause(200);
  }
  return members;
}

scenario("five nodes that joined by one are a mesh without it", async (lab) => {
  const members = await join(lab, 5);
  await until(lab, 5_000, () => isFull(members));
  const [hub, ...rest] = members as [Member, ...Member[]];
  await lab.pause(5_000);
  for (const { mesh } of members) {
    for (const { state, rttMs, name } of mesh.peers()) {
      assert.equal(state, "connected");
      assert.ok(rttMs !== undefined && name !== undefined);
    }
  }
  kill(hub);
  await lab.pause(60_000);
  assert.ok(isFull(rest), "the others stay linked");
  assert.equal(rest[0]?.transport.links.size, 3);
  const again = await start(lab, "n1", hub);
  await until(lab, 3_000, () => isFull([again, ...rest]));
  await stop(again, ...rest);
}, { seeds: 3 });

scenario(
  "S33: a node comes back by the one peer that did not move",
  async (lab) => {
    const members = await join(lab, 4);
    await until(lab, 5_000, () => isFull(members));
    await lab.pause(5_000);
    const [, away, mover, holder] = members as [Member, Member, Member, Member];
    await stop(away);
    lab.network.setIps("n1", ["10.7.0.1"]);
    lab.network.setIps("n3", ["10.7.0.3"]);
    await lab.pause(600_000);
    const staying = members.filter((one) => one !== away);
    assert.ok(isFull(staying));
    lab.network.setIps("n2", ["10.8.0.2"]);
    const back = await start(lab, "n2", away);
    await until(lab, 30_000, () => isFull([back, ...staying]));
    const known = back.mesh.peer(mover.peer)?.addresses;
    assert.ok(known?.some(({ ip }) => ip === "10.7.0.3"));
    assert.equal(back.mesh.peer(holder.peer)?.state, "connected");
    await stop(back, ...staying);
  },
);

scenario("S01: two sides of a partition find together in 10 s", async (lab) => {
  const members = await join(lab, 4);
  await until(lab, 5_000, () => isFull(members));
  lab.network.partition(["n1", "n2"], ["n3", "n4"]);
  await lab.pause(600_000);
  assert.ok(isFull(members.slice(0, 2)) && isFull(members.slice(2)));
  lab.network.heal();
  await until(lab, 10_000, () => isFull(members));
  await stop(...members);
});

scenario("nodes that dial each other at once keep one link", async (lab) => {
  const members: Member[] = [];
  for (let at = 1; at <= 4; at++) members.push(await start(lab, `n${at}`));
  for (const one of members) {
    for (const other of members) {
      if (one !== other) one.mesh.note(other.peer, [other.address]);
    }
  }
  const all = members.flatMap((one) =>
    members.filter((other) => other !== one)
      .map((other) => one.mesh.connect(other.peer, never))
  );
  await Promise.all(all);
  await lab.pause(5_000);
  assert.ok(isFull(members));
  for (const { mesh } of members) {
    assert.ok(mesh.peers().every(({ state }) => state === "connected"));
  }
  await stop(...members);
}, { seeds: 5 });

scenario("a peer that left for good is dialled no more", async (lab) => {
  const members = await join(lab, 3);
  await until(lab, 5_000, () => isFull(members));
  const [one, , leaver] = members as [Member, Member, Member];
  await leaver.transport.leave();
  await stop(leaver);
  await lab.pause(1_000);
  assert.equal(one.mesh.peer(leaver.peer)?.state, "left");
  await stop(...members.slice(0, 2));
});

scenario("a denied peer is told so, and asks once a minute", async (lab) => {
  const [one, other] = await join(lab, 2) as [Member, Member];
  await until(lab, 5_000, () => isFull([one, other]));
  await lab.pause(60_000);
  const denied: MeshRights = {
    denialOf: (peer) => peer === other.peer ? {} : undefined,
    grantOf: () => undefined,
  };
  one.gatekeeper.denied.add(other.peer);
  one.mesh.setRights(denied);
  one.transport.recheck();
  await lab.pause(30_000);
  assert.equal(one.mesh.peer(other.peer)?.state, "denied");
  const row = other.mesh.peer(one.peer);
  assert.equal(row?.lastError?.outcome, "permission");
  const before = one.transport.report().refusals["denied"] ?? 0;
  await lab.pause(600_000);
  const refusals = (one.transport.report().refusals["denied"] ?? 0) - before;
  assert.ok(refusals >= 8 && refusals <= 11, `${refusals} in 10 minutes`);
  await stop(one, other);
});

scenario("a link that a peer closes is made again", async (lab) => {
  const [one, other] = await join(lab, 2) as [Member, Member];
  await until(lab, 5_000, () => isFull([one, other]));
  await lab.pause(60_000);
  one.transport.links.get(other.peer)?.close(closeCodes.shutdown, "test");
  await lab.pause(2_000);
  assert.ok(isFull([one, other]));
  await stop(one, other);
});
