// S01 with real daemons: two halves of a cluster that cannot hear each other
// both go on publishing, and are one again soon after they can. S13: a member
// that was put back to an old copy of its directory takes nothing back.

import assert from "node:assert/strict";
import type { ClusterNode } from "./cluster_lab.ts";
import { example } from "./lab.ts";
import { succeed } from "./machine.ts";
import { agreed, PartitionLab, shownBy } from "./partition_lab.ts";

const hello = example("hello");
/** What is promised on a machine with nothing else to do is 10 s. */
const convergedMsMax = 30_000;

const seed = (node: ClusterNode, name: string) =>
  node.must(["seed", hello, name]);

Deno.test("S01 two halves of 8 nodes publish and unpublish, and heal", async () => {
  const names = ["ann", "bob", "cleo", "dan", "eve", "fay", "gus", "hal"];
  await using lab = await PartitionLab.open(names);
  const { nodes } = lab;
  for (const node of nodes) await seed(node, `first-${node.name}`);
  const first = names.map((name) => `${name}/first-${name}`);
  await agreed(nodes, first);

  const left = nodes.slice(0, 4);
  const right = nodes.slice(4);
  await lab.cut(left, right);
  const [ann, bob] = left as [ClusterNode, ClusterNode];
  const [eve, fay] = right as [ClusterNode, ClusterNode];
  await seed(ann, "left");
  await bob.must(["unseed", "first-bob"]);
  await seed(eve, "right");
  await fay.must(["unseed", "first-fay"]);
  const without = (name: string) => first.filter((one) => !one.endsWith(name));
  await agreed(left, [...without("bob"), "ann/left"]);
  await agreed(right, [...without("fay"), "eve/right"]);

  await lab.heal();
  const startMs = performance.now();
  const both = without("bob").filter((one) => !one.endsWith("fay"));
  await agreed(nodes, [...both, "ann/left", "eve/right"]);
  const tookMs = performance.now() - startMs;
  console.log(`equal ${(tookMs / 1_000).toFixed(1)} s after healing`);
  assert.ok(tookMs < convergedMsMax, `it took ${tookMs} ms`);
  assert.match(await ann.must(["diff", "hal"]), /^equal to hal/);
});

Deno.test("S13 a member restarted from an old copy of its directory rolls nothing back", async () => {
  await using lab = await PartitionLab.open(["ann", "bob", "cleo"]);
  const [ann, bob] = lab.nodes as [ClusterNode, ClusterNode];
  await seed(bob, "kept");
  await seed(bob, "removed");
  await agreed(lab.nodes, ["bob/kept", "bob/removed"]);

  const { directory } = bob.lab;
  const copy = `${directory}.copy`;
  await succeed("cp", ["-a", directory, copy]);
  await seed(bob, "later");
  await bob.must(["unseed", "removed"]);
  await agreed(lab.nodes, ["bob/kept", "bob/later"]);
  const before = await bob.status();
  await bob.kill();
  await Deno.remove(directory, { recursive: true });
  await Deno.rename(copy, directory);

  await bob.up();
  await agreed(lab.nodes, ["bob/kept", "bob/later"]);
  const log = await bob.must(["logs", "-n", "10000"]);
  assert.match(log, /"event":"state.adopted"/);
  await seed(bob, "last");
  await agreed(lab.nodes, ["bob/kept", "bob/last", "bob/later"]);
  const after = await bob.status();
  assert.ok(after.state.generation > before.state.generation);
  assert.equal((await shownBy(ann)).digest, (await shownBy(bob)).digest);
});
