// What a node says that somebody should look at: when the silence of others is
// an alarm, and that a refusal by them explains it better.

import assert from "node:assert/strict";
import { DeniedError } from "../../src/kernel/mod.ts";
import { type AlarmMembers, nodeAlarms } from "../../src/node/alarms.ts";
import { peerNumber } from "./mesh_world.ts";

type Row = ReturnType<AlarmMembers["peers"]>[number];

const self: Row = { state: "self", liveness: undefined };
const lost = row("unreachable", "lost");

function row(
  state: Row["state"],
  liveness: "alive" | "suspect" | "lost" | "left",
): Row {
  return { state, liveness: { state: liveness, forMs: 1, silentMs: 1 } };
}

function alarmsOf(
  peers: readonly Row[],
  others: Partial<AlarmMembers> = {},
): readonly string[] {
  return nodeAlarms({
    peer: peerNumber(1),
    members: {
      peers: () => peers,
      refusal: undefined,
      denialOf: () => undefined,
      ...others,
    },
    renewals: [],
    state: { fault: undefined, faultHint: undefined, ignoredEntries: [] },
    storeFault: undefined,
    historyFault: undefined,
    ownSeeds: [],
    damageOf: () => undefined,
    threadsLost: 0,
  }).map(({ message, hint }) => `${message}. ${hint}`);
}

Deno.test("nodeAlarms() tells when all other nodes are lost, and what to do", () => {
  const [alarm = "", ...more] = alarmsOf([self, lost, lost]);
  assert.match(alarm, /^None of the 2 other nodes answers\..*"pln join"/);
  assert.deepEqual(more, []);
});

Deno.test("nodeAlarms() is quiet while somebody is or may be there", () => {
  assert.deepEqual(alarmsOf([self]), []);
  assert.deepEqual(alarmsOf([self, lost]), [], "it may just be off");
  const alive = row("connected", "alive");
  assert.deepEqual(alarmsOf([self, lost, lost, alive]), []);
  const back = row("connected", "lost"); // for the rest of a second
  assert.deepEqual(alarmsOf([self, lost, back]), []);
  const suspect = row("dialing", "suspect");
  assert.deepEqual(alarmsOf([self, lost, lost, suspect]), []);
});

Deno.test("nodeAlarms() counts nobody who has left or is denied", () => {
  const gone = [row("left", "left"), row("denied", "lost")];
  assert.deepEqual(alarmsOf([self, lost, ...gone]), []);
  assert.match(alarmsOf([self, lost, lost, ...gone]).join(), /the 2 other/);
});

Deno.test("nodeAlarms() tells of a refusal in the place of silence", () => {
  const refusal = new DeniedError("they refuse", { hint: "ask" });
  assert.deepEqual(alarmsOf([self, lost, lost], { refusal }), [
    "they refuse. ask",
  ]);
});
