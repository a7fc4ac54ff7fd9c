// Whom a node asks for what others have: one peer at a time, the next when it is
// silent, and nobody for what was not brought. In: what peers tell and answer,
// by hand, with the time. Out: the questions.

import assert from "node:assert/strict";
import type { Place } from "../../src/gossip/places.ts";
import { Wants } from "../../src/gossip/wants.ts";
import { limits } from "../../src/kernel/mod.ts";

const { gossipWantMsMax: silentMs, gossipUnfilledMsMin: backoffMs } = limits;

function item(prefix: string, seq: number) {
  return { prefix, generation: 1, seq };
}

/** Wants over places that the test may change. */
function world() {
  const places = new Map<string, Place>();
  const clock = { nowMs: 0 };
  const wants = new Wants<string>(
    (prefix) => places.get(prefix),
    () => clock.nowMs,
  );
  const asked = (link: string) =>
    wants.take(link)?.map(({ prefix, seq }) => `${prefix} from ${seq}`);
  const reach = (prefix: string, seq: number) => {
    places.set(prefix, { generation: 1, seq });
    return wants.arrived(prefix);
  };
  return { wants, clock, asked, reach };
}

Deno.test("of several who have it one is asked", () => {
  const { wants, asked, reach } = world();
  assert.equal(wants.announced("a", item("x", 5)), true);
  assert.equal(wants.announced("b", item("x", 5)), false);
  assert.deepEqual(asked("a"), ["x from 0"]);
  assert.equal(asked("b"), undefined);
  assert.deepEqual(wants.holders(item("x", 5)), ["a", "b"]);
  assert.deepEqual(wants.holders(item("x", 6)), []);
  assert.equal(reach("x", 5), undefined);
  assert.equal(wants.size, 0);
  assert.equal(wants.announced("b", item("x", 5)), false, "it is here");
  assert.equal(wants.nextDueMs, undefined);
});

Deno.test("who has more is asked when the first has brought its part", () => {
  const { wants, asked, reach } = world();
  wants.announced("a", item("x", 5));
  wants.announced("b", item("x", 9));
  asked("a");
  assert.equal(reach("x", 3), undefined, "a has more to come");
  assert.equal(reach("x", 5), "b");
  assert.deepEqual(asked("b"), ["x from 5"]);
});

Deno.test("who is silent for a second gives way to the next", () => {
  const { wants, clock, asked } = world();
  wants.announced("a", item("x", 5));
  wants.announced("b", item("x", 5));
  asked("a");
  assert.equal(wants.nextDueMs, silentMs);
  clock.nowMs = silentMs;
  assert.deepEqual([...wants.due()], ["b"]);
  assert.deepEqual(asked("b"), ["x from 0"]);
  wants.answered("a"); // late: nothing of it counts
  assert.equal(wants.size, 1);
});

Deno.test("who sends something is given more time, but not for ever", () => {
  const { wants, clock, asked } = world();
  wants.announced("a", item("x", 5));
  wants.announced("b", item("x", 5));
  asked("a");
  let nextMs = 0;
  for (; nextMs < 60_000; nextMs += silentMs / 2) {
    clock.nowMs = nextMs;
    if (wants.due().has("b")) break;
    wants.heard("a");
  }
  assert.ok(nextMs >= limits.exchangeAskMsMax, `${nextMs} ms`);
  assert.ok(nextMs <= limits.exchangeAskMsMax + silentMs, `${nextMs} ms`);
});

Deno.test("S20 what nobody brings is dropped, counted, and asked seldom", () => {
  const { wants, clock, asked, reach } = world();
  const askedAtMs: number[] = [];
  for (clock.nowMs = 0; clock.nowMs < 300_000; clock.nowMs += 500) {
    wants.announced("a", item("x", 5));
    if (asked("a") === undefined) continue;
    askedAtMs.push(clock.nowMs / 1_000);
    wants.answered("a"); // without anything
    assert.equal(wants.size, 0, "nothing waits for it");
  }
  assert.deepEqual(askedAtMs, [0, 1, 3, 7, 15, 31, 63, 127, 191, 255]);
  assert.equal(wants.unfilled, 1);
  wants.announced("b", item("x", 5));
  assert.deepEqual(asked("b"), ["x from 0"], "others are asked all the same");
  reach("x", 5);
  assert.equal(wants.unfilled, 0);
});

Deno.test("what one peer makes up does not hold up others", () => {
  const { wants, asked, reach, clock } = world();
  wants.announced("liar", item("x", 900));
  wants.announced("b", item("x", 5));
  asked("liar");
  assert.deepEqual([...wants.answered("liar")], ["liar", "b"]);
  assert.deepEqual(asked("b"), ["x from 0"]);
  reach("x", 5);
  clock.nowMs = backoffMs - 1;
  assert.equal(wants.announced("liar", item("x", 901)), false);
  assert.equal(wants.announced("b", item("x", 6)), true);
});

Deno.test("questions are joined, and few are open at once", () => {
  const { wants, asked } = world();
  const { gossipWantItemsMax, gossipWantsOpenMax } = limits;
  const count = gossipWantItemsMax * (gossipWantsOpenMax + 2);
  for (let index = 0; index < count; index++) {
    wants.announced("a", item(`x${index}`, 1));
  }
  const sizes: (number | undefined)[] = [];
  for (let round = 0; round <= gossipWantsOpenMax; round++) {
    sizes.push(asked("a")?.length);
  }
  const full = Array.from(
    { length: gossipWantsOpenMax },
    () => gossipWantItemsMax,
  );
  assert.deepEqual(sizes, [...full, undefined]);
  wants.answered("a");
  assert.equal(asked("a")?.length, gossipWantItemsMax);
});

Deno.test("a link that ends passes on what it was asked for", () => {
  const { wants, asked } = world();
  wants.announced("a", item("x", 5));
  wants.announced("b", item("x", 5));
  wants.announced("a", item("y", 5));
  asked("a");
  assert.deepEqual([...wants.leave("a")], ["b"]);
  assert.deepEqual(asked("b"), ["x from 0"]);
  assert.equal(wants.size, 1, "nobody else has y");
});

Deno.test("a new stream asks again for what was open", () => {
  const { wants, asked } = world();
  wants.announced("a", item("x", 5));
  asked("a");
  assert.equal(asked("a"), undefined);
  wants.restart("a");
  assert.deepEqual(asked("a"), ["x from 0"]);
});

Deno.test("a document that differs at one place is asked for whole", () => {
  const { wants, asked, reach } = world();
  reach("x", 5);
  assert.equal(wants.announced("a", item("x", 5)), false);
  assert.equal(wants.differs("a", item("x", 5)), true);
  assert.equal(wants.differs("b", item("x", 5)), false, "one at a time");
  assert.deepEqual(asked("a"), ["x from 0"]);
  wants.answered("a");
  assert.equal(wants.differs("a", item("x", 5)), false, "not at once");
  assert.equal(wants.unfilled, 0, "this node is no place behind");
});

Deno.test("of those left who have it the one with least to do is asked", () => {
  const { wants, asked, clock } = world();
  for (const link of ["a", "busy", "idle"]) wants.announced(link, item("x", 5));
  asked("a");
  for (const prefix of ["y", "z"]) wants.announced("busy", item(prefix, 1));
  clock.nowMs = silentMs - 1;
  asked("busy");
  clock.nowMs = silentMs;
  assert.deepEqual([...wants.due()], ["idle"]);
  assert.deepEqual(asked("idle"), ["x from 0"]);
});

Deno.test("who makes up owners without end takes no room from others", () => {
  const { wants, asked } = world();
  for (let index = 0; index < limits.gossipWantsMax; index++) {
    wants.announced("liar", item(`x${index}`, 1));
  }
  asked("liar");
  assert.equal(wants.announced("b", item("y", 1)), true);
  assert.deepEqual(asked("b"), ["y from 0"]);
  assert.equal(wants.announced("liar", item("z", 1)), false);
  assert.equal(wants.size, limits.gossipWantsMax);
  let other = 0;
  while (other < limits.gossipWantsMax) {
    if (!wants.announced("b", item(`b${other}`, 1))) break;
    other++;
  }
  const half = limits.gossipWantsMax / 2;
  assert.ok(other > half - 5 && other <= half, `${other} of half of them`);
});

Deno.test("no peer makes a node remember more than its limits", () => {
  const { wants, clock } = world();
  for (let index = 0; index < 2 * limits.gossipWantsMax; index++) {
    wants.announced("a", item(`x${index}`, 1));
  }
  assert.equal(wants.size, limits.gossipWantsMax);
  for (let round = 0; round < 20; round++) {
    clock.nowMs += limits.exchangeAskMsMax;
    wants.due();
  }
  assert.equal(wants.size, 0);
  assert.equal(wants.unfilled, limits.gossipUnfilledMax);
});
