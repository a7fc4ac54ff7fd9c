// Tests of the user's own files on a temporary directory: what is read, what is
// refused unread and by which name, what a write leaves behind.

import assert from "node:assert/strict";
import {
  DirectoryError,
  fileType,
  readFile,
  readHead,
  writeFile,
} from "../../src/adapters/user_files.ts";
import {
  DeniedError,
  InputError,
  LimitError,
  NotFoundError,
  utf8,
} from "../../src/kernel/mod.ts";
import { inDirectory, isAbout } from "./temporary_directory.ts";

Deno.test("readFile() reads files and names what it refuses", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/file`;
    await Deno.writeTextFile(path, "12345");
    await Deno.symlink(path, `${directory}/link`);
    const bytesMax = 5;
    assert.deepEqual(await readFile(path, { bytesMax }), utf8("12345"));
    const linked = await readFile(`${directory}/link`, { bytesMax });
    assert.deepEqual(linked, utf8("12345"));
    await assert.rejects(
      readFile(path, { bytesMax: 4 }),
      isAbout(LimitError, path),
    );
    await assert.rejects(
      readFile(directory, { bytesMax }),
      isAbout(DirectoryError, directory),
    );
    for (const missing of [`${directory}/none`, `${path}/below`]) {
      await assert.rejects(
        readFile(missing, { bytesMax }),
        isAbout(NotFoundError, missing),
      );
    }
    await assert.rejects(
      readFile("/dev/zero", { bytesMax }),
      isAbout(InputError, "/dev/zero"),
    );
  }));

Deno.test("readFile() refuses a sparse 1 GiB file unread", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/sparse`;
    await Deno.writeTextFile(path, "");
    await Deno.truncate(path, 1024 ** 3);
    await assert.rejects(
      readFile(path, { bytesMax: 1024 }),
      isAbout(LimitError, path),
    );
    assert.deepEqual(await readHead(path, 4), new Uint8Array(4));
  }));

Deno.test({
  name: "readFile() says when the path may not be read",
  permissions: { read: false },
  fn: async () => {
    const path = "/etc/hostname";
    await assert.rejects(
      readFile(path, { bytesMax: 10 }),
      isAbout(DeniedError, path),
    );
    await assert.rejects(fileType(path), isAbout(DeniedError, path));
  },
});

Deno.test("fileType() tells files, directories and the rest apart", () =>
  inDirectory(async (directory) => {
    await Deno.writeTextFile(`${directory}/file`, "");
    assert.equal(await fileType(`${directory}/file`), "file");
    assert.equal(await fileType(directory), "directory");
    assert.equal(await fileType("/dev/null"), "other");
    assert.equal(await fileType(`${directory}/none`), undefined);
    assert.equal(await fileType(`${directory}/file/below`), undefined);
  }));

Deno.test("writeFile() replaces a file whole and keeps its mode", () =>
  inDirectory(async (directory) => {
    const path = `${directory}/file`;
    await writeFile(path, utf8("first, longer"));
    assert.equal(await Deno.readTextFile(path), "first, longer");
    await Deno.chmod(path, 0o600);
    await Deno.symlink(path, `${directory}/link`);
    await writeFile(`${directory}/link`, utf8("second"));
    assert.equal(await Deno.readTextFile(path), "second");
    assert.equal(((await Deno.stat(path)).mode ?? 0) & 0o777, 0o600);
    assert.equal((await Deno.lstat(`${directory}/link`)).isSymlink, true);
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
    assert.deepEqual(names.sort(), ["file", "link"]);
    await writeFile("/dev/null", utf8("gone"));
    assert.equal((await Deno.stat("/dev/null")).isCharDevice, true);
  }));

Deno.test("writeFile() names what it refuses", () =>
  inDirectory(async (directory) => {
    const missing = `${directory}/none/file`;
    await assert.rejects(
      writeFile(missing, utf8("x")),
      isAbout(NotFoundError, missing),
    );
    await assert.rejects(
      writeFile(directory, utf8("x")),
      isAbout(DirectoryError, directory),
    );
  }));
