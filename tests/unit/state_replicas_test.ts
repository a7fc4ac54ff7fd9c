// Replicas of admins' documents: what is accepted, what is not, and why. In:
// signed batches of other admins, honest and forged. Out: what the state says
// of them, and the rights that its view then shows.

import assert from "node:assert/strict";
import {
  type Bytes,
  canonicalJson,
  limits,
  type PeerId,
} from "../../src/kernel/mod.ts";
import { nodeRecordKey, type OwnerState } from "../../src/state/mod.ts";
import {
  authorityChanges,
  batchOf,
  denyChange,
  forgeBatch,
  memberChanges,
  newAdminNode,
  newMemberNode,
  nextBatch,
  rowOf,
} from "./replicas_lab.ts";
import { SetClock } from "./identity_world.ts";
import { RightsLab } from "./rights_lab.ts";
import { seedChange } from "./state_lab.ts";

function world() {
  const lab = new RightsLab();
  const [admin, node] = [newAdminNode(lab), newMemberNode(lab)];
  const subject = lab.newPeer().peer;
  return { lab, admin, node, subject };
}

async function give(state: OwnerState, batches: readonly Bytes[]) {
  const outcomes: string[] = [];
  for (const bytes of batches) outcomes.push(await state.accept(bytes));
  return outcomes;
}

Deno.test("an admin's batches reach the view of another node", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  await from.publish([denyChange(subject)]);
  const row = rowOf(from, admin.peer);
  assert.deepEqual(await give(to, row), ["new", "new"]);
  assert.equal(to.view().rights.denialOf(subject)?.by, admin.peer);
  assert.deepEqual(to.heads(), from.heads());
  assert.deepEqual(to.heads(), [{
    ...{ admin: admin.peer, generation: 1, seq: 2, rev: 2 },
  }]);
  assert.deepEqual(rowOf(to, admin.peer), row);
  assert.deepEqual(await give(to, row), ["known", "known"]);
  assert.deepEqual(from.view().rights.denials, to.view().rights.denials);
});

Deno.test("the view has what others say of themselves, and nothing that does not fit", async () => {
  const { lab, admin, node } = world();
  const mute = newAdminNode(lab);
  const change = (name: string) => ({
    ...{ section: "node", key: nodeRecordKey } as const,
    value: { name, version: "1", startedMs: 5 },
  });
  await using from = await admin.openAdmin();
  await using silent = await mute.openAdmin();
  await from.publish([
    ...memberChanges(lab, admin, { by: admin }),
    change("ann"),
  ]);
  await silent.publish(memberChanges(lab, mute, { by: mute }));
  const next = () => rowOf(from, admin.peer).slice(-1);
  const nameOf = (state: OwnerState) =>
    state.view().nodes.get(admin.peer)?.name;
  {
    await using to = await node.open();
    assert.deepEqual([...to.view().nodes.keys()], []);
    await give(to, rowOf(from, admin.peer));
    await give(to, rowOf(silent, mute.peer));
    const { nodes } = to.view();
    assert.deepEqual([...nodes.keys()].sort(), [admin.peer, mute.peer].sort());
    assert.equal(nodes.get(mute.peer)?.name, undefined);
    assert.equal(nameOf(to), "ann");
    await from.publish([change("bob")]);
    await give(to, next());
    assert.equal(nameOf(to), "bob");
  }
  await using to = await node.open();
  assert.equal(nameOf(to), "bob");
});

for (const name of ["../etc", "", 7, "x".repeat(64)]) {
  Deno.test(`R05: an admin's name ${JSON.stringify(name).slice(0, 9)} is nobody's`, async () => {
    const { lab, admin, node } = world();
    const value = { name: "ann", version: "1", startedMs: 5 };
    const change = { section: "node", key: nodeRecordKey, value } as const;
    await using from = await admin.openAdmin();
    await using to = await node.open();
    await from.publish(memberChanges(lab, admin, { by: admin }));
    await from.publish([change]);
    const [base, member, batch] = rowOf(from, admin.peer);
    assert.ok(base && member && batch);
    const { operations } = batchOf(lab, batch);
    const text = canonicalJson({ ...value, name });
    const forged = forgeBatch(admin, batch, {
      changes: { operations: operations.map((one) => ({ ...one, text })) },
    });
    const outcomes = await give(to, [base, member, forged]);
    assert.deepEqual(outcomes, ["new", "new", "new"]);
    assert.equal(to.view().nodes.get(admin.peer)?.name, undefined);
    assert.ok(to.view().nodes.has(admin.peer));
  });
}

Deno.test("batches out of order are a gap until the base comes", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  await from.publish([denyChange(subject)]);
  await from.publish([denyChange(subject, { number: 2, verdict: "allow" })]);
  const [base, deny, allow] = rowOf(from, admin.peer);
  assert.ok(base && deny && allow);
  const outcomes = await give(to, [deny, base, allow, deny, allow]);
  assert.deepEqual(outcomes, ["gap", "new", "gap", "new", "new"]);
  assert.equal(to.view().rights.denialOf(subject), undefined);
});

Deno.test("a peer gets what comes after its place, or a base", async () => {
  const { admin, subject } = world();
  await using from = await admin.openAdmin();
  await from.publish([denyChange(subject)]);
  const [base, deny] = rowOf(from, admin.peer);
  const since = (generation: number, seq: number) =>
    from.batchesSince(admin.peer, { generation, seq });
  assert.deepEqual(since(1, 1), [deny]);
  assert.deepEqual(since(1, 2), []);
  assert.deepEqual(since(0, 9), [base, deny]);
  assert.deepEqual(since(2, 0), []);
  assert.deepEqual(from.batchesSince(subject, { generation: 0, seq: 0 }), []);
});

Deno.test("replicas are there after a restart, and go on", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await from.publish([denyChange(subject)]);
  {
    await using to = await node.open();
    await give(to, rowOf(from, admin.peer));
  }
  await using to = await node.open();
  assert.equal(to.view().rights.denialOf(subject)?.by, admin.peer);
  await from.publish([denyChange(subject, { number: 2, verdict: "allow" })]);
  const [next] = from.batchesSince(admin.peer, { generation: 1, seq: 2 });
  assert.ok(next);
  assert.equal(await to.accept(next), "new");
  assert.equal(to.view().rights.denialOf(subject), undefined);
});

Deno.test("an admin's new start is taken over, an old one is not", async () => {
  const { admin, node, subject } = world();
  await using to = await node.open();
  let old: readonly Bytes[] = [];
  {
    await using from = await admin.openAdmin();
    await from.publish([denyChange(subject)]);
    old = rowOf(from, admin.peer);
    await give(to, old);
  }
  await using from = await admin.open();
  assert.deepEqual(from.heads(), to.heads(), "of the start before");
  await from.publish([denyChange(subject, { number: 2, verdict: "allow" })]);
  await give(to, rowOf(from, admin.peer));
  assert.equal(to.view().rights.denialOf(subject), undefined);
  assert.deepEqual(await give(to, old), ["known", "known"]);
  assert.equal(to.view().rights.denialOf(subject), undefined);
  assert.equal(to.heads()[0]?.generation, 2);
});

Deno.test("a promoted node's batches reach others from a base on", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.open();
  await from.publish([denyChange(subject)]);
  assert.deepEqual(from.heads(), [], "no admin yet");
  assert.deepEqual(from.view().rights.denials, []);
  await from.publish(authorityChanges(admin.authority));
  assert.equal(from.view().rights.denialOf(subject)?.by, admin.peer);
  await using to = await node.open();
  const row = rowOf(from, admin.peer);
  assert.deepEqual(await give(to, row), ["new"]);
  assert.equal(to.view().rights.denialOf(subject)?.by, admin.peer);
});

Deno.test("R01 a batch of who is no admin is refused", async () => {
  const { lab, node, admin } = world();
  const member = newMemberNode(lab);
  await using honest = await admin.openAdmin();
  const [base = new Uint8Array()] = rowOf(honest, admin.peer);
  await using to = await node.open();
  const ops = batchOf(lab, base).operations;
  const stolen = forgeBatch(member, base, { changes: { owner: member.peer } });
  const bare = forgeBatch(admin, base, {
    changes: { operations: ops.filter(({ section }) => section !== "node") },
  });
  assert.deepEqual(await give(to, [stolen, bare]), ["refused", "refused"]);
  assert.deepEqual([to.heads(), to.report().replicas], [[], 0]);
  assert.equal(to.report().refusedBatches, 2);
  assert.ok(!node.disk.paths().some((path) => path.startsWith("replicas")));
});

Deno.test("R01 a batch with a wrong signature is refused", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  await from.publish([denyChange(subject)]);
  const [base, deny] = rowOf(from, admin.peer);
  assert.ok(base && deny);
  const flipped = base.map((byte, index) => index === 5 ? byte ^ 1 : byte);
  const tampered = deny.map((byte, at) => at === deny.length - 3 ? 0 : byte);
  assert.deepEqual(
    await give(to, [flipped, new Uint8Array(), new Uint8Array(70), base]),
    ["refused", "refused", "refused", "new"],
  );
  assert.equal(await to.accept(tampered), "refused");
  assert.deepEqual(to.view().rights.denials, []);
  assert.equal(to.report().refusedBatches, 4);
});

Deno.test("R01 a batch of another cluster is refused", async () => {
  const { node } = world();
  const foreign = newAdminNode(new RightsLab("another"));
  await using from = await foreign.openAdmin();
  await using to = await node.open();
  const outcomes = await give(to, rowOf(from, foreign.peer));
  assert.deepEqual(outcomes, ["refused"]);
});

Deno.test("an admin cannot take its own authority back", async () => {
  const { lab, admin, node } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  const [base] = rowOf(from, admin.peer);
  assert.ok(base && await to.accept(base) === "new");
  const [first] = batchOf(lab, base).operations;
  assert.ok(first);
  await from.publish([denyChange(lab.newPeer().peer)]);
  const [, next] = rowOf(from, admin.peer);
  assert.ok(next);
  const operations = [{ ...first, text: undefined }];
  const gone = forgeBatch(admin, next, { changes: { operations } });
  assert.equal(await to.accept(gone), "refused");
  assert.equal(to.view().rights.admins.length, 1);
});

Deno.test("R03 a batch that hides a change of rights is refused", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  await from.publish([denyChange(subject)]);
  const [base, deny] = rowOf(from, admin.peer);
  assert.ok(base && deny);
  const hidden = forgeBatch(admin, deny, { changes: { rev: 1 } });
  const back = nextBatch(admin, deny, {
    changes: {
      rev: 1,
      operations: [{ section: "zzz", key: "a", text: "1" }],
    },
  });
  assert.deepEqual(
    await give(to, [base, hidden, deny, back]),
    ["new", "refused", "new", "refused"],
  );
});

Deno.test("a base may skip numbers, another batch may not", async () => {
  const { lab, admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  await from.publish([denyChange(subject)]);
  const [base, deny] = rowOf(from, admin.peer);
  assert.ok(base && deny);
  const { operations } = batchOf(lab, base);
  const far = { seq: 2 ** 48 - 1, rev: 2 ** 48 - 1 };
  const jump = forgeBatch(admin, deny, { changes: far });
  const skip = forgeBatch(admin, base, {
    changes: { seq: 9, rev: 9, operations },
  });
  assert.deepEqual(
    await give(to, [base, jump, deny, skip, deny]),
    ["new", "gap", "new", "new", "known"],
  );
  assert.deepEqual(to.view().rights.denials, []);
  assert.equal(to.heads()[0]?.seq, 9);
});

Deno.test("a closed state takes no batches", async () => {
  const { admin, node } = world();
  await using from = await admin.openAdmin();
  const [base = new Uint8Array()] = rowOf(from, admin.peer);
  const to = await node.open();
  await to[Symbol.asyncDispose]();
  await assert.rejects(to.accept(base), { code: "PLN_CLOSED" });
  assert.deepEqual(to.view().rights.admins, []);
});

Deno.test("own batches that come back are known", async () => {
  const { admin } = world();
  await using state = await admin.openAdmin();
  const row = rowOf(state, admin.peer);
  const [base] = row;
  assert.ok(base);
  const ahead = forgeBatch(admin, base, { changes: { generation: 7 } });
  assert.deepEqual(await give(state, [base, ahead]), ["known", "known"]);
  assert.equal(state.report().replicas, 0);
});

Deno.test("owners over the limit of admins wait until they are named", async () => {
  const lab = new RightsLab();
  const node = newMemberNode(lab);
  const admins = Array.from(
    { length: limits.adminsMax + 1 },
    () => newAdminNode(lab),
  );
  const [first, last] = [admins[0], admins.at(-1)];
  assert.ok(first !== undefined && last !== undefined);
  const rows: (readonly Bytes[])[] = [];
  for (const admin of admins) {
    await using from = await admin.openAdmin();
    rows.push(rowOf(from, admin.peer));
  }
  await using to = await node.open();
  const outcomes: string[] = [];
  for (const row of rows) outcomes.push(...await give(to, row));
  assert.equal(outcomes.filter((one) => one === "new").length, 64);
  assert.equal(outcomes.at(-1), "waiting", "and nobody did wrong");
  assert.equal(to.heads().length, limits.rightsHeadsMax);
  assert.equal(to.report().replicas, limits.adminsMax);
  const grant = lab.rootGrant(last.peer, "admin");
  const [base] = rows[0] ?? [];
  assert.ok(base !== undefined);
  const text = JSON.stringify(grant);
  const operations = [{ section: "grants", key: last.peer, text }];
  const named = nextBatch(first, base, { changes: { operations, rev: 2 } });
  assert.equal(await to.accept(named), "new");
  assert.equal(to.report().replicas, admins.length);
  assert.equal(to.view().rights.admins.length, admins.length);
});

Deno.test("a document over 20,000 entries is refused", async () => {
  const { lab, admin, node } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  const [base] = rowOf(from, admin.peer);
  assert.ok(base);
  const own = batchOf(lab, base).operations;
  const extra = (count: number, prefix: string) =>
    Array.from({ length: count }, (_, index) => ({
      section: "zzz",
      key: `${prefix}${String(index).padStart(6, "0")}`,
      text: "0",
    }));
  const full = forgeBatch(admin, base, {
    changes: {
      ...{ seq: 2, rev: 2, prev: hashOf(base) },
      operations: [...own, ...extra(19_999, "a")],
    },
  });
  const one = forgeBatch(admin, full, {
    changes: {
      seq: 3,
      rev: 2,
      base: false,
      operations: extra(1, "b"),
      prev: hashOf(full),
    },
  });
  const swap = forgeBatch(admin, one, {
    changes: {
      operations: [
        { section: "zzz", key: "a000000", text: undefined },
        ...extra(1, "b"),
      ],
    },
  });
  assert.deepEqual(
    await give(to, [base, full, one, swap]),
    ["new", "new", "refused", "new"],
  );

  function hashOf(bytes: Bytes): Bytes {
    return lab.needs.signer.sha256(bytes.subarray(64));
  }
});

Deno.test("an owner that makes no bases is refused in time", async () => {
  const { admin, node } = world();
  const clock = node.clock = new SetClock();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  let [last] = rowOf(from, admin.peer);
  const outcomes: string[] = [];
  for (let seq = 1; last !== undefined && seq <= 200; seq++) {
    clock.timeMs += 1_000;
    const outcome = await to.accept(last);
    outcomes.push(outcome);
    if (outcome !== "new") break;
    const operations = [{ section: "zzz", key: "a", text: String(seq) }];
    last = nextBatch(admin, last, { changes: { operations } });
  }
  assert.equal(outcomes.length, limits.replicaBatchesMax + 1);
  assert.equal(outcomes.at(-1), "refused");
});

Deno.test("handlers hear of each new batch once, with its bytes", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  const published: Bytes[] = [];
  const heard: (readonly [Bytes, string])[] = [];
  using _published = from.onBatch((bytes) => void published.push(bytes));
  const hearing = to.onBatch((bytes, owner) => {
    heard.push([bytes, owner]);
    assert.ok(to.placeOf(owner as PeerId), "held when it is told");
  });
  await from.publish([denyChange(subject)]);
  const row = rowOf(from, admin.peer);
  assert.deepEqual(published, row.slice(1));
  await give(to, [...row, ...row]);
  assert.deepEqual(heard.map(([, owner]) => owner), [admin.peer, admin.peer]);
  assert.ok(heard.every(([bytes], index) => bytes === row[index]));
  await to.publish([seedChange("own", 1)]);
  assert.deepEqual(heard.map(([, owner]) => owner).slice(2), [node.peer]);
  hearing[Symbol.dispose]();
  await from.publish([denyChange(subject, { number: 2 })]);
  await give(to, rowOf(from, admin.peer));
  assert.equal(heard.length, 3);
});

Deno.test("the view changes with a foreign batch, listeners hear", async () => {
  const { admin, node, subject } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  await to.publish([seedChange("mine", 1)]);
  await from.publish([denyChange(subject)]);
  const [base, deny] = rowOf(from, admin.peer);
  assert.ok(base && deny);
  await to.accept(base);
  const before = to.view();
  const views: unknown[] = [];
  using _ = to.onChange(() =>
    void views.push(to.view().rights.denialOf(subject))
  );
  await to.accept(deny);
  assert.equal(views.length, 1);
  assert.ok(views[0]);
  assert.equal(before.rights.denialOf(subject), undefined);
  assert.equal(to.view().seeds, before.seeds, "nothing else is read again");
});

Deno.test("what comes at once shares syncs, in order", async () => {
  const { admin, node, lab } = world();
  await using from = await admin.openAdmin();
  await using to = await node.open();
  for (let count = 0; count < 20; count++) {
    await from.publish([denyChange(lab.newPeer().peer)]);
  }
  const [base, ...rest] = rowOf(from, admin.peer);
  assert.ok(base);
  await to.accept(base);
  node.disk.counts = {};
  const outcomes = await Promise.all(rest.map((bytes) => to.accept(bytes)));
  assert.ok(outcomes.every((outcome) => outcome === "new"));
  assert.equal(node.disk.counts.sync, 1);
  assert.equal(to.view().rights.denials.length, 20);
});

Deno.test("an admin copies the root's statements of others", async () => {
  const { lab, admin, node, subject } = world();
  const other = newAdminNode(lab);
  await using from = await admin.openAdmin();
  await using to = await other.openAdmin();
  const value = lab.rootDeny(subject);
  await from.publish([{ section: "denies", key: subject, value }]);
  assert.deepEqual(from.missingRootStatements(), []);
  await give(to, rowOf(from, admin.peer));
  const missing = to.missingRootStatements();
  assert.deepEqual(missing, [{ section: "denies", key: subject, value }]);
  await to.publish(missing);
  assert.deepEqual(to.missingRootStatements(), []);
  await using member = await node.open();
  await give(member, rowOf(to, other.peer));
  assert.equal(member.view().rights.denialOf(subject)?.by, "root");
  assert.deepEqual(member.missingRootStatements(), []);
});

Deno.test("a copy of a statement gives way to a newer one", async () => {
  const { lab, admin, subject } = world();
  const other = newAdminNode(lab);
  await using from = await admin.openAdmin();
  await using to = await other.openAdmin();
  const change = (value: { readonly root: string }) =>
    ({ section: "denies", key: subject, value }) as const;
  await to.publish([change(lab.rootDeny(subject, 1))]);
  const newer = change(lab.rootAllow(subject, 2));
  await from.publish([newer]);
  await give(to, rowOf(from, admin.peer));
  assert.deepEqual(to.missingRootStatements(), [newer]);
  await give(from, rowOf(to, other.peer));
  assert.deepEqual(from.missingRootStatements(), []);
});
