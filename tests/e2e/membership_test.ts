// Directories that leave a cluster and join again, or join another one: what
// they were is kept, their daemons start without an alarm, and tokens stay what
// they are: secrets that work as often as they say.

import assert from "node:assert/strict";
import { ClusterNode, meshed } from "./cluster_lab.ts";

const hello = new URL("../../examples/hello/hello.wasm", import.meta.url)
  .pathname;
const greet = ["call", "hello", "greet", '{"name":"world"}'];

/** What it says comes after what it read: the invite, never the token. */
async function refuses(
  node: ClusterNode,
  args: readonly string[],
  { code, says }: { readonly code: number; readonly says: RegExp },
): Promise<void> {
  const ran = await node.lab.run(args);
  assert.deepEqual([ran.code, ran.stdout], [code, ""], ran.stderr);
  assert.match(ran.stderr, says);
  assert.ok(!ran.stderr.includes(args[1]?.slice(8, 40) ?? ""), ran.stderr);
}

Deno.test("a node leaves with its seeds, and joins again as another", async () => {
  await using ann = await ClusterNode.open("ann");
  await using bob = await ClusterNode.open("bob");
  await ann.init();
  await bob.join(await ann.invite("--publisher"));
  await meshed(ann, bob);
  await bob.must(["seed", hello]);
  const before = (await bob.must(["id"])).trim();

  const left = await bob.must(["leave", "--yes"]);
  const [, place = ""] = left.match(/ is in (\S+\/old\/[0-9a-f]{8}-1)\n/) ?? [];
  const kept = Array.from(Deno.readDirSync(place), ({ name }) => name);
  for (const name of ["certs", "keys", "journal", "store"]) {
    assert.ok(kept.includes(name), `${name} is kept: ${kept}`);
  }
  await ann.shows("bob", "left");
  assert.match(await bob.lab.mustFail(["status"], { code: 6 }), /No daemon/);

  await bob.join(await ann.invite("--publisher"));
  assert.notEqual((await bob.must(["id"])).trim(), before);
  const { alarms, node, seeds } = await bob.status();
  // What the node that left had published may show already: it is not bob's.
  const own = seeds.filter(({ owner }) => owner === node.peer);
  assert.deepEqual([alarms, own], [[], []]);
  await bob.lab.until(async () => {
    const { nodes } = await ann.status();
    return nodes.some(({ name, state }) =>
      name === "bob" && state === "connected"
    );
  });
  await bob.must(["seed", hello]);
  assert.match(await ann.must([...greet, "--on", "bob"]), /Hello, world!/);
});

Deno.test("a node of one cluster joins another, when it is sure", async () => {
  await using ann = await ClusterNode.open("ann");
  await using bob = await ClusterNode.open("bob");
  await ann.init();
  await bob.init();
  await bob.must(["seed", hello]);
  const own = (await bob.status()).node.cluster;
  const token = await ann.invite("--publisher");

  await refuses(bob, ["join", token, "--yes"], {
    code: 1,
    says: /^pln: A daemon uses .*\n {2}.*pln down/m,
  });
  await bob.must(["down"]);
  await refuses(bob, ["join", token], {
    code: 2,
    says: /^pln: This node stays in cluster .*: nobody can .*\n {2}.*--yes/m,
  });
  assert.equal(JSON.parse(await bob.must(["id", "--json"])).cluster, own);

  await bob.must(["join", token, "--yes"]);
  await meshed(ann, bob);
  const { node, alarms } = await bob.status();
  assert.equal(node.cluster, (await ann.status()).node.cluster);
  assert.deepEqual(alarms, []);
  await Deno.stat(bob.lab.path(`old/${own.slice(0, 8)}-1/keys/root.pem`));
  await bob.must(["seed", hello]);

  await using cleo = await ClusterNode.open("cleo");
  await refuses(cleo, ["join", token, "--no-up"], {
    code: 4,
    says: /^pln: .* was used already\n {2}.*pln invite/m,
  });
});
