// Clusters on networks that part, lose packets, move nodes and bring
// strangers: SCENARIOS.md S01, S02, S27, S32, S43 and S44. Every side serves
// what it can; when the network is whole, so is the cluster.

import assert from "node:assert/strict";
import {
  isLinked,
  type SimCluster,
  type SimMember,
  stateOf,
  unlinked,
} from "../../src/sim/mod.ts";
import { sampleTag } from "../fixtures/seeds/sample.ts";
import {
  call,
  clusterScenario,
  logged,
  meshed,
  publish,
} from "./cluster_lab.ts";

type Four = readonly [SimMember, SimMember, SimMember, SimMember];

/** "ann", an admin "bob", and two publishers. */
async function four(cluster: SimCluster): Promise<Four> {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann);
  const cleo = await cluster.admit("cleo", ann, { tier: "publisher" });
  const dan = await cluster.admit("dan", ann, { tier: "publisher" });
  const all = [ann, bob, cleo, dan] as const;
  await meshed(cluster, all);
  return all;
}

function namesOf(members: readonly SimMember[]): readonly string[] {
  return members.map(({ name }) => name);
}

/** Links that were made since the world began. */
function opened(members: readonly SimMember[]): number {
  return members.flatMap((one) => logged(one, "link.open")).length;
}

clusterScenario(
  "S01: both sides of a partition serve, and agree after it",
  async (cluster) => {
    const all = await four(cluster);
    const [ann, bob, cleo, dan] = all;
    await cluster.promote(bob, ann);
    await publish(cleo, "c", { number: 1 });
    await publish(dan, "d", { number: 2 });
    const [left, right] = [[ann, cleo], [bob, dan]];
    cluster.network.partition(namesOf(left), namesOf(right));
    await cluster.until("the sides part", () => !isLinked(ann, dan));
    // Each side admits, decides and calls on its own.
    const eve = await cluster.admit("eve", ann);
    const fay = await cluster.admit("fay", bob);
    cluster.network.partition(["eve"], ["fay", ...namesOf(right)]);
    cluster.network.partition(["fay"], namesOf(left));
    await ann.node.members.grant("dan", { properties: new Map([["a", "1"]]) });
    await bob.node.members.grant("cleo", { properties: new Map([["b", "1"]]) });
    await meshed(cluster, [...left, eve]);
    await meshed(cluster, [...right, fay]);
    assert.equal(await call(eve, "c/tag", { on: cleo }), sampleTag(1));
    assert.equal(await call(fay, "d/tag", { on: dan }), sampleTag(2));
    await cluster.pause(60_000);
    assert.equal(
      unlinked([...left, eve]) ?? unlinked([...right, fay]),
      undefined,
    );
    cluster.network.heal();
    await meshed(cluster, [...all, eve, fay], { withinMs: 10_000 });
    assert.equal(await call(eve, "d/tag", { on: dan }), sampleTag(2));
    const { properties } = dan.node.members.inspect(dan.peer).row;
    assert.deepEqual([...properties], [["a", "1"]]);
  },
);

clusterScenario(
  "S02: who cannot speak makes nobody lose others, nor flaps",
  async (cluster) => {
    const all = await four(cluster);
    const [ann, ...others] = all;
    const rest = namesOf(others);
    cluster.network.cutOneWay(["ann"], rest);
    await cluster.until(
      "ann is cut off",
      () => !others.some((one) => isLinked(one, ann) || isLinked(ann, one)),
    );
    const before = opened(all);
    await cluster.pause(120_000);
    assert.equal(opened(all), before);
    assert.equal(unlinked(others), undefined);
    cluster.network.heal();
    await meshed(cluster, all, { withinMs: 60_000 });
  },
);

clusterScenario(
  "S27: a node that gets another address keeps its links",
  async (cluster) => {
    const all = await four(cluster);
    const [ann, bob, cleo, dan] = all;
    const before = opened(all);
    cluster.network.setIps("bob", ["10.9.9.9"]);
    const isKnown = (one: SimMember) =>
      one.node.members.inspect(bob.peer).row.addresses
        .some(({ ip }) => ip === "10.9.9.9");
    await cluster.until("all know it", () => [ann, cleo, dan].every(isKnown), {
      withinMs: 15_000,
    });
    assert.equal(opened(all), before);
    // Whoever comes back finds it there.
    ann.kill();
    await cluster.pause(20_000);
    await ann.start();
    await meshed(cluster, all, { withinMs: 15_000 });
  },
);

clusterScenario(
  "S27: nodes that come back elsewhere are found by one that stayed",
  async (cluster) => {
    const all = await four(cluster);
    const moved = all.slice(0, 3);
    for (const member of moved) await member.stop();
    await cluster.pause(30_000);
    for (const [index, member] of moved.entries()) {
      cluster.network.setIps(member.name, [`10.8.0.${index + 1}`]);
      await member.start();
    }
    await meshed(cluster, all, { withinMs: 30_000 });
  },
);

for (const lossPercent of [10, 30]) {
  clusterScenario(
    `S32: joins, calls and denials work at ${lossPercent} % loss`,
    async (cluster) => {
      const names = ["ann", "bob", "cleo", "dan"];
      for (const one of names) {
        for (const other of names.filter((name) => name > one)) {
          const path = { lossPercent, latencyMs: 20, jitterMs: 20 };
          cluster.network.setPath(one, other, path);
        }
      }
      const all = await four(cluster);
      const [ann, bob, cleo, dan] = all;
      await publish(cleo, "c", { number: 5 });
      for (const member of [ann, bob, dan]) {
        assert.equal(await call(member, "c/tag", { on: cleo }), sampleTag(5));
      }
      await ann.node.members.deny("bob", {});
      const left = [ann, cleo, dan];
      await cluster.until(
        "bob is out",
        () => left.every((one) => stateOf(one, bob) === "denied"),
        {
          withinMs: 10_000,
        },
      );
      assert.equal(unlinked(left), undefined);
    },
  );
}
