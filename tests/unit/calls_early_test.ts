// Calls over links whose peers are still to prove themselves: the first call to
// a peer that is known costs no more round trips than QUIC does, and a call that
// has left says what is known of it when that proof does not come.

import assert from "node:assert/strict";
import { utf8 } from "../../src/kernel/mod.ts";
import { closeCodes } from "../../src/transport/mod.ts";
import {
  callNode,
  closeNodes,
  failureOf,
  introduce,
  say,
} from "./calls_lab.ts";
import { type Lab, never, scenario } from "./transport_lab.ts";

const roundTripMs = 50;

/** Two nodes that were linked, far from each other; b answers. */
async function acquainted(lab: Lab) {
  let ran = 0;
  const a = await callNode(lab, "a", () => utf8(""));
  const b = await callNode(lab, "b", ({ input }) => {
    ran++;
    return input;
  });
  introduce(a, b);
  const link = await a.links.connect(b.peer, never);
  link.close(closeCodes.shutdown, "");
  await lab.pause(1_000);
  lab.network.setPath("a", "b", { latencyMs: roundTripMs / 2 });
  return { a, b, ran: () => ran };
}

scenario(
  "the first call to a peer that was linked before takes two round trips",
  async (lab) => {
    const { a, b } = await acquainted(lab);
    const startMs = lab.world.nowMs;
    const calls = ["one", "two"].map((input) => say(a, b, { input }));
    assert.deepEqual(await Promise.all(calls), ["one", "two"]);
    assert.equal(lab.world.nowMs - startMs, 2 * roundTripMs);
    const link = a.transport.links.get(b.peer);
    assert.equal(await say(a, b, { input: "three" }), "three");
    assert.equal(lab.world.nowMs - startMs, 3 * roundTripMs);
    assert.equal(a.transport.usable(b.peer), link, "it goes on on that link");
    await closeNodes(a, b);
  },
);

scenario(
  "an input that is longer than what may leave early arrives whole",
  async (lab) => {
    const { a, b } = await acquainted(lab);
    const input = "x".repeat(1_000_000);
    assert.equal(await say(a, b, { input }), input);
    assert.equal(b.transport.report().refusals.flood, undefined);
    await closeNodes(a, b);
  },
);

scenario(
  "a call that left early and is refused has no known outcome, and did not run",
  async (lab) => {
    const { a, b, ran } = await acquainted(lab);
    b.gatekeeper.denied.add(a.peer);
    const error = await failureOf(say(a, b));
    assert.equal(error.code, "PLN_OUTCOME_UNKNOWN");
    // The next one waits for what the peer says.
    assert.equal((await failureOf(say(a, b))).code, "PLN_DENIED");
    assert.equal(ran(), 0);
    await closeNodes(a, b);
  },
);

scenario(
  "a call whose input was held back by the proof did not run",
  async (lab) => {
    const { a, b, ran } = await acquainted(lab);
    b.gatekeeper.denied.add(a.peer);
    const input = "x".repeat(1_000_000);
    const error = await failureOf(say(a, b, { input }));
    assert.equal(error.code, "PLN_UNREACHABLE");
    assert.equal(ran(), 0);
    await closeNodes(a, b);
  },
);
