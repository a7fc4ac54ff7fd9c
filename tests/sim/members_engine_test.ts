// Liveness of 50 nodes that know each other by records alone, the hardest case:
// every record takes up to three steps, which lose one packet in five, and
// nodes are starved of time. Engines only; in one seed, out who lost whom. The
// clusters in members_loss_test.ts run the whole of it.

import assert from "node:assert/strict";
import { limits, type PeerId, TimerQueue } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import { recordPeriodMs } from "../../src/gossip/record.ts";
import { Members } from "../../src/mesh/members.ts";
import { openSimRandom } from "../../src/sim/random.ts";

const stepMs = 10;
const againMs = 200; // a lost packet is sent again then, later twice as long
const againMsMax = 1_000; // then somebody else is asked (gossipWantMsMax)
const stepsMax = 3; // from node to node; each takes three packets

/** What is heard while a node is starved is heard when it wakes. */
class Engine {
  readonly peer: PeerId;
  readonly members: Members;
  readonly lost: PeerId[] = [];
  readonly #inbox: (readonly [peer: PeerId, madeMs: number])[] = [];
  isAwake = true;
  isAlive = true;
  isSpeechDue = false;

  constructor(number: number) {
    this.peer = `${number}`.padStart(64, "0") as PeerId;
    const self = this.peer;
    this.members = new Members({ self, periodMs: recordPeriodMs }, 0);
  }

  hear(peer: PeerId, madeMs: number): void {
    if (this.isAwake) this.members.heard(peer, madeMs);
    else this.#inbox.push([peer, madeMs]);
  }

  tick(nowMs: number): void {
    if (!this.isAwake || !this.isAlive) return;
    for (const { peer, state } of this.members.tick(nowMs)) {
      if (state === "lost") this.lost.push(peer);
    }
  }

  /** @param isTickFirst Timers and the network come in any order. */
  wake(nowMs: number, { isTickFirst }: { readonly isTickFirst: boolean }) {
    this.isAwake = true;
    if (isTickFirst) this.tick(nowMs);
    for (const [peer, madeMs] of this.#inbox.splice(0)) {
      this.members.heard(peer, madeMs);
    }
  }

  state(peer: PeerId) {
    return this.members.stateOf(peer)?.state;
  }
}

class Swarm {
  readonly engines: readonly Engine[];
  readonly #timers = new TimerQueue();
  readonly #random: Random;
  nowMs = 0;

  readonly #lossPercent: number;

  constructor(
    count: number,
    seed: number,
    { lossPercent = 20 }: { readonly lossPercent?: number } = {},
  ) {
    this.#lossPercent = lossPercent;
    this.#random = openSimRandom(seed);
    this.engines = Array.from({ length: count }, (_, at) => new Engine(at));
    const peers = this.engines.map(({ peer }) => peer);
    for (const engine of this.engines) {
      engine.members.expect(peers, 0);
      this.#after(this.#random.integer(1_000), () => this.#tick(engine));
      this.#after(this.#random.integer(5_000), () => this.#speak(engine));
    }
  }

  run(untilMs: number): void {
    while ((this.#timers.nextDeadlineMs ?? Infinity) <= untilMs) {
      this.nowMs = this.#timers.nextDeadlineMs ?? untilMs;
      this.#timers.takeDue(this.nowMs)?.();
    }
    this.nowMs = untilMs;
  }

  /** Anyone of those that are awake and alive. */
  any(): Engine {
    const able = this.engines.filter((one) => one.isAwake && one.isAlive);
    const one = able[this.#random.integer(able.length)];
    assert.ok(one !== undefined);
    return one;
  }

  starve(engine: Engine, durationMs: number): void {
    engine.isAwake = false;
    this.#after(durationMs, () => {
      const isTickFirst = this.#random.integer(2) === 0;
      engine.wake(this.nowMs, { isTickFirst });
      if (engine.isSpeechDue) this.#speak(engine);
    });
  }

  /** Starves one node after the other for 5 s each, for ever. */
  starveOneAtATime(): void {
    this.starve(this.any(), 5_000);
    const pauseMs = 5_001 + this.#random.integer(2_000);
    this.#after(pauseMs, () => this.starveOneAtATime());
  }

  #after(delayMs: number, run: () => void): void {
    this.#timers.add(this.nowMs + delayMs, run);
  }

  #tick(engine: Engine): void {
    engine.tick(this.nowMs);
    this.#after(limits.memberTickMs, () => this.#tick(engine));
  }

  #speak(engine: Engine): void {
    if (!engine.isAlive) return;
    engine.isSpeechDue = !engine.isAwake;
    if (!engine.isAwake) return;
    const madeMs = this.nowMs;
    for (const other of this.engines) {
      if (other === engine) continue;
      this.#after(this.#wayMs(), () => other.hear(engine.peer, madeMs));
    }
    const periodMs = recordPeriodMs(this.engines.length);
    const jitteredMs = periodMs * (90 + this.#random.integer(21)) / 100;
    this.#after(jitteredMs, () => this.#speak(engine));
  }

  #wayMs(): number {
    const steps = 1 + this.#random.integer(stepsMax);
    let wayMs = 0;
    for (let packet = 0; packet < 3 * steps; packet++) {
      let waitMs = againMs;
      while (this.#random.integer(100) < this.#lossPercent) {
        wayMs += waitMs;
        waitMs = Math.min(2 * waitMs, againMsMax);
      }
      wayMs += stepMs;
    }
    return wayMs;
  }
}

Deno.test("members: 50 nodes lose nobody in an hour of loss and starvation", () => {
  const swarm = new Swarm(50, 4711);
  swarm.run(20_000); // everybody has spoken
  for (const { lost } of swarm.engines) assert.deepEqual(lost, []);
  swarm.starveOneAtATime();
  swarm.run(3_600_000);
  for (const { peer, lost } of swarm.engines) {
    assert.deepEqual(lost, [], `${peer} has lost somebody`);
  }
});

Deno.test("members: all of 50 nodes know of a failure in 20 s", () => {
  for (const seed of [1, 2, 3]) {
    const swarm = new Swarm(50, seed);
    swarm.run(60_000);
    const dead = swarm.any();
    dead.isAlive = false;
    swarm.run(80_000);
    for (const engine of swarm.engines) {
      if (engine === dead) continue;
      assert.equal(engine.state(dead.peer), "lost", `seed ${seed}`);
      assert.deepEqual(engine.lost, [dead.peer]);
    }
  }
});

Deno.test("S05 members: one that slept 30 s loses nobody and is soon back", () => {
  for (const seed of [1, 2, 3]) {
    const swarm = new Swarm(50, seed, { lossPercent: 1 });
    swarm.run(60_000);
    const sleeper = swarm.any();
    swarm.starve(sleeper, 30_000);
    swarm.run(90_000);
    for (const engine of swarm.engines) {
      if (engine === sleeper) continue;
      assert.equal(engine.state(sleeper.peer), "lost");
    }
    swarm.run(95_000);
    for (const engine of swarm.engines) {
      if (engine === sleeper) continue;
      assert.equal(engine.state(sleeper.peer), "alive", `seed ${seed}`);
      assert.equal(sleeper.state(engine.peer), "alive");
    }
    swarm.run(200_000);
    assert.deepEqual(sleeper.lost, []);
  }
});
