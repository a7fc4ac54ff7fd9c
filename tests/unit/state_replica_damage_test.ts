// Replicas on a disk that tears, rots, fills up and loses power. In: an admin's
// batches and a broken file. Out: a start that keeps what is good, fetches the
// rest again, and never takes the node down with it.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import { NewerFormatError, type OwnerState } from "../../src/state/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import {
  denyChange,
  newAdminNode,
  newMemberNode,
  rowOf,
  type StateNode,
} from "./replicas_lab.ts";
import { RightsLab } from "./rights_lab.ts";
import { PowerLoss } from "./state_lab.ts";
import {
  encodeJournalHeader,
  journalContents,
} from "../../src/state/journal_file.ts";

type World = {
  readonly lab: RightsLab;
  readonly admin: StateNode;
  readonly node: StateNode;
  readonly row: readonly Bytes[];
};

/** An admin with a base and four denials, and a node that has them all. */
async function world(): Promise<World> {
  const lab = new RightsLab();
  const [admin, node] = [newAdminNode(lab), newMemberNode(lab)];
  await using from = await admin.openAdmin();
  for (let count = 0; count < 4; count++) {
    await from.publish([denyChange(lab.newPeer().peer)]);
  }
  const row = rowOf(from, admin.peer);
  await using to = await node.open();
  await giveAll(to, row);
  return { lab, admin, node, row };
}

async function giveAll(state: OwnerState, row: readonly Bytes[]) {
  for (const bytes of row) await state.accept(bytes);
}

function denialsOf(state: OwnerState): number {
  return state.view().rights.denials.length;
}

Deno.test("S10 a replica's torn end is cut, and fetched again", async () => {
  const { node, row } = await world();
  const bytes = node.disk.bytes(node.logPath);
  node.disk.put(node.logPath, bytes.slice(0, -5));
  {
    await using state = await node.open();
    assert.equal(denialsOf(state), 3);
    assert.ok(!node.log.events.includes("state.replicas_damaged"));
    await giveAll(state, row);
    assert.equal(denialsOf(state), 4);
  }
  await using state = await node.open();
  assert.equal(denialsOf(state), 4);
  assert.deepEqual(node.disk.bytes(node.logPath).length, bytes.length);
});

Deno.test("S10 of a rotten replica the good start is kept", async () => {
  const { node, row } = await world();
  const bytes = node.disk.bytes(node.logPath);
  const place = Math.floor(bytes.length * 0.8); // after the base, in a denial
  bytes.set([(bytes[place] ?? 0) ^ 1], place);
  node.disk.put(node.logPath, bytes);
  {
    await using state = await node.open();
    assert.ok(node.log.events.includes("state.replicas_damaged"));
    assert.ok(denialsOf(state) > 0 && denialsOf(state) < 4);
    await giveAll(state, row);
    assert.equal(denialsOf(state), 4);
  }
  node.log.events.length = 0;
  await using state = await node.open();
  assert.equal(denialsOf(state), 4);
  assert.ok(!node.log.events.includes("state.replicas_damaged"));
});

const ruins: readonly [string, (bytes: Bytes) => Bytes][] = [
  ["empty", () => new Uint8Array()],
  ["half a header", (bytes) => bytes.slice(0, 11)],
  ["without its base", (bytes) => bytes.fill(0, 24, 200)],
  ["zeros", (bytes) => bytes.fill(0)],
];
for (const [what, ruin] of ruins) {
  Deno.test(`S10 a replica that is ${what} is dropped`, async () => {
    const { node, row } = await world();
    node.disk.put(node.logPath, ruin(node.disk.bytes(node.logPath)));
    await using state = await node.open();
    assert.ok(node.log.events.includes("state.replicas_damaged"));
    assert.deepEqual([state.heads(), denialsOf(state)], [[], 0]);
    await giveAll(state, row);
    assert.equal(denialsOf(state), 4);
  });
}

Deno.test("a replica of a newer format is refused, not cut", async () => {
  const { node } = await world();
  const header = { number: 1, generation: 1 };
  const bytes = encodeJournalHeader(header, journalContents.ownBatches);
  const path = node.logPath;
  node.disk.put(path, bytes);
  await assert.rejects(node.open(), NewerFormatError);
  assert.deepEqual(node.disk.bytes(path), bytes);
});

Deno.test("S12 a replica that cannot be read does not stop a start", async () => {
  const { node, row } = await world();
  node.disk.fault = (step, path) =>
    step === "read" && path === node.logPath ? "io" : undefined;
  await using state = await node.open();
  assert.ok(node.log.events.includes("state.replicas_unread"));
  node.disk.fault = () => undefined;
  await giveAll(state, row);
  assert.equal(denialsOf(state), 4);
});

Deno.test("S12 a read-only disk serves the rights it has", async () => {
  const { node } = await world();
  const reading = new Set(["read", "list"]);
  node.disk.fault = (step) => reading.has(step) ? undefined : "read-only";
  await using state = await node.open();
  assert.equal(denialsOf(state), 4);
});

Deno.test("S11 a batch that cannot be stored is not shown", async () => {
  const { lab, admin, node } = await world();
  await using from = await admin.open();
  await from.publish([denyChange(lab.newPeer().peer)]);
  const [base = new Uint8Array()] = rowOf(from, admin.peer);
  await from.publish([denyChange(lab.newPeer().peer)]);
  const [, next = new Uint8Array()] = rowOf(from, admin.peer);
  await using state = await node.open();
  for (const step of ["append", "write"] as const) {
    const bytes = step === "append" ? base : next;
    if (step === "write") await breakFile(bytes);
    const before = denialsOf(state);
    node.disk.fault = (one) => one === step ? "full" : undefined;
    await assert.rejects(state.accept(bytes), { code: "PLN_DISK" });
    assert.equal(denialsOf(state), before);
    node.disk.fault = () => undefined;
    if (step === "append") assert.equal(await state.accept(bytes), "new");
  }
  assert.equal(await state.accept(next), "new");
  assert.equal(denialsOf(state), 6);
  await using again = await node.open();
  assert.equal(denialsOf(again), 6);

  /** What follows a failed append needs a new file. */
  async function breakFile(bytes: Bytes): Promise<void> {
    node.disk.fault = (one) => one === "append" ? "io" : undefined;
    await assert.rejects(state.accept(bytes), { code: "PLN_DISK" });
  }
});

Deno.test("S12 after a failed sync all replicas are written anew", async () => {
  const { lab, admin, node } = await world();
  await using from = await admin.open();
  await from.publish([denyChange(lab.newPeer().peer)]);
  await from.publish([denyChange(lab.newPeer().peer)]);
  const [base = new Uint8Array(), next = new Uint8Array()] = rowOf(
    from,
    admin.peer,
  );
  await using state = await node.open();
  await state.accept(base);
  node.disk.fault = (step) => step === "sync" ? "io" : undefined;
  await assert.rejects(state.accept(next), { code: "PLN_DISK" });
  node.disk.fault = () => undefined;
  node.disk.counts = {};
  const old = node.logPath;
  assert.equal(await state.accept(next), "new");
  assert.equal(node.disk.counts.write, 1);
  assert.notEqual(node.logPath, old);
  assert.ok(!node.disk.paths().includes(old));
});

Deno.test("S08 what was accepted survives a power loss", async () => {
  const { admin, lab } = await world();
  await using from = await admin.open();
  for (let count = 0; count < 6; count++) {
    await from.publish([denyChange(lab.newPeer().peer)]);
  }
  const row = rowOf(from, admin.peer);
  const random = openSimRandom(4711);
  for (let lossAt = 1; lossAt < 60; lossAt++) {
    const node = newMemberNode(lab);
    let accepted = 0;
    {
      await using state = await node.open();
      node.disk.lossAt = node.disk.steps + lossAt;
      try {
        for (const bytes of row) {
          await state.accept(bytes);
          accepted++;
        }
      } catch (cause) {
        assert.ok(cause instanceof PowerLoss, String(cause));
      }
    }
    node.disk = node.disk.afterLoss(random);
    await using state = await node.open();
    const [head] = state.heads();
    assert.ok((head?.seq ?? 0) >= accepted, `lost at step ${lossAt}`);
    await giveAll(state, row);
    assert.equal(denialsOf(state), 10);
  }
});
