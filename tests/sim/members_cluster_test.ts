// Who is alive in whole clusters of production nodes: failures, farewells,
// starved and mute nodes: SCENARIOS.md S02, S05, S06. An hour of loss runs in
// members_loss_test.ts, 50 engines in members_engine_test.ts; shipped scenarios
// show more of the same (S04, S05, S06, and who knows that a node died).

import assert from "node:assert/strict";
import type { SimMember } from "../../src/sim/mod.ts";
import { clusterScenario, logged, meshed } from "./cluster_lab.ts";
import {
  allAlive,
  liveness,
  lostAt,
  raise,
  rowOf,
  starve,
  unequallyAlive,
} from "./members_lab.ts";

function namesOf(members: readonly SimMember[]): readonly string[] {
  return members.map(({ name }) => name);
}

clusterScenario(
  "a node that dies is lost to all of 10 in 20 s, and nobody else is",
  async (cluster) => {
    const all = await raise(cluster, 10);
    const dead = all[4];
    assert.ok(dead !== undefined);
    const rest = all.filter((one) => one !== dead);
    const { peer } = dead;
    dead.kill();
    await cluster.until(
      "all know",
      () => rest.every((one) => liveness(one, dead) === "lost"),
      { withinMs: 20_000 },
    );
    for (const one of rest) assert.deepEqual(lostAt(one), [peer]);
    assert.equal(unequallyAlive(rest), undefined);
    // What it published stays: it may come back.
    const [first] = rest;
    assert.ok(first?.node.view.nodes.has(peer));
    await dead.start();
    await allAlive(cluster, all, { withinMs: 70_000 });
  },
);

clusterScenario("leaving differs from being lost", async (cluster) => {
  const all = await raise(cluster, 4);
  const [, stopped, leaver] = all;
  assert.ok(stopped !== undefined && leaver !== undefined);
  const rest = all.filter((one) => one !== stopped && one !== leaver);
  const [, gone] = [stopped.peer, leaver.peer];
  const left = (one: SimMember) =>
    one.node.members.peers().find(({ peer }) => peer === gone)?.liveness
      ?.state === "left";
  await leaver.leave();
  await cluster.until("all know who left", () => rest.every(left), {
    withinMs: 3_000,
  });
  await stopped.stop();
  await cluster.pause(20_000);
  for (const one of rest) {
    assert.ok(left(one), "still");
    assert.equal(liveness(one, stopped), "lost");
    assert.deepEqual(lostAt(one), [stopped.peer]);
    assert.equal(logged(one, "member.left").length, 1);
  }
});

for (const blockedMs of [5_000, 30_000]) {
  clusterScenario(
    `S05: a node that is blocked for ${blockedMs / 1_000} s marks nobody ` +
      "lost and is soon back",
    async (cluster) => {
      const all = await raise(cluster, 5);
      const [blocked, ...rest] = all.toReversed();
      assert.ok(blocked !== undefined);
      await starve(cluster, blocked, blockedMs);
      const isLong = blockedMs > 10_000;
      for (const one of rest) {
        const state = liveness(one, blocked);
        assert.equal(state, isLong ? "lost" : "alive");
      }
      await allAlive(cluster, all, { withinMs: 5_000 });
      await cluster.pause(60_000);
      assert.deepEqual(lostAt(blocked), []);
      const lost = isLong ? [blocked.peer] : [];
      for (const one of rest) assert.deepEqual(lostAt(one), lost);
      assert.equal(unequallyAlive(all), undefined);
    },
  );
}

clusterScenario(
  "S06: a node that was stopped for a minute goes on as before",
  async (cluster) => {
    const all = await raise(cluster, 4);
    const [, stopped, ...others] = all;
    assert.ok(stopped !== undefined);
    await starve(cluster, stopped, 60_000);
    await allAlive(cluster, all, { withinMs: 10_000 });
    assert.deepEqual(lostAt(stopped), []);
    for (const one of others) {
      assert.deepEqual(lostAt(one), [stopped.peer]);
      const back = logged(one, "member.back");
      assert.equal(back.length, 1, "and does not flap");
    }
  },
);

clusterScenario(
  "S02: who cannot speak is lost to others, makes nobody else lost, nor flaps",
  async (cluster) => {
    const all = await raise(cluster, 4);
    const [mute, ...rest] = all.toReversed();
    assert.ok(mute !== undefined);
    cluster.network.cutOneWay([mute.name], namesOf(rest));
    await cluster.until(
      "it is lost to all",
      () => rest.every((one) => liveness(one, mute) === "lost"),
      { withinMs: 40_000 },
    );
    await cluster.pause(300_000);
    assert.equal(unequallyAlive(rest), undefined);
    for (const one of rest) {
      assert.deepEqual(lostAt(one), [mute.peer], "once");
      assert.equal(liveness(one, mute), "lost");
    }
    cluster.network.heal();
    await allAlive(cluster, all, { withinMs: 70_000 });
    for (const one of rest) {
      assert.deepEqual(lostAt(one), [mute.peer], "once");
    }
  },
);

clusterScenario(
  "a node shows how busy the others are, and what memory they have",
  async (cluster) => {
    const all = await raise(cluster, 3);
    const [one, other] = all;
    assert.ok(one !== undefined && other !== undefined);
    other.machine.host.set({ permille: 1_500, freeBytes: 4_711 });
    const load = { permille: 1_500, cores: 2, freeBytes: 4_711 };
    await cluster.until(
      "it is told",
      () => rowOf(one, other).load?.permille === 1_500,
      { withinMs: 7_000 },
    );
    assert.deepEqual(rowOf(one, other).load, {
      ...load,
      ...{ totalBytes: 2 ** 32, callsUnderWay: 0 },
    });
    assert.equal(rowOf(other, other).load?.permille, 1_500, "of itself too");
    assert.equal(rowOf(other, other).liveness, undefined);
    const { state, silentMs, forMs } = rowOf(one, other).liveness ?? {};
    assert.equal(state, "alive");
    assert.ok((silentMs ?? 99_999) < 5_000 && (forMs ?? 0) > 0);
    // An old figure is worse than none.
    other.kill();
    await cluster.pause(30_000);
    assert.equal(rowOf(one, other).load, undefined);
  },
);

clusterScenario(
  "after a partition each side has lost the other, and finds it again",
  async (cluster) => {
    const all = await raise(cluster, 4);
    const [left, right] = [all.slice(0, 2), all.slice(2)];
    cluster.network.partition(namesOf(left), namesOf(right));
    await cluster.until(
      "each side has lost the other",
      () =>
        left.every((one) =>
          right.every((other) =>
            liveness(one, other) === "lost" && liveness(other, one) === "lost"
          )
        ),
      { withinMs: 20_000 },
    );
    assert.equal(unequallyAlive(left) ?? unequallyAlive(right), undefined);
    await cluster.pause(600_000);
    cluster.network.heal();
    await meshed(cluster, all);
    await allAlive(cluster, all, { withinMs: 5_000 });
    for (const one of all) assert.equal(lostAt(one).length, 2);
  },
);

clusterScenario(
  "two that cannot reach each other are alive by what a third passes on",
  async (cluster) => {
    const all = await raise(cluster, 3);
    const [one, other, third] = all;
    assert.ok(one !== undefined && other !== undefined && third !== undefined);
    cluster.network.partition([one.name], [other.name]);
    await cluster.until(
      "they have no link",
      () => rowOf(one, other).connectedMs === undefined,
      { withinMs: 20_000 },
    );
    for (let round = 0; round < 12; round++) {
      await cluster.pause(5_000);
      assert.equal(liveness(one, other), "alive");
      assert.equal(liveness(other, one), "alive");
    }
    assert.notEqual(rowOf(one, other).load, undefined);
    assert.deepEqual([...lostAt(one), ...lostAt(other)], []);
    // Whoever sleeps hears no records either, and doubts itself first.
    await starve(cluster, one, 30_000);
    assert.equal(liveness(other, one), "lost");
    await allAlive(cluster, all, { withinMs: 10_000 });
    await cluster.pause(20_000);
    assert.deepEqual(lostAt(one), []);
    third.kill();
    await cluster.pause(20_000);
    assert.equal(liveness(one, other), "lost", "nobody passes it on");
  },
);
