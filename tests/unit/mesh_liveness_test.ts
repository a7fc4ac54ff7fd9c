// The engine of liveness: what makes a member suspect, lost, left and alive
// again, and what does not. In: events and times, made up. Out: states. There is
// no network and no clock.

import assert from "node:assert/strict";
import { limits, type PeerId, peerIdOf } from "../../src/kernel/mod.ts";
import { Members } from "../../src/mesh/members.ts";

const id = (number: number): PeerId =>
  peerIdOf(new Uint8Array(32).fill(number));
const [self, peer, other] = [id(1), id(2), id(3)];
const startMs = 1_000_000;

/** Ticks every second, as the shell does, unless it is told to sleep. */
class Watch {
  readonly members = new Members(
    { self, periodMs: (nodes) => Math.max(5_000, 20 * nodes) },
    startMs,
  );
  nowMs = startMs;

  constructor(...peers: PeerId[]) {
    this.members.expect(peers, startMs);
  }

  /** @param each Called before each tick. */
  run(durationMs: number, each: () => void = () => {}): void {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs + limits.memberTickMs <= endMs) {
      this.nowMs += limits.memberTickMs;
      each();
      this.members.tick(this.nowMs);
    }
  }

  /** Nothing runs, then one late tick. */
  sleep(durationMs: number): void {
    this.nowMs += durationMs;
    this.members.tick(this.nowMs);
  }

  get state() {
    return this.members.stateOf(peer)?.state;
  }

  hear(who = peer): void {
    this.members.heard(who, this.nowMs);
  }
}

Deno.test("a member that was never heard of is suspect, then lost", () => {
  const watch = new Watch(peer);
  assert.equal(watch.state, "suspect");
  watch.run(14_000);
  assert.equal(watch.state, "suspect");
  watch.run(1_000);
  assert.equal(watch.state, "lost");
  assert.equal(watch.members.stateOf(peer)?.heardMs, undefined);
});

Deno.test("a member with a link that answers is alive, however silent", () => {
  const watch = new Watch(peer);
  watch.members.linked(peer, watch.nowMs);
  watch.run(60_000);
  assert.equal(watch.state, "alive");
});

Deno.test("a member whose link leaves pings unanswered is lost in 15 s", () => {
  const watch = new Watch(peer);
  watch.members.linked(peer, watch.nowMs);
  watch.run(3_000, () => watch.hear());
  const heardMs = watch.nowMs;
  watch.run(7_000);
  watch.members.doubted(peer, true);
  watch.run(1_000);
  assert.equal(watch.state, "suspect");
  watch.run(6_000);
  assert.equal(watch.state, "suspect");
  watch.run(1_000);
  assert.equal(watch.state, "lost");
  assert.equal(watch.nowMs - heardMs, limits.memberLostMsMin);
  // The link answers again.
  watch.hear();
  watch.members.doubted(peer, false);
  watch.run(1_000);
  assert.equal(watch.state, "alive");
});

Deno.test("a member without a link lives by its records", () => {
  const watch = new Watch(peer);
  for (let round = 0; round < 20; round++) {
    watch.hear();
    watch.run(5_000);
    assert.equal(watch.state, "alive");
  }
  watch.run(4_000);
  assert.equal(watch.state, "alive");
  watch.run(1_000); // 10 s
  assert.equal(watch.state, "suspect");
  watch.run(5_000); // 15 s
  assert.equal(watch.state, "lost");
  watch.hear();
  watch.run(1_000);
  assert.equal(watch.state, "alive");
});

Deno.test("a member that speaks rarely gets the time it says it needs", () => {
  const watch = new Watch(peer);
  watch.members.heard(peer, watch.nowMs, { periodMs: 20_000 });
  watch.run(39_000);
  assert.equal(watch.state, "alive");
  watch.run(20_000);
  assert.equal(watch.state, "suspect");
  watch.run(1_000);
  assert.equal(watch.state, "lost");
});

Deno.test("a large cluster waits longer for everybody", () => {
  const many = Array.from(
    { length: 998 },
    (_, at) => `${at.toString(16).padStart(64, "a")}` as PeerId,
  );
  const watch = new Watch(peer, ...many);
  watch.hear();
  watch.run(59_000);
  assert.equal(watch.state, "suspect");
  watch.run(1_000);
  assert.equal(watch.state, "lost");
});

Deno.test("a sign of life that is old already counts from when it was", () => {
  const watch = new Watch(peer);
  watch.run(10_000);
  watch.members.heard(peer, watch.nowMs - 9_000);
  watch.run(5_000);
  assert.equal(watch.state, "suspect");
  watch.run(1_000);
  assert.equal(watch.state, "lost");
  // An older one takes nothing back.
  watch.members.heard(peer, watch.nowMs - 12_000);
  watch.run(1_000);
  assert.equal(watch.state, "lost");
});

Deno.test("S05 a node that was starved for 5 s loses nobody by that", () => {
  const watch = new Watch(peer);
  for (let round = 0; round < 100; round++) {
    watch.sleep(6_000); // heard nothing: it could not
    assert.notEqual(watch.state, "lost");
    watch.hear();
    watch.run(1_000);
    assert.equal(watch.state, "alive");
  }
});

Deno.test("S05 S06 a node that slept for long has to hear again first", () => {
  for (const sleptMs of [30_000, 60_000, 8 * 3_600_000]) {
    const watch = new Watch(peer, other);
    watch.members.linked(peer, watch.nowMs);
    watch.members.heard(other, watch.nowMs);
    watch.run(4_000, () => watch.hear());
    watch.sleep(sleptMs);
    watch.members.unlinked(peer); // all links broke meanwhile
    assert.equal(watch.state, "alive");
    watch.run(14_000);
    assert.notEqual(watch.state, "lost");
    // `other` had been silent for 4 s before the sleep.
    assert.notEqual(watch.members.stateOf(other)?.state, "lost");
    watch.run(1_000);
    assert.equal(watch.state, "lost", "nothing came since it woke");
  }
});

Deno.test("a node that is a bit slow all the time still notices a loss", () => {
  const watch = new Watch(peer);
  watch.hear();
  let rounds = 0;
  while (watch.state !== "lost" && rounds++ < 30) watch.sleep(1_500);
  assert.equal(watch.state, "lost");
  assert.ok(rounds <= 16, `${rounds} ticks of 1.5 s`);
});

Deno.test("who was lost before a sleep is lost after it", () => {
  const watch = new Watch(peer);
  watch.run(20_000);
  watch.sleep(60_000);
  assert.equal(watch.state, "lost");
  watch.run(1_000);
  assert.equal(watch.state, "lost");
});

Deno.test("who left is no loss, and is a member again by a link", () => {
  const watch = new Watch(peer);
  watch.members.linked(peer, watch.nowMs);
  watch.run(1_000);
  watch.members.left(peer);
  watch.run(1_000);
  assert.equal(watch.state, "left", "it may say so while it is linked");
  watch.members.unlinked(peer);
  watch.hear(); // a record that was on its way
  watch.run(60_000);
  assert.equal(watch.state, "left");
  watch.members.linked(peer, watch.nowMs);
  watch.run(1_000);
  assert.equal(watch.state, "alive");
});

Deno.test("who left returns by its document too, and gets time to speak", () => {
  const watch = new Watch(peer);
  watch.hear();
  watch.members.left(peer);
  watch.run(60_000);
  watch.members.returned(peer, watch.nowMs);
  watch.run(14_000);
  assert.notEqual(watch.state, "lost");
  watch.run(1_000);
  assert.equal(watch.state, "lost");
});

Deno.test("members whom the state names no more are forgotten", () => {
  const watch = new Watch(peer, other);
  watch.members.linked(other, watch.nowMs);
  watch.members.expect([], watch.nowMs);
  assert.equal(watch.state, undefined);
  assert.deepEqual([...watch.members.peers()], [other]); // still linked
  watch.members.unlinked(other);
  assert.deepEqual([...watch.members.peers()], []);
});

Deno.test("a node does not watch itself", () => {
  const watch = new Watch(self, peer);
  watch.members.linked(self, watch.nowMs);
  assert.deepEqual([...watch.members.peers()], [peer]);
});

Deno.test("a link to somebody whom the state does not name yet counts", () => {
  const watch = new Watch();
  watch.members.linked(peer, watch.nowMs);
  watch.run(1_000);
  assert.equal(watch.state, "alive");
  watch.members.expect([peer], watch.nowMs);
  watch.members.unlinked(peer);
  watch.run(1_000);
  assert.equal(watch.state, "alive", "it was heard a second ago");
});

Deno.test("a new member is alive from its first link on", () => {
  const watch = new Watch(peer);
  watch.members.linked(peer, watch.nowMs);
  assert.equal(watch.state, "alive");
  assert.equal(watch.members.stateOf(peer)?.sinceMs, watch.nowMs);
});

Deno.test("tick() tells each change once, with the silence behind it", () => {
  const watch = new Watch(peer);
  const told: string[] = [];
  const look = () => {
    watch.nowMs += 1_000;
    for (const { before, state, silentMs } of watch.members.tick(watch.nowMs)) {
      told.push(`${before} ${state} ${silentMs}`);
    }
  };
  watch.hear();
  for (let round = 0; round < 20; round++) look();
  watch.hear();
  for (let round = 0; round < 3; round++) look();
  assert.deepEqual(told, [
    "suspect alive 1000",
    "alive suspect 10000",
    "suspect lost 15000",
    "lost alive 1000",
  ]);
  const { sinceMs, heardMs } = watch.members.stateOf(peer) ?? {};
  assert.equal(sinceMs, watch.nowMs - 2_000);
  assert.equal(heardMs, watch.nowMs - 3_000);
});
