// What every disk promises (src/ports/disk.ts): all of it while the power
// stays on, and the names that outlive a power loss. In, a way to open an empty
// disk; out, tests. Power losses and faults themselves are tested where they
// can be made: tests/unit/sim_disk_test.ts and disk_test.ts.

import assert from "node:assert/strict";
import { utf8, utf8Text } from "../../src/kernel/mod.ts";
import {
  type Disk,
  DiskError,
  type DiskFault,
  temporaryPrefix,
} from "../../src/ports/mod.ts";
import { appendContract } from "./disk_append_contract.ts";
import { durableContract } from "./disk_durable_contract.ts";

export type DiskHarness = AsyncDisposable & {
  readonly disk: Disk;
  /** Puts a half-written file there, as a crash would. */
  leaveTemporary(name: string): Promise<void>;
  /** Makes directories and syncs none, as a process that was killed. */
  leaveDirectory(path: string): Promise<void>;
  /** Whether a power loss leaves every name on the way to a path. */
  isDurable(path: string): boolean;
};

export type DiskTest = (
  behaviour: string,
  run: (disk: Disk, harness: DiskHarness) => Promise<void>,
) => void;

/** Asserts a refusal of one kind that names the file. */
export async function refuses(
  work: Promise<unknown>,
  fault: DiskFault,
  options: { readonly names?: string } = {},
): Promise<void> {
  await assert.rejects(work, (error) => {
    assert.ok(error instanceof DiskError, String(error));
    assert.equal(error.fault, fault, error.message);
    assert.ok(error.message.includes(options.names ?? ""), error.message);
    return true;
  });
}

export function diskContract(
  name: string,
  open: () => Promise<DiskHarness>,
): void {
  const test: DiskTest = (behaviour, run) =>
    Deno.test(`${name} ${behaviour}`, async () => {
      await using harness = await open();
      await run(harness.disk, harness);
    });
  readContract(test);
  writeContract(test);
  pathContract(test);
  appendContract(test);
  listContract(test);
  directoryContract(test);
  renameContract(test);
  lockContract(test);
  durableContract(test);
}

export async function textAt(disk: Disk, path: string): Promise<string> {
  return utf8Text(await disk.read(path, { bytesMax: 1 << 20 })) ?? "no text";
}

function readContract(test: DiskTest): void {
  test("read() returns the whole file", async (disk) => {
    const bytes = new Uint8Array(200_000).map((_, index) => index % 251);
    await disk.writeAtomic("a/b/file", bytes);
    assert.deepEqual(await disk.read("a/b/file", { bytesMax: 200_000 }), bytes);
  });

  test("read() returns a copy", async (disk) => {
    await disk.writeAtomic("file", utf8("abc"));
    (await disk.read("file", { bytesMax: 9 })).fill(0);
    assert.equal(await textAt(disk, "file"), "abc");
  });

  test("read() takes an empty file with no allowance", async (disk) => {
    await disk.writeAtomic("file", utf8(""));
    assert.equal((await disk.read("file", { bytesMax: 0 })).length, 0);
  });

  test("read() refuses a file over its allowance", async (disk) => {
    await disk.writeAtomic("file", utf8("12345"));
    const names = '"file"';
    await refuses(disk.read("file", { bytesMax: 4 }), "too-large", { names });
    await refuses(disk.read("file", { bytesMax: 0 }), "too-large", { names });
    assert.equal((await disk.read("file", { bytesMax: 5 })).length, 5);
  });

  test("read() of a missing file names it", async (disk) => {
    const names = '"no/file"';
    await refuses(disk.read("no/file", { bytesMax: 1 }), "not-found", {
      names,
    });
  });

  test("read() refuses a directory", async (disk) => {
    await disk.makeDirectory("folder");
    await refuses(disk.read("folder", { bytesMax: 1 }), "io");
  });
}

function writeContract(test: DiskTest): void {
  test("writeAtomic() makes parents and replaces whole", async (disk) => {
    await disk.writeAtomic("a/b/c", utf8("a longer first text"));
    await disk.writeAtomic("a/b/c", utf8("second"));
    assert.equal(await textAt(disk, "a/b/c"), "second");
  });

  test("writeAtomic() leaves nothing beside the file", async (disk) => {
    await disk.writeAtomic("a/file", utf8("1"));
    assert.deepEqual(await disk.list("a"), [{ name: "file", type: "file" }]);
  });

  test("writeAtomic() uses mode 0600 unless told", async (disk) => {
    await disk.writeAtomic("secret", utf8("1"));
    await disk.writeAtomic("public", utf8("1"), { mode: 0o664 });
    assert.equal((await disk.stat("secret"))?.mode, 0o600);
    assert.equal((await disk.stat("public"))?.mode, 0o664);
    await disk.writeAtomic("public", utf8("1"));
    assert.equal((await disk.stat("public"))?.mode, 0o600);
  });

  test("writeAtomic() over a directory changes nothing", async (disk) => {
    await disk.writeAtomic("folder/file", utf8("kept"));
    await refuses(disk.writeAtomic("folder", utf8("1")), "io");
    assert.equal(await textAt(disk, "folder/file"), "kept");
    assert.deepEqual(await disk.list(""), [
      { name: "folder", type: "directory" },
    ]);
  });

  test("writeAtomic() below a file is refused", async (disk) => {
    await disk.writeAtomic("file", utf8("kept"));
    await assert.rejects(disk.writeAtomic("file/x", utf8("1")), DiskError);
    assert.equal(await textAt(disk, "file"), "kept");
  });

  test("writeAtomic() calls may overlap", async (disk) => {
    const texts = Array.from({ length: 20 }, (_, index) => `text ${index}`);
    await Promise.all(
      texts.map((text) => disk.writeAtomic("a/file", utf8(text))),
    );
    assert.ok(texts.includes(await textAt(disk, "a/file")));
    assert.equal((await disk.list("a")).length, 1);
  });

  test("writeAtomic() keeps no hold on the bytes", async (disk) => {
    const bytes = utf8("before");
    await disk.writeAtomic("file", bytes);
    bytes.fill(0);
    assert.equal(await textAt(disk, "file"), "before");
  });
}

function pathContract(test: DiskTest): void {
  const bad = [
    "/absolute",
    "..",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    "nul\0",
    `${temporaryPrefix}x`,
  ];
  test("refuses paths that could leave the directory", async (disk) => {
    const bytesMax = 1;
    for (const path of bad) {
      await everyCallIsABug([
        () => disk.read(path, { bytesMax }),
        () => disk.writeAtomic(path, utf8("1")),
        () => disk.openAppend(path),
        () => disk.list(path),
        () => disk.stat(path),
        () => disk.makeDirectory(path),
        () => disk.rename(path, "to"),
        () => disk.rename("from", path),
        () => disk.remove(path),
        () => disk.lock(path),
      ]);
    }
  });

  test('takes "" as the directory itself, never as a file', async (disk) => {
    await disk.makeDirectory("");
    assert.deepEqual(await disk.list(""), []);
    assert.equal((await disk.stat(""))?.type, "directory");
    await everyCallIsABug([
      () => disk.read("", { bytesMax: 1 }),
      () => disk.writeAtomic("", utf8("1")),
      () => disk.remove(""),
      () => disk.lock(""),
    ]);
  });

  test("has a label for messages", (disk) => {
    assert.ok(disk.label.length > 0);
    return Promise.resolve();
  });
}

async function everyCallIsABug(
  calls: readonly (() => unknown)[],
): Promise<void> {
  for (const call of calls) {
    const run = async () => {
      await call();
    };
    await assert.rejects(run(), { name: "AssertionError" });
  }
}

function listContract(test: DiskTest): void {
  test("list() sorts by name and tells the types", async (disk) => {
    await disk.writeAtomic("b", utf8("1"));
    await disk.writeAtomic("a", utf8("1"));
    await disk.makeDirectory("c");
    await disk.writeAtomic("B", utf8("1"));
    assert.deepEqual(await disk.list(""), [
      { name: "B", type: "file" },
      { name: "a", type: "file" },
      { name: "b", type: "file" },
      { name: "c", type: "directory" },
    ]);
  });

  test("list() of a missing directory is empty", async (disk) => {
    assert.deepEqual(await disk.list("nothing/here"), []);
  });

  test("list() of a file is refused", async (disk) => {
    await disk.writeAtomic("file", utf8("1"));
    await refuses(disk.list("file"), "io", { names: "file" });
  });

  test("list() hides what a crash left half written", async (disk, harness) => {
    await disk.writeAtomic("file", utf8("1"));
    await harness.leaveTemporary(`${temporaryPrefix}0123`);
    assert.deepEqual(await disk.list(""), [{ name: "file", type: "file" }]);
  });
}

function directoryContract(test: DiskTest): void {
  test("stat() tells type, size and mode", async (disk) => {
    await disk.writeAtomic("a/file", utf8("12345"));
    assert.deepEqual(await disk.stat("a/file"), {
      type: "file",
      sizeBytes: 5,
      mode: 0o600,
    });
    assert.equal((await disk.stat("a"))?.type, "directory");
  });

  test("stat() of nothing is undefined", async (disk) => {
    await disk.writeAtomic("file", utf8("1"));
    assert.equal(await disk.stat("missing"), undefined);
    assert.equal(await disk.stat("missing/too"), undefined);
    assert.equal(await disk.stat("file/below"), undefined);
  });

  test("makeDirectory() makes parents with mode 0700", async (disk) => {
    await disk.makeDirectory("a/b/c");
    for (const path of ["a", "a/b", "a/b/c"]) {
      const stat = await disk.stat(path);
      assert.equal(stat?.type, "directory");
      assert.equal(stat?.mode, 0o700);
    }
  });

  test("makeDirectory() is harmless when it is there", async (disk) => {
    await disk.writeAtomic("a/file", utf8("kept"));
    await disk.makeDirectory("a");
    await Promise.all([disk.makeDirectory("b/c"), disk.makeDirectory("b/c")]);
    assert.equal(await textAt(disk, "a/file"), "kept");
  });

  test("makeDirectory() over a file is refused", async (disk) => {
    await disk.writeAtomic("file", utf8("1"));
    await refuses(disk.makeDirectory("file"), "exists", { names: "file" });
  });

  test("remove() removes all below and is harmless again", async (disk) => {
    await disk.writeAtomic("a/b/file", utf8("1"));
    await disk.writeAtomic("keep", utf8("1"));
    await disk.remove("a");
    await disk.remove("a");
    await disk.remove("never/was");
    await disk.remove("keep");
    assert.deepEqual(await disk.list(""), []);
  });
}

function renameContract(test: DiskTest): void {
  test("rename() moves a file and replaces another", async (disk) => {
    await disk.writeAtomic("from", utf8("new"));
    await disk.writeAtomic("a/to", utf8("old"));
    await disk.rename("from", "a/to");
    assert.equal(await textAt(disk, "a/to"), "new");
    assert.equal(await disk.stat("from"), undefined);
  });

  test("rename() moves a directory with all below", async (disk) => {
    await disk.writeAtomic("from/file", utf8("1"));
    await disk.rename("from", "to");
    assert.equal(await textAt(disk, "to/file"), "1");
    assert.equal(await disk.stat("from"), undefined);
  });

  test("rename() to its own name changes nothing", async (disk) => {
    await disk.writeAtomic("same", utf8("1"));
    await disk.rename("same", "same");
    assert.equal(await textAt(disk, "same"), "1");
  });

  test("rename() of nothing names it", async (disk) => {
    await refuses(disk.rename("gone", "to"), "not-found", { names: '"gone"' });
  });

  test("rename() does not make parents", async (disk) => {
    await disk.writeAtomic("from", utf8("1"));
    await refuses(disk.rename("from", "no/to"), "not-found");
    assert.equal(await textAt(disk, "from"), "1");
  });

  test("rename() of a file over a directory is refused", async (disk) => {
    await disk.writeAtomic("from", utf8("1"));
    await disk.writeAtomic("to/file", utf8("2"));
    await refuses(disk.rename("from", "to"), "io");
    assert.equal(await textAt(disk, "to/file"), "2");
  });
}

function lockContract(test: DiskTest): void {
  test("lock() is held by one at a time", async (disk) => {
    const first = await disk.lock("a/lock");
    assert.ok(first !== undefined);
    assert.equal(await disk.lock("a/lock"), undefined);
    const other = await disk.lock("b/lock");
    assert.ok(other !== undefined);
    await first[Symbol.asyncDispose]();
    const second = await disk.lock("a/lock");
    assert.ok(second !== undefined);
    await first[Symbol.asyncDispose]();
    assert.equal(await disk.lock("a/lock"), undefined);
    await second[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  test("lock() leaves its file, with mode 0600", async (disk) => {
    const lock = await disk.lock("lock");
    await lock?.[Symbol.asyncDispose]();
    assert.equal((await disk.stat("lock"))?.type, "file");
    assert.equal((await disk.stat("lock"))?.mode, 0o600);
  });

  test("lock() keeps the text of its file", async (disk) => {
    await disk.writeAtomic("lock", utf8("pid 1"));
    await using _lock = await disk.lock("lock");
    assert.equal(await textAt(disk, "lock"), "pid 1");
  });

  test("lock() of a directory is refused", async (disk) => {
    await disk.makeDirectory("folder");
    await refuses(disk.lock("folder"), "io", { names: "folder" });
  });
}
