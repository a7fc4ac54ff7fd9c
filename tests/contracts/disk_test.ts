// The disk's promises, kept by a real directory and the simulated disk, and
// what only a real one can show: full and read-only file systems, pipes,
// links, locks of other processes, files that grow while they are read.

import assert from "node:assert/strict";
import { openDisk } from "../../src/adapters/disk.ts";
import { sweepTemporaryFiles } from "../../src/adapters/disk_durable.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import { utf8 } from "../../src/kernel/mod.ts";
import { DiskError, temporaryPrefix } from "../../src/ports/mod.ts";
import { openSimDisk } from "../../src/sim/disk.ts";
import {
  type DirectoryNode,
  type DiskNode,
  makeFileNode,
} from "../../src/sim/disk_tree.ts";
import { openWorld } from "../../src/sim/world.ts";
import { diskContract, refuses, textAt } from "./disk_contract.ts";
import { recordSyncs } from "./recorded_syncs.ts";

type Folder = AsyncDisposable & { readonly path: string };

async function openFolder(): Promise<Folder> {
  const path = await Deno.makeTempDir({ prefix: "pln-disk-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}

diskContract("openDisk()", async () => {
  const folder = await openFolder();
  const root = `${folder.path}/root`;
  const syncs = recordSyncs();
  return {
    disk: openDisk(root),
    isDurable: (path) => syncs.isDurable(root, path),
    leaveDirectory: (path) =>
      Deno.mkdir(`${root}/${path}`, { recursive: true, mode: 0o700 }),
    leaveTemporary: (name) => Deno.writeTextFile(`${root}/${name}`, "half"),
    [Symbol.asyncDispose]: async () => {
      syncs[Symbol.dispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
});

diskContract("openSimDisk()", () => {
  const world = openWorld(1, { turn: openTurn() });
  const disk = openSimDisk(world);
  return Promise.resolve({
    disk: disk.mount(),
    isDurable: (path: string) => isDurableIn(disk.tree.root, path),
    leaveDirectory: (path: string) => {
      disk.tree.makeDirectories(path.split("/"));
      return Promise.resolve();
    },
    leaveTemporary: (name: string) => {
      const node = makeFileNode(0o600);
      disk.tree.change([{ directory: disk.tree.root, name, node }]);
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});

function isDurableIn(root: DirectoryNode, path: string): boolean {
  let node: DiskNode | undefined = root;
  for (const name of path.split("/")) {
    if (node?.type !== "directory") return false;
    node = node.durableNames.get(name);
  }
  return node !== undefined;
}

/** Runs a system command; its exit code, or undefined when it is absent. */
async function command(
  name: string,
  ...args: readonly string[]
): Promise<number | undefined> {
  try {
    const child = new Deno.Command(name, {
      args: [...args],
      stdout: "null",
      stderr: "null",
    });
    return (await child.output()).code;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  }
}

/** A small file system of its own, or undefined where only root may mount. */
async function openMount(size: string): Promise<Folder | undefined> {
  if (Deno.build.os !== "linux" || Deno.uid() !== 0) return undefined;
  const folder = await openFolder();
  const options = ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder.path];
  if (await command("mount", ...options) !== 0) {
    await folder[Symbol.asyncDispose]();
    return undefined;
  }
  return {
    path: folder.path,
    [Symbol.asyncDispose]: async () => {
      assert.equal(await command("umount", folder.path), 0);
      await folder[Symbol.asyncDispose]();
    },
  };
}

function skipped(what: string): void {
  console.warn(`Skipped: ${what} needs root on Linux`);
}

Deno.test("openDisk() reports a full disk and keeps reading (S11)", async () => {
  await using mount = await openMount("256k");
  if (mount === undefined) return skipped("a full file system");
  const disk = openDisk(mount.path);
  await disk.writeAtomic("kept", utf8("first"));
  const large = new Uint8Array(400_000);
  await refuses(disk.writeAtomic("kept", large), "full", { names: '"kept"' });
  assert.deepEqual(
    [...Deno.readDirSync(mount.path)].map((entry) => entry.name),
    ["kept"],
  );
  assert.equal(await textAt(disk, "kept"), "first");
  await using file = await disk.openAppend("log");
  await file.append(utf8("whole"));
  await refuses(file.append(large), "full", { names: '"log"' });
  const stat = await disk.stat("log");
  assert.equal(file.sizeBytes, stat?.sizeBytes);
  await file.truncate(5);
  assert.equal(await textAt(disk, "log"), "whole");
});

Deno.test("openDisk() reports a read-only remount (S12)", async () => {
  await using mount = await openMount("256k");
  if (mount === undefined) return skipped("a read-only file system");
  const disk = openDisk(mount.path);
  await disk.writeAtomic("kept", utf8("first"));
  const remount = await command("mount", "-o", "remount,ro", mount.path);
  assert.equal(remount, 0);
  await refuses(disk.writeAtomic("kept", utf8("second")), "read-only");
  await refuses(disk.openAppend("log"), "read-only");
  await refuses(disk.remove("kept"), "read-only");
  await refuses(disk.rename("kept", "other"), "read-only");
  await refuses(disk.makeDirectory("folder"), "read-only");
  assert.equal(await textAt(disk, "kept"), "first");
});

Deno.test("openDisk() reports a device error as io (S12)", async () => {
  if (Deno.build.os !== "linux") return skipped("/proc/self/mem");
  // Address 0 is never mapped: reading it is an EIO.
  await refuses(openDisk("/proc/self").read("mem", { bytesMax: 9 }), "io");
});

Deno.test("openDisk() tells a missing permission", async () => {
  if (Deno.build.os !== "linux") return skipped("/sys");
  const denied = openDisk("/sys").writeAtomic("pln", utf8("1"));
  await refuses(denied, "denied", { names: '"pln" in "/sys"' });
});

Deno.test({
  name: "openDisk() speaks of a missing Deno permission as denied",
  permissions: { read: false, write: false },
  fn: async () => {
    const disk = openDisk("/tmp/pln-no-permission");
    await refuses(disk.read("file", { bytesMax: 1 }), "denied");
    await refuses(disk.writeAtomic("file", utf8("1")), "denied");
  },
});

Deno.test("openDisk().read() refuses a file that tells no size", async () => {
  if (Deno.build.os !== "linux") return skipped("/proc");
  const disk = openDisk("/proc/self");
  assert.ok((await disk.read("status", { bytesMax: 1 << 16 })).length > 100);
  await refuses(disk.read("status", { bytesMax: 10 }), "too-large");
});

Deno.test("openDisk() refuses pipes and devices, and does not block", async () => {
  await using folder = await openFolder();
  const pipe = `${folder.path}/pipe`;
  if (await command("mkfifo", pipe) !== 0) return skipped("mkfifo");
  const disk = openDisk(folder.path);
  await refuses(disk.read("pipe", { bytesMax: 1 }), "io", { names: "pipe" });
  await refuses(disk.openAppend("pipe"), "io", { names: "pipe" });
  await refuses(disk.lock("pipe"), "io", { names: "pipe" });
  await refuses(openDisk("/dev").read("zero", { bytesMax: 1 }), "io");
  assert.equal((await disk.stat("pipe"))?.type, "other");
  assert.deepEqual(await disk.list(""), [{ name: "pipe", type: "other" }]);
});

Deno.test("openDisk() follows links of its owner and removes only them", async () => {
  await using folder = await openFolder();
  await using outside = await openFolder();
  await Deno.writeTextFile(`${outside.path}/file`, "linked");
  await Deno.symlink(outside.path, `${folder.path}/folder`);
  await Deno.symlink(`${outside.path}/gone`, `${folder.path}/dangling`);
  const disk = openDisk(folder.path);
  assert.equal(await textAt(disk, "folder/file"), "linked");
  assert.deepEqual(await disk.list(""), [
    { name: "dangling", type: "other" },
    { name: "folder", type: "directory" },
  ]);
  await disk.remove("folder");
  assert.equal(await Deno.readTextFile(`${outside.path}/file`), "linked");
});

Deno.test("openDisk().lock() ends with a process killed by -9 (S07)", async () => {
  await using folder = await openFolder();
  const disk = openDisk(folder.path);
  const adapter = new URL("../../src/adapters/disk.ts", import.meta.url);
  const program = `import { openDisk } from ${JSON.stringify(adapter.href)};
    await openDisk(Deno.args[0]).lock("lock");
    console.log("held");
    await new Promise((resolve) => setTimeout(resolve, 60_000));`;
  const script = `${folder.path}/holder.ts`;
  await Deno.writeTextFile(script, program);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--config", config, script, folder.path],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const reader = child.stdout.getReader();
  assert.match(new TextDecoder().decode((await reader.read()).value), /held/);
  assert.equal(await disk.lock("lock"), undefined);
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  const lock = await disk.lock("lock");
  assert.ok(lock !== undefined);
  await lock[Symbol.asyncDispose]();
});

Deno.test("sweepTemporaryFiles() removes old half-written files only", async () => {
  await using folder = await openFolder();
  const disk = openDisk(folder.path);
  await disk.writeAtomic("a/file", utf8("kept"));
  const old = `${folder.path}/a/${temporaryPrefix}old`;
  const young = `${folder.path}/a/${temporaryPrefix}young`;
  await Deno.writeTextFile(old, "half");
  await Deno.writeTextFile(young, "half");
  await Deno.utime(old, new Date(0), new Date(0));
  const removed = await sweepTemporaryFiles(folder.path, {
    ageMsMin: 3_600_000,
  });
  assert.equal(removed, 1);
  assert.deepEqual(
    [...Deno.readDirSync(`${folder.path}/a`)].map((entry) => entry.name).sort(),
    [`${temporaryPrefix}young`, "file"],
  );
});

Deno.test("sweepTemporaryFiles() goes on beside a writer", async () => {
  await using folder = await openFolder();
  const disk = openDisk(folder.path);
  let isSwept = false;
  const write = async (name: string) => {
    while (!isSwept) await disk.writeAtomic(name, utf8("kept"));
  };
  const names = ["a/1", "a/2", "a/3", "b/1"];
  const writing = Promise.all(names.map(write));
  try {
    for (let sweep = 0; sweep < 300; sweep++) {
      await sweepTemporaryFiles(folder.path, { ageMsMin: 3_600_000 });
    }
  } finally {
    isSwept = true;
    await writing;
  }
  for (const name of names) assert.equal(await textAt(disk, name), "kept");
});

Deno.test("sweepTemporaryFiles() counts only what it removed itself", async () => {
  await using folder = await openFolder();
  await Deno.mkdir(`${folder.path}/a`);
  for (const name of ["1", "2", "a/3"]) {
    const path = `${folder.path}/${name.replace(/\d/, `${temporaryPrefix}$&`)}`;
    await Deno.writeTextFile(path, "half");
    await Deno.utime(path, new Date(0), new Date(0));
  }
  const { lstat } = Deno;
  let isTaken = false;
  Object.assign(Deno, {
    lstat: async (path: string) => {
      // Somebody else removes the first file right before the first look.
      if (!isTaken) await Deno.remove(path);
      isTaken = true;
      return await lstat(path);
    },
  });
  try {
    const removed = await sweepTemporaryFiles(folder.path, { ageMsMin: 1 });
    assert.equal(removed, 2);
  } finally {
    Object.assign(Deno, { lstat });
  }
  assert.deepEqual([...Deno.readDirSync(`${folder.path}/a`)], []);
});

Deno.test("openDisk() syncs the name of a root that a kill left (S08)", async () => {
  await using folder = await openFolder();
  await Deno.mkdir(`${folder.path}/root`);
  using syncs = recordSyncs();
  const disk = openDisk(`${folder.path}/root`);
  await disk.writeAtomic("file", utf8("1"));
  assert.ok(syncs.isDurable(folder.path, "root/file"));
});

Deno.test("openDisk() syncs the way to a directory once", async () => {
  await using folder = await openFolder();
  using syncs = recordSyncs();
  const disk = openDisk(folder.path);
  const files = Array.from({ length: 20 }, (_, index) => `a/b/${index}`);
  await Promise.all(files.map((path) => disk.writeAtomic(path, utf8("1"))));
  const above = folder.path.replace(/\/[^/]*$/, "");
  const counts = Map.groupBy(syncs.directories, (path) => path);
  assert.deepEqual(
    [above, folder.path, `${folder.path}/a`, `${folder.path}/a/b`]
      .map((path) => counts.get(path)?.length),
    [1, 1, 1, 20],
  );
});

Deno.test("DiskError names operation, file and directory, and hints", async () => {
  await using folder = await openFolder();
  const disk = openDisk(folder.path);
  await assert.rejects(disk.read("keys/node.pem", { bytesMax: 1 }), (error) => {
    assert.ok(error instanceof DiskError);
    assert.equal(
      error.message,
      `Cannot read "keys/node.pem" in "${folder.path}": it does not exist`,
    );
    assert.equal(error.outcome, "not-found");
    return true;
  });
  const name = "n".repeat(300);
  await assert.rejects(disk.writeAtomic(`${name}/x`, utf8("1")), (error) => {
    assert.ok(error instanceof DiskError);
    assert.equal(error.fault, "io");
    assert.match(error.message, /: File name too long$/);
    assert.match(error.hint ?? "", /shorter path/);
    return true;
  });
});
