// How often a peer is asked whether it is there, and what follows of silence.
// In, ticks, pongs and times; out, pauses, round trips and suspicion.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { pingPeriodMs, Pings } from "../../src/transport/pings.ts";

/** One ping after the other; none is answered. @returns When it was so. */
function silentUntil(
  pings: Pings,
  isOver: () => boolean,
  { links }: { readonly links: number },
): number {
  let nowMs = 0;
  for (let count = 0; count < 100; count++) {
    nowMs += pings.pauseMs(links);
    if (pings.tick(nowMs).type === "stuck" || isOver()) return nowMs;
  }
  return Infinity;
}

/** With its first ping sent and answered at time 0. */
function answered(): Pings {
  const pings = new Pings();
  const tick = pings.tick(0);
  assert.equal(tick.type, "ping");
  if (tick.type === "ping") assert.equal(pings.pong(tick.sequence, 0), 0);
  return pings;
}

Deno.test("a node pings every 2 s, and more rarely when it has many links", () => {
  assert.equal(pingPeriodMs(1), 2_000);
  assert.equal(pingPeriodMs(20), 2_000);
  assert.equal(pingPeriodMs(30), 3_000);
  assert.equal(pingPeriodMs(1_000), 5_000);
});

Deno.test("a peer that is silent is asked every 2 s, however many links there are", () => {
  const pings = answered();
  assert.equal(pings.pauseMs(50), 5_000);
  pings.tick(5_000);
  assert.equal(pings.pauseMs(50), 5_000, "its answer may be under way");
  pings.tick(10_000);
  assert.equal(pings.pauseMs(50), limits.pingPeriodMs);
});

Deno.test("silence makes a peer suspect in 15 s, in small clusters in 8", () => {
  for (const [links, withinMs] of [[2, 8_000], [50, 15_000]] as const) {
    const pings = answered();
    const suspectMs = silentUntil(pings, () => pings.isSuspect, { links });
    assert.ok(suspectMs <= withinMs, `${suspectMs} ms with ${links} links`);
  }
});

Deno.test("a peer that never answers is stuck in half a minute", () => {
  const pings = answered();
  const stuckMs = silentUntil(pings, () => false, { links: 50 });
  assert.ok(stuckMs <= 30_000, `${stuckMs} ms`);
});

Deno.test("one answer ends the suspicion, and the hurry", () => {
  const pings = answered();
  silentUntil(pings, () => pings.isSuspect, { links: 50 });
  const sequence = pings.send(20_000);
  assert.equal(pings.pong(sequence, 20_030), 30);
  assert.equal(pings.isSuspect, false);
  assert.equal(pings.pauseMs(50), 5_000);
  assert.equal(pings.pong(sequence, 20_040), undefined, "nobody asked twice");
});
