// Leaving one cluster's directory for another: all of the old one is kept, and
// a kill at any step leaves the old node or none.

import assert from "node:assert/strict";
import {
  createCluster,
  finishSettingAside,
  isInitialised,
  loadIdentity,
  prepareNodeKeys,
  setMembershipAside,
} from "../../src/identity/mod.ts";
import { utf8, utf8Text } from "../../src/kernel/mod.ts";
import type { Disk } from "../../src/ports/mod.ts";
import { failingDisk, openWorld, type World } from "./identity_world.ts";

const properties = new Map<string, string>();
const others = [
  ...["journal/1.log", "replicas/a/1.log", "history/1.log"],
  ...["store/aa/bb", "peers.json"],
];
const staying = ["config.yaml", "cache/modules/cc", "pln.log"];

/** Every file with its content. */
async function snapshot(disk: Disk, path = ""): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const { name, type } of await disk.list(path)) {
    const inner = path === "" ? name : `${path}/${name}`;
    if (type === "directory") {
      for (const pair of await snapshot(disk, inner)) files.set(...pair);
    } else {
      const bytes = await disk.read(inner, { bytesMax: 100_000 });
      files.set(inner, utf8Text(bytes) ?? "");
    }
  }
  return files;
}

async function usedNode(world: World) {
  const identity = await createCluster(world, { properties });
  for (const path of [...others, ...staying]) {
    await world.disk.writeAtomic(path, utf8(`content of ${path}`));
  }
  return identity;
}

Deno.test("setMembershipAside() moves all that is of the cluster", async () => {
  await using world = await openWorld();
  const { cluster, peer } = await usedNode(world);
  const before = await snapshot(world.disk);
  const target = await setMembershipAside(world.disk, cluster);
  assert.equal(target, `old/${cluster.slice(0, 8)}-1`);
  const after = await snapshot(world.disk);
  for (const [path, content] of before) {
    const isStaying = staying.includes(path);
    assert.equal(after.get(path), isStaying ? content : undefined, path);
    const moved = after.get(`${target}/${path}`);
    assert.equal(moved, isStaying ? undefined : content, path);
  }
  assert.equal(after.size, before.size + 1); // and a note
  const next = await createCluster(world, { properties });
  assert.notEqual(next.cluster, cluster);
  assert.notEqual(next.peer, peer);
});

Deno.test("setMembershipAside() finds a new place each time", async () => {
  await using world = await openWorld();
  const { cluster } = await usedNode(world);
  const targets = new Set<string>();
  for (const number of [1, 2, 3]) {
    const target = await setMembershipAside(world.disk, cluster);
    assert.equal(target, `old/${cluster.slice(0, 8)}-${number}`);
    targets.add(target);
    await createCluster(world, { properties });
  }
  assert.equal(targets.size, 3);
});

Deno.test("S07: a kill at any step leaves the old node or none", async () => {
  let kills = 0;
  for (let failAt = 1;; failAt++) {
    await using world = await openWorld();
    const { cluster, peer } = await usedNode(world);
    const before = await snapshot(world.disk);
    const disk = failingDisk(world.disk, failAt);
    const isKilled = await setMembershipAside(disk, cluster)
      .then(() => false, () => true);
    if (!isKilled) break;
    kills++;
    if (await isInitialised(world.disk)) {
      assert.equal((await loadIdentity(world)).peer, peer);
      await setMembershipAside(world.disk, cluster);
    }
    // Whoever makes an identity next completes the move first.
    const keys = await prepareNodeKeys(world);
    const next = await createCluster(world, { properties });
    assert.notEqual(next.peer, peer);
    assert.deepEqual(next.key.publicKey, keys.key.publicKey);
    const after = await snapshot(world.disk);
    const contents = [...after.values()];
    for (const [path, content] of before) {
      assert.ok(contents.includes(content), `${path} was lost at ${failAt}`);
      const isMoved = path.startsWith("old/") || !others.includes(path);
      assert.ok(isMoved || !after.has(path), `${path} stayed at ${failAt}`);
    }
  }
  assert.equal(kills, 9); // a note, seven moves, and the note's other name
});

Deno.test("S07: a kill while a move is completed is survived too", async () => {
  for (let failAt = 1; failAt <= 5; failAt++) {
    await using world = await openWorld();
    const { cluster } = await usedNode(world);
    const before = await snapshot(world.disk);
    const first = failingDisk(world.disk, 3);
    await assert.rejects(setMembershipAside(first, cluster), /killed/);
    assert.equal(await isInitialised(world.disk), false);
    const second = failingDisk(world.disk, failAt);
    await assert.rejects(finishSettingAside(second), /killed/);
    await finishSettingAside(world.disk);
    const names = (await world.disk.list("")).map(({ name }) => name);
    assert.deepEqual(names, ["cache", "config.yaml", "old", "pln.log"]);
    const after = await snapshot(world.disk);
    assert.equal(after.size, before.size + 1);
  }
});

Deno.test("finishSettingAside() takes nothing from a later identity", async () => {
  await using world = await openWorld();
  await using later = await openWorld("later");
  const { cluster } = await usedNode(world);
  const disk = failingDisk(world.disk, 3);
  await assert.rejects(setMembershipAside(disk, cluster), /killed/);
  const next = await createCluster(later, { properties });
  for (const [path, content] of await snapshot(later.disk)) {
    await world.disk.writeAtomic(path, utf8(content)); // restored by hand
  }
  await finishSettingAside(world.disk);
  assert.equal((await loadIdentity(world)).peer, next.peer);
});

Deno.test("finishSettingAside() leaves a node and finished moves alone", async () => {
  await using world = await openWorld();
  const { cluster } = await usedNode(world);
  const first = failingDisk(world.disk, 2);
  await assert.rejects(setMembershipAside(first, cluster), /killed/);
  const before = await snapshot(world.disk);
  await finishSettingAside(world.disk); // the node has stayed what it was
  assert.deepEqual(await snapshot(world.disk), before);
  await setMembershipAside(world.disk, cluster);
  await prepareNodeKeys(world);
  const keys = await snapshot(world.disk, "keys");
  await finishSettingAside(world.disk);
  assert.deepEqual(await snapshot(world.disk, "keys"), keys);
});
