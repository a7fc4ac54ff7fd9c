// What every append file promises (AppendFile in src/ports/disk.ts) as long as
// the power stays on. In, a test maker on an empty disk; out, tests.

import assert from "node:assert/strict";
import { utf8 } from "../../src/kernel/mod.ts";
import { type DiskTest, refuses, textAt } from "./disk_contract.ts";

export function appendContract(test: DiskTest): void {
  test("openAppend() makes file and parents", async (disk) => {
    await using file = await disk.openAppend("a/b/file");
    assert.equal(file.sizeBytes, 0);
    assert.equal((await disk.stat("a/b/file"))?.mode, 0o600);
    assert.equal((await disk.stat("a/b"))?.mode, 0o700);
  });

  test("append() adds at the end and counts", async (disk) => {
    await using file = await disk.openAppend("file");
    await file.append(utf8("one "));
    await file.append(utf8(""));
    await file.append(utf8("two"));
    assert.equal(file.sizeBytes, 7);
    assert.equal(await textAt(disk, "file"), "one two");
  });

  test("append() takes megabytes at once", async (disk) => {
    await using file = await disk.openAppend("file");
    const bytes = new Uint8Array(3_000_000).map((_, index) => index % 253);
    await file.append(bytes);
    assert.equal(file.sizeBytes, 3_000_000);
    assert.deepEqual(await disk.read("file", { bytesMax: 1 << 22 }), bytes);
  });

  test("openAppend() goes on where a file ends", async (disk) => {
    await disk.writeAtomic("file", utf8("old "));
    await using file = await disk.openAppend("file");
    assert.equal(file.sizeBytes, 4);
    await file.append(utf8("new"));
    await file.sync();
    assert.equal(await textAt(disk, "file"), "old new");
  });

  test("truncate() cuts, and append() goes on there", async (disk) => {
    await using file = await disk.openAppend("file");
    await file.append(utf8("whole torn"));
    await file.truncate(6);
    assert.equal(file.sizeBytes, 6);
    await file.append(utf8("new"));
    assert.equal(file.sizeBytes, 9);
    assert.equal(await textAt(disk, "file"), "whole new");
    await file.truncate(0);
    assert.equal(await textAt(disk, "file"), "");
  });

  test("truncate() never grows a file", async (disk) => {
    await using file = await disk.openAppend("file");
    await file.append(utf8("123"));
    const run = async () => await file.truncate(4);
    await assert.rejects(run(), { name: "AssertionError" });
  });

  test("sync() resolves with and without new bytes", async (disk) => {
    await using file = await disk.openAppend("file");
    await file.sync();
    await file.append(utf8("1"));
    await file.sync();
    await file.sync();
    assert.equal(await textAt(disk, "file"), "1");
  });

  test("an append file refuses overlapping calls", async (disk) => {
    await using file = await disk.openAppend("file");
    const first = file.append(utf8("1"));
    await assert.rejects(file.append(utf8("2")), { name: "AssertionError" });
    await first;
    assert.equal(await textAt(disk, "file"), "1");
  });

  test("an append file is disposed twice without harm", async (disk) => {
    const file = await disk.openAppend("file");
    await file[Symbol.asyncDispose]();
    await file[Symbol.asyncDispose]();
    await assert.rejects(file.append(utf8("1")), { name: "AssertionError" });
  });

  test("openAppend() of a directory is refused", async (disk) => {
    await disk.makeDirectory("folder");
    await refuses(disk.openAppend("folder"), "io", { names: "folder" });
  });
}
