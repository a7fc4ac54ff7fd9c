// Members whose tier changes while they have published, and who cannot say who
// they are when they start: a document that is too large for its owner's new
// tier, a disk that is full. All nodes end with the same documents, and nobody
// has to be started again for it.

import assert from "node:assert/strict";
import {
  type SimCluster,
  type SimMember,
  unequalRights,
  unequalViews,
} from "../../src/sim/mod.ts";
import { clusterScenario, meshed, publish } from "./cluster_lab.ts";

/** Enough for more than a leaf may own. */
const seeds = 60;

async function raise(cluster: SimCluster) {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann, { tier: "publisher" });
  const cleo = await cluster.admit("cleo", ann, { tier: "publisher" });
  await meshed(cluster, [ann, bob, cleo]);
  return { ann, bob, cleo, all: [ann, bob, cleo] };
}

async function equal(cluster: SimCluster, members: readonly SimMember[]) {
  await cluster.until(
    "all agree",
    () => unequalRights(members) ?? unequalViews(members),
  );
}

function seen(at: SimMember, of: SimMember): number {
  return at.node.view.seedsOf(of.peer).length;
}

clusterScenario(
  "S18: a publisher that becomes a leaf loses and breaks nothing",
  async (cluster) => {
    const { all, ann, bob, cleo } = await raise(cluster);
    for (let number = 0; number < seeds; number++) {
      await publish(bob, `seed-${number}`, { number });
    }
    await equal(cluster, all);
    await ann.node.members.grant(bob.peer, { tier: "leaf" });
    await cluster.until(
      "its certificate says so",
      () => bob.node.members.standing.tier === "leaf",
    );
    await equal(cluster, all);
    assert.equal(seen(cleo, bob), 0, "a leaf's seeds do not show");
    await bob.stop();
    await bob.start();
    await meshed(cluster, all);
    await equal(cluster, all);
    for (let number = 0; number < seeds - 3; number++) {
      await bob.node.unpublishSeed(`seed-${number}`);
    }
    await equal(cluster, all);
    await ann.node.members.grant(bob.peer, { tier: "publisher" });
    await cluster.until("its seeds are back", () => seen(cleo, bob) === 3);
    await publish(bob, "more");
    await cluster.until("and new ones come", () => seen(cleo, bob) === 4);
    await equal(cluster, all);
  },
  { worlds: 1 },
);

clusterScenario(
  "S11: who starts on a full disk says later who it is",
  async (cluster) => {
    for (const event of ["state.publish_failed", "gossip.batch_not_stored"]) {
      cluster.expectedErrors.add(event);
    }
    const { all, ann, bob, cleo } = await raise(cluster);
    await bob.stop();
    const before = cleo.node.view.nodes.get(bob.peer)?.startedMs ?? 0;
    const full = bob.machine.disk.fail("full", {});
    await cluster.pause(2_000);
    await bob.start();
    await meshed(cluster, all);
    full[Symbol.dispose]();
    await ann.node.members.grant(cleo.peer, {
      properties: new Map([["a", "b"]]),
    });
    await cluster.until("all hear of its new start", () => {
      const startedMs = cleo.node.view.nodes.get(bob.peer)?.startedMs ?? 0;
      return startedMs > before;
    });
    await equal(cluster, all);
  },
  { worlds: 1 },
);
