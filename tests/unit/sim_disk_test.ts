// What only a simulated disk can do: lose power, be killed, fail on demand, be
// full, rot. In, seeds; out, the promises of src/ports/disk.ts under all that:
// what was synced stays, the rest may go, and it goes in all ways it can.

import assert from "node:assert/strict";
import { openTurn } from "../../src/adapters/turn.ts";
import { utf8, utf8Text } from "../../src/kernel/mod.ts";
import { type Disk, DiskError, type DiskFault } from "../../src/ports/mod.ts";
import {
  openSimDisk,
  type SimDisk,
  type SimDiskOptions,
} from "../../src/sim/disk.ts";
import { replay } from "../../src/sim/replay.ts";
import { openWorld, type World } from "../../src/sim/world.ts";

const turn = openTurn();

function test(name: string, run: () => void | Promise<void>): void {
  Deno.test({ name, permissions: "none", fn: async () => await run() });
}

function openBench(
  seed: number,
  options: SimDiskOptions = {},
): { readonly world: World; readonly sim: SimDisk; readonly disk: Disk } {
  const world = openWorld(seed, { turn });
  const sim = openSimDisk(world, options);
  return { world, sim, disk: sim.mount() };
}

async function textAt(disk: Disk, path: string): Promise<string | undefined> {
  if (await disk.stat(path) === undefined) return undefined;
  return utf8Text(await disk.read(path, { bytesMax: 1 << 20 }));
}

async function refuses(work: Promise<unknown>, fault: DiskFault) {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof DiskError, String(error));
    assert.equal(error.fault, fault);
    return true;
  });
}

/** What a path holds after a power loss, over many seeds. */
async function outcomes(
  prepare: (disk: Disk) => Promise<void>,
  path: string,
): Promise<ReadonlySet<string | undefined>> {
  const seen = new Set<string | undefined>();
  for (let seed = 0; seed < 200; seed++) {
    const { sim, disk } = openBench(seed);
    await prepare(disk);
    sim.crash();
    seen.add(await textAt(sim.mount(), path));
  }
  return seen;
}

test("SimDisk.crash() keeps what writeAtomic() wrote (S08)", async () => {
  const seen = await outcomes(async (disk) => {
    await disk.makeDirectory("a");
    await disk.writeAtomic("a/b/file", utf8("old"));
    await disk.writeAtomic("a/b/file", utf8("new"));
  }, "a/b/file");
  assert.deepEqual([...seen], ["new"]);
});

test("SimDisk.crash() keeps synced appends, tears the rest (S08)", async () => {
  const seen = await outcomes(async (disk) => {
    const file = await disk.openAppend("a/log");
    await file.append(utf8("safe."));
    await file.sync();
    await file.append(utf8("xyz"));
  }, "a/log");
  const expected = new Set(["", "x", "xy", "xyz"]);
  for (const kept of [...expected]) {
    for (let zeros = 1; kept.length + zeros <= 3; zeros++) {
      expected.add(kept + "\0".repeat(zeros));
    }
  }
  assert.deepEqual(seen, new Set([...expected].map((end) => `safe.${end}`)));
});

test("SimDisk.crash() may miss a sector before one it kept (S08)", async () => {
  const seen = await outcomes(async (disk) => {
    const file = await disk.openAppend("log");
    await file.append(utf8("s".repeat(700)));
    await file.sync();
    await file.append(utf8("x".repeat(1000)));
  }, "log");
  const texts = [...seen].map((text = "") => text);
  assert.ok(texts.every((text) => text.startsWith("s".repeat(700))));
  // The first sector is shared with what was synced: only its end is new.
  assert.ok(texts.some((text) => /^s{700}\0{324}x{676}$/.test(text)));
  assert.ok(texts.some((text) => /^s{700}x{324}\0{512}x{164}$/.test(text)));
});

test("SimDisk.crash() keeps the name that openAppend() made (S08)", async () => {
  const seen = await outcomes(async (disk) => {
    await disk.openAppend("a/b/log");
  }, "a/b/log");
  assert.deepEqual([...seen], [""]);
});

test("SimDisk.crash() keeps what rename() moved (S08)", async () => {
  const move = async (disk: Disk) => {
    await disk.writeAtomic("a/from", utf8("1"));
    await disk.makeDirectory("b");
    await disk.rename("a/from", "b/to");
  };
  assert.deepEqual([...await outcomes(move, "b/to")], ["1"]);
  assert.deepEqual([...await outcomes(move, "a/from")], [undefined]);
});

test("a crash in the middle of rename() leaves one name, whole (S07)", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 200; seed++) {
    const { world, sim, disk } = openBench(seed, { stepMsMax: 10 });
    await world.complete(disk.writeAtomic("a/from", utf8("1")));
    await world.complete(disk.writeAtomic("b/other", utf8("1")));
    let isAcknowledged = false;
    const moving = disk.rename("a/from", "b/to").then(() => {
      isAcknowledged = true;
    }, (error) => {
      assert.ok(error instanceof DiskError);
    });
    const crashMs = world.nowMs + world.random.fork("crash").integer(40);
    await world.run(crashMs);
    const wasAcknowledged = isAcknowledged;
    sim.crash();
    await world.complete(moving);
    const left: string[] = [];
    for (const path of ["a/from", "b/to"]) {
      const text = await world.complete(textAt(sim.mount(), path));
      if (text === "1") left.push(path);
    }
    assert.equal(left.length, 1, `seed ${seed}`);
    if (wasAcknowledged) assert.deepEqual(left, ["b/to"], `seed ${seed}`);
    seen.add(`${left[0]} ${wasAcknowledged}`);
  }
  assert.deepEqual(
    seen,
    new Set(["a/from false", "b/to false", "b/to true"]),
  );
});

test("SimDisk.crash() keeps no change without the ones before it", async () => {
  const seen = new Set<string>();
  for (let seed = 0; seed < 100; seed++) {
    const { sim, disk } = openBench(seed);
    await disk.writeAtomic("f", utf8("1"));
    await disk.writeAtomic("g", utf8("1"));
    await disk.remove("f");
    await disk.remove("g");
    sim.crash();
    const names = (await sim.mount().list("")).map((entry) => entry.name);
    seen.add(names.join());
  }
  assert.deepEqual(seen, new Set(["f,g", "g", ""]));
});

test("a synced rename brings the changes before it along", async () => {
  const seen = await outcomes(async (disk) => {
    await disk.writeAtomic("a/f", utf8("1"));
    await disk.writeAtomic("a/removed", utf8("1"));
    await disk.writeAtomic("b/other", utf8("2"));
    await disk.remove("a/removed");
    await disk.rename("a/f", "b/h");
  }, "a/removed");
  assert.deepEqual([...seen], [undefined]);
});

test("SimDisk syncs no directory but the one that a write is in", async () => {
  const seen = await outcomes(async (disk) => {
    await disk.writeAtomic("above", utf8("1"));
    await disk.writeAtomic("a/file", utf8("1"));
    await disk.remove("above");
    await disk.writeAtomic("a/file", utf8("2"));
  }, "above");
  assert.deepEqual(seen, new Set(["1", undefined]));
});

test("a directory made before a kill may vanish until its next use", async () => {
  const left = new Set<boolean>();
  for (let seed = 0; seed < 50; seed++) {
    const { sim, disk } = openBench(seed);
    await disk.makeDirectory("a");
    sim.kill();
    if (seed % 2 === 0) await sim.mount().writeAtomic("a/file", utf8("1"));
    sim.crash();
    const stat = await sim.mount().stat("a/file");
    if (seed % 2 === 0) assert.equal(stat?.type, "file", `seed ${seed}`);
    else left.add(await sim.mount().stat("a") !== undefined);
  }
  assert.deepEqual(left, new Set([true, false]));
});

test("SimDisk.crash() may undo remove() and makeDirectory()", async () => {
  const removed = await outcomes(async (disk) => {
    await disk.writeAtomic("file", utf8("1"));
    await disk.remove("file");
  }, "file");
  assert.deepEqual(removed, new Set(["1", undefined]));
  const made = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const { sim, disk } = openBench(seed);
    await disk.makeDirectory("folder");
    sim.crash();
    made.add((await sim.mount().list("")).length);
  }
  assert.deepEqual(made, new Set([0, 1]));
});

test("SimDisk.crash() may undo truncate(), never mixes ends", async () => {
  const seen = await outcomes(async (disk) => {
    const file = await disk.openAppend("log");
    await file.append(utf8("abcdef"));
    await file.sync();
    await file.truncate(2);
    await file.append(utf8("X"));
  }, "log");
  assert.deepEqual(seen, new Set(["abcdef", "ab", "abX", "ab\0"]));
});

test("a crash in the middle of writeAtomic() leaves old or new (S07)", async () => {
  const seen = new Set<string | undefined>();
  let acknowledgedOnly = 0;
  for (let seed = 0; seed < 300; seed++) {
    const { world, sim, disk } = openBench(seed, { stepMsMax: 10 });
    await world.complete(disk.writeAtomic("a/file", utf8("old")));
    let isAcknowledged = false;
    const writing = disk.writeAtomic("a/file", utf8("new"))
      .then(() => {
        isAcknowledged = true;
      }, (error) => {
        assert.ok(error instanceof DiskError);
      });
    const crashMs = world.nowMs + world.random.fork("crash").integer(40);
    await world.run(crashMs);
    const wasAcknowledged = isAcknowledged;
    sim.crash();
    await world.complete(writing);
    const text = await world.complete(textAt(sim.mount(), "a/file"));
    seen.add(text);
    if (wasAcknowledged) {
      assert.equal(text, "new", `seed ${seed}`);
      acknowledgedOnly++;
    }
    const names = await world.complete(sim.mount().list("a"));
    assert.deepEqual(names, [{ name: "file", type: "file" }]);
  }
  assert.deepEqual(seen, new Set(["old", "new"]));
  assert.ok(acknowledgedOnly > 10);
});

test("SimDisk.kill() keeps what was written and frees locks (S07)", async () => {
  const { sim, disk } = openBench(1);
  const file = await disk.openAppend("log");
  await file.append(utf8("not synced"));
  await disk.rename("log", "moved");
  assert.ok(await disk.lock("lock") !== undefined);
  sim.kill();
  const next = sim.mount();
  assert.equal(await textAt(next, "moved"), "not synced");
  const lock = await next.lock("lock");
  assert.ok(lock !== undefined);
});

test("a mount is dead after a crash, and its handles too", async () => {
  const { sim, disk } = openBench(1);
  const file = await disk.openAppend("log");
  const lock = await disk.lock("lock");
  sim.crash();
  const next = sim.mount();
  const held = await next.lock("lock");
  assert.ok(held !== undefined);
  await refuses(disk.read("log", { bytesMax: 9 }), "io");
  await refuses(disk.writeAtomic("log", utf8("1")), "io");
  await refuses(file.append(utf8("1")), "io");
  await refuses(file.sync(), "io");
  await file[Symbol.asyncDispose]();
  await lock?.[Symbol.asyncDispose]();
  assert.equal(
    await next.lock("lock"),
    undefined,
    "the new lock is still held",
  );
  assert.equal(await textAt(next, "log"), "");
});

test("a failed sync loses its bytes although later syncs succeed", async () => {
  const seen = new Set<string | undefined>();
  for (let seed = 0; seed < 20; seed++) {
    const { sim, disk } = openBench(seed);
    const file = await disk.openAppend("log");
    await file.append(utf8("a"));
    await file.sync();
    await file.append(utf8("bc"));
    {
      using _fault = sim.fail("io", { operation: "sync", count: 1 });
      await refuses(file.sync(), "io");
    }
    await file.append(utf8("d"));
    await file.sync();
    assert.equal(await textAt(disk, "log"), "abcd");
    sim.crash();
    seen.add(await textAt(sim.mount(), "log"));
  }
  assert.deepEqual([...seen], ["a\0\0d"]);
});

test("SimDisk.fail() picks operations, paths and counts (S12)", async () => {
  const { sim, disk } = openBench(1);
  await disk.writeAtomic("a/file", utf8("1"));
  await disk.writeAtomic("b/file", utf8("1"));
  sim.fail("denied", { operation: "read", path: "a", count: 2 });
  await refuses(disk.read("a/file", { bytesMax: 9 }), "denied");
  assert.equal(await textAt(disk, "b/file"), "1");
  await refuses(disk.read("a/file", { bytesMax: 9 }), "denied");
  assert.equal(await textAt(disk, "a/file"), "1");
  const lifted = sim.fail("io");
  await refuses(disk.stat("a/file"), "io");
  lifted[Symbol.dispose]();
  assert.equal(await textAt(disk, "a/file"), "1");
});

test("a read-only disk reads and changes nothing (S12)", async () => {
  const { sim, disk } = openBench(1);
  await disk.writeAtomic("file", utf8("1"));
  const file = await disk.openAppend("log");
  using _fault = sim.fail("read-only");
  await refuses(disk.writeAtomic("file", utf8("2")), "read-only");
  await refuses(disk.remove("file"), "read-only");
  await refuses(disk.rename("file", "other"), "read-only");
  await refuses(disk.makeDirectory("x/y"), "read-only");
  await refuses(disk.openAppend("new"), "read-only");
  await refuses(disk.lock("lock"), "read-only");
  await refuses(file.truncate(0), "read-only");
  assert.equal(await textAt(disk, "file"), "1");
  assert.equal((await disk.list("")).length, 2);
});

test("a full disk takes a part of an append and no new file (S11)", async () => {
  const { sim, disk } = openBench(1, { capacityBytes: 10 });
  const file = await disk.openAppend("log");
  await file.append(utf8("12345678"));
  await refuses(file.append(utf8("abcd")), "full");
  assert.equal(await textAt(disk, "log"), "12345678ab");
  assert.equal(file.sizeBytes, 10);
  await file.truncate(8);
  await refuses(disk.writeAtomic("new", utf8("123")), "full");
  assert.equal(sim.freeBytes(), 2);
  await disk.writeAtomic("new", utf8("12"));
  await disk.remove("log");
  assert.equal(sim.freeBytes(), 8);
});

test("an injected full disk tears an append somewhere (S11)", async () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 50; seed++) {
    const { sim, disk } = openBench(seed);
    const file = await disk.openAppend("log");
    sim.fail("full", { count: 1 });
    await refuses(file.append(utf8("abc")), "full");
    lengths.add(file.sizeBytes);
  }
  assert.deepEqual(lengths, new Set([0, 1, 2, 3]));
});

test("SimDisk.corrupt() turns one bit around for good (S10)", async () => {
  const { sim, disk } = openBench(1);
  await disk.writeAtomic("file", utf8("abc"));
  sim.corrupt("file", 1);
  assert.equal(await textAt(disk, "file"), "acc");
  sim.crash();
  assert.equal(await textAt(sim.mount(), "file"), "acc");
  assert.throws(() => sim.corrupt("file", 3), { name: "AssertionError" });
});

test("a disk scenario replays with equal traces", async () => {
  const scenario = async (world: World) => {
    const sim = openSimDisk(world, { stepMsMax: 5 });
    for (let life = 0; life < 5; life++) {
      const disk = sim.mount();
      const work = async () => {
        const file = await disk.openAppend("log");
        while (true) {
          await file.append(utf8(`life ${life} `));
          if (world.random.integer(3) === 0) await file.sync();
        }
      };
      const ended = work().catch((error: unknown) => {
        assert.ok(error instanceof DiskError);
      });
      await world.run(world.nowMs + 50);
      sim.crash();
      await world.complete(ended);
      const bytes = await world.complete(
        sim.mount().read("log", { bytesMax: 1 << 20 }),
      );
      world.trace.note("life", { life, log: bytes.toHex() });
    }
  };
  const hashes = new Set<string>();
  for (let seed = 0; seed < 5; seed++) {
    hashes.add(await replay(scenario, { seed, turn }));
  }
  assert.equal(hashes.size, 5);
});
