// A node of a newer version among nodes of this one (SCENARIOS.md S17): sections,
// members of values and frames that nobody here knows. What it signed is stored
// and passed on byte for byte, shown as far as it is understood, and nobody
// loses a link or logs an error over it.

import assert from "node:assert/strict";
import { entry } from "../../src/sim/hostile/forged_body.ts";
import { Liar } from "../../src/sim/hostile/liar.ts";
import { unequalViews } from "../../src/sim/mod.ts";
import { clusterScenario, logged, meshed, publish } from "./cluster_lab.ts";

const seed = { digest: "ab".repeat(32), sizeBytes: 100, publishedMs: 1 };

/** What this version has no idea of, beside what it has. */
const newer = [
  entry("future", "a.b/c", { value: { deep: [1, { x: true }] } }),
  entry("node", "capabilities", { value: ["quantum"] }),
  entry("node", "self", {
    value: { name: "newer", version: "9.9.9", startedMs: 1, cpu: "x" },
  }),
  entry("seeds", "known", { value: { ...seed, gpu: true } }),
  entry("seeds", "unknown", { value: { kind: "quantum" } }),
];

clusterScenario(
  "S17: a newer version among old ones is kept and passed on",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const [bob, cleo] = await cluster.admitAll(["bob", "cleo"], ann, {
      tier: "publisher",
    });
    assert.ok(bob !== undefined && cleo !== undefined);
    const member = await cluster.admit("newer", ann, { tier: "publisher" });
    const old = [ann, bob, cleo];
    await meshed(cluster, [...old, member]);
    await member.stop();
    const one = await Liar.open(member);
    await one.meet(bob);
    for (const kind of [40, 200, 255]) {
      await one.say(bob, { kind, body: new Uint8Array(100).fill(kind) });
    }
    const base = one.base(newer, { generation: 7 });
    const next = one.next(base, [
      entry("future", "a.b/c", { value: { deep: [] } }),
      entry("future2", "k", { value: "v" }),
    ]);
    const sent = [base, next].map((batch) => one.signed(batch));
    await one.tell([bob], ...sent);
    await cluster.until(
      "all show its seed",
      () =>
        old.every(({ node }) =>
          node.view.seedsOf(member.peer).some(({ name }) => name === "known")
        ) && unequalViews(old) === undefined,
    );
    for (const { node } of old) {
      assert.equal(node.view.nodes.get(member.peer)?.version, "9.9.9");
      assert.equal(node.view.seedsOf(member.peer).length, 1);
      assert.equal(node.stateReport().refusedBatches, 0);
    }
    // Who never met it has its very bytes, after a restart too.
    await cleo.stop();
    await cleo.start();
    await one.meet(ann, cleo);
    for (const other of [ann, cleo]) {
      const copies = await one.copyOf(other, member.peer);
      const newest = copies.slice(0, sent.length);
      assert.deepEqual(
        newest.map((bytes) => bytes.toHex()),
        sent.map((bytes) => bytes.toHex()),
      );
    }
    assert.ok(one.linkTo(bob) !== undefined, "nobody closed a link over it");
    await publish(bob, "honest");
    await cluster.until(
      "work goes on",
      () => old.every(({ node }) => node.view.seedsOf(bob.peer).length === 1),
    );
    assert.equal(logged(bob, "gossip.peer_closed").length, 0);
    await one.end();
  },
  { worlds: 1 },
);
