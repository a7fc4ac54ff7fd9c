// The launcher: which deno it runs, that it becomes that process, where typed
// paths lead, and that odd places of the program or the node do not matter.

import assert from "node:assert/strict";
import { example, Lab, launcher } from "./lab.ts";
import { lacks, succeed } from "./machine.ts";

const root = new URL("../..", import.meta.url).pathname;
const greet = ["call", "hello", "greet", '{"name":"x"}'];

/** The layouts in which npm has put deno's executable. */
const layouts = {
  "beside the script": "deno/deno",
  "in a package of the platform": "@deno/any-platform/deno",
  "in a package below": "deno/node_modules/@deno/any-platform/deno",
};

/** npm's `deno`: a link to a script, here one that only fails. */
async function npmLayout(lab: Lab, native: string): Promise<string> {
  const modules = lab.path(`node modules/${native.replaceAll("/", "-")}`);
  const write = async (name: string, make: (path: string) => Promise<void>) => {
    const path = `${modules}/${name}`;
    await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    await make(path);
  };
  const script = "#!/bin/sh\nexit 42\n";
  await write("deno/bin.cjs", async (path) => {
    await Deno.writeTextFile(path, script, { mode: 0o755 });
  });
  await write(native, (path) => Deno.symlink(Deno.execPath(), path));
  await write(".bin/deno", (path) => Deno.symlink("../deno/bin.cjs", path));
  return `${modules}/.bin/deno`;
}

for (const [where, native] of Object.entries(layouts)) {
  Deno.test(`launcher: npm's deno is run by its native file ${where}`, async () => {
    await using lab = await Lab.open();
    const env = { PLN_DENO: await npmLayout(lab, native) };
    assert.match(await lab.must(["version", "--short"], { env }), /^\d+\./);
    const daemon = await lab.startDaemon({ env });
    const { node } = await lab.client.status();
    assert.equal(node.processId, daemon.pid, "the launcher became the daemon");
    daemon.kill("SIGTERM");
    assert.equal((await daemon.status).code, 0, "the signal reached it");
  });
}

Deno.test("launcher: npm's deno starts a daemon in the background", async () => {
  await using lab = await Lab.open();
  const env = { PLN_DENO: await npmLayout(lab, "deno/deno") };
  await lab.must(["up", "-d"], { env });
  await lab.must(["seed", example("hello")], { env });
  assert.equal(await lab.must(greet, { env }), '{"greeting":"Hello, x!"}');
  await lab.must(["restart"], { env });
  await lab.must(["down"], { env });
});

Deno.test("of two pln up -d at once one starts a daemon, one says so", async () => {
  await using lab = await Lab.open();
  await lab.must(["init"]);
  const names = ["one", "two"];
  const runs = await Promise.all(
    names.map((name) => lab.run(["up", "-d", "--name", name, "--json"])),
  );
  const { node } = await lab.client.status();
  for (const [index, { code, stdout, stderr }] of runs.entries()) {
    if (node.name === names[index]) {
      assert.equal(code, 0, stderr);
      assert.equal(JSON.parse(stdout).processId, node.processId);
      continue;
    }
    assert.deepEqual([code, stdout], [1, ""], stderr);
    const { error } = JSON.parse(stderr);
    assert.equal(error.code, "PLN_CONFLICT");
    assert.match(error.message, /already/);
  }
  const files = Array.from(Deno.readDirSync(lab.directory), ({ name }) => name)
    .filter((name) => name.startsWith("pln.err"));
  assert.deepEqual(files, ["pln.err"], "the winner's error file stays");
});

Deno.test("launcher: without a deno it says how to get one", async () => {
  await using lab = await Lab.open();
  const tools = lab.path("tools");
  await Deno.mkdir(tools);
  for (const tool of ["sh", "dirname", "readlink", "head", "mkdir", "wc"]) {
    await succeed("ln", ["-s", await whereIs(tool), `${tools}/${tool}`]);
  }
  await lab.refused(["version"], {
    code: 127,
    says: /Deno is not in PATH/,
    next: /npm install -g deno, or set PLN_DENO/,
    env: { PATH: tools, PLN_DENO: "" },
  });
  await Deno.writeTextFile(lab.path("deno"), "no program", { mode: 0o644 });
  for (const PLN_DENO of [lab.path("deno"), lab.path("missing")]) {
    await lab.refused(["version"], {
      code: 127,
      says: /is no executable/,
      next: /Set PLN_DENO/,
      env: { PLN_DENO },
    });
  }
});

async function whereIs(tool: string): Promise<string> {
  const args = ["-c", 'command -v "$0"', tool];
  const { stdout } = await new Deno.Command("sh", { args }).output();
  return new TextDecoder().decode(stdout).trim();
}

Deno.test("launcher: paths are the user's, also under deno task", async () => {
  await using lab = await Lab.open();
  const here = lab.path("my folder");
  await Deno.mkdir(here);
  await Deno.copyFile(example("hello"), `${here}/it's hello.wasm`);
  const task = { cwd: root, env: { INIT_CWD: here, PLN_DIR: "node" } };
  await lab.must(["up", "-d"], task);
  const place = { env: { PLN_DIR: `${here}/node` } };
  try {
    const seeded = await lab.must(["seed", "it's hello.wasm"], task);
    assert.match(seeded, /^it-s-hello {2}greet/);
    await lab.must(["seed", "./it's hello.wasm", "two"], task);
    await lab.must(["seed", "my folder/it's hello.wasm", "three"], {
      cwd: lab.directory,
      env: { INIT_CWD: "/nowhere", ...place.env },
    });
    await lab.must(["call", "three", "greet", '{"name":"x"}'], place);
  } finally {
    await lab.must(["down"], place);
  }
});

Deno.test("launcher: by a link, and from a program with spaces", async () => {
  await using lab = await Lab.open();
  const copy = lab.path("pro gram's");
  await Deno.mkdir(copy);
  const parts = ["main.ts", "src", "deno.json", "deno.lock"];
  await succeed("cp", ["-R", ...parts.map((one) => root + one), copy]);
  await Deno.mkdir(lab.path("bin"));
  const link = lab.path("bin/pln");
  await Deno.symlink("../pro gram's/src/cli/launcher.sh", link);
  const options = { program: link, env: { PLN_DIR: lab.path("node") } };
  await lab.must(["up", "-d"], options);
  try {
    await lab.must(["seed", example("hello")], options);
    const output = await lab.must(greet, options);
    assert.equal(output, '{"greeting":"Hello, x!"}');
    const rights = await lab.must(["--print-rights", "up"], options);
    assert.match(rights, new RegExp(`^--allow-read=.*,${copy}$`, "m"));
  } finally {
    await lab.must(["down"], options);
  }
});

Deno.test("launcher: SIGINT drains; exit codes are pln's own", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  daemon.kill("SIGINT");
  assert.equal((await daemon.status).code, 0);
  assert.equal((await lab.run(["status"])).code, 6);
  assert.equal((await lab.run(["sede"])).code, 2);
});

Deno.test({
  name: "launcher: shellcheck has nothing to say",
  ignore: lacks("shellcheck"),
  async fn() {
    await succeed("shellcheck", [launcher]);
  },
});

Deno.test("the launcher fills an empty cache once, then uses nothing else", async () => {
  await using lab = await Lab.open();
  const env = { DENO_DIR: lab.path("cache") };
  const first = await lab.run(["version", "--short"], { env });
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stderr, /fetching the packages/);
  const second = await lab.run(["version", "--short"], { env });
  assert.equal(second.code, 0, second.stderr);
  assert.equal(second.stderr, "");
  assert.equal(second.stdout, first.stdout);
});
