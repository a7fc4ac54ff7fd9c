// Two daemons on copies of one directory, each with a part of the cluster at
// first. In: a network that heals. Out: one of the daemons ends, and its end says
// why, so that whoever supervises it does not start it again unseen.

import assert from "node:assert/strict";
import { ConflictError } from "../../src/kernel/mod.ts";
import { type RunningDaemon, startDaemon } from "../unit/daemon_lab.ts";
import { clusterScenario, meshed } from "./cluster_lab.ts";

clusterScenario(
  "of two daemons with one key one ends with an error that says so",
  async (cluster) => {
    const { world, network } = cluster;
    cluster.expectedErrors.add("state.cloned").add("daemon.cloned");
    const founder = await cluster.found("n1");
    const [original, other] = await cluster.admitAll(
      ["n2", "n3"],
      founder,
      { tier: "publisher" },
    );
    assert.ok(original && other);
    await meshed(cluster, [founder, original, other]);
    await original.stop();
    const twin = cluster.machine("twin");
    twin.restore(original.machine.disk.backUp());
    network.partition(["n1", "n2"], ["n3", "twin"]);
    await cluster.pause(15_000); // until they hold each other for lost
    const daemons: RunningDaemon[] = [];
    for (const { machine } of [original, twin]) {
      const settings = { name: machine.name, logLevel: "info" } as const;
      daemons.push(await startDaemon({ world, machine }, { settings }));
    }
    await cluster.pause(10_000);
    network.heal();
    const first = await Promise.race(daemons.map(async (daemon) => {
      await assert.rejects(daemon.ended, (cause) => {
        assert.ok(cause instanceof ConflictError, String(cause));
        assert.match(cause.message, /publishes with this node's key/);
        assert.match(cause.hint ?? "", /pln purge/);
        return true;
      });
      return daemon;
    }));
    const second = daemons.find((one) => one !== first);
    second?.stop();
    await Promise.allSettled(daemons.map(({ ended }) => ended));
    for (const { process } of daemons) process.end();
  },
);
