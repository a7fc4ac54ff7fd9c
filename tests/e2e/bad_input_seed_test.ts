// What `pln seed` must refuse, as a first user types it: each refusal is one
// line and a next step, with its exit code, and comes fast. The daemon stays
// up, and what was published before is untouched.

import assert from "node:assert/strict";
import { wasm } from "../fixtures/seeds/wat.ts";
import { example, Lab } from "./lab.ts";
import { asUnprivileged, lacks } from "./machine.ts";

const gigabyte = 1024 ** 3;
const component = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];

/** A lab whose daemon has one seed, and after `run` still that one alone. */
async function beside(run: (lab: Lab) => Promise<void>): Promise<void> {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await lab.must(["seed", example("hello"), "before"]);
  await run(lab);
  const { node, seeds } = await lab.client.status();
  assert.equal(node.processId, daemon.pid, "the daemon stayed up");
  assert.deepEqual(seeds.map(({ name }) => name), ["before"]);
  const greet = ["call", "before", "greet", '{"name":"x"}'];
  assert.equal(await lab.must(greet), '{"greeting":"Hello, x!"}');
}

Deno.test("R13 pln seed refuses files that are no module", async () => {
  await beside(async (lab) => {
    const hello = await Deno.readFile(example("hello"));
    const write = async (name: string, content: Iterable<number>) => {
      await Deno.writeFile(lab.path(name), new Uint8Array([...content]));
      return lab.path(name);
    };
    await lab.refused(["seed", await write("text.wasm", [0x68, 0x69])], {
      code: 2,
      says: /text\.wasm is no WASM module: it starts with 6869$/,
      next: /0061736d/,
    });
    await lab.refused(["seed", await write("text.txt", [0x68, 0x69])], {
      code: 2,
      says: /text\.txt is no WASM module$/,
      next: /blobs/,
    });
    await lab.refused(["seed", await write("zero.wasm", [])], {
      code: 2,
      says: /zero\.wasm is empty/,
      next: /Build it again/,
    });
    await lab.refused(["seed", await write("six.wasm", hello.slice(0, 6))], {
      code: 2,
      says: /ends after 6 bytes/,
      next: /cut off/,
    });
    await lab.refused(["seed", await write("part.wasm", component)], {
      code: 2,
      says: /is a WASM component, not a module/,
      next: /wasip1/,
    });
    const half = hello.slice(0, hello.length / 2);
    await lab.refused(["seed", await write("half.wasm", half)], {
      code: 1,
      says: /The module is malformed: /,
      next: /build it again/,
    });
  });
});

Deno.test("R13 pln seed refuses a module whose imports are unknown", async () => {
  await beside(async (lab) => {
    const text = `(module (import "env" "launch" (func))
      (func (export "ok") (result i32) (i32.const 0)))`;
    await Deno.writeFile(lab.path("odd.wasm"), wasm(text));
    await lab.refused(["seed", lab.path("odd.wasm")], {
      code: 1,
      says: /imports "env" "launch", which Pollen does not offer/,
      next: /extism:host\/user/,
    });
  });
});

Deno.test({
  name: "R13 pln seed refuses 1 GiB without reading it",
  ignore: lacks("Linux's /proc"),
  async fn() {
    await beside(async (lab) => {
      const magic = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
      await sparse(lab.path("module.wasm"), magic);
      await sparse(lab.path("zeros.wasm"), []);
      const via = [...counting, lab.path("io")];
      await lab.refused(["seed", lab.path("module.wasm")], {
        code: 1,
        says: /module\.wasm is over 64 MiB/,
        next: /\S/,
        via,
      });
      const read = await readBytes(lab.path("io"));
      assert.ok(read > 0 && read < gigabyte / 16, `${read} bytes were read`);
      await lab.refused(["seed", lab.path("zeros.wasm")], {
        code: 2,
        says: /is no WASM module/,
        next: /0061736d/,
      });
    });
  },
});

Deno.test("pln seed refuses what is no readable file", async () => {
  await beside(async (lab) => {
    await lab.refused(["seed", lab.path("missing.wasm")], {
      code: 3,
      says: /missing\.wasm does not exist/,
      next: /Check the path/,
    });
    await Deno.mkdir(lab.path("folder"));
    await lab.refused(["seed", lab.path("folder")], {
      code: 2,
      says: /folder is a directory/,
      next: /sites/,
    });
    const fifo = lab.path("fifo");
    await new Deno.Command("mkfifo", { args: [fifo] }).output();
    for (const path of [fifo, "/dev/zero", lab.socketPath]) {
      await lab.refused(["seed", path, "special"], {
        code: 2,
        says: /is no regular file/,
        next: /standard input/,
      });
    }
    for (const path of ["/", "..", ""]) {
      await lab.refused(["seed", path], { code: 2, says: /./, next: /./ });
    }
  });
});

Deno.test({
  name: "pln seed says whose file it may not read",
  ignore: lacks("file modes that bind (setpriv)"),
  async fn() {
    await beside(async (lab) => {
      const path = lab.path("mine.wasm");
      await Deno.copyFile(example("hello"), path);
      await Deno.chmod(path, 0);
      await lab.refused(["seed", path], {
        code: 4,
        says: /May not read .*mine\.wasm/,
        next: /ls -ld/,
        via: asUnprivileged,
      });
    });
  },
});

Deno.test("R05 pln seed refuses every bad name", async () => {
  await beside(async (lab) => {
    const names = ["/", "..", ".", "", "UPPER", "a/b", "a..b", "x y", "pln"];
    for (const name of [...names, "\u0430dmin", "a".repeat(10_240)]) {
      await lab.refused(["seed", example("hello"), name], {
        code: 2,
        says: /^pln: "[^"]{0,43}" is no seed name: /,
        next: /my-seed/,
      });
    }
    await lab.refused(["seed", "-"], {
      code: 2,
      says: /Standard input has no name/,
      next: /pln seed/,
    });
  });
});

const outOfRange: readonly (readonly [string, string, RegExp])[] = [
  ["--memory", "1kB", /--memory takes 1\.0 MiB to 1\.0 GiB/],
  ["--memory", "2GiB", /--memory takes 1\.0 MiB to 1\.0 GiB/],
  ["--cpu", "2h", /--cpu takes 1ms to 1h/],
  ["--isolation", "enclave", /enclave/],
  ["--allow-host", "https://a.example/x", /"https:.* is no host to allow/],
  ["--allow-host", "*", /"\*" is no host to allow/],
];

Deno.test("pln seed refuses malformed flags and says their form", async () => {
  await beside(async (lab) => {
    const seed = (...flags: string[]) => [
      ...["seed", example("hello"), "x"],
      ...flags,
    ];
    for (const pair of ["x", "=v", ""]) {
      await lab.refused(seed("--config", pair), {
        code: 2,
        says: /--config takes key=value/,
        next: /--config \S+=\S+/,
      });
    }
    await lab.refused(seed("--config", "a=1", "--config", "a=2"), {
      code: 2,
      says: /"a" twice/,
      next: /once/,
    });
    for (const text of ["5", "soon", "-1s", "", "1e3s", "9".repeat(30) + "s"]) {
      await lab.refused(seed("--timeout", text), {
        code: 2,
        says: /--timeout takes a duration, not "/,
        next: /30s/,
      });
    }
    for (const text of ["0s", "2h"]) {
      await lab.refused(seed("--timeout", text), {
        code: 2,
        says: /--timeout takes 1ms to 1h/,
        next: /--timeout 30s/,
      });
    }
    for (const text of ["64M", "much", "", "-1MiB"]) {
      await lab.refused(seed("--memory", text), {
        code: 2,
        says: /--memory takes a size/,
        next: /--memory 64MiB/,
      });
    }
    for (const [flag = "", text = "", says = /./] of outOfRange) {
      await lab.refused(seed(flag, text), { code: 2, says, next: /\S/ });
    }
    for (const words of [["--nope"], ["y", "z"], ["--config"]]) {
      await lab.refused(seed(...words), { code: 2, says: /./, next: /./ });
    }
  });
});

Deno.test("pln seed - takes a module by standard input", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  const stdin = await Deno.readFile(example("hello"));
  await lab.must(["seed", "-", "piped"], { stdin });
  await lab.must(["call", "piped", "greet", '{"name":"x"}']);
  await lab.refused(["seed", "-", "cut"], {
    stdin: stdin.slice(0, 5),
    code: 2,
    says: /Standard input ends after 5 bytes/,
    next: /cut off/,
  });
});

/** Leaves what a program and its children have read in the file named next. */
const counting = [
  "sh",
  "-c",
  '"$@"; code=$?; cat /proc/$$/io >"$0"; exit $code',
];

async function readBytes(path: string): Promise<number> {
  const text = await Deno.readTextFile(path);
  return Number(/^rchar: (\d+)$/m.exec(text)?.[1]);
}

async function sparse(path: string, head: readonly number[]): Promise<void> {
  using file = await Deno.open(path, { write: true, createNew: true });
  await file.write(new Uint8Array(head));
  await file.truncate(gigabyte);
}
