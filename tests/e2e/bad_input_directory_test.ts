// Where a node may live: relative paths, spaces, links, too long ones, none at
// all, files where directories should be. Whatever is refused leaves nothing
// behind, and whatever is taken works for every command.

import assert from "node:assert/strict";
import { example, Lab } from "./lab.ts";

const greet = ["call", "hello", "greet", '{"name":"x"}'];
const greeting = '{"greeting":"Hello, x!"}';

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return false;
    throw cause;
  }
}

/** init, up, seed, call and down in the directory that `options` name. */
async function lifeIn(
  lab: Lab,
  options: Parameters<Lab["must"]>[1],
): Promise<void> {
  await lab.must(["init"], options);
  await lab.must(["up", "-d"], options);
  try {
    await lab.must(["seed", example("hello")], options);
    assert.equal(await lab.must(greet, options), greeting);
  } finally {
    await lab.must(["down"], options);
  }
}

Deno.test("a socket path over 103 bytes is refused, leaving nothing", async () => {
  await using lab = await Lab.open();
  const rest = 103 - "/pln.sock".length - lab.directory.length - 1;
  const tooLong = lab.path("x".repeat(rest + 1));
  for (const args of [["up", "-d"], ["up"], ["status"], ["restart"]]) {
    await lab.refused(args, {
      code: 2,
      says: /The socket path has 104 bytes, more than 103/,
      next: /shorter --dir, or set PLN_SOCK/,
      env: { PLN_DIR: tooLong },
    });
    assert.equal(await exists(tooLong), false, `after ${args}`);
  }
  await lifeIn(lab, { env: { PLN_DIR: lab.path("y".repeat(rest)) } });
  const env = { PLN_DIR: tooLong, PLN_SOCK: lab.path("s") };
  await lifeIn(lab, { env });
});

Deno.test("a directory that is a file is refused by every command", async () => {
  await using lab = await Lab.open();
  await Deno.writeTextFile(lab.path("file"), "mine");
  const env = { PLN_DIR: lab.path("file") };
  const commands = [["init"], ["up", "-d"], ["up"], ["purge", "--yes"]];
  for (const args of [...commands, ["set", "http", "1"], ["logs"]]) {
    await lab.refused(args, { code: 1, says: /\/file"/, next: /./, env });
  }
  await lab.refused(["up", "-d"], {
    code: 4,
    says: /Cannot make .*\/file\/inner/,
    next: /--dir/,
    env: { PLN_DIR: lab.path("file/inner") },
  });
  assert.equal(await Deno.readTextFile(lab.path("file")), "mine");
});

Deno.test("relative directories, odd characters and links work", async () => {
  await using lab = await Lab.open();
  const cwd = lab.path("some where");
  await Deno.mkdir(cwd);
  await lifeIn(lab, { cwd, env: { PLN_DIR: "rel/ative" } });
  assert.equal(await exists(`${cwd}/rel/ative/keys/node.pem`), true);
  await lab.must(["id", "--dir", "rel/ative"], { cwd });
  await lab.must(["id", "--dir=../some where/rel/ative"], { cwd });
  await lifeIn(lab, { env: { PLN_DIR: lab.path(`it's "$HOME" \u00e9;*`) } });
  await Deno.mkdir(lab.path("real"));
  await Deno.symlink("real", lab.path("link"));
  await lifeIn(lab, { env: { PLN_DIR: lab.path("link") } });
  assert.equal(await exists(lab.path("real/keys/node.pem")), true);
});

Deno.test("a directory with a comma is refused, since no right names it", async () => {
  await using lab = await Lab.open();
  await lab.refused(["up", "-d"], {
    code: 2,
    says: /comma/,
    next: /--dir, PLN_DIR or PLN_SOCK/,
    env: { PLN_DIR: lab.path("a,b") },
  });
  assert.equal(await exists(lab.path("a,b")), false);
  const module = lab.path("a,b.wasm");
  await Deno.copyFile(example("hello"), module);
  await lab.refused(["seed", module], {
    code: 2,
    says: /comma/,
    next: /pln seed - name/,
  });
});

Deno.test("without HOME and PLN_DIR nothing is made anywhere", async () => {
  await using lab = await Lab.open();
  const via = ["env", "-u", "HOME", "-u", "PLN_DIR"];
  const cwd = lab.directory;
  for (const args of [["up", "-d"], ["init"], ["status"], ["logs"]]) {
    await lab.refused(args, {
      code: 2,
      says: /No usable directory for the node/,
      next: /--dir <path>, or set PLN_DIR/,
      via,
      cwd,
    });
  }
  assert.equal(await exists(lab.path(".pln")), false);
  assert.match(await lab.must(["version", "--short"], { via }), /^\d+\./);
  const home = lab.path("home");
  const env = { HOME: home, PLN_DIR: "", DENO_DIR: await denoDirectory() };
  await lab.must(["init"], { env });
  assert.equal(await exists(`${home}/.pln/keys/node.pem`), true);
});

/** Deno's cache, which it would look for in HOME. */
async function denoDirectory(): Promise<string> {
  const args = ["info", "--json"];
  const { stdout } = await new Deno.Command(Deno.execPath(), { args }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}

Deno.test("pln purge leaves a stranger's directory as it is", async () => {
  await using lab = await Lab.open();
  const directory = lab.path("stranger");
  for (const name of ["keys", "certs", "journal", "store", "cache"]) {
    await Deno.mkdir(`${directory}/${name}`, { recursive: true });
    await Deno.writeTextFile(`${directory}/${name}/mine`, "mine");
  }
  for (const more of [[], ["--include-keys"]]) {
    await lab.refused(["purge", "--yes", "--dir", directory, ...more], {
      code: 3,
      says: /There is no node in ".*\/stranger"/,
      next: /check --dir/,
    });
  }
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
  assert.deepEqual(
    names.toSorted(),
    ["cache", "certs", "journal", "keys", "store"],
  );
  for (const name of names) {
    const text = await Deno.readTextFile(`${directory}/${name}/mine`);
    assert.equal(text, "mine");
  }
});

Deno.test("pln purge spares what lies beside a node's own keys", async () => {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  await Deno.rename(lab.path("keys/root.pem"), lab.path("keys/root.old-1.pem"));
  await Deno.writeTextFile(lab.path("keys/mine.pem"), "mine");
  const purged = await lab.must(["purge", "--yes", "--include-keys"]);
  assert.equal(purged, "Removed certs, keys\nKept 1 other entry\n");
  const left = [...Deno.readDirSync(lab.path("keys"))].map(({ name }) => name);
  assert.deepEqual(left, ["mine.pem"]);
  assert.equal(await exists(lab.path("lock")), false);
});
