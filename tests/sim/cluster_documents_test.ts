// What people learn of all owners' documents on a running cluster: when what
// changed, how it was before, where two nodes differ, and that a lost node is
// forgotten everywhere, whoever has a copy left. Every node is production's.

import assert from "node:assert/strict";
import {
  ConflictError,
  DeniedError,
  InputError,
  NotFoundError,
  UnreachableError,
} from "../../src/kernel/mod.ts";
import type { SimCluster, SimMember } from "../../src/sim/mod.ts";
import {
  clusterScenario,
  logged,
  meshed,
  never,
  publish,
} from "./cluster_lab.ts";

async function agreed(
  cluster: SimCluster,
  members: readonly SimMember[],
): Promise<void> {
  await cluster.until("all views are equal", () => {
    const digests = new Set(members.map(({ node }) => node.view.digest));
    return digests.size === 1;
  });
}

async function trio(cluster: SimCluster): Promise<readonly SimMember[]> {
  const ann = await cluster.found("ann");
  const [bob, cleo] = await cluster.admitAll(["bob", "cleo"], ann, {
    tier: "publisher",
  });
  assert.ok(bob !== undefined && cleo !== undefined);
  const members = [ann, bob, cleo];
  await meshed(cluster, members);
  return members;
}

function wallMs(member: SimMember): number {
  return member.process.ports.clock.wallMs();
}

/** Names of seeds as a member's log has them at a moment. */
async function seedsAt(
  member: SimMember,
  atMs: number,
): Promise<readonly string[]> {
  const { view, isExact } = await member.node.documents.past(atMs);
  assert.equal(isExact, true);
  return [...view.seeds.keys()];
}

clusterScenario(
  "a node tells what others published and took back, and shows the past",
  async (cluster) => {
    const members = await trio(cluster);
    const [ann, bob, cleo] = members as [SimMember, SimMember, SimMember];
    await cluster.pause(2_000);
    const early = wallMs(ann);
    const digest = ann.node.view.digest;
    await cluster.pause(2_000);
    await publish(bob, "hello");
    await agreed(cluster, members);
    await cluster.pause(1_000);
    const between = wallMs(ann);
    await cluster.pause(1_000);
    await bob.node.unpublishSeed("hello");
    await publish(cleo, "other");
    await agreed(cluster, members);
    await cluster.pause(1_000);

    assert.deepEqual(await seedsAt(ann, early), []);
    assert.deepEqual(await seedsAt(ann, between), ["hello"]);
    assert.deepEqual(await seedsAt(ann, wallMs(ann)), ["other"]);
    const past = await ann.node.documents.past(early);
    assert.equal(past.view.digest, digest, "the very same view");
    assert.equal(past.view.nodes.get(bob.peer)?.name, "bob");
    assert.equal(past.view.nodes.get(bob.peer)?.tier, "publisher");

    const { records } = await ann.node.documents.history({ owner: "bob" });
    const seeds = records.flatMap((record) =>
      record.type === "batch"
        ? record.changes.filter(({ section }) => section === "seeds")
        : []
    );
    assert.deepEqual(
      seeds.map((
        { key, before, after },
      ) => [key, before === undefined, after === undefined]),
      [["hello", true, false], ["hello", false, true]],
    );
    await assert.rejects(
      ann.node.documents.past(wallMs(ann) + 60_000),
      InputError,
    );
    await assert.rejects(ann.node.documents.past(0), NotFoundError);
    await assert.rejects(
      ann.node.documents.history({ owner: "nobody" }),
      NotFoundError,
    );
  },
);

clusterScenario("the past has the rights of its time", async (cluster) => {
  const members = await trio(cluster);
  const [ann, bob] = members as [SimMember, SimMember, SimMember];
  await publish(bob, "hello");
  await agreed(cluster, members);
  await cluster.pause(1_000);
  const before = wallMs(ann);
  await cluster.pause(1_000);
  await ann.node.members.deny("bob", { reason: "lost" });
  await cluster.pause(1_000);
  const denied = wallMs(ann);
  await cluster.pause(1_000);
  await ann.node.members.allow("bob");
  await meshed(cluster, members);
  assert.deepEqual(await seedsAt(ann, before), ["hello"]);
  assert.deepEqual(await seedsAt(ann, denied), []);
  const { view } = await ann.node.documents.past(denied);
  assert.equal(view.rights.denialOf(bob.peer)?.reason, "lost");
  assert.equal(view.nodes.has(bob.peer), false);
  assert.deepEqual([...ann.node.view.seeds.keys()], ["hello"]);
});

clusterScenario("the past outlives kills of the node", async (cluster) => {
  const members = await trio(cluster);
  const [ann, bob] = members as [SimMember, SimMember, SimMember];
  await publish(bob, "hello");
  await agreed(cluster, members);
  await cluster.pause(3_000);
  const before = wallMs(ann);
  ann.kill();
  await ann.start();
  await meshed(cluster, members);
  await bob.node.unpublishSeed("hello");
  await agreed(cluster, members);
  await cluster.pause(3_000);
  const { view, isExact } = await ann.node.documents.past(before);
  assert.deepEqual([...view.seeds.keys()], ["hello"]);
  assert.equal(isExact, false, "the last second before the kill is unknown");
  const { records } = await ann.node.documents.history({});
  assert.ok(records.some((one) => one.type === "gap" && one.why === "killed"));
});

clusterScenario(
  "S11: a disk that takes no history costs an alarm and no publish",
  async (cluster) => {
    const ann = await cluster.found("ann");
    await cluster.pause(5_000);
    const path = "history";
    const broken = ann.machine.disk.fail("full", { path });
    for (let number = 0; number < 5; number++) {
      await publish(ann, `seed-${number}`);
      await cluster.pause(31_000);
    }
    const messages = () => ann.node.alarms.map(({ message }) => message);
    assert.ok(messages().some((text) => /history is not kept/.test(text)));
    assert.equal(logged(ann, "history.failed").length, 1, "one warning");
    broken[Symbol.dispose]();
    await cluster.pause(31_000);
    assert.deepEqual(messages(), []);
    const { records } = await ann.node.documents.history({});
    const keys = records.flatMap((record) =>
      record.type === "gap" ? [record.why] : record.changes
        .filter(({ section }) => section === "seeds")
        .map(({ key }) => key)
    );
    assert.deepEqual(keys, ["seed-0", "seed-1", "seed-2", "seed-3", "seed-4"]);
  },
);

clusterScenario(
  "a comparison says equal, who is ahead, and who does not answer",
  async (cluster) => {
    const members = await trio(cluster);
    const [ann, bob, cleo] = members as [SimMember, SimMember, SimMember];
    await publish(bob, "hello");
    await agreed(cluster, members);
    const equal = await ann.node.documents.diff("bob", never);
    assert.deepEqual(equal.owners, []);
    assert.equal(equal.peer, bob.peer);
    assert.equal(equal.documents, 3);
    await assert.rejects(ann.node.documents.diff("ann", never), InputError);
    await assert.rejects(
      ann.node.documents.diff("nobody", never),
      NotFoundError,
    );
    cleo.kill();
    await assert.rejects(
      ann.node.documents.diff("cleo", never),
      (cause) => cause instanceof UnreachableError && cause.hint !== undefined,
    );
  },
);

clusterScenario(
  "a comparison with who was cut off names whose news it lacks",
  async (cluster) => {
    const members = await trio(cluster);
    const [ann, bob, cleo] = members as [SimMember, SimMember, SimMember];
    await agreed(cluster, members);
    cluster.network.partition(["ann", "bob"], ["cleo"]);
    await cluster.pause(30_000);
    await publish(bob, "hello");
    await agreed(cluster, [ann, bob]);
    cluster.network.heal();
    const { owners } = await ann.node.documents.diff("cleo", never);
    const [lacking, ...more] = owners;
    assert.deepEqual(more, []);
    assert.deepEqual([lacking?.owner, lacking?.state], [bob.peer, "ahead"]);
    assert.ok((lacking?.here?.seq ?? 0) > (lacking?.there?.seq ?? 0));
    await agreed(cluster, members);
    const equal = await cleo.node.documents.diff("ann", never);
    assert.deepEqual(equal.owners, []);
  },
);

clusterScenario(
  "a lost node is forgotten everywhere, and comes back as itself",
  async (cluster) => {
    const members = await trio(cluster);
    const [ann, bob, cleo] = members as [SimMember, SimMember, SimMember];
    await publish(cleo, "hello");
    await agreed(cluster, members);
    const { documents } = ann.node;
    await assert.rejects(
      documents.forget("cleo"),
      (cause) =>
        cause instanceof ConflictError && /is connected/.test(cause.message),
    );
    await assert.rejects(
      bob.node.documents.forget("cleo", { isForced: true }),
      DeniedError,
    );
    await assert.rejects(documents.forget("ann"), InputError);
    await assert.rejects(documents.forget("nobody"), NotFoundError);
    await assert.rejects(
      documents.forget("ab".repeat(32)),
      NotFoundError,
      "a whole id that nobody has",
    );

    cleo.kill();
    const linked: readonly (string | undefined)[] = ["connected", "suspect"];
    const stateOf = ({ node }: SimMember) =>
      node.members.peers().find(({ name }) => name === "cleo")?.state;
    await cluster.until(
      "the loss is seen",
      () => [ann, bob].every((one) => !linked.includes(stateOf(one))),
    );
    const here = [ann, bob];
    for (const { node } of here) {
      assert.ok(node.view.seeds.has("hello"), "specs of lost owners stay");
    }
    const dry = await documents.forget("cleo", { isDryRun: true });
    assert.equal(dry.isChanged, false);
    assert.deepEqual(dry.seeds, ["hello"]);
    assert.ok(ann.node.view.seeds.has("hello"), "a dry run changes nothing");
    const forgotten = await documents.forget("cleo");
    assert.equal(forgotten.isChanged, true);
    assert.deepEqual(forgotten.seeds, ["hello"]);
    assert.equal(forgotten.entries["seeds"], 1);
    await cluster.until(
      "all have forgotten",
      () =>
        here.every(({ node }) =>
          !node.view.seeds.has("hello") && !node.view.nodes.has(cleo.peer) &&
          node.members.peers().every(({ peer }) => peer !== cleo.peer)
        ),
    );
    const again = await documents.forget(cleo.peer);
    assert.equal(again.isChanged, false, "it is forgotten already");

    // Its old bytes do not return; what it says now counts again.
    await cleo.start();
    await meshed(cluster, members);
    await cluster.until(
      "it is a member again",
      () => here.every(({ node }) => node.view.nodes.has(cleo.peer)),
    );
    await agreed(cluster, members);
    for (const { node } of members) {
      assert.ok(
        node.members.peers().some(({ peer, state }) =>
          peer === cleo.peer && (state === "connected" || state === "self")
        ),
      );
    }
  },
);

clusterScenario(
  "an admin is denied before it is forgotten",
  async (cluster) => {
    const ann = await cluster.found("ann");
    const bob = await cluster.admit("bob", ann, { tier: "publisher" });
    await meshed(cluster, [ann, bob]);
    await cluster.promote(bob, ann);
    bob.kill();
    await assert.rejects(
      ann.node.documents.forget("bob", { isForced: true }),
      (cause) =>
        cause instanceof ConflictError && /pln deny/.test(cause.hint ?? ""),
    );
    const decision = await ann.node.members.deny("bob", { children: "keep" });
    await cluster.rootSays(ann, decision);
    const { isChanged } = await ann.node.documents.forget(bob.peer, {
      isForced: true,
    });
    assert.equal(isChanged, true);
    assert.ok(![...ann.node.places()].some(({ owner }) => owner === bob.peer));
  },
);
