// Which names a power loss leaves once a disk has acknowledged them. In, disks
// that tell which names are durable; out, tests. What it does to the bytes in
// the files is tested where it can be made: tests/unit/sim_disk_test.ts.

import assert from "node:assert/strict";
import { utf8 } from "../../src/kernel/mod.ts";
import type { DiskTest } from "./disk_contract.ts";

export function durableContract(test: DiskTest): void {
  test(
    "writeAtomic() makes all names on its way durable (S08)",
    async (disk, harness) => {
      await disk.writeAtomic("a/b/file", utf8("1"));
      assert.ok(harness.isDurable("a/b/file"));
    },
  );

  test(
    "openAppend() makes all names on its way durable (S08)",
    async (disk, harness) => {
      await using _file = await disk.openAppend("a/b/log");
      assert.ok(harness.isDurable("a/b/log"));
    },
  );

  test(
    "writeAtomic() syncs a directory that a kill left (S07, S08)",
    async (disk, harness) => {
      await harness.leaveDirectory("a/b");
      await disk.writeAtomic("a/b/file", utf8("1"));
      assert.ok(harness.isDurable("a/b/file"));
    },
  );

  test(
    "openAppend() syncs a directory that a kill left (S07, S08)",
    async (disk, harness) => {
      await harness.leaveDirectory("a/b");
      await using _file = await disk.openAppend("a/b/log");
      assert.ok(harness.isDurable("a/b/log"));
    },
  );

  test(
    "a directory that is removed and left again is synced again",
    async (disk, harness) => {
      await disk.writeAtomic("a/b/file", utf8("1"));
      await disk.remove("a");
      await harness.leaveDirectory("a/b");
      await disk.writeAtomic("a/b/other", utf8("1"));
      assert.ok(harness.isDurable("a/b/other"));
    },
  );

  test(
    "a directory that was moved is synced under its new name",
    async (disk, harness) => {
      await disk.writeAtomic("a/b/file", utf8("1"));
      await harness.leaveDirectory("c/b");
      await disk.rename("a", "d");
      await disk.rename("c", "a");
      await disk.writeAtomic("a/b/other", utf8("1"));
      assert.ok(harness.isDurable("a/b/other"));
    },
  );

  test(
    "rename() is durable within a directory (S08)",
    async (disk, harness) => {
      await disk.writeAtomic("a/from", utf8("1"));
      await disk.rename("a/from", "a/to");
      assert.ok(harness.isDurable("a/to"));
      assert.ok(!harness.isDurable("a/from"));
    },
  );

  test(
    "rename() is durable in both directories (S08)",
    async (disk, harness) => {
      await disk.writeAtomic("a/from", utf8("1"));
      await harness.leaveDirectory("b");
      await disk.rename("a/from", "b/to");
      assert.ok(harness.isDurable("b/to"));
      assert.ok(!harness.isDurable("a/from"));
    },
  );
}
