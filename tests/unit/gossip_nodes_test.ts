// Nodes that gossip about documents, over links in memory and virtual time: what
// is told to whom and asked of whom, and peers that never stop, never read, or
// make things up. In: what owners publish, and frames by hand. Out: what states
// then hold, and who was closed.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  type Bytes,
  emptyBytes,
  limits,
  type PeerId,
} from "../../src/kernel/mod.ts";
import type { RecordSource } from "../../src/gossip/mod.ts";
import { encodeDigests, kinds } from "../../src/gossip/messages.ts";
import {
  decodePlaces,
  encodeBucketHeads,
  encodePlaces,
} from "../../src/gossip/packed_places.ts";
import { prefixOf } from "../../src/gossip/places.ts";
import { openWorld, type World } from "../../src/sim/mod.ts";
import {
  closeCodes,
  type FrameStream,
  type Link,
  protocols,
} from "../../src/transport/mod.ts";
import {
  connect,
  GossipNode,
  LabTransport,
  type LinkSide,
} from "./gossip_lab.ts";
import { labBatch, LabState, ownerOf } from "./gossip_state_lab.ts";

const turn = openTurn();
const never = new AbortController().signal;

type LabNode = { readonly state: LabState; readonly node: GossipNode };

/** Of a node that holds none, and takes every record for a forged one. */
const records: RecordSource = {
  accept: () => "refused",
  placeOf: () => undefined,
  places: () => [],
  bytesOf: () => undefined,
  ageMsOf: () => 0,
  onRecord: () => ({ [Symbol.dispose]: () => {} }),
};

type Stage = {
  readonly world: World;
  open(number: number): LabNode;
};

/** Plays in virtual time; all nodes are disposed after it. */
function play(name: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test(name, async () => {
    const world = openWorld(1, { turn });
    const nodes: GossipNode[] = [];
    const open = (number: number) => {
      const state = new LabState(ownerOf(number));
      const node = new GossipNode(world, state.self, { state, records });
      nodes.push(node);
      return { state, node };
    };
    await world.complete((async () => {
      await run({ world, open });
      for (const node of nodes) await node[Symbol.asyncDispose]();
    })());
  });
}

function wait(world: World, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(delayMs, resolve);
  return promise;
}

/** A member that speaks by hand, and keeps the frames that it is sent. */
class HandMade implements LinkSide {
  readonly transport = new LabTransport();
  readonly rightsHeads = [];
  readonly peer: PeerId = ownerOf(900);
  readonly frames: { readonly kind: number; readonly body: Uint8Array }[] = [];
  /** Streams that the node opened, to answer on. */
  readonly streams: FrameStream[] = [];
  onFrame: (kind: number, body: Uint8Array, stream: FrameStream) => void =
    () => {};

  constructor(options: { readonly isDeaf?: boolean } = {}) {
    this.transport.serve(protocols.state, async (stream) => {
      this.streams.push(stream);
      if (options.isDeaf === true) await Promise.withResolvers().promise;
      for (;;) {
        const frame = await stream.read();
        if (frame === undefined) return;
        this.frames.push(frame);
        this.onFrame(frame.kind, frame.body, stream);
      }
    });
  }

  async speak(link: Link): Promise<FrameStream> {
    return await link.openStream(protocols.state, never);
  }

  count(kind: number): number {
    return this.frames.filter((frame) => frame.kind === kind).length;
  }
}

function item(owner: PeerId, seq: number) {
  return { prefix: prefixOf(owner), generation: 1, seq };
}

/** Writes the same frame until the link is closed. @returns How often. */
async function flood(
  stream: FrameStream,
  kind: number,
  { body }: { readonly body: Bytes },
): Promise<number> {
  let count = 0;
  try {
    for (;; count++) await stream.write(kind, body);
  } catch {
    return count;
  }
}

play(
  "a change is told to neighbours and fetched by each once",
  async (stage) => {
    const { world, open } = stage;
    const [one, two, three] = [open(1), open(2), open(3)];
    connect(world, one.node, { far: two.node });
    connect(world, two.node, { far: three.node });
    connect(world, three.node, { far: one.node });
    await wait(world, 1_000);
    one.state.publish();
    await wait(world, 1_000);
    for (const { state } of [two, three]) {
      assert.equal(state.placeOf(ownerOf(1))?.seq, 1);
      assert.deepEqual([...state.came.values()], [1]);
    }
  },
);

play("a new link brings both what they lack at once", async (stage) => {
  const { world, open } = stage;
  const [one, two] = [open(1), open(2)];
  for (let owner = 10; owner < 200; owner++) {
    const { state } = owner % 2 === 0 ? one : two;
    const place = { owner: ownerOf(owner), generation: 1, seq: 1 };
    state.put(labBatch(place));
  }
  connect(world, one.node, { far: two.node });
  await wait(world, 500);
  assert.equal(one.state.digest, two.state.digest);
  const came = [...one.state.came.values(), ...two.state.came.values()];
  assert.deepEqual(new Set(came), new Set([1]));
});

play("rights are pushed at once, past what waits", async (stage) => {
  const { world, open } = stage;
  const [one, two] = [open(1), open(2)];
  for (const { state } of [one, two]) state.admins.add(ownerOf(1));
  connect(world, one.node, { far: two.node });
  await wait(world, 1_000);
  const startMs = world.nowMs;
  const { promise, resolve } = Promise.withResolvers<number>();
  two.state.onBatch(() => resolve(world.nowMs));
  one.state.publish();
  assert.equal(await promise - startMs, 5, "one way of 5 ms, and no question");
});

play(
  "rights come in the middle of a long answer to the same peer",
  async (stage) => {
    const { world, open } = stage;
    const [one, two] = [open(1), open(2)];
    for (const { state } of [one, two]) state.admins.add(ownerOf(2));
    const big = { owner: ownerOf(50), generation: 1, seq: 1 };
    for (let owner = 50; owner < 80; owner++) {
      const place = { ...big, owner: ownerOf(owner) };
      one.state.put(labBatch(place, { sizeBytes: 200_000 }));
    }
    // One frame at a time is under way: 30 of them take 3 s.
    connect(world, one.node, { far: two.node, latencyMs: () => 100 });
    await wait(world, 1_000);
    assert.ok(two.state.came.size < 30, "the answer is under way");
    two.state.publish();
    await wait(world, 110);
    assert.equal(one.state.placeOf(ownerOf(2))?.seq, 1);
  },
);

play(
  "a document that differs at one place proves a fork to both",
  async (stage) => {
    const { world, open } = stage;
    const [one, two, three] = [open(1), open(2), open(3)];
    const place = { owner: ownerOf(50), generation: 1, seq: 1 };
    one.state.put(labBatch(place, { variant: 1 }));
    two.state.put(labBatch(place, { variant: 2 }));
    connect(world, one.node, { far: two.node });
    connect(world, two.node, { far: three.node });
    await wait(world, 10_000);
    for (const { state } of [one, two, three]) {
      assert.equal(state.placeOf(place.owner)?.seq, limits.stateIntegerMax);
      assert.deepEqual(state.refused, []);
    }
    assert.equal(one.state.digest, three.state.digest);
  },
);

play(
  "S20 what its only holder does not bring blocks nothing else",
  async (stage) => {
    const { world, open } = stage;
    const { node, state } = open(1);
    const peer = new HandMade();
    const link = connect(world, node, { far: peer });
    peer.onFrame = (kind, body, stream) => {
      if (kind !== kinds.want) return;
      for (const { prefix } of decodePlaces(body, { countMax: 100 })) {
        if (prefix !== prefixOf(ownerOf(60))) continue;
        const place = { owner: ownerOf(60), generation: 1, seq: 1 };
        void stream.write(kinds.batch, labBatch(place));
      }
      void stream.write(kinds.wanted, emptyBytes);
    };
    const stream = await peer.speak(link.far);
    const body = encodePlaces([item(ownerOf(50), 7), item(ownerOf(60), 1)]);
    await stream.write(kinds.announce, body);
    await wait(world, 1_000);
    assert.equal(state.placeOf(ownerOf(60))?.seq, 1);
    const { unfilled, wanted } = node.gossip.report();
    assert.deepEqual({ unfilled, wanted }, { unfilled: 1, wanted: 0 });
  },
);

play("places that never come cost few questions", async (stage) => {
  const { world, open } = stage;
  const { node } = open(1);
  const peer = new HandMade();
  const link = connect(world, node, { far: peer });
  peer.onFrame = (kind, _, stream) => {
    if (kind === kinds.want) void stream.write(kinds.wanted, emptyBytes);
  };
  const stream = await peer.speak(link.far);
  for (let round = 0; round < 600; round++) {
    const items = Array.from(
      { length: 10 },
      (_, index) => item(ownerOf(100 + index), 1 + round),
    );
    await stream.write(kinds.announce, encodePlaces(items));
    await wait(world, 100);
  }
  assert.ok(peer.count(kinds.want) <= 10, `${peer.count(kinds.want)} wants`);
  assert.equal(link.closedWith(), undefined);
});

play(
  "a peer that is asked and silent is asked no more than others",
  async (stage) => {
    const { world, open } = stage;
    const [one, two] = [open(1), open(2)];
    const peer = new HandMade();
    const liar = connect(world, one.node, { far: peer });
    await wait(world, 500);
    const stream = await peer.speak(liar.far);
    const place = { owner: ownerOf(50), generation: 1, seq: 1 };
    await stream.write(kinds.announce, encodePlaces([item(place.owner, 1)]));
    await wait(world, 10);
    connect(world, two.node, { far: one.node });
    two.state.put(labBatch(place));
    await wait(world, limits.gossipWantMsMax + 200);
    assert.equal(one.state.placeOf(place.owner)?.seq, 1);
  },
);

const foreverKinds: readonly [string, number, Bytes][] = [
  [
    "digests",
    kinds.digests,
    encodeDigests(
      Array.from({ length: 64 }, () => new Uint8Array(8)),
    ),
  ],
  [
    "wants of what nobody has",
    kinds.want,
    encodePlaces([item(ownerOf(70), 1)]),
  ],
  ["announcements", kinds.announce, encodePlaces([item(ownerOf(70), 1)])],
  ["wants of records", kinds.wantRecords, encodePlaces([item(ownerOf(1), 0)])],
  ["news of records", kinds.records, encodePlaces([item(ownerOf(1), 9)])],
  ["answers that nobody asked for", kinds.wanted, emptyBytes],
  [
    "buckets that nobody asked for",
    kinds.buckets,
    encodeBucketHeads({
      buckets: [],
      heads: [],
    }),
  ],
  ["records that nobody signed", kinds.record, new Uint8Array(200)],
  ["kinds of a newer version", 200, new Uint8Array(10)],
];

for (const [what, kind, body] of foreverKinds) {
  play(`a peer that sends ${what} for ever is closed`, async (stage) => {
    const { world, open } = stage;
    const { node, state } = open(1);
    state.publish();
    const peer = new HandMade();
    const link = connect(world, node, { far: peer });
    const stream = await peer.speak(link.far);
    const reading = (async () => {
      while (await stream.read() !== undefined);
    })();
    const count = await flood(stream, kind, { body });
    await Promise.allSettled([reading]);
    assert.equal(link.closedWith(), closeCodes.quota);
    assert.ok(count > 7, `${count} frames`);
    assert.ok(node.log.events.includes("gossip.peer_closed"));
  });
}

play("a peer that never reads holds up nobody else", async (stage) => {
  const { world, open } = stage;
  const [one, two] = [open(1), open(2)];
  const deaf = new HandMade({ isDeaf: true });
  const link = connect(world, one.node, { far: deaf });
  connect(world, one.node, { far: two.node });
  await wait(world, 1_000);
  for (let owner = 1_000; owner < 3_000; owner++) {
    one.state.put(labBatch({ owner: ownerOf(owner), generation: 1, seq: 1 }));
    if (owner % 20 === 0) await wait(world, 1);
  }
  await wait(world, 10_000);
  assert.equal(two.state.placeOf(ownerOf(2_999))?.seq, 1);
  assert.equal(link.closedWith(), undefined, "slow is no crime");
});

play("a peer that wants and never reads is answered once", async (stage) => {
  const { world, open } = stage;
  const { node, state } = open(1);
  const owner = ownerOf(50);
  for (let seq = 1; seq <= 100; seq++) {
    const place = { owner, generation: 1, seq };
    state.put(labBatch(place, { sizeBytes: 10_000 }));
  }
  let asked = 0;
  const since = state.batchesSince.bind(state);
  state.batchesSince = (...args) => {
    asked++;
    return since(...args);
  };
  const peer = new HandMade();
  const link = connect(world, node, { far: peer });
  const stream = await peer.speak(link.far);
  const body = encodePlaces([item(owner, 0)]);
  void (async () => {
    for (let count = 0; count < 200; count++) {
      await stream.write(kinds.want, body);
    }
  })();
  await wait(world, 60_000);
  assert.ok(asked <= 2, `${asked} answers were begun`);
  assert.equal(link.closedWith(), undefined);
});

play(
  "firstHeads waits for what a peer has of the own document",
  async (stage) => {
    const { world, open } = stage;
    const [one, two] = [open(1), open(2)];
    for (let seq = 1; seq <= 3; seq++) {
      two.state.put(labBatch({ owner: ownerOf(1), generation: 4, seq }));
    }
    const link = connect(world, one.node, { far: two.node });
    await one.node.gossip.firstHeads(link.near);
    assert.equal(one.state.placeOf(ownerOf(1))?.seq, 3);
    await two.node.gossip.firstHeads(link.far);
    const again = connect(world, one.node, { far: new HandMade() });
    const waiting = one.node.gossip.firstHeads(again.near);
    again.cut();
    await waiting;
  },
);

play("compare lists whose documents differ", async (stage) => {
  const { world, open } = stage;
  const [one, two] = [open(1), open(2)];
  const link = connect(world, one.node, { far: two.node });
  await wait(world, 10_000);
  assert.deepEqual(await one.node.gossip.compare(link.near, never), []);
  one.state.publish();
  const place = { owner: ownerOf(50), generation: 1, seq: 4 };
  two.state.put(labBatch(place));
  const found = await one.node.gossip.compare(link.near, never);
  const rows = found.map(({ owner, here, there }) => [
    ...[owner, here?.seq, there?.seq],
  ]).sort();
  assert.deepEqual(
    rows,
    [[ownerOf(1), 1, undefined], [prefixOf(place.owner), undefined, 4]].sort(),
  );
});

play(
  "compare says when it is asked too often, and when a link ends",
  async (stage) => {
    const { world, open } = stage;
    const [one, two] = [open(1), open(2)];
    const link = connect(world, one.node, { far: two.node });
    await wait(world, 1_000);
    const asking = async () => {
      for (let count = 0; count < 20; count++) {
        await one.node.gossip.compare(link.near, never);
      }
    };
    await assert.rejects(asking(), { code: "PLN_LIMIT" });
    assert.equal(link.closedWith(), undefined, "the peer was not bothered");
    const silent = connect(world, one.node, { far: new HandMade() });
    const waiting = one.node.gossip.compare(silent.near, never);
    await wait(world, 100);
    silent.cut();
    await assert.rejects(waiting, { code: "PLN_UNREACHABLE" });
  },
);

play(
  "a document put off is asked for when its time has come",
  async (stage) => {
    const { world, open } = stage;
    const [one, two] = [open(1), open(2)];
    connect(world, one.node, { far: two.node });
    await wait(world, 1_000);
    two.state.later.add(ownerOf(1));
    one.state.publish();
    await wait(world, 500);
    assert.equal(two.state.placeOf(ownerOf(1)), undefined);
    two.state.later.clear();
    await wait(world, limits.exchangeLaterMsMin);
    assert.equal(two.state.placeOf(ownerOf(1))?.seq, 1);
  },
);

play(
  "a document that nobody has named is not asked for all the time",
  async (stage) => {
    const { world, open } = stage;
    const [one, two] = [open(1), open(2)];
    connect(world, one.node, { far: two.node });
    two.state.unnamed.add(ownerOf(1));
    one.state.publish();
    await wait(world, 120_000);
    const [times = 0] = two.state.came.values();
    assert.ok(times >= 2 && times <= 12, `${times} times in two minutes`);
  },
);
