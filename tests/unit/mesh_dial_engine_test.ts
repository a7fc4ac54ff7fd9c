// The engine of dials: whom it dials, where, when, and how often. Time is a
// number here; every dial's outcome is the test's.

import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, type PeerId } from "../../src/kernel/mod.ts";
import { DialEngine } from "../../src/mesh/dial_engine.ts";
import { patienceMs } from "../../src/mesh/dial_round.ts";
import type { NetworkAddress } from "../../src/ports/mod.ts";
import { openSimRandom } from "../../src/sim/random.ts";
import { addressNumber, peerNumber } from "./mesh_world.ts";

const self = peerNumber(100);
/** Its id is higher: it is dialled at once. */
const higher = peerNumber(200);
/** Its id is lower: it is waited for. */
const lower = peerNumber(50);

type Dial = {
  readonly attempt: number;
  readonly peer: PeerId;
  readonly to: NetworkAddress;
  readonly atMs: number;
};

/** An engine at a time of its own, and what it wanted so far. */
class Lab {
  readonly addresses = new Map<PeerId, readonly NetworkAddress[]>();
  readonly dials: Dial[] = [];
  readonly cancelled: { attempt: number; why: string }[] = [];
  readonly exhausted: { peer: PeerId; failures: number; atMs: number }[] = [];
  readonly engine: DialEngine;
  nowMs = 1_000_000;

  constructor(seed = 1) {
    this.engine = new DialEngine({
      self,
      random: openSimRandom(seed),
      addressesOf: (peer) => this.addresses.get(peer) ?? [],
    });
  }

  /** A peer at so many addresses. */
  place(peer: PeerId, count = 1): void {
    const first = this.addresses.size * 16;
    this.addresses.set(
      peer,
      Array.from({ length: count }, (_, at) => addressNumber(first + at)),
    );
  }

  want(peer: PeerId, count = 1): void {
    this.place(peer, count);
    this.engine.want(peer, this.nowMs);
    this.step();
  }

  step(): void {
    for (const effect of this.engine.step(this.nowMs)) {
      const atMs = this.nowMs;
      if (effect.type === "dial") this.dials.push({ ...effect, atMs });
      else if (effect.type === "cancel") this.cancelled.push(effect);
      else this.exhausted.push({ ...effect, atMs });
    }
  }

  /** Runs every deadline on the way. */
  pass(durationMs: number): void {
    const untilMs = this.nowMs + durationMs;
    while ((this.engine.nextDeadlineMs ?? Infinity) <= untilMs) {
      this.nowMs = this.engine.nextDeadlineMs ?? untilMs;
      this.step();
    }
    this.nowMs = untilMs;
    this.step();
  }

  fail(dial: Dial | undefined, isRefusal = false): void {
    assert.ok(dial !== undefined, "there was such a dial");
    const { nowMs } = this;
    this.engine.failed(dial.attempt, { nowMs, isRefusal });
    this.step();
  }

  link(peer: PeerId, via?: NetworkAddress): void {
    this.engine.linked(peer, { nowMs: this.nowMs, via });
    this.step();
  }

  lose(peer: PeerId): void {
    this.engine.lost(peer, this.nowMs);
    this.step();
  }

  told(peer: PeerId, by: string): void {
    this.engine.told(peer, { by, nowMs: this.nowMs });
    this.step();
  }

  /** When dials started, from the first on. */
  get startsMs(): readonly number[] {
    return this.dials.map(({ atMs }) => atMs - (this.dials[0]?.atMs ?? 0));
  }
}

Deno.test("DialEngine lets the lower id of two dial first", () => {
  const lab = new Lab();
  lab.want(higher);
  assert.equal(lab.dials.length, 1, "the own id is lower");
  lab.want(lower);
  lab.pass(limits.dialYieldMs - 1);
  assert.equal(lab.dials.length, 1, "the own id is higher");
  lab.pass(1);
  assert.equal(lab.dials.length, 2);
});

Deno.test("DialEngine does not dial who came in meanwhile", () => {
  const lab = new Lab();
  lab.want(lower);
  lab.pass(100);
  lab.link(lower);
  lab.pass(600_000);
  assert.deepEqual(lab.dials, []);
  assert.equal(lab.engine.phaseOf(lower), "linked");
});

Deno.test("DialEngine.hurry() waits neither for the other nor its turn", () => {
  const lab = new Lab();
  lab.want(lower);
  lab.engine.hurry(lower, lab.nowMs);
  lab.step();
  assert.equal(lab.dials.length, 1);
});

Deno.test("DialEngine tries the next address when the last is silent", () => {
  const lab = new Lab();
  lab.want(higher, 3);
  lab.pass(1_000);
  const { dialStaggerMs } = limits;
  assert.deepEqual(lab.startsMs, [0, dialStaggerMs, 2 * dialStaggerMs]);
  assert.deepEqual(lab.dials.map(({ to }) => to), lab.addresses.get(higher));
});

Deno.test("DialEngine tries the next address at once when one fails", () => {
  const lab = new Lab();
  lab.want(higher, 3);
  lab.pass(10);
  lab.fail(lab.dials[0]);
  assert.deepEqual(lab.startsMs, [0, 10]);
  lab.pass(249);
  assert.equal(lab.dials.length, 2);
  lab.pass(1);
  assert.equal(lab.dials.length, 3);
});

Deno.test("DialEngine has 4 dials to one peer under way at most", () => {
  const lab = new Lab();
  lab.want(higher, 16);
  lab.pass(3_999);
  assert.equal(lab.dials.length, limits.dialsPerPeerMax);
  lab.pass(60_000);
  const tried = new Set(lab.dials.map(({ to }) => to));
  assert.equal(tried.size, 16, "but every address had its turn");
});

Deno.test("DialEngine ends the other dials when one made a link", () => {
  const lab = new Lab();
  lab.want(higher, 3);
  lab.pass(600);
  const winner = lab.dials[1];
  assert.ok(winner !== undefined);
  lab.link(higher, winner.to);
  const ended = lab.cancelled.map(({ attempt, why }) => [attempt, why]);
  assert.deepEqual(ended, [
    [lab.dials[0]?.attempt, "needless"],
    [lab.dials[2]?.attempt, "needless"],
  ]);
  assert.equal(lab.engine.attemptCount, 1, "it settles by itself");
  lab.engine.succeeded(winner.attempt);
  assert.equal(lab.engine.attemptCount, 0);
  lab.pass(600_000);
  assert.equal(lab.dials.length, 3);
});

Deno.test("DialEngine gives up a dial that is silent for 4 s", () => {
  const lab = new Lab();
  lab.want(higher);
  lab.pass(limits.dialMsMax - 1);
  assert.equal(lab.cancelled.length, 0);
  lab.pass(1);
  assert.equal(lab.cancelled[0]?.why, "silent");
  assert.equal(lab.exhausted[0]?.failures, 1);
  assert.equal(lab.engine.attemptCount, 0);
  lab.fail(lab.dials[0]);
  assert.equal(lab.exhausted.length, 1, "its late failure counts no more");
});

type Company = { readonly links?: number; readonly unlinked?: number };

/** The waits between rounds of a peer that always fails at once. */
function waitsMs(
  seed: number,
  rounds: number,
  { links = 0, unlinked = 0 }: Company,
): readonly number[] {
  const lab = new Lab(seed);
  for (let at = 0; at < links; at++) lab.link(peerNumber(1_000 + at));
  // They are refused, and so say nothing for a minute.
  for (let at = 0; at < unlinked; at++) {
    lab.want(peerNumber(5_000 + at));
    lab.fail(lab.dials[at], true);
  }
  lab.want(higher);
  const waits: number[] = [];
  for (let round = 0; round < rounds; round++) {
    lab.fail(lab.dials.at(-1));
    const failedMs = lab.nowMs;
    lab.pass((lab.engine.nextDeadlineMs ?? Infinity) - lab.nowMs);
    waits.push(lab.nowMs - failedMs);
  }
  return waits;
}

const patience: Readonly<Record<string, [Company, readonly number[]]>> = {
  "1-2-4..60 s in company": [{ links: 20 }, [1, 2, 4, 8, 16, 32, 60, 60, 60]],
  "up to 5 s when it is alone, for ever": [{}, [1, 2, 4, 5, 5, 5, 5, 5, 5]],
  "up to 10 s with one link": [{ links: 1 }, [1, 2, 4, 8, 10, 10, 10]],
  "longer when it misses many": [{ unlinked: 49 }, [1, 2, 4, 8, 16]],
};

for (const [how, [company, seconds]] of Object.entries(patience)) {
  Deno.test(`DialEngine waits ${how}, half of it random`, () => {
    const seen = new Set<string>();
    for (let seed = 1; seed <= 20; seed++) {
      const waits = waitsMs(seed, seconds.length, company);
      waits.forEach((wait, at) => {
        const fullMs = 1_000 * (seconds[at] ?? 0);
        assert.ok(wait >= fullMs / 2 && wait <= fullMs, `${wait} of ${fullMs}`);
      });
      seen.add(waits.join());
    }
    assert.equal(seen.size, 20, "no two peers wait alike");
  });
}

Deno.test("patienceMs() keeps what is dialled in vain within a few dials a second", () => {
  for (const unlinked of [1, 10, 60, 120]) {
    const waitMs = patienceMs({ links: 0, unlinked });
    assert.ok(waitMs >= limits.dialPatienceMsMin);
    assert.ok(unlinked / (waitMs / 1_000) <= 2, `${unlinked} peers`);
  }
  const many = { links: 2_000, unlinked: 10_000 };
  assert.equal(patienceMs(many), limits.dialBackoffMsMax);
});

Deno.test("DialEngine never gives a peer up (S03)", () => {
  const lab = new Lab();
  lab.want(higher, 2);
  lab.pass(24 * 3_600_000);
  const before = lab.dials.length;
  // Two dials of 4 s in turn, then some 4 s.
  assert.ok(before > 24 * 60 * 10, `${before} dials in a day`);
  assert.ok(before < 24 * 60 * 20, `${before} dials in a day`);
  lab.pass(limits.dialBackoffMsMax + limits.dialMsMax);
  assert.ok(lab.dials.length > before);
});

Deno.test("DialEngine dials who is silent for long at 4 addresses a round, the best one always", () => {
  const lab = new Lab();
  lab.want(higher, 16);
  const all = lab.addresses.get(higher) ?? [];
  while (lab.exhausted.length < limits.dialAllRoundsMax) lab.pass(1_000);
  const before = lab.dials.splice(0);
  assert.equal(before.length, 16 * limits.dialAllRoundsMax);
  const from = lab.exhausted.length;
  while (lab.exhausted.length < from + 15) {
    const rounds = lab.exhausted.length;
    const first = lab.dials.length;
    while (lab.exhausted.length === rounds) lab.pass(100);
    const dials = lab.dials.slice(first).map(({ to }) => to);
    assert.equal(dials.length, limits.dialsPerPeerMax);
    assert.deepEqual(dials[0], all[0]);
  }
  const ips = new Set(lab.dials.map(({ to }) => to.ip));
  assert.equal(ips.size, 16, "none is given up");
  const last = lab.dials.length;
  lab.engine.hurry(higher, lab.nowMs);
  lab.step();
  lab.pass(5 * limits.dialMsMax);
  assert.ok(lab.dials.length - last >= 16, "for who waits, all are tried");
});

Deno.test("DialEngine asks who refused once a minute", () => {
  const lab = new Lab();
  lab.want(higher, 3);
  lab.pass(300);
  lab.fail(lab.dials[0], true);
  assert.deepEqual(lab.cancelled.map(({ why }) => why), ["needless"]);
  lab.told(higher, "somebody");
  lab.engine.retryAll(lab.nowMs);
  lab.pass(limits.dialRefusedMs - 1);
  assert.equal(lab.dials.length, 2, "whatever others say");
  lab.pass(limits.dialRefusedMs / 10 + 1);
  assert.ok(lab.dials.length > 2);
});

Deno.test("DialEngine.hurry() asks also who refused", () => {
  const lab = new Lab();
  lab.want(higher);
  lab.fail(lab.dials[0], true);
  lab.engine.hurry(higher, lab.nowMs);
  lab.step();
  assert.equal(lab.dials.length, 2);
});

Deno.test("DialEngine.told() ends the waiting, once for each teller", () => {
  const lab = new Lab();
  lab.want(higher);
  lab.pass(600_000);
  const failed = () => lab.fail(lab.dials.at(-1));
  if (lab.engine.phaseOf(higher) === "dialing") failed();
  const before = lab.dials.length;
  lab.told(higher, "a");
  assert.equal(lab.dials.length, before + 1);
  failed();
  lab.told(higher, "a");
  assert.equal(lab.dials.length, before + 1, "the same once more");
  lab.told(higher, "b");
  assert.equal(lab.dials.length, before + 2);
  failed();
  for (let at = 0; at < 100; at++) {
    lab.told(higher, `liar ${at}`);
    if (lab.engine.phaseOf(higher) === "dialing") failed();
  }
  const heeded = lab.dials.length - before;
  assert.equal(heeded, limits.peerTellersMax, "bounded");
});

Deno.test("DialEngine.told() starts the waits anew", () => {
  const lab = new Lab();
  lab.want(higher);
  lab.pass(600_000);
  if (lab.engine.phaseOf(higher) === "dialing") lab.fail(lab.dials.at(-1));
  lab.told(higher, "a");
  lab.fail(lab.dials.at(-1));
  const before = lab.dials.length;
  lab.pass(limits.dialBackoffMsMin);
  assert.equal(lab.dials.length, before + 1);
});

Deno.test("DialEngine takes an address in the middle of a round", () => {
  const lab = new Lab();
  lab.want(higher);
  const added = addressNumber(999);
  lab.addresses.set(higher, [...lab.addresses.get(higher) ?? [], added]);
  lab.told(higher, "a");
  assert.deepEqual(lab.dials.map(({ to }) => to).at(-1), added);
  assert.equal(lab.dials.length, 2);
});

Deno.test("DialEngine dials anew when a link is lost, at once if it was old", () => {
  const lab = new Lab();
  lab.want(higher);
  lab.link(higher, lab.dials[0]?.to);
  lab.pass(limits.linkStableMs);
  lab.lose(higher);
  assert.equal(lab.dials.length, 2);
});

Deno.test("DialEngine heeds tellers again after a link that lasted", () => {
  const lab = new Lab();
  lab.want(higher);
  for (const livedMs of [10, limits.linkStableMs]) {
    lab.fail(lab.dials.at(-1));
    lab.told(higher, "a");
    lab.link(higher, lab.dials.at(-1)?.to);
    lab.pass(livedMs);
    lab.lose(higher);
    lab.pass((lab.engine.nextDeadlineMs ?? 0) - lab.nowMs);
  }
  lab.fail(lab.dials.at(-1));
  const before = lab.dials.length;
  lab.told(higher, "a");
  assert.equal(lab.dials.length, before + 1);
});

Deno.test("DialEngine slows down when links die young (S04)", () => {
  const lab = new Lab();
  lab.want(higher);
  for (let round = 0; round < 200; round++) {
    lab.link(higher, lab.dials.at(-1)?.to);
    lab.engine.succeeded(lab.dials.at(-1)?.attempt ?? 0);
    lab.pass(10);
    lab.lose(higher);
    const nextMs = lab.engine.nextDeadlineMs ?? Infinity;
    if (nextMs > lab.nowMs) lab.pass(nextMs - lab.nowMs);
  }
  const [last = 0, before = 0] = lab.startsMs.toReversed();
  assert.ok(last - before >= limits.dialBackoffMsMax / 2);
});

Deno.test("DialEngine.drop() ends the dials to a peer for good", () => {
  const lab = new Lab();
  lab.want(higher, 3);
  lab.pass(300);
  lab.engine.drop(higher);
  lab.step();
  assert.equal(lab.cancelled.length, 2);
  lab.pass(600_000);
  assert.equal(lab.dials.length, 2);
  assert.equal(lab.engine.phaseOf(higher), undefined);
  assert.equal(lab.engine.nextDeadlineMs, undefined);
});

Deno.test("DialEngine.retryAll() dials everybody who waits", () => {
  const lab = new Lab();
  const peers = Array.from({ length: 20 }, (_, at) => peerNumber(1_000 + at));
  for (const peer of peers) lab.want(peer);
  lab.pass(3_600_000);
  for (const dial of [...lab.dials]) {
    if (lab.engine.phaseOf(dial.peer) === "dialing") lab.fail(dial);
  }
  const before = lab.dials.length;
  lab.engine.retryAll(lab.nowMs);
  lab.step();
  assert.equal(lab.dials.length, before + peers.length);
});

Deno.test("DialEngine has 32 dials under way, and all have their turn", () => {
  const lab = new Lab();
  const peers = Array.from({ length: 200 }, (_, at) => peerNumber(1_000 + at));
  for (const peer of peers) lab.want(peer);
  assert.equal(lab.dials.length, limits.dialsMax);
  const everyMs = limits.dialMsMax * Math.ceil(200 / limits.dialsMax);
  lab.pass(everyMs);
  assert.equal(new Set(lab.dials.map(({ peer }) => peer)).size, 200);
});

Deno.test("DialEngine.hurry() goes before who waits for a place", () => {
  const lab = new Lab();
  for (let at = 0; at < 200; at++) lab.want(peerNumber(1_000 + at));
  const wanted = peerNumber(5_000);
  lab.place(wanted, 2);
  lab.engine.hurry(wanted, lab.nowMs);
  lab.step();
  lab.fail(lab.dials[0]);
  assert.equal(lab.dials.at(-1)?.peer, wanted);
});

Deno.test("DialEngine.hurry() dials anew while a dial is silent, and then waits for that", () => {
  const lab = new Lab();
  lab.want(higher);
  lab.pass(limits.dialMsMax - 1);
  lab.engine.hurry(higher, lab.nowMs);
  lab.step();
  assert.equal(lab.dials.length, 2);
  assert.deepEqual(lab.cancelled.map(({ why }) => why), ["needless"]);
  lab.pass(limits.dialMsMax - 1);
  lab.engine.hurry(higher, lab.nowMs);
  lab.step();
  assert.equal(lab.dials.length, 2, "as many callers do not dial more");
  assert.deepEqual(lab.exhausted, []);
});

Deno.test("DialEngine dials who was just lost before those that are silent for long", () => {
  const lab = new Lab();
  lab.link(higher);
  lab.pass(limits.linkStableMs);
  lab.place(higher);
  const silent = 40 * limits.dialsMax;
  for (let at = 0; at < silent; at++) lab.want(peerNumber(1_000 + at));
  lab.pass(600_000);
  assert.equal(lab.engine.attemptCount, limits.dialsMax, "all places are full");
  lab.lose(higher);
  lab.pass(limits.dialMsMax);
  assert.ok(lab.dials.some(({ peer }) => peer === higher));
});

Deno.test("DialEngine tells of a peer without addresses, and goes on", () => {
  const lab = new Lab();
  lab.engine.hurry(higher, lab.nowMs);
  lab.step();
  assert.deepEqual(lab.exhausted.map(({ peer }) => peer), [higher]);
  lab.place(higher);
  lab.pass(limits.dialBackoffMsMin);
  assert.equal(lab.dials.length, 1);
});

/** Any events at all, on a few peers. */
const anyEvents = fc.array(
  fc.record({
    type: fc.constantFrom(
      ...["want", "drop", "hurry", "told", "linked", "lost"],
      ...["succeeded", "failed", "refused", "retryAll"],
    ),
    peer: fc.integer({ min: 1, max: 40 }),
    passMs: fc.constantFrom(0, 0, 1, 250, 500, 4_000, 60_000),
  }),
  { maxLength: 200 },
);

Deno.test("DialEngine keeps its bounds and its word in any order of events", () => {
  const property = fc.property(anyEvents, (events) => {
    const lab = new Lab();
    const open = new Map<number, PeerId>();
    const check = () => {
      for (const { attempt, peer } of lab.dials.splice(0)) {
        assert.notEqual(lab.engine.phaseOf(peer), "linked");
        open.set(attempt, peer);
      }
      for (const { attempt } of lab.cancelled.splice(0)) open.delete(attempt);
      assert.equal(open.size, lab.engine.attemptCount);
      assert.ok(open.size <= limits.dialsMax);
    };
    for (const { type, peer: number, passMs } of events) {
      const peer = peerNumber(80 + number);
      const [attempt = 0] = [...open]
        .find(([, of]) => of === peer) ?? [];
      const { engine, nowMs } = lab;
      lab.place(peer, 1 + number % 5);
      if (type === "want") engine.want(peer, nowMs);
      if (type === "drop") engine.drop(peer);
      if (type === "hurry") engine.hurry(peer, nowMs);
      if (type === "told") engine.told(peer, { by: `${number}`, nowMs });
      if (type === "linked") engine.linked(peer, { nowMs, via: undefined });
      if (type === "lost") engine.lost(peer, nowMs);
      if (type === "retryAll") engine.retryAll(nowMs);
      if (type === "succeeded" && attempt > 0) {
        engine.linked(peer, { nowMs, via: undefined });
        engine.succeeded(attempt);
      }
      if (type === "failed" || type === "refused") {
        engine.failed(attempt, { nowMs, isRefusal: type === "refused" });
      }
      if (["succeeded", "failed", "refused"].includes(type)) {
        open.delete(attempt);
      }
      lab.step();
      check();
      lab.pass(passMs);
      check();
    }
    // Whoever is wanted and not linked is dialled again, always.
    const waiting = Array.from({ length: 40 }, (_, at) => peerNumber(81 + at))
      .filter((peer) =>
        ["waiting", "dialing"].includes(lab.engine.phaseOf(peer) ?? "")
      );
    const seen = new Set<PeerId>();
    for (let at = 0; at < 40; at++) {
      lab.pass(limits.dialMsMax);
      for (const { peer } of lab.dials) seen.add(peer);
      check();
    }
    for (const peer of waiting) assert.ok(seen.has(peer), peer.slice(0, 8));
  });
  fc.assert(property, { numRuns: 300, seed: 4711 });
});
