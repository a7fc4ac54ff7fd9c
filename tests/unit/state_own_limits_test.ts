// How much a node may publish, by the tier in its own credential. In: publishes
// of a leaf and a publisher. Out: refusals before anything is written, and
// batches that every other node takes. What one node writes, all must take.

import assert from "node:assert/strict";
import { LimitError, limits } from "../../src/kernel/mod.ts";
import type { Change, OwnerState } from "../../src/state/mod.ts";
import { newNode } from "./owners_lab.ts";
import { memberChanges, newAdminNode } from "./replicas_lab.ts";
import { RightsLab } from "./rights_lab.ts";
import { seedChange, seedRemoval, specOf } from "./state_lab.ts";

function world() {
  const lab = new RightsLab();
  const admin = newAdminNode(lab);
  return { lab, admin, member: newNode(lab), other: newNode(lab) };
}

function largeSeed(name: string): Change {
  const config = { text: "x".repeat(4_000) };
  return { section: "seeds", key: name, value: { ...specOf(1), config } };
}

/** Publishes until it is too much; how often it was not. */
async function fill(
  state: OwnerState,
  change: (index: number) => Change,
): Promise<{ readonly count: number; readonly error: LimitError }> {
  for (let count = 0;; count++) {
    try {
      await state.publish([change(count)]);
    } catch (error) {
      assert.ok(error instanceof LimitError, String(error));
      return { count, error };
    }
  }
}

Deno.test("a leaf publishes 16 KiB, and hears what to do next", async () => {
  const { lab, admin, member, other } = world();
  await using state = await member.open();
  await state.publish(memberChanges(lab, member, { by: admin, tier: "leaf" }));
  const { count, error } = await fill(state, (at) => largeSeed(`s${at}`));
  assert.equal(count, 3);
  assert.match(error.message, /16384 of a leaf/);
  assert.match(error.hint ?? "", /pln unseed.*--publisher/);
  const small = await fill(state, (at) => seedChange(`t${at}`, at));
  assert.ok(small.count > 3);
  await state.publish([seedRemoval("s0"), seedChange("u", 1)]);
  assert.equal(state.report().fault, undefined);

  await using elsewhere = await other.open();
  const place = { generation: 0, seq: 0 };
  for (const bytes of state.batchesSince(member.peer, place)) {
    assert.equal(await elsewhere.accept(bytes), "waiting", "not refused");
  }
});

Deno.test("a higher tier lifts the limit, a lower one waits", async () => {
  const { lab, admin, member } = world();
  await using state = await member.open();
  const credential = (tier: "leaf" | "publisher") =>
    memberChanges(lab, member, { by: admin, tier });
  await state.publish(credential("leaf"));
  await fill(state, (at) => largeSeed(`s${at}`));
  await state.publish([...credential("publisher"), largeSeed("more")]);
  await state.publish([largeSeed("even-more")]);
  await assert.rejects(state.publish(credential("leaf")), (error) => {
    assert.ok(error instanceof LimitError);
    assert.match(error.message, /of a leaf/);
    return true;
  });
  await state.publish([seedRemoval("more"), seedRemoval("even-more")]);
  await state.publish(credential("leaf"));
  const { entries } = state.report();
  assert.equal(entries, 2 + 3);
});

Deno.test("a publisher has 4000 entries", async () => {
  const { lab, admin, member } = world();
  await using state = await member.open();
  await state.publish(memberChanges(lab, member, { by: admin }));
  const blobs = (from: number, count: number) =>
    Array.from({ length: count }, (_, index) => denied(from + index));
  await assert.rejects(
    state.publish(blobs(0, limits.memberEntriesMax)),
    /4002 entries, more than the 4000 of a publisher/,
  );
});

/** The smallest entry there is. */
function denied(number: number): Change {
  const key = number.toString(16).padStart(64, "0");
  return {
    section: "denies",
    key,
    value: { number: 1, verdict: "deny", atMs: 1 },
  };
}
