// Five real daemons on loopback become one cluster, call each other, and obey
// what admins decide, also when the first one is gone. Everything goes through
// the command line, as people type it.

import assert from "node:assert/strict";
import { ClusterNode, meshed, rowOf } from "./cluster_lab.ts";

const hello = new URL("../../examples/hello/hello.wasm", import.meta.url)
  .pathname;
const greeting = ["hello", "greet", '{"name":"world"}'] as const;

Deno.test("five nodes join, call each other, and obey grants and denials", async () => {
  await using ann = await ClusterNode.open("ann");
  await using bob = await ClusterNode.open("bob");
  await using cleo = await ClusterNode.open("cleo");
  await using dan = await ClusterNode.open("dan");
  await using eve = await ClusterNode.open("eve");
  await ann.init();

  // One by standard input, an admin, a publisher with properties, a leaf.
  await bob.join(await ann.invite());
  const cleoId = (await cleo.must(["id"])).trim();
  await cleo.join(await ann.invite(cleoId, "--admin"));
  await dan.join(await ann.invite("--publisher", "--prop", "zone=home"));
  await eve.must(["join", await ann.invite("--expire-after", "30d")]);
  await meshed(ann, bob, cleo, dan, eve);
  const row = await rowOf(ann, "dan");
  assert.equal(row.tier, "publisher");
  assert.deepEqual(row.properties, { zone: "home" });
  assert.equal((await rowOf(bob, "eve")).tier, "leaf");

  // Calls across: a leaf may call, and may not publish.
  await dan.must(["seed", hello]);
  for (const caller of [ann, bob, eve]) {
    assert.match(await caller.call(greeting, "dan"), /Hello, world!/);
  }
  await bob.lab.refused(["seed", hello], {
    code: 4,
    says: /leaf/,
    next: /pln grant/,
  });

  // The root makes an admin; a grant and a denial are known everywhere soon.
  await ann.must(["grant", "cleo", "--admin"]);
  await cleo.becomes("admin");
  await ann.must(["grant", "bob", "--publisher"]);
  await bob.becomes("publisher");
  await bob.must(["seed", hello, "hey"]);

  await ann.must(["deny", "eve", "--reason", "lost laptop"]);
  for (const node of [bob, cleo, dan]) await node.shows("eve", "denied");
  await eve.lab.until(async () =>
    (await eve.status()).nodes.every(({ state }) => state !== "connected")
  );
  const refusal = await eve.lab.run(["call", ...greeting, "--on", "dan"]);
  assert.notEqual(refusal.code, 0, "a denied node reaches nobody");
  await ann.must(["allow", "eve"]);
  await meshed(ann, bob, cleo, dan, eve);
  assert.match(await eve.call(greeting, "dan"), /Hello, world!/);

  // Without the first node its admins go on.
  await ann.must(["down"]);
  await using fay = await ClusterNode.open("fay");
  await fay.join(await cleo.invite("--publisher"));
  await meshed(bob, cleo, dan, eve, fay);
  assert.match(await fay.call(greeting, "dan"), /Hello, world!/);
});

Deno.test("a first node that was killed finds everybody again", async () => {
  await using ann = await ClusterNode.open("ann");
  await using bob = await ClusterNode.open("bob");
  await using cleo = await ClusterNode.open("cleo");
  await ann.init();
  await bob.join(await ann.invite());
  await cleo.join(await ann.invite());
  await meshed(ann, bob, cleo);
  await ann.kill();
  await ann.up();
  await meshed(ann, bob, cleo);
});
