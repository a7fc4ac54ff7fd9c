// The one file of all replicas, on a disk that loses power at any operation: in,
// batches of admins and members and proofs of forks; out, a start after which
// nothing is there that was not signed, nothing is missing that decided rights,
// and all the rest is taken again.

import assert from "node:assert/strict";
import { type Bytes, limits } from "../../src/kernel/mod.ts";
import type { OwnerState } from "../../src/state/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import {
  denyChange,
  grantChange,
  LabClock,
  newAdminNode,
  type StateNode,
} from "./replicas_lab.ts";
import {
  newNode,
  note,
  placesOf,
  Scribe,
  settle,
  shownOperations,
  sorted,
} from "./owners_lab.ts";
import { RightsLab } from "./rights_lab.ts";
import { PowerLoss } from "./state_lab.ts";

const lab = new RightsLab();
const admin = newAdminNode(lab);
const members = [newNode(lab), newNode(lab), newNode(lab)];

function rightsRow(): Scribe {
  const scribe = new Scribe(admin, 1);
  scribe.base([
    ...sorted(members.map(({ peer }) => grantChange(peer))),
    ...shownOperations(admin, admin),
  ]);
  return scribe;
}

function memberRow(member: StateNode, count: number): Scribe {
  const scribe = new Scribe(member, 1);
  scribe.base(shownOperations(member, admin));
  for (let at = 0; at < count; at++) scribe.add(note("a", String(at)));
  return scribe;
}

async function give(state: OwnerState, batches: readonly Bytes[]) {
  for (const bytes of batches) {
    assert.equal(await state.accept(bytes), "new");
  }
}

/** Lets what a timer started go on; a lab's disk needs some turns a step. */
async function rest(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) await Promise.resolve();
}

function openNode() {
  const node = newNode(lab);
  const clock = node.clock = new LabClock();
  return { node, clock };
}

Deno.test("copies of members share one sync, a second later", async () => {
  const { node, clock } = openNode();
  await using state = await node.open();
  await give(state, rightsRow().batches);
  node.disk.counts = {};
  for (const member of members) await give(state, memberRow(member, 3).batches);
  await rest();
  assert.deepEqual(node.disk.counts, {}, "nothing is written yet");
  clock.advance(limits.replicaSyncMs);
  await rest();
  assert.deepEqual(node.disk.counts, { append: 1, sync: 1 });
  clock.advance(10 * limits.replicaSyncMs);
  await rest();
  assert.deepEqual(node.disk.counts, { append: 1, sync: 1 }, "only once");
  node.disk = node.disk.afterLoss(openSimRandom(1));
  await using again = await node.open();
  assert.deepEqual(placesOf(again), placesOf(state));
});

Deno.test("what decides rights is durable before it is shown", async () => {
  const { node } = openNode();
  await using state = await node.open();
  const scribe = rightsRow();
  await give(state, scribe.batches);
  await give(state, memberRow(members[0] ?? node, 2).batches);
  const subject = lab.newPeer().peer;
  await give(state, [scribe.add(...sorted([denyChange(subject)]))]);
  node.disk = node.disk.afterLoss(openSimRandom(1));
  await using again = await node.open();
  assert.ok(again.view().rights.denialOf(subject));
  assert.deepEqual(placesOf(again), placesOf(state), "what came before too");
});

Deno.test("S11 a full disk hides no member's news, and is tried again", async () => {
  const { node, clock } = openNode();
  const state = await node.open();
  await give(state, rightsRow().batches);
  node.disk.fault = (step) =>
    step === "append" || step === "write" ? "full" : undefined;
  for (const member of members) {
    await give(state, memberRow(member, 1).batches);
    clock.advance(limits.replicaSyncMs);
    await rest();
  }
  assert.equal([...placesOf(state)].length, 4);
  assert.ok(node.log.events.includes("state.replicas_unwritten"));
  node.disk.fault = () => undefined;
  clock.advance(limits.replicaRetryMsMax);
  await rest();
  const places = placesOf(state);
  node.disk = node.disk.afterLoss(openSimRandom(1));
  await using again = await node.open();
  assert.deepEqual(placesOf(again), places);
  await state[Symbol.asyncDispose]();
});

Deno.test("the file is written anew when most of it is old", async () => {
  const { node, clock } = openNode();
  await using state = await node.open();
  await give(state, rightsRow().batches);
  const [member = node] = members;
  const shown = shownOperations(member, admin);
  const large = Array.from(
    { length: 20 },
    (_, at) => note(`k${at + 10}`, "x".repeat(8_000)),
  );
  const scribe = new Scribe(member, 1);
  const paths = new Set<string>();
  for (let count = 0; count < 40; count++) {
    await give(state, [scribe.base([...shown, ...large])]);
    clock.advance(5_000);
    await rest();
    paths.add(node.logPath);
    const files = node.disk.paths().filter((one) =>
      one.startsWith("replicas/")
    );
    assert.equal(files.length, 1);
    const sizeBytes = node.disk.bytes(node.logPath).length;
    assert.ok(sizeBytes < 2 * limits.replicaLogRewriteBytesMin);
  }
  assert.ok(paths.size > 3, "some files followed each other");
  assert.equal(state.placeOf(member.peer)?.seq, 40);
});

Deno.test("S10 after damage in the middle all other owners are kept", async () => {
  const { node } = openNode();
  const rights = rightsRow();
  const rows = members.map((member) => memberRow(member, 2).batches);
  await using whole = await node.open();
  await give(whole, rights.batches);
  for (const row of rows) await give(whole, row);
  for (let count = 0; count < 2; count++) { // the second says what is durable
    await give(whole, [
      rights.add(...sorted([denyChange(lab.newPeer().peer)])),
    ]);
  }
  const bytes = node.disk.bytes(node.logPath);
  const [, row = []] = rows;
  const [, second] = members;
  const [, hit = new Uint8Array(1)] = row;
  const at = bytes.toHex().indexOf(hit.toHex()) / 2;
  assert.ok(at > 0 && second, "the batch is in the file");
  bytes.set([(bytes[at + 80] ?? 0) ^ 1], at + 80);
  node.disk.put(node.logPath, bytes);
  await using state = await node.open();
  assert.ok(node.log.events.includes("state.replicas_damaged"));
  const places = [...state.places()];
  assert.equal(places.length, 4);
  for (const { owner, seq } of places) {
    const before = whole.placeOf(owner);
    assert.equal(seq, owner === second.peer ? 1 : before?.seq);
  }
  await give(state, row.slice(1));
  assert.deepEqual(placesOf(state), placesOf(whole));
});

Deno.test("S08 a power loss at any step leaves what peers can complete", async () => {
  const random = openSimRandom(4711);
  const complete = await newNode(lab).open();
  await using _ = complete;
  const rights = rightsRow();
  rights.add(...sorted([denyChange(lab.newPeer().peer)]));
  const rows = members.map((member) => memberRow(member, 2));
  const [forked] = rows;
  assert.ok(forked);
  const [left, right] = [forked.fork(), forked.fork()];
  const first = left.add(note("left", "1"));
  const second = right.add(note("right", "1"));
  const steps = [
    ...rights.batches.slice(0, 1),
    ...rows.flatMap(({ batches }) => batches),
    ...rights.batches.slice(1),
    first,
    second,
  ];
  for (const bytes of steps) await complete.accept(bytes);
  for (let lossAt = 1; lossAt < 40; lossAt++) {
    const { node, clock } = openNode();
    let rev = 0;
    const state = await node.open();
    node.disk.lossAt = node.disk.steps + lossAt;
    try {
      for (const bytes of steps) {
        await state.accept(bytes);
        clock.advance(400);
        rev = state.heads()[0]?.rev ?? rev;
        await rest();
      }
    } catch (cause) {
      assert.ok(cause instanceof PowerLoss, String(cause));
    }
    node.disk = node.disk.afterLoss(random);
    const again = await node.open();
    assert.ok((again.heads()[0]?.rev ?? 0) >= rev, `lost at step ${lossAt}`);
    await settle(again, complete, { onRound: () => clock.advance(60_000) });
    const { digest } = complete.view();
    assert.equal(again.view().digest, digest);
    await again[Symbol.asyncDispose]();
    await using last = await node.open();
    assert.deepEqual(placesOf(last), placesOf(complete));
    await state[Symbol.asyncDispose]();
  }
});
