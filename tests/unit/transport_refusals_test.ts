// Refusals without any session: what is counted, kept, logged and only counted.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { DeniedError, limits } from "../../src/kernel/mod.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { openSimLog } from "../../src/sim/log.ts";
import { openWorld } from "../../src/sim/world.ts";
import { Refusals, shown } from "../../src/transport/refusals.ts";

const from = { ip: "2001:db8::1", port: 9 };

function openRefusals() {
  const world = openWorld(1, { turn: openTurn() });
  const log = openSimLog(world);
  const refusals = new Refusals({ clock: openSimClock(world), log });
  const refuse = (count: number) => {
    for (let i = 0; i < count; i++) {
      const cause = new DeniedError(`Stranger ${i}`);
      refusals.add({ reason: "denied", from, cause });
    }
  };
  return { world, log, refusals, refuse };
}

Deno.test("a flood of refusals is counted whole and logged in part", async () => {
  const { world, log, refusals, refuse } = openRefusals();
  const max = limits.refusalsLoggedPerMinuteMax;
  refuse(1_000);
  refusals.count("busy");
  assert.deepEqual(refusals.counts, { denied: 1_000, busy: 1 });
  assert.equal(log.records.length, max);
  await world.run(60_000);
  refuse(1);
  assert.equal(log.records.length, max + 1);
  assert.equal(log.records.at(-1)?.fields.unlogged, 1_000 - max);
  refuse(1);
  assert.equal(log.records.at(-1)?.fields.unlogged, undefined);
});

Deno.test("the newest refusals are kept, with what the peer was told", () => {
  const { refusals, refuse } = openRefusals();
  refuse(100);
  assert.equal(refusals.newest.length, limits.refusalsKept);
  const newest = refusals.newest.at(-1);
  assert.equal(newest?.error.message, "Stranger 99");
  assert.equal(newest?.error.code, "PLN_DENIED");
  assert.deepEqual(newest?.from, from);
});

Deno.test("addresses are shown as they are typed", () => {
  assert.equal(shown(from), "[2001:db8::1]:9");
  assert.equal(shown({ ip: "192.0.2.1", port: 9 }), "192.0.2.1:9");
});
