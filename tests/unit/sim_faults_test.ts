// The faults of the simulator, each by itself: packets that arrive twice, clocks
// that run at another rate, disks that are put back. Scenarios rely on them: a
// fault that does nothing would prove nothing.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { utf8, utf8TextLossy } from "../../src/kernel/mod.ts";
import { openSimClock } from "../../src/sim/clock.ts";
import { openSimDisk } from "../../src/sim/disk.ts";
import { Path, Wire } from "../../src/sim/network_wire.ts";
import { openWorld, type World } from "../../src/sim/world.ts";

const world = () => openWorld(1, { turn: openTurn() });

function wireOf(one: World, duplicatePercent: number) {
  const path = new Path(1, one.random.fork("path"), { isInside: false });
  path.set({ duplicatePercent });
  const end = (name: string) => ({
    clock: openSimClock(one, { name }),
    isAlive: true,
  });
  return new Wire(path, { from: end("a"), to: end("b") });
}

Deno.test("a path that doubles packets brings datagrams twice", async () => {
  const one = world();
  const wire = wireOf(one, 100);
  let arrived = 0;
  wire.send(() => void arrived++);
  await one.settle();
  assert.equal(arrived, 2);
});

Deno.test("a path that doubles packets brings what is reliable once", async () => {
  const one = world();
  const wire = wireOf(one, 100);
  let arrived = 0;
  wire.sendReliably(() => void arrived++);
  await one.settle();
  assert.equal(arrived, 1);
});

Deno.test("a slow clock shows and waits less than passes", async () => {
  const one = world();
  const clock = openSimClock(one, { name: "slow" });
  await one.run(1_000);
  const [startMs, startWallMs] = [clock.nowMs(), clock.wallMs()];
  clock.setRate(0.5);
  let ranAtMs = 0;
  clock.after(1_000, () => {
    ranAtMs = one.nowMs;
  });
  await one.run(5_000);
  assert.equal(clock.nowMs() - startMs, 2_000);
  assert.equal(clock.wallMs() - startWallMs, 2_000);
  assert.equal(ranAtMs, 3_000, "1 s of its own is 2 s of the world");
});

Deno.test("a clock that is slow for a while does not jump", async () => {
  const one = world();
  const clock = openSimClock(one, { name: "slow" });
  const startMs = clock.nowMs();
  clock.setRate(2);
  await one.run(1_000);
  clock.setRate(1);
  assert.equal(clock.nowMs() - startMs, 2_000);
  await one.run(2_000);
  assert.equal(clock.nowMs() - startMs, 3_000);
});

Deno.test("a backup brings a disk back to what it was, durably", async () => {
  const one = world();
  const disk = openSimDisk(one, { name: "d" });
  const text = async (path: string) =>
    utf8TextLossy(await disk.mount().read(path, { bytesMax: 100 }));
  const run = async () => {
    await disk.mount().writeAtomic("a/kept", utf8("old"));
    const backup = disk.backUp();
    await disk.mount().writeAtomic("a/kept", utf8("new"));
    await disk.mount().writeAtomic("a/added", utf8("more"));
    const before = disk.mount();
    disk.restore(backup);
    await assert.rejects(before.list("a"), /the machine stopped/);
    assert.equal(await text("a/kept"), "old");
    assert.deepEqual(
      (await disk.mount().list("a")).map(({ name }) => name),
      ["kept"],
    );
    disk.crash();
    assert.equal(await text("a/kept"), "old");
    // What is written now does not reach the backup.
    await disk.mount().writeAtomic("a/kept", utf8("newest"));
    disk.restore(backup);
    assert.equal(await text("a/kept"), "old");
  };
  await one.complete(run());
});

Deno.test("one backup makes two disks that share nothing", async () => {
  const one = world();
  const disk = openSimDisk(one, { name: "d" });
  const twin = openSimDisk(one, { name: "e" });
  const run = async () => {
    const file = await disk.mount().openAppend("log");
    await file.append(utf8("one"));
    await file.sync();
    twin.restore(disk.backUp());
    await file.append(utf8("two"));
    const read = await twin.mount().read("log", { bytesMax: 100 });
    assert.equal(utf8TextLossy(read), "one");
    await file[Symbol.asyncDispose]();
  };
  await one.complete(run());
});
