// Decisions of admins in the middle of everything else: grants up and down,
// denials, forgets of nodes that live, promotions, old disks, lost replicas,
// full disks, kills and cuts, while everybody publishes. Then all is well again:
// all nodes hold the same documents, and what owners show, everybody shows.

import assert from "node:assert/strict";
import { PlnError, toHex } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import {
  SeedLedger,
  type SimCluster,
  type SimMember,
  unequalRights,
  unequalViews,
  unlinked,
} from "../../src/sim/mod.ts";
import type { Decision } from "../../src/node/mod.ts";
import type { OwnerHead } from "../../src/state/mod.ts";
import { clusterScenario, meshed } from "./cluster_lab.ts";

/** What a full disk is to be logged as. */
const expected = [
  "state.publish_failed",
  "state.append_failed",
  "state.truncate_failed",
  "node.entries_failed",
  "state.replicas_unread",
  "gossip.batch_not_stored",
];

const steps = 30;
const clear = { lossPercent: 0, latencyMs: 1, jitterMs: 0 };

class Chaos {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  readonly #ledger: SeedLedger;
  readonly #admins: readonly SimMember[];
  readonly #others: readonly SimMember[];
  readonly #open: Promise<void>[] = [];
  readonly #busy = new Set<SimMember>();

  constructor(
    cluster: SimCluster,
    admins: readonly SimMember[],
    others: readonly SimMember[],
  ) {
    this.#cluster = cluster;
    this.#random = cluster.world.random.fork("decisions");
    this.#ledger = new SeedLedger(cluster.signer);
    this.#admins = admins;
    this.#others = others;
  }

  get #all(): readonly SimMember[] {
    return [...this.#admins, ...this.#others];
  }

  async run(): Promise<void> {
    for (let step = 0; step < steps; step++) {
      this.#act();
      for (let one = 0; one < 2; one++) this.#spawn(() => this.#change());
      await this.#cluster.pause(this.#random.integer(3_000));
    }
  }

  /** All is well again: all are allowed, publishers, up and linked. */
  async settle(): Promise<void> {
    const { network } = this.#cluster;
    await Promise.all(this.#open);
    network.heal();
    network.setEverywhere(clear);
    for (const one of this.#all) if (!one.isUp) await one.start();
    const [first, second] = this.#admins;
    assert.ok(first !== undefined && second !== undefined);
    const { rights } = first.node.view;
    if (rights.denialOf(second.peer) !== undefined) await this.#rootDecides();
    await this.#agree("the admins agree", this.#admins);
    for (const { peer } of this.#others) {
      const { members } = first.node;
      if (first.node.view.rights.denialOf(peer) !== undefined) {
        await members.allow(peer);
      }
      await members.grant(peer, { tier: "publisher" });
    }
    await meshed(this.#cluster, this.#all, { withinMs: 200_000 });
    await this.#agree("all agree", this.#all);
    for (const one of this.#all) {
      const own = new Map(
        [...one.node.view.ownSeeds].map(([name, { spec }]) => [
          name,
          spec.digest,
        ]),
      );
      assert.equal(this.#ledger.ownFault(one.peer, own), undefined, one.name);
      for (const { name, node } of this.#all) {
        const shown = node.view.seedsOf(one.peer)
          .map(({ name, spec }) => [name, spec.digest] as const);
        assert.deepEqual(
          shown.toSorted(),
          [...own].toSorted(),
          `${name} shows what ${one.name} says`,
        );
      }
    }
  }

  async #agree(what: string, members: readonly SimMember[]): Promise<void> {
    await this.#cluster.until(
      what,
      () =>
        unlinked(members) ?? unequalRights(members) ?? unequalViews(members) ??
          unequalPlaces(members),
      { withinMs: 200_000 },
    );
  }

  #any<T>(items: readonly T[]): T {
    const item = items[this.#random.integer(items.length)];
    assert.ok(item !== undefined);
    return item;
  }

  #act(): void {
    const { network } = this.#cluster;
    const member = this.#any(this.#others);
    switch (this.#random.integer(14)) {
      case 0:
      case 1:
        return this.#spawn(() => this.#restart(this.#any(this.#all)));
      case 2: {
        const cut = this.#all.filter(() => this.#random.integer(2) === 0);
        const rest = this.#all.filter((one) => !cut.includes(one));
        const [some = [], others = []] = [cut, rest]
          .map((side) => side.map(({ name }) => name));
        return network.partition(some, others);
      }
      case 3:
      case 4:
        return network.heal();
      case 5:
      case 6:
        return this.#decide(({ documents }) =>
          documents.forget(member.peer, { isForced: true })
        );
      case 7:
      case 8:
        return this.#decide(({ members }) =>
          members.grant(member.peer, {
            tier: this.#any(["leaf", "publisher"] as const),
          })
        );
      case 9:
        return this.#decide(({ members, view: { rights } }) =>
          rights.denialOf(member.peer) === undefined
            ? members.deny(member.peer, {})
            : members.allow(member.peer)
        );
      case 10:
        return this.#spawn(() => this.#setBack(member));
      case 11:
        return this.#spawn(() => this.#rootDecides());
      case 12:
        return this.#spawn(() => this.#promote());
      default:
        return this.#spawn(() => this.#fill(this.#any(this.#all)));
    }
  }

  /** Whatever an admin that runs does; it may be refused, or die over it. */
  #decide(work: (node: SimMember["node"]) => Promise<unknown>): void {
    const admin = this.#any(this.#admins);
    if (!admin.isUp) return;
    const { ended } = admin.process;
    this.#spawn(async () => void await Promise.race([work(admin.node), ended]));
  }

  /** The second admin is out, with all that it wrote; or in again. */
  async #rootDecides(): Promise<void> {
    const [ann, bob] = this.#admins;
    assert.ok(ann !== undefined && bob !== undefined);
    if (!ann.isUp) return;
    const { members, view: { rights } } = ann.node;
    const { peer } = bob;
    await this.#byRoot(
      rights.denialOf(peer) === undefined
        ? members.deny(peer, {})
        : members.allow(peer),
    );
  }

  /** The last of the others becomes an admin, and then stays one. */
  async #promote(): Promise<void> {
    const [ann] = this.#admins;
    const last = this.#others.at(-1);
    assert.ok(ann !== undefined && last !== undefined);
    if (!ann.isUp || !last.isUp) return;
    const { members } = ann.node;
    await this.#byRoot(members.grant(last.peer, { tier: "admin" }));
  }

  async #byRoot(asked: Promise<Decision>): Promise<void> {
    const [ann] = this.#admins;
    assert.ok(ann !== undefined);
    const said = async () => this.#cluster.rootSays(ann, await asked);
    await Promise.race([said(), ann.process.ended]);
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
    const running = run();
    running.catch(() => undefined); // `settle` hears of it
    this.#open.push(running);
  }

  async #change(): Promise<void> {
    const member = this.#any(this.#all);
    const name = `${member.name}-${this.#random.integer(3)}`;
    if (!member.isUp || this.#ledger.isBusy(member, name)) return;
    // An old disk may lack what is still to be adopted from others.
    const isThere = member.node.view.ownSeeds.has(name);
    if (isThere && this.#random.integer(2) === 0) {
      await this.#ledger.unpublish(member, name);
    } else await this.#ledger.publish(member, name);
  }

  async #restart(member: SimMember): Promise<void> {
    if (!member.isUp || this.#busy.has(member)) return;
    this.#busy.add(member);
    const way = this.#random.integer(3);
    if (way === 0) member.kill();
    else if (way === 1) member.losePower();
    else await member.stop();
    await this.#cluster.pause(this.#random.integer(10_000));
    await member.start();
    this.#busy.delete(member);
  }

  /** Its disk as it was some seconds ago, or without its replicas. */
  async #setBack(member: SimMember): Promise<void> {
    if (!member.isUp || this.#busy.has(member)) return;
    this.#busy.add(member);
    if (this.#random.integer(2) === 0) {
      const backup = member.machine.disk.backUp();
      await this.#cluster.pause(this.#random.integer(8_000));
      this.#ledger.loosen(member); // who is forgotten meanwhile has no copies
      member.restore(backup);
      this.#ledger.loosen(member);
    } else {
      member.kill();
      await member.once(async ({ ports: { disk } }) => {
        for (const { name } of await disk.list("replicas")) {
          await disk.remove(`replicas/${name}`);
        }
      });
    }
    await member.start();
    this.#busy.delete(member);
  }

  async #fill({ machine }: SimMember): Promise<void> {
    const fault = machine.disk.fail("full", {});
    await this.#cluster.pause(this.#random.integer(6_000));
    fault[Symbol.dispose]();
  }
}

/** Undefined when all store the very same documents. */
function unequalPlaces(members: readonly SimMember[]): string | undefined {
  const texts = members.map(({ node }) =>
    [...node.places() as Iterable<OwnerHead>]
      .map(({ owner, generation, seq, digest }) =>
        `${owner.slice(0, 8)} ${generation}.${seq} ${toHex(digest)}`
      )
      .sort().join(", ")
  );
  const [first] = texts;
  const index = texts.findIndex((text) => text !== first);
  return index < 0 ? undefined : `${members[index]?.name} stores other ` +
    `documents: ${texts[index]}, and not ${first}`;
}

clusterScenario(
  "S11 S13 S22: decisions amid chaos end in one state",
  async (cluster) => {
    for (const event of expected) cluster.expectedErrors.add(event);
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    const others = await cluster.admitAll(["cleo", "dan", "eve"], ann, {
      tier: "publisher",
    });
    await meshed(cluster, [ann, bob, ...others]);
    await cluster.promote(bob, ann);
    const chaos = new Chaos(cluster, [ann, bob], others);
    await chaos.run();
    await chaos.settle();
  },
  { worlds: 2, stepMsMax: 5 },
);
