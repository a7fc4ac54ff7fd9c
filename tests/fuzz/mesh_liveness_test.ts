// Any order of events into the engine of liveness, beside a model that knows
// only the rules: who may be lost, who must be, and who left. The seed is fixed.

import assert from "node:assert/strict";
import fc from "fast-check";
import { limits, type PeerId } from "../../src/kernel/mod.ts";
import { Members } from "../../src/mesh/members.ts";
import { fuzzRuns } from "./runs.ts";

const runs = { numRuns: fuzzRuns(1_000), seed: 4711 };
const self = "0".repeat(64) as PeerId;
const peers = ["1", "2", "3"].map((digit) => digit.repeat(64) as PeerId);
const periodMs = limits.recordPeriodMsMin;

const who = fc.nat({ max: peers.length - 1 });
const event = fc.oneof(
  fc.record({
    type: fc.constantFrom("linked", "unlinked", "left", "returned"),
    who,
  }),
  fc.record({ type: fc.constantFrom("heard", "doubted", "trusted"), who }),
  fc.record({ type: fc.constant("old record"), who }),
  // Mostly ticks in time, some late ones.
  fc.record({
    type: fc.constant("tick"),
    afterMs: fc.oneof(
      { weight: 8, arbitrary: fc.constant(1_000) },
      { weight: 2, arbitrary: fc.integer({ min: 1_000, max: 60_000 }) },
    ),
  }),
  fc.record({
    type: fc.constant("quiet"),
    ticks: fc.integer({ min: 1, max: 30 }),
  }),
);

/** The rules, told from outside; of one peer. */
class Rules {
  isLinked = false;
  isDoubted = false;
  hasLeft = false;
  /** Ticks that were in time since the newest sign of life or chance. */
  awakeMs = 0;
  everyMs = 0;

  heard(): void {
    this.awakeMs = 0;
    this.everyMs = 0;
  }

  ticked(passedMs: number): void {
    this.awakeMs += Math.min(passedMs, limits.memberTickMs);
    this.everyMs += passedMs;
  }

  check(state: string | undefined): void {
    const isThere = this.isLinked && !this.isDoubted;
    assert.equal(state === "left", this.hasLeft);
    if (this.hasLeft) return;
    if (isThere) assert.equal(state, "alive");
    if (state === "lost") assert.ok(this.everyMs >= limits.memberLostMsMin);
    // Each late tick may give so much more time; without any there is none.
    const isAllInTime = this.awakeMs === this.everyMs;
    if (isThere || !isAllInTime) return;
    const mustBeLost = this.awakeMs >= limits.memberLostPeriods * periodMs;
    if (mustBeLost) assert.equal(state, "lost");
  }
}

class Run {
  readonly #members = new Members({ self, periodMs: () => periodMs }, 0);
  readonly #rules = new Map(peers.map((peer) => [peer, new Rules()]));
  #nowMs = 0;

  constructor() {
    this.#members.expect(peers, 0);
  }

  step(type: string, peer: PeerId): void {
    const rules = this.#rules.get(peer);
    assert.ok(rules !== undefined);
    switch (type) {
      case "linked":
        this.#members.linked(peer, this.#nowMs);
        rules.isLinked = true;
        rules.isDoubted = rules.hasLeft = false;
        return rules.heard();
      case "unlinked":
        this.#members.unlinked(peer);
        rules.isLinked = rules.isDoubted = false;
        return;
      case "left":
        this.#members.left(peer);
        rules.hasLeft = true;
        return;
      case "returned":
        this.#members.returned(peer, this.#nowMs);
        if (rules.hasLeft) rules.heard();
        rules.hasLeft = false;
        return;
      case "heard":
        this.#members.heard(peer, this.#nowMs);
        return rules.heard();
      case "old record":
        // From before everything: it changes nothing.
        return this.#members.heard(peer, -1);
      default:
        if (!rules.isLinked) return;
        this.#members.doubted(peer, type === "doubted");
        rules.isDoubted = type === "doubted";
    }
  }

  tick(afterMs: number): void {
    this.#nowMs += afterMs;
    const before = peers.map((peer) => this.#members.stateOf(peer)?.state);
    const changes = this.#members.tick(this.#nowMs);
    for (const [at, peer] of peers.entries()) {
      const rules = this.#rules.get(peer);
      rules?.ticked(afterMs);
      const now = this.#members.stateOf(peer);
      rules?.check(now?.state);
      const change = changes.find((one) => one.peer === peer);
      assert.equal(change?.before ?? now?.state, before[at]);
      if (change !== undefined) assert.equal(change.state, now?.state);
    }
    assert.deepEqual(this.#members.tick(this.#nowMs), [], "once is enough");
  }
}

Deno.test("liveness keeps its rules whatever happens in whatever order", () => {
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const run = new Run();
      for (const one of events) {
        if ("afterMs" in one) run.tick(one.afterMs);
        else if ("ticks" in one) {
          for (let tick = 0; tick < one.ticks; tick++) run.tick(1_000);
        } else run.step(one.type, peers[one.who] ?? self);
      }
    }),
    runs,
  );
});
