// Three real daemons on loopback: what changed and when, how it was before, in
// what two nodes differ, and forgetting one that is lost. Everything goes
// through the command line, as people type it; one of them is killed.

import assert from "node:assert/strict";
import type {
  Forgotten,
  PastStatus,
  StateDifference,
  StateHistory,
} from "../../src/control/mod.ts";
import { ClusterNode, meshed } from "./cluster_lab.ts";
import { example } from "./lab.ts";

async function json<T>(
  node: ClusterNode,
  ...words: readonly string[]
): Promise<T> {
  return JSON.parse(await node.must([...words, "--json"]));
}

/** Names of the seeds that a node's status shows. */
async function seedsOf(node: ClusterNode): Promise<readonly string[]> {
  return (await node.status()).seeds.map(({ name }) => name);
}

/** Waits until all nodes show exactly these seeds. */
async function allShow(
  nodes: readonly ClusterNode[],
  names: readonly string[],
): Promise<void> {
  for (const node of nodes) {
    await node.lab.until(async () =>
      `${(await seedsOf(node)).toSorted()}` === `${names.toSorted()}`
    );
  }
}

async function isEqual(node: ClusterNode, peer: string): Promise<boolean> {
  const { code } = await node.lab.run(["diff", peer]);
  return code === 0;
}

/** The log is written a second later, and moments are told apart by it. */
async function aMoment(): Promise<string> {
  await new Promise((resolve) => setTimeout(resolve, 1_200));
  const moment = new Date().toISOString();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return moment;
}

Deno.test("history, diff and forget over three nodes, one of them lost", async () => {
  await using ann = await ClusterNode.open("ann");
  await using bob = await ClusterNode.open("bob");
  await using cleo = await ClusterNode.open("cleo");
  const nodes = [ann, bob, cleo];
  await ann.init();
  await bob.join(await ann.invite("--publisher"));
  await cleo.join(await ann.invite("--publisher"));
  await meshed(...nodes);

  await cleo.must(["seed", example("hello"), "first"]);
  await bob.must(["seed", example("hello"), "second"]);
  await allShow(nodes, ["first", "second"]);
  const before = await aMoment();
  await bob.must(["unseed", "second"]);
  await allShow(nodes, ["first"]);

  // How it was, and what changed since.
  const past = await json<PastStatus>(ann, "status", "--at", before);
  assert.deepEqual(past.seeds.map(({ name }) => name), ["first", "second"]);
  assert.equal(past.isExact, true);
  const names = past.nodes.map(({ name }) => name).sort();
  assert.deepEqual(names, ["ann", "bob", "cleo"]);
  const shown = await ann.must(["status", "seeds", "--at", before]);
  assert.match(shown, /^first +cleo .*\nsecond +bob /m);
  const { events } = await json<StateHistory>(
    ann,
    ...["history", "--owner", "bob", "--since", before],
  );
  const [event, ...more] = events;
  assert.deepEqual(more, []);
  assert.ok(event?.type === "batch");
  assert.equal(event.name, "bob");
  const [change] = event.changes;
  assert.deepEqual([change?.section, change?.key], ["seeds", "second"]);
  assert.ok(change?.before !== undefined && change.after === undefined);
  const text = await ann.must(["history", "-n", "1", "--owner", "bob"]);
  assert.match(text, /^\d{4}-\d\d-\d\dT[\d:]{8}[+-]\d\d:\d\d .*bob \(/);
  assert.match(text, /\n {2}- seeds\/second\n$/);

  // Equal again within seconds, and all agree on the digest.
  for (const [one, other] of [["bob", cleo], ["ann", bob]] as const) {
    await other.lab.until(() => isEqual(other, one));
  }
  const equal = await json<StateDifference>(ann, "diff", "cleo");
  assert.equal(equal.isEqual, true);
  assert.equal(equal.documents, 3);
  assert.equal((await bob.status()).state.digest, equal.digest);
  assert.match(await ann.must(["diff", "bob"]), /^equal to bob \(/);

  // A node that is killed is lost; what it published stays until it is
  // forgotten, and no peer brings it back.
  await ann.lab.refused(["forget", "cleo"], {
    code: 1,
    says: /cleo is connected/,
    next: /--force/,
  });
  await bob.lab.refused(["forget", "cleo", "--force"], {
    code: 4,
    says: /Only admins forget/,
    next: /Ask an admin/,
  });
  await cleo.kill();
  await ann.lab.refused(["diff", "cleo"], {
    code: 6,
    says: /cleo/,
    next: /pln status nodes/,
  });
  await ann.lab.until(async () =>
    !["connected", "suspect"].includes((await ann.peer("cleo"))?.state ?? "")
  );
  assert.deepEqual(await seedsOf(bob), ["first"]);
  const dry = await json<Forgotten>(ann, "forget", "cleo", "--dry-run");
  assert.deepEqual([dry.isChanged, dry.isDryRun, dry.seeds], [
    false,
    true,
    ["first"],
  ]);
  assert.deepEqual(await seedsOf(ann), ["first"]);
  const gone = await ann.must(["forget", "cleo"]);
  assert.match(gone, /^cleo \(.*\) is forgotten\n {2}entries: .*1 of seeds/);
  await allShow([ann, bob], []);
  for (const node of [ann, bob]) {
    await node.lab.until(async () => await node.peer("cleo") === undefined);
  }
  await bob.lab.until(() => isEqual(bob, "ann"));

  // It was forgotten, not denied: it comes back as the member it is.
  await cleo.up();
  await meshed(...nodes);
  await allShow(nodes, ["first"]);
});

Deno.test("the past survives kill -9, and says where it may be wrong", async () => {
  await using ann = await ClusterNode.open("ann");
  await ann.init();
  await ann.must(["seed", example("hello"), "first"]);
  const before = await aMoment();
  await ann.must(["seed", example("hello"), "second"]);
  await aMoment();
  await ann.kill();
  await ann.up();
  await aMoment();
  const ran = await ann.lab.run(["status", "seeds", "--at", before, "--json"]);
  const past: PastStatus = JSON.parse(ran.stdout);
  assert.deepEqual(past.seeds.map(({ name }) => name), ["first"]);
  assert.equal(past.isExact, false);
  assert.match(ran.stderr, /gaps/);
  const { events } = await json<StateHistory>(ann, "history");
  const gaps = events.flatMap((event) =>
    event.type === "gap" ? [event.why] : []
  );
  assert.deepEqual(gaps, ["killed"]);
});

Deno.test("history, diff, forget and status --at refuse bad input with what to type", async () => {
  await using ann = await ClusterNode.open("ann");
  await ann.init();
  const { lab } = ann;
  for (
    const [words, code, says, next] of [
      ["status --at noon", 2, /not "noon"/, /10m/],
      ["status --at 2999-01-01", 2, /yet to come/, /local/],
      ["status --at 2001-01-01", 3, /The log begins at/, /pln status --at 2/],
      ["status nodes --at 5x", 2, /not "5x"/, /10m/],
      ["history --since tomorrow", 2, /not "tomorrow"/, /10m/],
      ["history -n 0", 2, /--lines takes a whole number/, /--lines/],
      ["history -n 999999999", 2, /from 1 to 10000/, /--lines/],
      ["history --owner nobody", 3, /nobody/, /./],
      ["diff nobody", 3, /nobody/, /./],
      ["diff ann", 2, /differ from itself/, /pln status nodes/],
      ["forget nobody", 3, /nobody/, /./],
      ["forget ann", 2, /forget itself/, /pln leave/],
      [`forget ${"ab".repeat(32)}`, 3, /Nothing is known/, /pln status/],
    ] as const
  ) {
    await lab.refused(words.split(" "), { code, says, next });
  }
  await ann.must(["down"]);
  for (const words of [["history"], ["diff", "bob"], ["forget", "bob"]]) {
    await lab.refused(words, { code: 6, says: /No daemon/, next: /pln up/ });
  }
});
