// The exchange of admins' batches between nodes with real state, over links in
// memory and virtual time. In: what admins publish, links that come and go, and
// peers that lie. Out: what everybody then knows, and who was closed.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { type Bytes, limits, type PeerId } from "../../src/kernel/mod.ts";
import {
  doneMessage,
  headsMessage,
  kinds,
  needMessage,
} from "../../src/gossip/messages.ts";
import type { OwnerPlace } from "../../src/gossip/places.ts";
import { openSimClock, openWorld, type World } from "../../src/sim/mod.ts";
import { closeCodes, type Link, protocols } from "../../src/transport/mod.ts";
import {
  connect,
  type Connected,
  ExchangeNode,
  LabTransport,
  type LinkSide,
} from "./gossip_lab.ts";
import {
  denyChange,
  forgeBatch,
  newAdminNode,
  newMemberNode,
  rowOf,
  type StateNode,
} from "./replicas_lab.ts";
import { RightsLab } from "./rights_lab.ts";

const turn = openTurn();
const never = new AbortController().signal;

type Stage = {
  readonly world: World;
  readonly lab: RightsLab;
  open(machine: StateNode): Promise<ExchangeNode>;
};

/** Plays in virtual time; all nodes are disposed after it. */
function play(name: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test(name, async () => {
    const world = openWorld(1, { turn });
    const lab = new RightsLab();
    const nodes: ExchangeNode[] = [];
    const open = async (machine: StateNode) => {
      machine.clock = openSimClock(world, { name: machine.peer });
      const state = machine.authority === undefined
        ? await machine.open()
        : await machine.openAdmin();
      const node = new ExchangeNode(world, machine, state);
      nodes.push(node);
      return node;
    };
    await world.complete((async () => {
      await run({ world, lab, open });
      for (const node of nodes) await node[Symbol.asyncDispose]();
    })());
  });
}

function denialsOf(node: ExchangeNode): number {
  return node.state.view().rights.denials.length;
}

/** Resolves when `node` knows so many denials. */
function untilDenials(node: ExchangeNode, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const look = () => void (denialsOf(node) === count && resolve());
  node.state.onChange(look);
  look();
  return promise;
}

function wait(world: World, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(delayMs, resolve);
  return promise;
}

play("R11 a new link brings denials before it settles", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const node = await open(newMemberNode(lab));
  const revoked = lab.newPeer().peer;
  await admin.state.publish([denyChange(revoked)]);
  const { near } = connect(world, node, { far: admin });
  assert.equal(denialsOf(node), 0);
  await node.gossip.settle(near, never);
  assert.equal(node.state.view().rights.denialOf(revoked)?.by, admin.peer);
});

play("R11 who has not heard hears it from any peer first", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const told = await open(newMemberNode(lab));
  const node = await open(newMemberNode(lab));
  const revoked = await open(newMemberNode(lab));
  const first = connect(world, told, { far: admin });
  await told.gossip.settle(first.near, never);
  first.cut();
  // The revoked key reaches a node that has not heard, and is let in.
  const { near } = connect(world, node, { far: revoked });
  await node.gossip.settle(near, never);
  assert.equal(node.state.view().rights.denialOf(revoked.peer), undefined);
  await admin.state.publish([denyChange(revoked.peer)]);
  const again = connect(world, told, { far: admin });
  await told.gossip.settle(again.near, never);
  // A third node brings it: the admin itself is out of reach.
  const heard = untilDenials(node, 1);
  connect(world, node, { far: told });
  await heard;
  assert.ok(node.state.view().rights.denialOf(revoked.peer));
});

play("a link whose peer knows nothing more settles at once", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const node = await open(newMemberNode(lab));
  const startMs = world.nowMs;
  const link = connect(world, admin, { far: node });
  await admin.gossip.settle(link.near, never);
  await node.gossip.settle(link.far, never);
  const again = connect(world, admin, { far: node });
  await node.gossip.settle(again.far, never);
  assert.ok(world.nowMs - startMs <= 25, "one exchange of 5 ms each way");
});

play("what is published reaches everybody over others", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const chain = [admin];
  for (let count = 0; count < 4; count++) {
    const next = await open(newMemberNode(lab));
    connect(world, chain.at(-1) ?? admin, { far: next });
    chain.push(next);
  }
  const last = chain.at(-1) ?? admin;
  await untilAdmins(last);
  const startMs = world.nowMs;
  const heard = untilDenials(last, 1);
  await admin.state.publish([denyChange(lab.newPeer().peer)]);
  await heard;
  assert.equal(world.nowMs - startMs, 20, "pushed, 5 ms a hop");

  function untilAdmins(node: ExchangeNode): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    node.state.onChange(() => {
      if (node.state.view().rights.admins.length > 0) resolve();
    });
    return promise;
  }
});

play("a batch does not go back to whom it came from", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const node = await open(newMemberNode(lab));
  connect(world, admin, { far: node });
  await wait(world, 100);
  const returned: string[] = [];
  const accept = admin.state.accept.bind(admin.state);
  admin.state.accept = async (bytes) => {
    const outcome = await accept(bytes);
    returned.push(outcome);
    return outcome;
  };
  const heard = untilDenials(node, 3);
  for (let count = 0; count < 3; count++) {
    await admin.state.publish([denyChange(lab.newPeer().peer)]);
  }
  await heard;
  await wait(world, 100);
  assert.deepEqual(returned, []);
});

play("what is pushed before its base is asked for", async (stage) => {
  const { lab, open } = stage;
  const admin = newAdminNode(lab);
  await using state = await admin.openAdmin();
  await state.publish([denyChange(lab.newPeer().peer)]);
  const row = rowOf(state, admin.peer);
  const node = await open(newMemberNode(lab));
  const { peer, link } = handMade(stage, node);
  const asked = Promise.withResolvers<OwnerPlace>();
  peer.transport.serve(protocols.state, async (stream) => {
    for (;;) {
      const frame = await stream.read();
      if (frame?.kind !== needMessage.kind) continue;
      asked.resolve(needMessage.decode(frame.body, { bytesMax: 100 }));
      for (const bytes of row) {
        await stream.write(kinds.batch, bytes);
      }
    }
  });
  const heard = untilDenials(node, 1);
  const [, deny = new Uint8Array()] = row;
  await peer.speak(link.far, [[kinds.batch, deny]]);
  assert.deepEqual(await asked.promise, {
    ...{ owner: admin.peer, generation: 0, seq: 0 },
  });
  await heard;
});

play("settling waits until what came is stored", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const node = await open(newMemberNode(lab));
  await admin.state.publish([denyChange(lab.newPeer().peer)]);
  const accept = node.state.accept.bind(node.state);
  node.state.accept = async (bytes) => {
    await wait(world, 500); // a slow disk
    return await accept(bytes);
  };
  const { near } = connect(world, node, { far: admin });
  await node.gossip.settle(near, never);
  assert.equal(denialsOf(node), 1);
});

/** A member that speaks by hand; its streams are not read unless told. */
class HandMade implements LinkSide {
  readonly transport = new LabTransport();
  readonly rightsHeads = [];

  constructor(readonly peer: PeerId) {}

  async speak(
    link: Link,
    frames:
      | AsyncIterable<readonly [number, Bytes]>
      | Iterable<
        readonly [number, Bytes]
      >,
  ): Promise<void> {
    const stream = await link.openStream(protocols.state, never);
    for await (const [kind, body] of frames) await stream.write(kind, body);
  }
}

function handMade(stage: Stage, node: ExchangeNode) {
  const { lab, world } = stage;
  const peer = new HandMade(lab.newPeer().peer);
  const link = connect(world, node, { far: peer });
  return { peer, link };
}

async function endOf(link: Connected): Promise<number | undefined> {
  const end = await link.near.ended;
  return end.type === "closed" ? end.code : undefined;
}

play("a peer that never reads holds up nobody else", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const node = await open(newMemberNode(lab));
  const { peer, link } = handMade(stage, admin);
  peer.transport.serve(protocols.state, () => wait(world, 3_600_000));
  connect(world, admin, { far: node });
  const heard = untilDenials(node, 300);
  for (let count = 0; count < 300; count++) {
    await admin.state.publish([denyChange(lab.newPeer().peer)]);
  }
  await heard;
  assert.equal(link.closedWith(), undefined, "slow is no crime");
});

play("a slow peer gets heads again, and then all it lacks", async (stage) => {
  const { lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const { peer } = handMade(stage, admin);
  const seen: number[] = [];
  const start = Promise.withResolvers<void>();
  const caughtUp = Promise.withResolvers<void>();
  peer.transport.serve(protocols.state, async (stream) => {
    await start.promise;
    for (;;) {
      const frame = await stream.read();
      if (frame === undefined) return;
      seen.push(frame.kind);
      if (frame.kind !== headsMessage.kind) continue;
      const { heads } = headsMessage.decode(frame.body, { bytesMax: 9_000 });
      if (heads[0]?.seq === admin.state.heads()[0]?.seq) caughtUp.resolve();
    }
  });
  for (let count = 0; count < 500; count++) {
    await admin.state.publish([denyChange(lab.newPeer().peer)]);
  }
  start.resolve();
  await caughtUp.promise;
  const pushed = seen.filter((kind) => kind === kinds.batch).length;
  assert.ok(pushed < 400, `${pushed} of 500 were kept for it`);
  assert.equal(seen.filter((kind) => kind === headsMessage.kind).length, 2);
});

play("a peer that asks for ever is closed", async (stage) => {
  const { lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const { peer, link } = handMade(stage, admin);
  const body = needMessage.encode({
    ...{ owner: admin.peer, generation: 0, seq: 0 },
  });
  let answers = 0;
  peer.transport.serve(protocols.state, () => Promise.resolve());
  const asking = (async () => {
    const stream = await link.far.openStream(protocols.state, never);
    const reading = (async () => {
      while (await stream.read() !== undefined) answers++;
    })();
    try {
      for (;;) await stream.write(needMessage.kind, body);
    } finally {
      await Promise.allSettled([reading]);
    }
  })();
  await assert.rejects(asking, { code: "PLN_UNREACHABLE" });
  assert.equal(await endOf(link), closeCodes.quota);
  const most = 2 * (limits.exchangeRequestsMax + 64);
  assert.ok(answers > 0 && answers < most, `${answers} frames`);
});

play("a peer that asks and never reads is answered once", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  for (let count = 0; count < 60; count++) {
    await admin.state.publish([
      denyChange(lab.newPeer().peer),
      ...Array.from({ length: 10 }, () => denyChange(lab.newPeer().peer)),
    ]);
  }
  let asked = 0;
  const since = admin.state.batchesSince.bind(admin.state);
  admin.state.batchesSince = (owner, place) => {
    asked++;
    return since(owner, place);
  };
  const { peer, link } = handMade(stage, admin);
  const body = needMessage.encode({
    ...{ owner: admin.peer, generation: 0, seq: 0 },
  });
  void peer.speak(
    link.far,
    Array.from({ length: 200 }, () => [needMessage.kind, body] as const),
  );
  await wait(world, 60_000);
  assert.ok(asked <= 4, `${asked} answers were begun`);
  assert.equal(link.closedWith(), undefined);
});

play("R01 batches of who is no admin end the link", async (stage) => {
  const { lab, open } = stage;
  const node = await open(newMemberNode(lab));
  const { peer, link } = handMade(stage, node);
  const stranger = newAdminNode(new RightsLab("another"));
  await using state = await stranger.openAdmin();
  const [bytes = new Uint8Array()] = rowOf(state, stranger.peer);
  function* frames() {
    for (let count = 0; count < 100; count++) {
      yield [kinds.batch, bytes] as const;
    }
  }
  const speaking = peer.speak(link.far, frames());
  assert.equal(await endOf(link), closeCodes.quota);
  await Promise.allSettled([speaking]);
  const { refusedBatches } = node.state.report();
  assert.ok(refusedBatches >= limits.exchangeRefusedMax);
  assert.ok(node.log.events.includes("gossip.peer_closed"));
});

play("S17 kinds of a newer version are skipped", async (stage) => {
  const { lab, open } = stage;
  const admin = newAdminNode(lab);
  await using state = await admin.openAdmin();
  await state.publish([denyChange(lab.newPeer().peer)]);
  const node = await open(newMemberNode(lab));
  const { peer, link } = handMade(stage, node);
  const heard = untilDenials(node, 1);
  const row = rowOf(state, admin.peer);
  await peer.speak(link.far, [
    [99, new Uint8Array(10)],
    [250, new Uint8Array()],
    ...row.map((bytes) => [kinds.batch, bytes] as const),
  ]);
  await heard;
});

const malformed: readonly [string, number, Bytes][] = [
  ["heads that are none", headsMessage.kind, Uint8Array.of(0x01)],
  ["an empty need", needMessage.kind, new Uint8Array()],
  ["a need of 2^53", needMessage.kind, needOf(2 ** 53)],
  ["an announcement cut short", kinds.announce, new Uint8Array(9)],
  ["a want of 2^53", kinds.want, new Uint8Array(30).fill(0xff)],
  ["too few digests", kinds.digests, new Uint8Array(511)],
  ["a follow that is none", kinds.follow, Uint8Array.of(0x80)],
  ["a record over its limit", kinds.record, new Uint8Array(2_000)],
  ["an end with more in it", doneMessage.kind, Uint8Array.of(0x82, 1, 2)],
];

function needOf(seq: number): Bytes {
  const owner = "0".repeat(64) as PeerId;
  return needMessage.encode({ owner, generation: 1, seq });
}

for (const [what, kind, body] of malformed) {
  play(`R06 ${what} ends its stream, not the link`, async (stage) => {
    const { world, lab, open } = stage;
    const node = await open(newMemberNode(lab));
    const { peer, link } = handMade(stage, node);
    await peer.speak(link.far, [[kind, body]]);
    await wait(world, 100);
    assert.equal(node.transport.faults.length, 1);
    assert.equal(link.closedWith(), undefined);
  });
}

play("a stream that was lost is opened again", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const { peer } = handMade(stage, admin);
  let streams = 0;
  const second = Promise.withResolvers<number>();
  peer.transport.serve(protocols.state, async (stream) => {
    streams++;
    const frame = await stream.read();
    if (streams === 2) second.resolve(frame?.kind ?? 0);
  });
  const startMs = world.nowMs;
  assert.equal(await second.promise, headsMessage.kind);
  assert.ok(world.nowMs - startMs >= limits.exchangeReopenMs);
});

play("settle ends with its signal, and with the link", async (stage) => {
  const { world, lab, open } = stage;
  const node = await open(newMemberNode(lab));
  const peer = new HandMade(lab.newPeer().peer);
  const liar: LinkSide = {
    ...{ peer: peer.peer, transport: peer.transport },
    rightsHeads: [{ admin: lab.newPeer().peer, generation: 5, rev: 9 }],
  };
  const link = connect(world, node, { far: liar });
  const abort = new AbortController();
  const first = node.gossip.settle(link.near, abort.signal);
  await wait(world, 1_000);
  abort.abort();
  await first;
  const second = node.gossip.settle(link.near, never);
  link.cut();
  await second;
});

play("a peer that promises and has nothing settles too", async (stage) => {
  const { world, lab, open } = stage;
  const node = await open(newMemberNode(lab));
  const other = await open(newMemberNode(lab));
  const liar: LinkSide = {
    ...{ peer: other.peer, transport: other.transport },
    rightsHeads: [{ admin: lab.newPeer().peer, generation: 5, rev: 9 }],
  };
  const link = connect(world, node, { far: liar });
  await node.gossip.settle(link.near, never);
});

play("a fork that one node meets is proven to all", async (stage) => {
  const { world, lab, open } = stage;
  const hostile = newAdminNode(lab);
  const state = await hostile.openAdmin();
  await state.publish([denyChange(lab.newPeer().peer)]);
  const [base, deny] = rowOf(state, hostile.peer);
  assert.ok(base && deny);
  const fork = forgeBatch(hostile, deny, {
    changes: { hlc: { wallMs: 1, counter: 1 } },
  });
  await state[Symbol.asyncDispose]();
  const one = await open(newMemberNode(lab));
  const two = await open(newMemberNode(lab));
  connect(world, one, { far: two });
  const heard = untilDenials(two, 1);
  for (const bytes of [base, deny]) await one.state.accept(bytes);
  await heard;
  assert.equal(await one.state.accept(fork), "known");
  await wait(world, 100);
  for (const { state } of [one, two]) {
    assert.equal(state.placeOf(hostile.peer)?.seq, limits.stateIntegerMax);
    assert.equal(state.view().rights.denials.length, 0, "its batches are void");
    assert.equal(state.report().refusedBatches, 0);
  }
});

play("disposing ends all streams, links stay", async (stage) => {
  const { world, lab, open } = stage;
  const admin = await open(newAdminNode(lab));
  const node = await open(newMemberNode(lab));
  const link = connect(world, admin, { far: node });
  await wait(world, 100);
  await node.gossip[Symbol.asyncDispose]();
  await admin.gossip[Symbol.asyncDispose]();
  await node.gossip.settle(link.far, never);
  assert.equal(link.closedWith(), undefined);
});
