// Meshes find together, hold together and come back together (SCENARIOS.md S01,
// S03, S04, S15, S21, S33, S34), in simulated time.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import { isFullMesh, meshScenario } from "./mesh_lab.ts";

meshScenario("nodes that know only one node find each other", async (lab) => {
  const nodes = await lab.join(5, 100);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 3_000 });
  for (const node of nodes) assert.equal(node.linkCount, 4);
  await lab.end();
});

meshScenario("nodes that join at once find each other", async (lab) => {
  const nodes = await lab.join(8);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 5_000 });
  await lab.end();
});

meshScenario("a mesh outlives the node all came through", async (lab) => {
  const [hub, ...rest] = await lab.join(5);
  assert.ok(hub !== undefined);
  const nodes = [hub, ...rest];
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 5_000 });
  await lab.pause(limits.peersSaveMs);
  hub.kill();
  await lab.pause(60_000);
  assert.ok(isFullMesh(rest), "the others stay linked");
  for (const node of rest) assert.notEqual(node.stateOf(hub), "connected");
  await hub.start();
  await lab.until("the hub is back", () => isFullMesh(nodes), {
    withinMs: 2_000,
  });
  await lab.end();
});

meshScenario(
  "a mesh comes back when all were killed at once (S21)",
  async (lab) => {
    const nodes = await lab.join(8);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 5_000,
    });
    await lab.pause(2 * limits.peersSaveMs);
    for (const node of nodes) node.kill();
    await lab.pause(60_000);
    for (const node of nodes) await node.start();
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 2_000,
    });
    await lab.end();
  },
);

meshScenario("S03: a node that lost everybody tries for ever", async (lab) => {
  const nodes = await lab.join(5);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 5_000 });
  lab.network.cut(() => false);
  await lab.pause(2 * 3_600_000);
  for (const node of nodes) assert.equal(node.linkCount, 0);
  const before = lab.network.dials;
  await lab.pause(600_000);
  // A dial takes 4 s, and the wait after it 2.5 to 5 s.
  const perPeerAndMinute = (lab.network.dials - before) / (5 * 4) / 10;
  assert.ok(perPeerAndMinute >= 6, `${perPeerAndMinute} dials`);
  assert.ok(perPeerAndMinute <= 10, `${perPeerAndMinute} dials`);
  lab.network.heal();
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 10_000 });
  await lab.end();
}, { worlds: 2 });

const partitions = [
  { left: 1, right: 1, minutes: 1 },
  { left: 1, right: 1, minutes: 10 },
  { left: 1, right: 1, minutes: 24 * 60 },
  { left: 1, right: 2, minutes: 10 },
  { left: 2, right: 2, minutes: 10 },
  { left: 1, right: 7, minutes: 10 },
  { left: 3, right: 9, minutes: 10 },
];

for (const { left, right, minutes } of partitions) {
  meshScenario(
    `S01: ${left} and ${right} parted for ${minutes} min are one in 10 s`,
    async (lab) => {
      const nodes = await lab.join(left + right);
      const isWhole = () => isFullMesh(nodes);
      await lab.until("a full mesh", isWhole, { withinMs: 9_000 });
      const isLeft = new Set(nodes.slice(0, left).map(({ peer }) => peer));
      lab.network.cut((from, to) =>
        isLeft.has(from.peer) === isLeft.has(to.peer)
      );
      await lab.pause(minutes * 60_000 + lab.world.random.integer(10_000));
      assert.ok(isFullMesh(nodes.slice(0, left)), "one side holds");
      assert.ok(isFullMesh(nodes.slice(left)), "the other side holds");
      lab.network.heal();
      await lab.until("a full mesh", isWhole, { withinMs: 10_000 });
      await lab.end();
    },
    { worlds: minutes > 60 ? 1 : left + right > 4 ? 3 : 10 },
  );
}

meshScenario(
  "two sides of a partition find together by one link",
  async (lab) => {
    const nodes = await lab.join(12);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 9_000,
    });
    const isLeft = new Set(nodes.slice(0, 6).map(({ peer }) => peer));
    lab.network.cut((from, to) =>
      isLeft.has(from.peer) === isLeft.has(to.peer)
    );
    await lab.pause(600_000);
    assert.ok(isFullMesh(nodes.slice(0, 6)), "one side holds");
    assert.ok(isFullMesh(nodes.slice(6)), "the other side holds");
    lab.network.heal();
    // 36 pairs, two of each dialling twice a minute: the first link comes soon,
    // and its news brings the others.
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 10_000,
    });
    await lab.end();
  },
);

meshScenario("S33: one address that still holds is enough", async (lab) => {
  const nodes = await lab.join(6);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 5_000 });
  await lab.pause(2 * limits.peersSaveMs);
  const [, away, ...rest] = nodes;
  assert.ok(away !== undefined);
  await away.stop();
  for (const [index, node] of nodes.entries()) {
    // All but the last one move, one after the other.
    if (node === away || index === nodes.length - 1) continue;
    await node.stop();
    node.ips = [`10.7.7.${index + 1}`, "127.0.0.1"];
    await node.start();
    await lab.pause(60_000);
  }
  await lab.pause(2 * 3_600_000);
  assert.ok(isFullMesh(rest));
  away.ips = ["10.8.8.8", "127.0.0.1"];
  await away.start();
  await lab.until("linked to all", () => isFullMesh(nodes), {
    withinMs: 30_000,
  });
  await lab.end();
}, { worlds: 2 });

meshScenario(
  "S21: 50 nodes that join in 5 s are one mesh in 15 s",
  async (lab) => {
    const nodes = await lab.join(50, 100);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 15_000,
    });
    const pairs = (50 * 49) / 2;
    const { dials } = lab.network;
    assert.ok(dials < pairs * 1.5, `${dials} dials for ${pairs} links`);
    await lab.end();
  },
  { worlds: 1 },
);

meshScenario(
  "S04: a node that loses 90 % stays quiet, and others whole",
  async (lab) => {
    const nodes = await lab.join(10);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 9_000,
    });
    const [, bad, ...rest] = nodes;
    assert.ok(bad !== undefined);
    const isBad = (peer: string) => peer === bad.peer;
    lab.network.lossPercent = (from, to) =>
      isBad(from.peer) || isBad(to.peer) ? 90 : 0;
    const before = lab.network.dials;
    for (let minute = 0; minute < 30; minute++) {
      for (const link of [...bad.transport?.links.values() ?? []]) {
        const { other } = link;
        link.finish({ type: "lost", reason: "It is silent" });
        other?.finish({ type: "lost", reason: "It is silent" });
      }
      await lab.pause(20_000);
    }
    assert.ok(isFullMesh(rest), "healthy pairs hold");
    const perMinute = (lab.network.dials - before) / 10;
    // 9 pairs of which both sides dial; each pair waits longer and longer.
    assert.ok(perMinute < 9 * 2 * 6, `${perMinute} dials a minute`);
    await lab.end();
  },
  { worlds: 2 },
);

meshScenario("S15: a wall clock 10 years wrong parts nobody", async (lab) => {
  const nodes = await lab.join(4);
  await lab.until("a full mesh", () => isFullMesh(nodes), { withinMs: 5_000 });
  const [, wrong] = nodes;
  assert.ok(wrong !== undefined);
  const years10Ms = 10 * 365 * 86_400_000;
  for (const offsetMs of [years10Ms, -years10Ms, 0]) {
    wrong.clock?.setWallOffset(offsetMs);
    await lab.pause(2 * limits.peersSaveMs);
    assert.ok(isFullMesh(nodes));
    // Restarted with the times of another decade in its book.
    await wrong.stop();
    await wrong.start();
    wrong.clock?.setWallOffset(offsetMs);
    await lab.until("back", () => isFullMesh(nodes), { withinMs: 2_000 });
  }
  await lab.end();
});

meshScenario(
  "S34: without Internet, near addresses are all it takes",
  async (lab) => {
    const nodes = await lab.join(3);
    await lab.until("a full mesh", () => isFullMesh(nodes), {
      withinMs: 5_000,
    });
    for (const node of nodes) {
      assert.deepEqual(node.mesh.ownAddresses(), [node.address]);
    }
    await lab.end();
  },
);
