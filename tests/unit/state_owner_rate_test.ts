// What one owner may make others do: batches over its rate are put off, never
// lost, and nobody else pays for them. In: batches of admins, honest and
// hostile, and a clock that a test moves. Out: what became of each, and how many
// signatures that took.

import assert from "node:assert/strict";
import { type Bytes, canonicalJson, limits } from "../../src/kernel/mod.ts";
import type { OwnerState } from "../../src/state/mod.ts";
import { SetClock } from "./identity_world.ts";
import {
  batchOf,
  denyChange,
  forgeBatch,
  newAdminNode,
  newMemberNode,
  nextBatch,
  rowOf,
  type StateNode,
} from "./replicas_lab.ts";
import { RightsLab } from "./rights_lab.ts";

const burst = limits.ownerBatchesBurstMax;

/** An admin that may say anything, and a node whose checks are counted. */
function world() {
  const lab = new RightsLab();
  const [admin, node] = [newAdminNode(lab), newMemberNode(lab)];
  const clock = node.clock = new SetClock();
  const counted = { verified: 0 };
  node.signer = {
    ...lab.needs.signer,
    verify: (...of) => {
      counted.verified++;
      return lab.needs.signer.verify(...of);
    },
  };
  return { lab, admin, node, clock, counted };
}

async function firstBase(admin: StateNode): Promise<Bytes> {
  await using state = await admin.openAdmin();
  const [base] = rowOf(state, admin.peer);
  assert.ok(base !== undefined);
  return base;
}

/** A base, and as many batches after it; with rights those are urgent. */
async function longRow(
  admin: StateNode,
  count: number,
  { section = "zzz" }: { readonly section?: "zzz" | "invites" } = {},
) {
  const row = [await firstBase(admin)];
  for (let seq = 1; seq <= count; seq++) {
    const operations = [{ section, key: "a", text: String(seq) }];
    const [last] = row.slice(-1);
    assert.ok(last !== undefined);
    const rev = section === "zzz" ? 1 : seq + 1;
    row.push(nextBatch(admin, last, { changes: { operations, rev } }));
  }
  return row;
}

/** All that the document holds after a row, as one batch of that number. */
function baseAfter(admin: StateNode, row: readonly Bytes[], seq: number) {
  const [first, last] = [row[0], row.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  const operations = [
    ...batchOf(admin.lab, first).operations,
    { section: "zzz", key: "a", text: String(seq) },
  ];
  return nextBatch(admin, last, {
    changes: { seq, rev: seq, base: true, operations },
  });
}

async function give(state: OwnerState, batches: readonly Bytes[]) {
  const outcomes: string[] = [];
  for (const bytes of batches) outcomes.push(await state.accept(bytes));
  return outcomes;
}

/** Outcomes that follow each other, as "new 3" or "later 2". */
function runs(outcomes: readonly string[]): readonly string[] {
  const found: { outcome: string; count: number }[] = [];
  for (const outcome of outcomes) {
    const last = found.at(-1);
    if (last?.outcome === outcome) last.count++;
    else found.push({ outcome, count: 1 });
  }
  return found.map(({ outcome, count }) => `${outcome} ${count}`);
}

Deno.test("an owner's burst is taken, then one batch a second", async () => {
  const { admin, node, clock } = world();
  const row = await longRow(admin, burst + 10);
  await using to = await node.open();
  // The first base shows who it is, and is free.
  assert.deepEqual(runs(await give(to, row)), [`new ${burst + 1}`, "later 10"]);
  assert.equal(to.heads()[0]?.seq, burst + 1);
  assert.equal(to.report().deferredBatches, 10);
  assert.equal(to.report().refusedBatches, 0);
  const rest = row.slice(burst + 1);
  clock.timeMs += 999;
  assert.deepEqual(runs(await give(to, rest)), ["later 10"]);
  clock.timeMs += 1;
  assert.deepEqual(runs(await give(to, rest)), ["new 1", "later 9"]);
  clock.timeMs += 5_000;
  assert.deepEqual(runs(await give(to, rest)), [
    ...["known 1", "new 5", "later 4"],
  ]);
});

Deno.test("what is put off is not told to others", async () => {
  const { admin, node } = world();
  const row = await longRow(admin, burst + 3);
  await using to = await node.open();
  const told: Bytes[] = [];
  using _ = to.onBatch((bytes) => void told.push(bytes));
  await give(to, row);
  assert.deepEqual(told, row.slice(0, burst + 1));
  assert.deepEqual(rowOf(to, admin.peer), row.slice(0, burst + 1));
});

Deno.test("a base takes the place of all that was put off", async () => {
  const { admin, node, clock } = world();
  const row = await longRow(admin, burst + 30);
  await using to = await node.open();
  await give(to, row);
  const base = baseAfter(admin, row, 500);
  assert.equal(await to.accept(base), "later");
  clock.timeMs += 1_000;
  assert.equal(await to.accept(base), "new");
  assert.deepEqual(runs(await give(to, row)), [`known ${row.length}`]);
  assert.deepEqual(rowOf(to, admin.peer), [base]);
});

Deno.test("one owner's flood puts off nobody else's batches", async () => {
  const { lab, admin, node } = world();
  const other = newAdminNode(lab);
  await using honest = await other.openAdmin();
  await using to = await node.open();
  await give(to, await longRow(admin, burst + 30));
  const subject = lab.newPeer().peer;
  await honest.publish([denyChange(subject)]);
  assert.deepEqual(runs(await give(to, rowOf(honest, other.peer))), ["new 2"]);
  assert.ok(to.view().rights.denialOf(subject));
});

Deno.test("bytes are limited too, and a base of them waits longer", async () => {
  const { admin, node, clock } = world();
  const first = await firstBase(admin);
  await using to = await node.open();
  assert.equal(await to.accept(first), "new");
  const text = JSON.stringify("x".repeat(8_000));
  const large = Array.from({ length: 500 }, (_, at) => ({
    ...{ section: "zzz", text, key: `a${String(at).padStart(4, "0")}` },
  }));
  const operations = [...batchOf(admin.lab, first).operations, ...large];
  const bases = [first];
  for (let count = 0; count < 5; count++) {
    const changes = { base: true, operations };
    bases.push(nextBatch(admin, bases.at(-1) ?? first, { changes }));
  }
  const last = bases.at(-1) ?? first;
  const fitting = Math.floor(limits.ownerBytesBurstMax / last.length);
  assert.ok(fitting >= 3 && fitting < 5, "the fixture is as large as meant");
  assert.deepEqual(runs(await give(to, bases.slice(1))), [
    `new ${fitting}`,
    `later ${5 - fitting}`,
  ]);
  clock.timeMs += 10_000;
  assert.equal(await to.accept(last), "later", "10 batches, not 4 MB");
  clock.timeMs += 1000 * last.length / limits.ownerBytesPerSecondMax;
  assert.equal(await to.accept(last), "new");
});

Deno.test("what is known costs no signature, and its owner nothing", async () => {
  const { admin, node, counted } = world();
  const row = await longRow(admin, 3);
  const base = baseAfter(admin, row, 10);
  await using to = await node.open();
  await give(to, [...row, base]);
  const before = counted.verified;
  const old = forgeBatch(admin, base, { changes: { seq: 9, rev: 9 } });
  for (let round = 0; round < burst; round++) {
    assert.deepEqual(runs(await give(to, [...row, old, base])), [
      `known ${row.length + 2}`,
    ]);
  }
  assert.equal(counted.verified, before);
  const operations = [{ section: "zzz", key: "b", text: "1" }];
  const last = nextBatch(admin, base, { changes: { operations } });
  assert.equal(await to.accept(last), "new");
});

Deno.test("a batch of a start before the last two costs no signature", async () => {
  const { admin, node, counted } = world();
  const [first] = await longRow(admin, 0);
  assert.ok(first !== undefined);
  const [later, latest] = [7, 8].map((generation) =>
    forgeBatch(admin, first, { changes: { generation } })
  );
  assert.ok(later && latest);
  await using to = await node.open();
  assert.deepEqual(await give(to, [latest, later]), ["new", "new"]);
  const before = counted.verified;
  const other = nextBatch(admin, first, {
    changes: { operations: [{ section: "zzz", key: "a", text: "1" }] },
  });
  assert.deepEqual(await give(to, [first, other, later]), [
    ...["known", "known", "known"],
  ]);
  assert.equal(counted.verified, before);
});

Deno.test("what its owner did not sign costs the owner nothing", async () => {
  const { admin, node } = world();
  const row = await longRow(admin, 2);
  const [base, next] = row;
  assert.ok(base !== undefined && next !== undefined);
  await using to = await node.open();
  await to.accept(base);
  for (let count = 0; count < 2 * burst; count++) {
    const forged: Bytes = next.map((byte, at) =>
      at === 1 ? byte ^ (1 + count) : byte
    );
    assert.equal(await to.accept(forged), "refused");
  }
  for (let count = 0; count < 2 * burst; count++) {
    const [, , far] = row;
    assert.equal(await to.accept(far ?? next), "gap");
  }
  assert.deepEqual(runs(await give(to, row)), ["known 1", "new 2"]);
});

Deno.test("rewritten redemptions cost a node one signature a batch", async () => {
  const { lab, admin, node, counted } = world();
  const { key, peer } = admin;
  const scribe = lab.newAdmin({ key, peer });
  const joiners = lab.newPeers(40);
  for (const joiner of joiners) {
    lab.redeem(scribe, lab.invite(scribe), { joiner });
  }
  let last = await firstBase(admin);
  await using to = await node.open();
  await to.accept(last);
  const before = counted.verified;
  for (let round = 1; round <= 5; round++) {
    const operations = scribe.entries("redemptions")
      .map(({ key, text }) => ({
        ...{ section: "redemptions", key },
        text: canonicalJson({ ...Object(JSON.parse(text)), atMs: round }),
      }))
      .toSorted((left, right) => left.key < right.key ? -1 : 1);
    const rev = 1 + round;
    last = nextBatch(admin, last, { changes: { operations, rev } });
    assert.equal(await to.accept(last), "new");
    const { rights } = to.view();
    for (const { peer } of joiners) {
      assert.equal(rights.denialOf(peer), undefined);
    }
    assert.equal(counted.verified - before, round);
  }
  const [one] = joiners;
  assert.ok(one);
  assert.equal(to.view().rights.grantOf(one.peer)?.atMs, 5);
  assert.equal(counted.verified - before, 5 + 4, "its proofs, now");
});

Deno.test("a batch that comes twice at once is checked once", async () => {
  const { admin, node, counted } = world();
  const [base, next, last] = await longRow(admin, 2, {
    section: "invites",
  });
  assert.ok(base && next && last);
  await using to = await node.open();
  await to.accept(base);
  const before = counted.verified;
  const outcomes = await Promise.all(
    [next, last, next, last, next].map((bytes) =>
      to.accept(new Uint8Array(bytes))
    ),
  );
  assert.deepEqual(outcomes, ["new", "new", "known", "known", "known"]);
  assert.equal(counted.verified - before, 2);
});

Deno.test("what comes while its forerunner is stored follows it", async () => {
  const { admin, node, counted } = world();
  const [base, next, last] = await longRow(admin, 2, {
    section: "invites",
  });
  assert.ok(base && next && last);
  await using to = await node.open();
  await to.accept(base);
  const before = counted.verified;
  const later: Promise<string>[] = [];
  node.disk.fault = (step) => {
    if (step === "sync" && later.length === 0) {
      later.push(to.accept(new Uint8Array(next)), to.accept(last));
    }
    return undefined;
  };
  assert.equal(await to.accept(next), "new");
  assert.deepEqual(await Promise.all(later), ["known", "new"]);
  assert.equal(counted.verified - before, 2);
});

Deno.test("a twin of a batch that cannot be stored fails with it", async () => {
  const { admin, node } = world();
  const [base, next] = await longRow(admin, 1, {
    section: "invites",
  });
  assert.ok(base && next);
  await using to = await node.open();
  await to.accept(base);
  node.disk.fault = (step) => step === "sync" ? "full" : undefined;
  const results = await Promise.allSettled([to.accept(next), to.accept(next)]);
  assert.deepEqual(results.map(({ status }) => status), [
    "rejected",
    "rejected",
  ]);
  node.disk.fault = () => undefined;
  assert.equal(await to.accept(next), "new");
});

Deno.test("R01 a batch of another than its sender says is refused", async () => {
  const { lab, admin, node } = world();
  const [base] = await longRow(admin, 0);
  assert.ok(base);
  await using to = await node.open();
  assert.equal(await to.accept(base, lab.newPeer().peer), "refused");
  assert.equal(to.report().refusedBatches, 1);
  assert.equal(await to.accept(base, admin.peer), "new");
});

Deno.test("an admin over the rate makes bases for others", async () => {
  const { lab, admin, node, clock } = world();
  const own = admin.clock = new SetClock();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  await give(to, rowOf(from, admin.peer));
  for (let count = 0; count < burst + 40; count++) {
    await from.publish([denyChange(lab.newPeer().peer)]);
    await give(to, rowOf(from, admin.peer).slice(-1));
  }
  assert.equal(rowOf(from, admin.peer).length, 1, "its newest is a base");
  clock.timeMs += 1_000;
  await give(to, rowOf(from, admin.peer));
  assert.deepEqual(to.heads(), from.heads());
  assert.equal(to.view().rights.denials.length, burst + 40);
  own.timeMs += 60_000;
  await from.publish([denyChange(lab.newPeer().peer)]);
  await from.publish([denyChange(lab.newPeer().peer)]);
  assert.equal(rowOf(from, admin.peer).length, 3, "and now it need not");
});

Deno.test("a large document is not written anew for each batch", async () => {
  const { lab, admin } = world();
  admin.clock = new SetClock();
  await using from = await admin.openAdmin();
  const reason = "x".repeat(limits.rootReasonCharactersMax);
  const denied = (count: number) =>
    Array.from({ length: count }, () => {
      const { section, key, value } = denyChange(lab.newPeer().peer);
      return { section, key, value: { ...Object(value), reason } };
    });
  await from.publish(denied(3_000)); // 1 MB
  for (let count = 0; count < burst + 30; count++) {
    await from.publish(denied(1));
  }
  assert.ok(rowOf(from, admin.peer).length > 5);
});
