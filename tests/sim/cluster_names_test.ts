// Names of seeds in clusters that fall apart and meet again: both sides publish
// under one name, all agree on who holds it, an admin decides otherwise; and
// what is known of a node that left before one came. Every node is production's.

import assert from "node:assert/strict";
import { PlnError, utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import {
  isLinked,
  type SimCluster,
  type SimMember,
} from "../../src/sim/mod.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";
import { clusterScenario, meshed, never, publish } from "./cluster_lab.ts";

type Three = readonly [SimMember, SimMember, SimMember];

/** "ann", and two publishers who joined one after the other. */
async function three(cluster: SimCluster): Promise<Three> {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann, { tier: "publisher" });
  const cleo = await cluster.admit("cleo", ann, { tier: "publisher" });
  await meshed(cluster, [ann, bob, cleo]);
  return [ann, bob, cleo];
}

/** Its tag by name alone, or what refused it. */
async function tagAt({ node }: SimMember, seed: string): Promise<string> {
  try {
    const target = { seed, function: "tag" };
    return utf8TextLossy(await node.call(target, utf8(""), { signal: never }));
  } catch (cause) {
    if (cause instanceof PlnError) return cause.code;
    throw cause;
  }
}

/** Waits until all have one view, in which these owners have the name. */
async function agreed(
  cluster: SimCluster,
  members: readonly SimMember[],
  { seed, owners }: {
    readonly seed: string;
    readonly owners: readonly SimMember[];
  },
): Promise<void> {
  const wanted = owners.map(({ peer }) => peer).join();
  await cluster.until(
    `all agree about ${seed}`,
    () =>
      new Set(members.map(({ node }) => node.view.digest)).size === 1 &&
      members.every(({ node }) =>
        node.view.holders("seeds", seed).join() === wanted
      ),
  );
}

clusterScenario(
  "S01 both sides of a cut take a name; the earlier member holds it",
  async (cluster) => {
    const all = await three(cluster);
    const [ann, bob, cleo] = all;
    cluster.network.partition(["bob"], ["ann", "cleo"]);
    await cluster.until(
      "cleo is alone with ann",
      () => !isLinked(bob, ann) && !isLinked(bob, cleo),
    );
    await publish(cleo, "x", { number: 2 });
    await publish(bob, "x", { number: 1 });
    assert.equal(await tagAt(bob, "x"), sampleTag(1));
    assert.equal(await tagAt(cleo, "x"), sampleTag(2));
    cluster.network.heal();
    await agreed(cluster, all, { seed: "x", owners: [bob, cleo] });
    await meshed(cluster, all);
    for (const member of all) {
      assert.equal(await tagAt(member, "x"), sampleTag(1));
      const address = `x@${cleo.peer.slice(0, 12)}`;
      assert.equal(await tagAt(member, address), sampleTag(2));
    }
    // An admin takes it, and gives it back with its own seed.
    await ann.node.publishSeed("x", sampleModule(3), {
      config: {},
      isTakeover: true,
    });
    await agreed(cluster, all, { seed: "x", owners: [ann, bob, cleo] });
    assert.equal(await tagAt(cleo, "x"), sampleTag(3));
    await ann.node.unpublishSeed("x");
    await agreed(cluster, all, { seed: "x", owners: [bob, cleo] });
    assert.equal(await tagAt(cleo, "x"), sampleTag(1));
  },
);

clusterScenario(
  "a node that left is known to have left by who never met it",
  async (cluster) => {
    const [ann, bob, cleo] = await three(cluster);
    await publish(bob, "x");
    await agreed(cluster, [ann, cleo], { seed: "x", owners: [bob] });
    const { peer } = bob;
    await bob.leave();
    const dan = await cluster.admit("dan", ann, { tier: "publisher" });
    await meshed(cluster, [ann, cleo, dan]);
    const stateAt = ({ node }: SimMember) =>
      node.members.peers().find((row) => row.peer === peer)?.state;
    await cluster.until(
      "all know that it left",
      () =>
        [ann, cleo, dan].every(({ node }) =>
          node.view.nodes.get(peer)?.hasLeft === true
        ),
    );
    assert.deepEqual([ann, cleo, dan].map(stateAt), ["left", "left", "left"]);
    assert.equal(dan.node.members.nameOf(peer), "bob");
    await publish(dan, "x", { number: 4 }); // nobody alive has it
    assert.equal(dan.node.view.seedsOf(peer).length, 1);
  },
);

clusterScenario(
  "a denied member's seeds are gone everywhere, and come back with it",
  async (cluster) => {
    const all = await three(cluster);
    const [ann, bob, cleo] = all;
    await publish(bob, "x", { number: 1 });
    await agreed(cluster, all, { seed: "x", owners: [bob] });
    await ann.node.members.deny("bob", {});
    await agreed(cluster, [ann, cleo], { seed: "x", owners: [] });
    assert.equal(await tagAt(cleo, "x"), "PLN_NOT_FOUND");
    await ann.node.members.allow("bob");
    await meshed(cluster, all);
    await agreed(cluster, all, { seed: "x", owners: [bob] });
    assert.equal(await tagAt(cleo, "x"), sampleTag(1));
  },
);
