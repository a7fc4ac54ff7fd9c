// How many joins a node takes up: bursts, the rate after them, one machine or
// member against the others, places, and how much is remembered.

import assert from "node:assert/strict";
import { type JoinOrigin, JoinRate } from "../../src/admission/join_rate.ts";
import { limits } from "../../src/kernel/mod.ts";
import { peerNumber } from "./mesh_world.ts";

/** How many of `count` joins at once are taken up; each ends at once. */
function taken(
  rate: JoinRate,
  nowMs: number,
  { count, ...origin }: JoinOrigin & { readonly count: number },
): number {
  let taken = 0;
  for (let at = 0; at < count; at++) {
    using place = rate.take(nowMs, origin);
    if (place !== undefined) taken++;
  }
  assert.equal(rate.underWay, 0);
  return taken;
}

const here = "127.0.0.1";

Deno.test("JoinRate takes a burst, then as many a second as its limit", () => {
  const rate = new JoinRate();
  const ask = (nowMs: number) => taken(rate, nowMs, { count: 200, ip: here });
  assert.equal(ask(0), limits.joinsBurstMax);
  assert.equal(ask(0), 0);
  assert.equal(ask(1_000), limits.joinsPerSecondMax);
  assert.equal(ask(1_000 + 500), limits.joinsPerSecondMax / 2);
  assert.equal(ask(3_600_000), limits.joinsBurstMax);
});

Deno.test("JoinRate leaves joins to others when one machine sends many", () => {
  const machines = [
    ["203.0.113.1", "203.0.113.1", "203.0.113.2"],
    // A machine has a whole /64 of addresses.
    ["2001:db8:0:1::1", "2001:db8:0:1:2:3:4:5", "2001:db8:0:2::1"],
  ] as const;
  for (const [one, same, other] of machines) {
    const rate = new JoinRate();
    assert.equal(
      taken(rate, 0, { count: 500, ip: one }),
      limits.joinsPerSourceBurstMax,
    );
    assert.equal(taken(rate, 0, { count: 1, ip: same }), 0, same);
    assert.equal(taken(rate, 0, { count: 1, ip: other }), 1, other);
    assert.equal(
      taken(rate, 1_000, { count: 500, ip: same }),
      limits.joinsPerSourcePerSecondMax,
    );
  }
});

Deno.test("JoinRate leaves joins to others when one member passes on many", () => {
  const rate = new JoinRate();
  const [one, other] = [peerNumber(1), peerNumber(2)];
  const by = (peer: typeof one, nowMs: number) =>
    taken(rate, nowMs, { count: 500, ip: here, peer });
  assert.equal(by(one, 0), limits.joinsPerMemberBurstMax);
  assert.equal(by(one, 1_000), limits.joinsPerMemberPerSecondMax);
  assert.equal(by(other, 1_000), limits.joinsPerMemberBurstMax);
});

Deno.test("JoinRate leaves places to others when one source holds many", () => {
  const { joinsPerMemberUnderWayMax, joinsPerSourceUnderWayMax } = limits;
  for (
    const [origin, most] of [
      [{ ip: here, peer: peerNumber(1) }, joinsPerMemberUnderWayMax],
      [{ ip: "203.0.113.1" }, joinsPerSourceUnderWayMax],
      [{ ip: "2001:db8::1" }, joinsPerSourceUnderWayMax],
    ] as const
  ) {
    const rate = new JoinRate();
    const held: Disposable[] = [];
    for (let second = 0; second < 100; second++) {
      const place = rate.take(1_000 * second, origin);
      if (place !== undefined) held.push(place);
    }
    assert.equal(held.length, most);
    assert.ok(rate.take(150_000, { ip: "203.0.113.9" }) !== undefined);
    held.pop()?.[Symbol.dispose]();
    assert.ok(rate.take(200_000, origin) !== undefined, "a place came free");
  }
});

Deno.test("JoinRate has no more places than its limit, whoever holds them", () => {
  const rate = new JoinRate();
  let held = 0;
  for (let at = 0; at < 200; at++) {
    const ip = `203.0.113.${at}`;
    if (rate.take(1_000 * at, { ip }) !== undefined) held++;
  }
  assert.equal(held, limits.joinsUnderWayMax);
  assert.equal(rate.underWay, held);
});

Deno.test("JoinRate does not count addresses of this machine by themselves", () => {
  for (const ip of [here, "127.8.8.8", "::1", "::ffff:127.0.0.1"]) {
    const rate = new JoinRate();
    assert.equal(taken(rate, 0, { count: 500, ip }), limits.joinsBurstMax, ip);
    assert.equal(rate.sources, 0);
  }
});

Deno.test("JoinRate remembers no more addresses than its limit", () => {
  const rate = new JoinRate();
  for (let index = 0; index < 3 * limits.joinSourcesMax; index++) {
    taken(rate, index, { count: 1, ip: `203.0.${index >> 8}.${index & 255}` });
  }
  assert.equal(rate.sources, limits.joinSourcesMax);
});
