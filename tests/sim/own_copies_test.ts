// Nodes whose disk was set back or damaged, in whole clusters: what they take
// over from peers by gossip, alone first or not. In: backups and rot. Out: views
// in which nothing is missing that anybody acknowledged. Every node is
// production's.

import assert from "node:assert/strict";
import type { SimCluster, SimMember } from "../../src/sim/mod.ts";
import { isBatchStart } from "../../src/state/batches.ts";
import { scanJournal } from "../../src/state/journal_file.ts";
import { sampleModule } from "../fixtures/seeds/sample.ts";
import { clusterScenario, meshed } from "./cluster_lab.ts";

async function raise(cluster: SimCluster): Promise<readonly SimMember[]> {
  const founder = await cluster.found("n1");
  const others = await cluster.admitAll(["n2", "n3"], founder, {
    tier: "publisher",
  });
  await meshed(cluster, [founder, ...others]);
  return [founder, ...others];
}

async function publish(member: SimMember, name: string): Promise<void> {
  await member.node.publishSeed(name, sampleModule(1), { config: {} });
}

/** Names of the seeds of `owner` in a view. */
function seedsOf(member: SimMember, owner: SimMember): string {
  return member.node.view.seedsOf(owner.peer).map(({ name }) => name).join(" ");
}

async function untilAllShow(
  cluster: SimCluster,
  members: readonly SimMember[],
  wanted: { readonly of: SimMember; readonly seeds: string },
): Promise<void> {
  const { of, seeds } = wanted;
  await cluster.until(`all show ${seeds} of ${of.name}`, () => {
    const other = members.find((one) => seedsOf(one, of) !== seeds);
    return other && `${other.name} shows ${seedsOf(other, of)}`;
  });
  const digests = () => new Set(members.map(({ node }) => node.view.digest));
  await cluster.until(
    "all views are equal",
    () => digests().size === 1 ? undefined : "views differ",
  );
}

/** Turns a bit in the middle of what its journal holds. */
async function rot(member: SimMember): Promise<void> {
  const { disk } = member.machine;
  await member.once(async ({ ports }) => {
    const files = await ports.disk.list("journal");
    const path = `journal/${files.at(-1)?.name}`;
    const bytes = await ports.disk.read(path, { bytesMax: 10_000_000 });
    const { records } = scanJournal(bytes, { isRecordStart: isBatchStart });
    const record = records.at(-3);
    assert.ok(record && records.length >= 4, `${records.length} records`);
    disk.corrupt(path, record.byteOffset + 100);
  });
}

function eventsOf({ machine }: SimMember): readonly string[] {
  return machine.log.records.map(({ event }) => event);
}

for (const isSameStart of [true, false]) {
  const when = isSameStart ? "in its last start" : "starts before";
  clusterScenario(
    `S13 a backup made ${when} that is alone first loses nothing`,
    async (cluster) => {
      const members = await raise(cluster);
      const [, old, other] = members;
      assert.ok(old && other);
      await publish(old, "before");
      await untilAllShow(cluster, members, { of: old, seeds: "before" });
      const backup = old.machine.disk.backUp();
      if (!isSameStart) {
        for (let start = 0; start < 3; start++) {
          await old.stop();
          await old.start();
        }
      }
      await publish(old, "later");
      await untilAllShow(cluster, members, { of: old, seeds: "before later" });
      cluster.network.partition([old.name], ["n1", "n3"]);
      old.restore(backup);
      await old.start();
      await publish(old, "alone");
      assert.equal(seedsOf(old, old), "alone before");
      await cluster.pause(5_000);
      cluster.network.heal();
      const seeds = "alone before later";
      await untilAllShow(cluster, members, { of: old, seeds });
      assert.ok(eventsOf(old).includes("state.adopted"));
      assert.equal(old.node.stateReport().isCloned, false);
      await publish(old, "z");
      const all = `${seeds} z`;
      await untilAllShow(cluster, members, { of: old, seeds: all });
      await old.stop();
      await old.start();
      await untilAllShow(cluster, members, { of: old, seeds: all });
    },
  );
}

clusterScenario(
  "S10 S13 damage in an own journal is made good by peers",
  async (cluster) => {
    const members = await raise(cluster);
    const [, old] = members;
    assert.ok(old);
    for (const name of ["a", "b", "c", "d"]) await publish(old, name);
    await untilAllShow(cluster, members, { of: old, seeds: "a b c d" });
    await old.stop();
    cluster.expectedErrors.add("state.journal_gap");
    await rot(old);
    await old.start();
    await untilAllShow(cluster, members, { of: old, seeds: "a b c d" });
    assert.ok(eventsOf(old).includes("state.loss_made_good"));
    await publish(old, "e");
    await untilAllShow(cluster, members, { of: old, seeds: "a b c d e" });
    assert.equal(old.node.stateReport().fault, undefined);
  },
);

clusterScenario(
  "S10 S13 a damaged node that is alone says nothing until it is not",
  async (cluster) => {
    const members = await raise(cluster);
    const [, old] = members;
    assert.ok(old);
    for (const name of ["a", "b", "c"]) await publish(old, name);
    await untilAllShow(cluster, members, { of: old, seeds: "a b c" });
    await old.stop();
    cluster.expectedErrors.add("state.journal_gap");
    await rot(old);
    cluster.network.partition([old.name], ["n1", "n3"]);
    await old.start();
    await cluster.pause(10_000);
    await assert.rejects(publish(old, "x"), /damaged/);
    assert.notEqual(old.node.stateReport().fault, undefined);
    cluster.network.heal();
    await untilAllShow(cluster, members, { of: old, seeds: "a b c" });
    await cluster.until(
      "it has announced itself",
      () => old.node.stateReport().seq > 0 ? undefined : "it says nothing",
    );
    await publish(old, "x");
    await untilAllShow(cluster, members, { of: old, seeds: "a b c x" });
  },
);
