// The view does not depend on how its node came to know what it knows. In:
// histories of several owners and of admins' decisions, drawn by chance. Out:
// in every order that keeps each owner's own, with views read in between or
// not, the same view and digest as from scratch.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { JsonValue, PeerId } from "../../src/kernel/mod.ts";
import type { Rights } from "../../src/identity/mod.ts";
import {
  certificateKeys,
  type EntryChange,
  leftKey,
  nodeRecordKey,
} from "../../src/state/mod.ts";
import { startMs } from "./identity_world.ts";
import { LabOwner, seedValue, shownView, ViewLab } from "./view_lab.ts";

const ownersCount = 4;
const world = new ViewLab("orders");
const { admin, lab } = world;
const other = lab.newAdmin();
const peers = lab.newPeers(ownersCount);

/** What owner `at` says before its history begins: who it is. */
function newOwner(at: number): LabOwner {
  if (at === 0) return world.ownerOf(admin);
  const peer = peers[at];
  assert.ok(peer);
  const by = at === 3 ? other : admin;
  return world.newOwner(at === 1 ? "leaf" : "publisher", { peer, by });
}

const credentials = Array.from(
  { length: ownersCount },
  (_, at) => newOwner(at),
);
const ids = credentials.map(({ peer }) => peer);

/** Rights as they may follow each other. */
const decisions: readonly (() => Rights)[] = [
  () => world.rights(),
  () => world.rights(other),
  () => {
    admin.deny(ids[2] as PeerId);
    return world.rights(other);
  },
  () => {
    admin.grant(ids[1] as PeerId, { tier: "publisher" });
    return world.rights(other);
  },
  () => {
    const owner = ids[3] as PeerId;
    admin.say("names", "seeds/a", { number: 1, owner, atMs: startMs });
    return world.rights(other);
  },
  () => {
    admin.say("denies", other.owner, lab.rootDeny(other.owner));
    return world.rights(other);
  },
];
const allRights = decisions.map((decide) => decide());

const values: readonly (JsonValue | undefined)[] = [
  ...[undefined, seedValue(1), seedValue(2), "no seed", 1, {}],
  ...[{ name: "ann", version: "1", startedMs: 1 }, { atMs: 4 }],
];

const step = fc.record({
  owner: fc.nat(ownersCount - 1),
  place: fc.constantFrom(
    ...["seeds a", "seeds b", "seeds ..", "services a", "sites a"],
    ...["claims a", "blobs a", "later a", "grants a"],
    ...[`node ${nodeRecordKey}`, `node ${leftKey}`],
    `node ${certificateKeys.member}`,
  ),
  value: fc.constantFrom(...values),
});

type Step = {
  readonly owner: number;
  readonly place: string;
  readonly value: JsonValue | undefined;
};

type Told = { readonly owner: number; readonly changes: EntryChange[] };

/** Each owner's history, cut into batches, and what it says in the end. */
function historyOf(
  steps: readonly Step[],
): { readonly owners: LabOwner[]; readonly told: Told[] } {
  const owners = credentials.map(copyOf);
  const told: Told[] = owners.map((owner, at) => ({
    owner: at,
    changes: [...owner.all()],
  }));
  for (const { owner: at, place, value } of steps) {
    const [section = "", key = ""] = place.split(" ");
    const owner = owners[at];
    assert.ok(owner);
    const change = owner.say(section, key, value);
    if (change.before !== change.after) {
      told.push({ owner: at, changes: [change] });
    }
  }
  return { owners, told };
}

/** A new one with what the same owner said at first. */
function copyOf({ peer, texts }: LabOwner): LabOwner {
  const copy = new LabOwner(peer);
  for (const [place, text] of texts) copy.texts.set(place, text);
  return copy;
}

/** An order of all batches that keeps that of each owner. */
function shuffled(told: readonly Told[], draws: readonly number[]): Told[] {
  const queues = credentials.map((_, at) =>
    told.filter(({ owner }) => owner === at)
  );
  const order: Told[] = [];
  for (let turn = 0; order.length < told.length; turn++) {
    const full = queues.filter((queue) => queue.length > 0);
    const next = full[(draws[turn % draws.length] ?? 0) % full.length]?.shift();
    if (next !== undefined) order.push(next);
  }
  return order;
}

const property = fc.property(
  fc.array(step, { maxLength: 24 }),
  fc.array(fc.nat(100), { minLength: 8, maxLength: 40 }),
  fc.array(fc.nat(decisions.length - 1), { minLength: 1, maxLength: 6 }),
  (steps, draws, turns) => {
    const { owners, told } = historyOf(steps);
    const self = ids[1] as PeerId;
    const rights = allRights[turns.at(-1) ?? 0];
    assert.ok(rights);
    const scratch = shownView(world.viewOf(self, owners, { rights }));
    const projector = world.newProjector(self);
    for (const [at, { owner, changes }] of shuffled(told, draws).entries()) {
      projector.apply(ids[owner] as PeerId, changes);
      const draw = draws[at % draws.length] ?? 0;
      const turn = allRights[turns[draw % turns.length] ?? 0];
      if (draw % 3 === 0 && turn !== undefined) projector.setRights(turn);
      if (draw % 5 === 0) shownView(projector.view());
      if (draw % 7 === 0) void projector.view().digest;
    }
    projector.setRights(rights);
    assert.deepEqual(shownView(projector.view()), scratch);
  },
);

Deno.test("a view is the same in every order of documents and of changes", () => {
  fc.assert(property, { seed: 4711, numRuns: 300 });
});

Deno.test("an owner that was dropped and came again makes the same view", () => {
  const { owners, told } = historyOf([]);
  const self = ids[0] as PeerId;
  const projector = world.newProjector(self);
  for (const { owner, changes } of told) {
    projector.apply(ids[owner] as PeerId, changes);
  }
  const rights = allRights[1] as Rights;
  projector.setRights(rights);
  shownView(projector.view());
  for (const owner of owners) {
    projector.drop(owner.peer);
    void projector.view().digest;
    projector.apply(owner.peer, owner.all());
  }
  assert.deepEqual(
    shownView(projector.view()),
    shownView(world.viewOf(self, owners, { rights })),
  );
});

Deno.test("views of documents that differ in one entry have other digests", () => {
  const { owners } = historyOf([]);
  const self = ids[0] as PeerId;
  const seen = new Set([world.viewOf(self, owners).digest]);
  const changes = [
    ["seeds", "a", 1],
    ["seeds", "b", 1],
    ["later", "a", 1],
    ["seeds", "a", 2],
  ] as const;
  for (const at of [0, 1]) {
    for (const [section, key, value] of changes) {
      const { owners } = historyOf([]);
      owners[at]?.say(section, key, value);
      seen.add(world.viewOf(self, owners).digest);
    }
  }
  assert.equal(seen.size, 9);
});
