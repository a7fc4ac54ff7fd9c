// Nodes become one cluster by invites, and stay one: many at once, without the
// first node, after a kill, and when somebody leaves for good (SCENARIOS.md S21).

import assert from "node:assert/strict";
import { type SimMember, unlinked } from "../../src/sim/mod.ts";
import {
  call,
  clusterScenario,
  logged,
  meshed,
  never,
  publish,
} from "./cluster_lab.ts";
import { sampleTag } from "../fixtures/seeds/sample.ts";

clusterScenario(
  "five join by the first and are all linked",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const others = await cluster.admitAll(["bob", "cleo", "dan", "eve"], ann);
    const all = [ann, ...others];
    assert.ok(await meshed(cluster, all) < 5_000);
    for (const member of all) {
      assert.equal(member.node.members.peers().length, 5);
      for (const other of all) {
        const { members } = member.node;
        assert.equal(members.resolve(other.name), other.peer);
        const { row } = members.inspect(other.peer);
        assert.equal(row.tier, other === ann ? "admin" : "leaf");
      }
    }
  },
);

clusterScenario(
  "an admin goes on inviting while the root is down",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const [bob, cleo] = await cluster.admitAll(["bob", "cleo"], ann);
    assert.ok(bob !== undefined && cleo !== undefined);
    await meshed(cluster, [ann, bob, cleo]);
    await cluster.promote(bob, ann);
    await ann.stop();
    const dan = await cluster.admit("dan", bob, { tier: "publisher" });
    await meshed(cluster, [bob, cleo, dan]);
    await publish(dan, "s", { number: 4 });
    assert.equal(await call(cleo, "s/tag", { on: dan }), sampleTag(4));
    const eve = await cluster.admit("eve", bob);
    await ann.start();
    await meshed(cluster, [ann, bob, cleo, dan, eve]);
  },
);

clusterScenario(
  "a first node that was killed finds everybody again",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const others = await cluster.admitAll(["bob", "cleo", "dan"], ann);
    const all = [ann, ...others];
    await meshed(cluster, all);
    ann.kill();
    await cluster.pause(cluster.world.random.integer(15_000));
    await ann.start();
    assert.ok(await meshed(cluster, all) < 15_000);
  },
);

clusterScenario("S21: 20 nodes join in 5 seconds", async (cluster) => {
  const ann = await cluster.found("ann");
  const { token } = await ann.node.members.invite({ uses: 20 });
  const joins: Promise<SimMember>[] = [];
  for (let index = 0; index < 20; index++) {
    const member = cluster.machine(`n${index}`);
    const join = async () => {
      await member.join(token);
      await member.start();
      return member;
    };
    joins.push(join());
    await cluster.pause(250);
  }
  const all = [ann, ...await Promise.all(joins)];
  assert.ok(await meshed(cluster, all) < 15_000);
}, { worlds: 1 });

clusterScenario(
  "who left is dialled no more, and joins as another",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const [bob, cleo] = await cluster.admitAll(["bob", "cleo"], ann);
    assert.ok(bob !== undefined && cleo !== undefined);
    await meshed(cluster, [ann, bob, cleo]);
    const before = bob.peer;
    await bob.leave();
    await cluster.pause(1_000);
    for (const member of [ann, cleo]) {
      const row = member.node.members.inspect(before).row;
      assert.equal(row.state, "left");
    }
    const { token } = await ann.node.members.invite({});
    await bob.join(token);
    await bob.start();
    assert.notEqual(bob.peer, before);
    await meshed(cluster, [ann, bob, cleo]);
  },
);

clusterScenario(
  "two that dial each other at once keep one link",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann);
    const both = [ann, bob];
    await meshed(cluster, both);
    cluster.network.setPath("ann", "bob", { latencyMs: 30, jitterMs: 30 });
    const random = cluster.world.random.fork("crossing");
    const ping = async (one: SimMember, other: SimMember) => {
      await cluster.pause(random.integer(100));
      await one.node.members.ping(other.peer, never);
    };
    for (let round = 0; round < 4; round++) {
      await Promise.all(both.map((one) => one.stop()));
      const lost = both.flatMap(lostLinks).length;
      await Promise.all(both.map((one) => one.start()));
      await Promise.all([ping(ann, bob), ping(bob, ann)]);
      await cluster.pause(3_000); // a duplicate drains half a second
      assert.equal(both.flatMap(lostLinks).length, lost);
      assert.equal(unlinked(both), undefined);
      for (const { process } of both) {
        assert.equal(process.network.counts.sessions, 1);
      }
    }
  },
  { worlds: 5 },
);

/** Links in use that ended; not those that lost against another one. */
function lostLinks(member: SimMember) {
  return logged(member, "link.closed").filter(({ level }) => level === "info");
}
