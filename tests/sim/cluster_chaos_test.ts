// A cluster to which everything happens at random: kills, power losses, cuts,
// bad paths, wrong clocks, while two admins go on deciding and members call each
// other. Then all is well again: everybody who may be is linked, all hold the
// same rights, and every decision that was acknowledged is among them.

import assert from "node:assert/strict";
import { PlnError } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import {
  type SimCluster,
  type SimMember,
  unequalRights,
} from "../../src/sim/mod.ts";
import { call, clusterScenario, meshed, publish } from "./cluster_lab.ts";

const steps = 30;

/** What each admin said last of each of its members, when that is known. */
type Verdict = "deny" | "allow" | "unknown";

class Chaos {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  readonly #admins: readonly SimMember[];
  readonly #members: readonly SimMember[];
  readonly #verdicts = new Map<SimMember, Verdict>();
  readonly #joined: SimMember[] = [];
  readonly #open: Promise<unknown>[] = [];
  #moves = 0;

  constructor(
    cluster: SimCluster,
    admins: readonly SimMember[],
    members: readonly SimMember[],
  ) {
    this.#cluster = cluster;
    this.#random = cluster.world.random.fork("chaos");
    this.#admins = admins;
    this.#members = members;
  }

  get #all(): readonly SimMember[] {
    return [...this.#admins, ...this.#members, ...this.#joined];
  }

  async run(): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#act();
      await this.#cluster.pause(this.#random.integer(4_000));
    }
  }

  /** All is well again, as far as verdicts allow. */
  async settle(): Promise<void> {
    const cluster = this.#cluster;
    await Promise.all(this.#open);
    cluster.network.heal();
    for (const one of this.#all) {
      one.setWallOffset(0);
      for (const other of this.#all) {
        if (one === other) continue;
        const path = { lossPercent: 0, latencyMs: 1, jitterMs: 0 };
        cluster.network.setOneWay(one.name, other.name, path);
      }
      if (!one.isUp) await one.start();
    }
    const [first] = this.#admins;
    assert.ok(first !== undefined);
    const isOut = (member: SimMember) =>
      first.node.view.rights.denialOf(member.peer) !== undefined;
    await cluster.until("the admins agree", () => unequalRights(this.#admins), {
      withinMs: 90_000,
    });
    const left = this.#all.filter((member) => !isOut(member));
    await meshed(cluster, left, { withinMs: 150_000 });
    await cluster.until(
      "each pair has one session",
      () =>
        left.every(({ process: { network } }) =>
          network.counts.sessions === left.length - 1
        ),
      { withinMs: 10_000 },
    );
    for (const [member, verdict] of this.#verdicts) {
      if (verdict === "unknown") continue;
      assert.equal(isOut(member), verdict === "deny", member.name);
    }
    for (const member of left) assert.equal(member.node.alarms.length, 0);
  }

  #any<T>(items: readonly T[]): T {
    const item = items[this.#random.integer(items.length)];
    assert.ok(item !== undefined);
    return item;
  }

  #act(): void {
    const { network } = this.#cluster;
    const member = this.#any(this.#all);
    switch (this.#random.integer(12)) {
      case 0:
        return this.#spawn(() => this.#restart(member));
      case 1: {
        const cut = this.#all.filter(() => this.#random.integer(2) === 0);
        const rest = this.#all.filter((one) => !cut.includes(one));
        const names = [cut, rest].map((side) => side.map(({ name }) => name));
        const [some = [], others = []] = names;
        if (this.#random.integer(3) === 0) network.cutOneWay(some, others);
        else network.partition(some, others);
        return;
      }
      case 2:
      case 3:
        return network.heal();
      case 4:
        return network.setPath(member.name, this.#any(this.#all).name, {
          lossPercent: this.#random.integer(40),
          latencyMs: this.#random.integer(200),
          jitterMs: this.#random.integer(100),
        });
      case 5:
        return member.setWallOffset((this.#random.integer(60) - 30) * 60_000);
      case 6:
      case 7:
        return this.#spawn(() => this.#decide());
      case 8:
        return this.#spawn(() => this.#admit());
      case 9:
        return this.#spawn(() => this.#stun(member));
      case 10:
        // Admins stay: of all that move, nobody could find anybody.
        if (this.#admins.includes(member)) return;
        return network.setIps(member.name, [`10.7.0.${++this.#moves}`]);
      default:
        return this.#spawn(() => this.#call(member));
    }
  }

  #spawn(work: () => Promise<void>): void {
    const run = async () => {
      try {
        await work();
      } catch (cause) {
        if (!(cause instanceof PlnError)) throw cause;
        assert.notEqual(cause.code, "PLN_INTERNAL");
      }
    };
    this.#open.push(run());
  }

  async #restart(member: SimMember): Promise<void> {
    if (!member.isUp) return;
    const way = this.#random.integer(3);
    if (way === 0) member.kill();
    else if (way === 1) member.losePower();
    else await member.stop();
    await this.#cluster.pause(this.#random.integer(20_000));
    await member.start();
  }

  /** As SIGSTOP, or a machine that is too busy. */
  async #stun({ isUp, process }: SimMember): Promise<void> {
    if (!isUp) return;
    process.clock.freeze();
    await this.#cluster.pause(this.#random.integer(20_000));
    process.clock.thaw();
  }

  /** Of each member one admin decides: the last word is known. */
  async #decide(): Promise<void> {
    const index = this.#random.integer(this.#members.length);
    const member = this.#any(this.#members.slice(index, index + 1));
    const admin = this.#admins[index % this.#admins.length];
    if (admin?.isUp !== true) return;
    const { members } = admin.node;
    const { peer } = member;
    const before = this.#verdicts.get(member);
    this.#verdicts.set(member, "unknown");
    const isDone = await this.#unlessDead(
      admin,
      before === "deny" ? members.allow(peer) : members.deny(peer, {}),
    );
    if (isDone === undefined) return;
    this.#verdicts.set(member, before === "deny" ? "allow" : "deny");
  }

  async #admit(): Promise<void> {
    const admin = this.#any(this.#admins);
    if (!admin.isUp || this.#joined.length >= 3) return;
    const invite = await this.#unlessDead(
      admin,
      admin.node.members.invite({ ttlMs: 3_600_000 }),
    );
    if (invite === undefined) return;
    const member = this.#cluster.machine(`x${this.#cluster.members.length}`);
    await member.join(invite.token);
    this.#joined.push(member);
    await member.start();
  }

  async #call(member: SimMember): Promise<void> {
    const on = this.#any(this.#all);
    if (!member.isUp || on === member) return;
    const asked = call(member, "s/tag", { on, timeoutMs: 5_000 });
    await this.#unlessDead(member, asked);
  }

  /** What a killed process has promised never settles. */
  async #unlessDead<T>(
    { process }: SimMember,
    work: Promise<T>,
  ): Promise<T | undefined> {
    const dead = process.ended.then(() => undefined);
    return await Promise.race([work, dead]);
  }
}

clusterScenario("chaos ends in one cluster", async (cluster) => {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann);
  const members = await cluster.admitAll(["cleo", "dan", "eve"], ann, {
    tier: "publisher",
  });
  await meshed(cluster, [ann, bob, ...members]);
  await cluster.promote(bob, ann);
  for (const member of members) {
    await publish(member, "s", { isTakeover: true });
  }
  const chaos = new Chaos(cluster, [ann, bob], members);
  await chaos.run();
  await chaos.settle();
}, { worlds: 2, stepMsMax: 5 });
