// The same changes in other batches, and the same batches in another order:
// rights must not tell them apart. In: random changes of two admins, cut into
// publishes at random. Out: one set of rights, on whoever has all of them.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { Bytes } from "../../src/kernel/mod.ts";
import type { Change, OwnerState } from "../../src/state/mod.ts";
import { denyChange, newMemberNode, rowOf, StateNode } from "./replicas_lab.ts";
import { RightsLab, shown } from "./rights_lab.ts";
import { startMs } from "./identity_world.ts";

const lab = new RightsLab();
const admins = lab.newAdmins(2);
const subjects = [
  ...lab.newPeers(3),
  ...admins.map(({ key, owner }) => ({
    peer: owner,
    key,
  })),
];

/** Changes that contradict each other, deletions among them. */
const changes: readonly Change[] = subjects.flatMap(({ peer }) => [
  denyChange(peer, { number: 2 }),
  denyChange(peer, { number: 2, verdict: "allow" }),
  denyChange(peer, { number: 3 }),
  { section: "denies", key: peer, value: undefined },
  { section: "denies", key: peer, value: lab.rootDeny(peer) },
  { section: "denies", key: peer, value: lab.rootAllow(peer, 2) },
  { section: "grants", key: peer, value: lab.rootGrant(peer, "publisher") },
  ...["leaf", "publisher"].map((tier): Change => ({
    section: "grants",
    key: peer,
    value: { number: 1, tier, properties: {}, atMs: startMs },
  })),
]);

type Said = { readonly change: Change; readonly isCut: boolean };

async function publishAll(
  state: OwnerState,
  said: readonly Said[],
): Promise<void> {
  let group: Change[] = [];
  for (const { change, isCut } of said) {
    group.push(change);
    if (!isCut) continue;
    await state.publish(group);
    group = [];
  }
  if (group.length > 0) await state.publish(group);
}

/** Gives batches in this order, again and again, until all have arrived. */
async function giveAll(state: OwnerState, batches: readonly Bytes[]) {
  let isDone = false;
  for (let round = 0; !isDone; round++) {
    assert.ok(round <= batches.length, "each round brings one at least");
    isDone = true;
    for (const bytes of batches) {
      if (await state.accept(bytes) === "gap") isDone = false;
    }
  }
}

const change = fc.record({
  change: fc.constantFrom(...changes),
  isCut: fc.boolean(),
});
const sayings = fc.array(change, { maxLength: 12 });

Deno.test("rights do not depend on how changes were cut and sent", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.tuple(sayings, sayings),
      fc.infiniteStream(fc.nat(1_000)),
      async (said, draws) => {
        const batches: Bytes[] = [];
        const whole = newMemberNode(lab);
        const pieces = newMemberNode(lab);
        await using inOrder = await whole.open();
        await using inDisorder = await pieces.open();
        for (const [index, { key, ownAuthority }] of admins.entries()) {
          const own = said[index] ?? [];
          const cut = new StateNode(lab, key, ownAuthority);
          await using state = await cut.openAdmin();
          await publishAll(state, own);
          batches.push(...rowOf(state, cut.peer));
          const uncut = new StateNode(lab, key, ownAuthority);
          await using atOnce = await uncut.openAdmin();
          await atOnce.publish(own.map(({ change }) => change));
          await giveAll(inOrder, rowOf(atOnce, uncut.peer));
        }
        const shuffled = batches.map((bytes) => ({
          bytes,
          rank: draws.next().value ?? 0,
        })).sort((left, right) => left.rank - right.rank);
        await giveAll(inDisorder, shuffled.map(({ bytes }) => bytes));
        assert.deepEqual(
          shown(inDisorder.view().rights),
          shown(inOrder.view().rights),
        );
      },
    ),
    { seed: 4711, numRuns: 60 },
  );
});
