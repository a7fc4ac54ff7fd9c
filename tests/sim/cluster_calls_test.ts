// Calls across the nodes of a cluster: whoever runs a seed sees who began it,
// however many nodes are between; deadlines, deaths and denials end calls.

import assert from "node:assert/strict";
import {
  isLinked,
  type SimCluster,
  type SimMember,
} from "../../src/sim/mod.ts";
import { sampleTag } from "../fixtures/seeds/sample.ts";
import { call, clusterScenario, meshed, publish } from "./cluster_lab.ts";

type Four = readonly [SimMember, SimMember, SimMember, SimMember];

/** "ann" with a leaf "bob" of some properties, and two publishers. */
async function four(cluster: SimCluster): Promise<Four> {
  const ann = await cluster.found("ann");
  const bob = await cluster.admit("bob", ann, {
    properties: new Map([["zone", "north"]]),
  });
  const [cleo, dan] = await cluster.admitAll(["cleo", "dan"], ann, {
    tier: "publisher",
  });
  assert.ok(cleo !== undefined && dan !== undefined);
  await meshed(cluster, [ann, bob, cleo, dan]);
  return [ann, bob, cleo, dan];
}

/** How a seed hands its call over: by what it answers. */
function handOver(uri: string): string {
  return JSON.stringify({ kind: "tail_call", uri });
}

type Caller = {
  readonly peerKey: string;
  readonly attributes?: Readonly<Record<string, string>>;
};

clusterScenario(
  "a call over three nodes shows who began it",
  async (cluster) => {
    const [ann, bob, cleo, dan] = await four(cluster);
    await publish(ann, "a", { next: "pln://seed/c/around?on=cleo" });
    await publish(cleo, "c", { next: "pln://seed/d/caller?on=dan" });
    await publish(dan, "d", { number: 4 });
    for (const member of [ann, bob, cleo, dan]) {
      const text = await call(member, "a/around", { on: ann });
      const caller: Caller = JSON.parse(text);
      assert.equal(caller.peerKey, member.peer);
    }
  },
);

clusterScenario(
  "a call that is handed over keeps its origin",
  async (cluster) => {
    const [ann, bob, cleo, dan] = await four(cluster);
    await publish(ann, "a", { next: handOver("pln://seed/c/config?on=cleo") });
    await publish(cleo, "c", { next: handOver("pln://seed/d/caller?on=dan") });
    await publish(dan, "d");
    const text = await call(bob, "a/config", { on: ann });
    const caller: Caller = JSON.parse(text);
    assert.equal(caller.peerKey, bob.peer);
    assert.deepEqual(caller.attributes, { zone: "north" });
  },
);

clusterScenario(
  "S39: a circle over three nodes is refused",
  async (cluster) => {
    const [ann, bob, cleo, dan] = await four(cluster);
    await publish(ann, "s", { next: "pln://seed/s/around?on=cleo" });
    await publish(cleo, "s", { next: "pln://seed/s/around?on=dan" });
    await publish(dan, "s", { next: "pln://seed/s/around?on=ann" });
    const startMs = cluster.world.nowMs;
    const answer = await call(bob, "s/around", { on: ann, timeoutMs: 20_000 });
    assert.match(answer, /^PLN_/);
    assert.ok(cluster.world.nowMs - startMs < 5_000);
  },
);

clusterScenario(
  "a call ends with its deadline on every node",
  async (cluster) => {
    const [ann, bob, cleo] = await four(cluster);
    await publish(ann, "a", { next: "pln://seed/c/nap?on=cleo" });
    await publish(cleo, "c");
    const startMs = cluster.world.nowMs;
    const answer = await call(bob, "a/around", {
      on: ann,
      input: "z".repeat(20),
      timeoutMs: 2_000,
    });
    assert.equal(answer, "PLN_SEED_TIMEOUT");
    const tookMs = cluster.world.nowMs - startMs;
    assert.ok(tookMs >= 1_900 && tookMs < 2_200, `${tookMs}`);
    await cluster.pause(500);
    const seed = cleo.node.view.seeds.get("c");
    assert.ok(seed !== undefined);
    assert.equal(cleo.node.seedReport(seed).running, 0);
  },
);

clusterScenario(
  "calls under way end when their node dies or is denied",
  async (cluster) => {
    const [ann, bob, cleo, dan] = await four(cluster);
    await publish(cleo, "c", { number: 1 });
    await publish(dan, "d", { number: 2 });
    const input = "z".repeat(30);
    const atCleo = call(bob, "c/nap", { on: cleo, input, timeoutMs: 40_000 });
    const ofCleo = call(cleo, "d/nap", { on: dan, input, timeoutMs: 40_000 });
    const atDan = call(bob, "d/nap", { on: dan, input, timeoutMs: 40_000 });
    await cluster.pause(1_000);
    await ann.node.members.deny("cleo", {});
    await cluster.until(
      "cleo is out",
      () => [ann, bob, dan].every((one) => !isLinked(one, cleo)),
      {
        withinMs: 1_000,
      },
    );
    const deniedMs = cluster.world.nowMs;
    for (const lost of [atCleo, ofCleo]) {
      assert.equal(await lost, "PLN_OUTCOME_UNKNOWN");
    }
    assert.ok(cluster.world.nowMs - deniedMs < 1_000);
    dan.kill();
    const killedMs = cluster.world.nowMs;
    assert.equal(await atDan, "PLN_OUTCOME_UNKNOWN");
    assert.ok(cluster.world.nowMs - killedMs < 15_000);
    await dan.start();
    await meshed(cluster, [ann, bob, dan]);
    assert.equal(await call(bob, "d/tag", { on: dan }), sampleTag(2));
  },
);
