// What comes faster than it is taken: who is asked for it again, when, and how
// often. In: deferrals by hand with the time, engines with outcomes, and whole
// nodes under an admin that floods them. Out: questions, and what is then known.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { Deferrals } from "../../src/gossip/deferrals.ts";
import { ExchangeEngine } from "../../src/gossip/exchange_engine.ts";
import { doneMessage, kinds, needMessage } from "../../src/gossip/messages.ts";
import type { OwnerPlace } from "../../src/gossip/places.ts";
import {
  type Bytes,
  limits,
  parsePeerId,
  type PeerId,
} from "../../src/kernel/mod.ts";
import { openSimClock, openWorld, type World } from "../../src/sim/mod.ts";
import { type Link, protocols } from "../../src/transport/mod.ts";
import { connect, ExchangeNode, LabTransport } from "./gossip_lab.ts";
import {
  batchOf,
  denyChange,
  newAdminNode,
  newMemberNode,
  nextBatch,
  rowOf,
  type StateNode,
} from "./replicas_lab.ts";
import { RightsLab } from "./rights_lab.ts";

const { exchangeLaterMsMin: firstMs, exchangeLaterMsMax: lastMs } = limits;
const turn = openTurn();

function ownerOf(number: number): PeerId {
  return parsePeerId(number.toString(16).padStart(64, "0"));
}

const owner = ownerOf(1);

/** Deferrals whose questions are answered by hand; times are given once. */
function deferralsAt(startMs = 0) {
  const deferrals = new Deferrals<string>();
  let nowMs = startMs;
  const at = () => ({ nowMs });
  return {
    deferrals,
    to: (timeMs: number) => void (nowMs = timeMs),
    note: (source: string, of = owner) => deferrals.note(of, source, at()),
    answer: (source: string, of = owner) =>
      deferrals.answered(of, source, at()),
    due: () => deferrals.due(nowMs).map(({ source }) => source),
  };
}

Deno.test("what was put off is asked for once, after its time", () => {
  const { deferrals, to, note, due, answer } = deferralsAt();
  assert.equal(deferrals.nextDueMs, undefined);
  note("a");
  note("a");
  assert.equal(deferrals.nextDueMs, firstMs);
  to(firstMs - 1);
  assert.deepEqual(due(), []);
  to(firstMs);
  assert.deepEqual(due(), ["a"]);
  assert.deepEqual(due(), [], "it is under way");
  assert.ok(deferrals.has(owner));
  answer("a");
  assert.ok(!deferrals.has(owner), "all of it was taken");
  assert.equal(deferrals.nextDueMs, undefined);
});

Deno.test("what is still too much is asked for more and more seldom", () => {
  const { deferrals, to, note, due, answer } = deferralsAt();
  note("a");
  let nowMs = 0;
  const waits: number[] = [];
  for (let round = 0; round < 6; round++) {
    const dueMs = deferrals.nextDueMs ?? 0;
    waits.push(dueMs - nowMs);
    nowMs = dueMs;
    to(nowMs);
    assert.deepEqual(due(), ["a"]);
    note("a");
    answer("a");
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
  assert.deepEqual([waits[0], waits.at(-1)], [firstMs, lastMs]);
});

Deno.test("of several peers one is asked at a time, then the next", () => {
  const { deferrals, to, note, due, answer } = deferralsAt();
  for (const source of ["a", "b", "c"]) note(source);
  to(firstMs);
  assert.deepEqual(due(), ["a"]);
  note("b"); // pushes something more: no fault of a's answer
  answer("b"); // was not asked
  assert.deepEqual(due(), []);
  answer("a");
  assert.deepEqual(due(), ["b"], "at once: it may have more");
  note("b");
  answer("b");
  assert.deepEqual(due(), []);
  to(deferrals.nextDueMs ?? 0);
  assert.deepEqual(due(), ["c"], "b comes after it");
  answer("c");
  assert.deepEqual(due(), ["b"]);
  answer("b");
  assert.ok(!deferrals.has(owner));
});

Deno.test("a peer that never answers, or goes, gives way to the next", () => {
  const { deferrals, to, note, due } = deferralsAt();
  for (const source of ["a", "b", "c"]) note(source);
  to(firstMs);
  assert.deepEqual(due(), ["a"]);
  to(firstMs + limits.exchangeAskMsMax);
  assert.deepEqual(due(), ["b"], "a was silent");
  deferrals.leave("b", firstMs + limits.exchangeAskMsMax);
  assert.deepEqual(due(), ["c"]);
  deferrals.leave("c", 0);
  assert.ok(!deferrals.has(owner));
  assert.equal(deferrals.nextDueMs, undefined);
});

Deno.test("owners wait for their own time", () => {
  const { deferrals, to, note, due } = deferralsAt();
  note("a");
  to(500);
  note("b", ownerOf(2));
  to(firstMs);
  assert.deepEqual(due(), ["a"]);
  assert.equal(deferrals.nextDueMs, firstMs + 500);
  to(firstMs + 500);
  assert.deepEqual(due(), ["b"]);
});

/** An engine whose owner may be put off, with what it told of that. */
function engineAt(place: OwnerPlace) {
  const off = new Set<PeerId>();
  const noted: PeerId[] = [];
  const engine = new ExchangeEngine({
    ...{ self: ownerOf(98), peer: ownerOf(99) },
    heads: () => [place],
    placeOf: (one) => one === place.owner ? place : undefined,
  }, {
    has: (one) => off.has(one),
    note: (one) => void noted.push(one),
  });
  const needs = () => {
    let count = 0;
    for (let frame = engine.next(); frame; frame = engine.next()) {
      if (frame.kind === needMessage.kind) count++;
    }
    return count;
  };
  return { engine, off, noted, needs };
}

Deno.test("an owner that is put off is not asked about before its time", () => {
  const { engine, off, noted, needs } = engineAt({
    ...{ owner, generation: 1, seq: 1 },
  });
  engine.accepted(owner, "later", { nowMs: 0 });
  assert.deepEqual([noted, needs()], [[owner], 0]);
  off.add(owner);
  engine.accepted(owner, "gap", { nowMs: 0 });
  engine.start([{ admin: owner, generation: 1, rev: 5 }], 0);
  assert.deepEqual([noted.length, needs()], [3, 0], "it is a source too");
  assert.ok(engine.isSettled, "nobody waits for what is not asked for");
  engine.askAgain(owner, 0);
  assert.equal(needs(), 1);
  engine.answered(owner, 1);
  engine.askAgain(owner, 1);
  assert.equal(needs(), 1, "whenever it is told");
});

Deno.test("gaps behind what was put off are no requests", () => {
  const { engine, off } = engineAt({ owner, generation: 1, seq: 1 });
  off.add(owner);
  for (let count = 0; count < 2 * limits.exchangeRequestsMax; count++) {
    assert.equal(engine.accepted(owner, "gap", { nowMs: 0 }), undefined);
  }
  off.delete(owner);
  let closed = 0;
  for (let count = 0; count < 2 * limits.exchangeRequestsMax; count++) {
    const effect = engine.accepted(owner, "gap", { nowMs: 0 });
    if (effect?.type === "close") closed++;
  }
  assert.equal(closed, limits.exchangeRequestsMax);
});

Deno.test("large batches that are refused close a link sooner", () => {
  const { engine } = engineAt({ owner, generation: 1, seq: 1 });
  const sizeBytes = limits.exchangeRefusedBytesMax / 2;
  const refuse = () =>
    engine.accepted(owner, "refused", { nowMs: 0, sizeBytes });
  assert.equal(refuse(), undefined);
  assert.equal(refuse()?.type, "close");
});

type Stage = {
  readonly world: World;
  readonly lab: RightsLab;
  open(machine: StateNode): Promise<ExchangeNode>;
};

/** Plays in virtual time; all nodes are disposed after it. */
function play(name: string, run: (stage: Stage) => Promise<void>): void {
  Deno.test(name, async () => {
    const world = openWorld(1, { turn });
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
      await run({ world, lab: new RightsLab(), open });
      for (const node of nodes) await node[Symbol.asyncDispose]();
    })());
  });
}

function wait(world: World, delayMs: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  world.after(delayMs, resolve);
  return promise;
}

play(
  "a burst of an honest admin is everywhere a second later",
  async (stage) => {
    const { world, lab, open } = stage;
    const admin = await open(newAdminNode(lab));
    const near = await open(newMemberNode(lab));
    const far = await open(newMemberNode(lab));
    connect(world, admin, { far: near });
    connect(world, near, { far });
    await wait(world, 100);
    for (let count = 0; count < 300; count++) {
      await admin.state.publish([denyChange(lab.newPeer().peer)]);
    }
    const deferred = () => near.state.report().deferredBatches;
    await wait(world, 100);
    assert.ok(deferred() > 0, "it was too much at once");
    await wait(world, 2 * firstMs);
    for (const node of [near, far]) {
      assert.deepEqual(node.state.heads(), admin.state.heads());
      assert.equal(node.state.view().rights.denials.length, 300);
    }
  },
);

/** An admin that makes no bases, and a peer that has all its batches. */
class Flood {
  readonly transport = new LabTransport();
  readonly rightsHeads = [];
  readonly row: Bytes[];
  needs = 0;

  constructor(readonly admin: StateNode, base: Bytes) {
    this.row = [base];
    this.transport.serve(protocols.state, async (stream) => {
      for (;;) {
        const frame = await stream.read();
        if (frame?.kind !== needMessage.kind) continue;
        this.needs++;
        const need = needMessage.decode(frame.body, { bytesMax: 100 });
        for (const bytes of this.row) {
          if (batchOf(admin.lab, bytes).seq <= need.seq) continue;
          await stream.write(kinds.batch, bytes);
        }
        const done = doneMessage.encode({ owner: admin.peer });
        await stream.write(doneMessage.kind, done);
      }
    });
  }

  get peer(): PeerId {
    return this.admin.peer;
  }

  async push(link: Link, batches: readonly Bytes[]): Promise<void> {
    const { signal } = new AbortController();
    const stream = await link.openStream(protocols.state, signal);
    for (const bytes of batches) {
      await stream.write(kinds.batch, bytes);
    }
  }

  add(count: number): readonly Bytes[] {
    const before = this.row.length;
    for (let at = 0; at < count; at++) {
      const [last] = this.row.slice(-1);
      if (last === undefined) break;
      const operations = [{ section: "zzz", key: "a", text: String(at) }];
      this.row.push(nextBatch(this.admin, last, { changes: { operations } }));
    }
    return this.row.slice(before);
  }
}

async function openFlood(lab: RightsLab): Promise<Flood> {
  const admin = newAdminNode(lab);
  await using state = await admin.openAdmin();
  const [base] = rowOf(state, admin.peer);
  assert.ok(base);
  return new Flood(admin, base);
}

play(
  "a flood of batches costs few questions, and none is lost",
  async (stage) => {
    const { world, lab, open } = stage;
    const node = await open(newMemberNode(lab));
    const flood = await openFlood(lab);
    const link = connect(world, node, { far: flood });
    flood.add(limits.ownerBatchesBurstMax + 40);
    const stream = await link.far.openStream(
      protocols.state,
      new AbortController().signal,
    );
    for (const bytes of flood.row) {
      await stream.write(kinds.batch, bytes);
    }
    await wait(world, 30_000);
    const seq = () => node.state.heads()[0]?.seq ?? 0;
    assert.ok(seq() > limits.ownerBatchesBurstMax + 20);
    assert.ok(flood.needs <= 8, `${flood.needs} questions in 30 s`);
    await wait(world, 30_000);
    assert.equal(seq(), flood.row.length);
    assert.equal(link.closedWith(), undefined);
    assert.equal(node.state.report().refusedBatches, 0);
    const asked = flood.needs;
    await wait(world, 600_000);
    assert.equal(flood.needs, asked, "nothing is left to ask");
  },
);

play("a peer that is gone is not waited for", async (stage) => {
  const { world, lab, open } = stage;
  const node = await open(newMemberNode(lab));
  const flood = await openFlood(lab);
  const link = connect(world, node, { far: flood });
  flood.add(limits.ownerBatchesBurstMax + 20);
  await flood.push(link.far, flood.row);
  await wait(world, 500);
  const seq = () => node.state.heads()[0]?.seq ?? 0;
  const before = seq();
  assert.ok(node.log.events.includes("gossip.put_off"));
  link.cut();
  const again = connect(world, node, { far: flood });
  await flood.push(again.far, flood.add(1));
  await wait(world, 4_000);
  assert.ok(seq() > before, "the next one was asked");
  await wait(world, 60_000);
  assert.equal(seq(), flood.row.length);
});

play("many links with one flood are asked one by one", async (stage) => {
  const { world, lab, open } = stage;
  const node = await open(newMemberNode(lab));
  const flood = await openFlood(lab);
  flood.add(limits.ownerBatchesBurstMax + 20);
  const links = [1, 2, 3, 4, 5].map(() => {
    const peer = lab.newPeer().peer;
    const { transport, rightsHeads } = flood;
    return connect(world, node, { far: { peer, transport, rightsHeads } });
  });
  for (const link of links) await flood.push(link.far, flood.row);
  await wait(world, firstMs + 200);
  assert.equal(flood.needs, 1, "one of five");
  await wait(world, 60_000);
  assert.equal(node.state.heads()[0]?.seq, flood.row.length);
  assert.ok(flood.needs <= 12, `${flood.needs} questions to five peers`);
});
