// `pln seed` and `pln unseed`: what is sent to the daemon, and every file and
// name that is refused before the daemon hears of it (SCENARIOS.md R05, R13).

import assert from "node:assert/strict";
import { type Bytes, utf8 } from "../../src/kernel/mod.ts";
import type {
  SeedPublished,
  SeedRequest,
  SeedTerms,
} from "../../src/control/mod.ts";
import {
  CliWorld,
  sampleDigest,
  samplePeer,
  type WorldFile,
} from "./cli_world.ts";

const moduleBytes = new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
const component = new Uint8Array([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0]);

type Sent = { name: string; module: Bytes; request: SeedRequest };

function seedWorld(file: WorldFile = moduleBytes, path = "hello.wasm") {
  const world = new CliWorld();
  const sent: Sent[] = [];
  world.files.set(`/home/ann/work/${path}`, file);
  world.serve({
    publishSeed: (name, module, request) => {
      sent.push({ name, module, request });
      return Promise.resolve({
        name,
        digest: sampleDigest,
        sizeBytes: 2_202_009,
        functions: ["greet", "hello"],
      });
    },
  });
  return { world, sent };
}

Deno.test("pln seed publishes a file under its own name", async () => {
  const { world, sent } = seedWorld(moduleBytes, "Hello World.wasm");
  const ran = await world.run("seed", "./../work/Hello World.wasm");
  assert.equal(ran.code, 3, "a path is taken as typed");
  const again = await world.run("seed", "Hello World.wasm");
  assert.equal(again.code, 0, again.err);
  assert.equal(sent[0]?.name, "hello-world");
  assert.deepEqual(sent[0]?.module, moduleBytes);
  assert.equal(
    again.out,
    "hello-world  greet,hello  sha256:d5d5d5d5d5d5  2.1 MiB\n",
  );
});

Deno.test("pln seed passes name, configuration and timeout on", async () => {
  const { world, sent } = seedWorld();
  const ran = await world.run(
    ...["seed", "hello.wasm", "greeter", "--timeout", "1m30s"],
    ...["--config", "a=1", "--config", "b=x=y"],
  );
  assert.equal(ran.code, 0, ran.err);
  assert.equal(sent[0]?.name, "greeter");
  assert.deepEqual(sent[0]?.request, {
    config: { a: "1", b: "x=y" },
    timeoutMs: 90_000,
  });
});

Deno.test("pln seed passes limits, isolation and hosts on", async () => {
  const { world, sent } = seedWorld();
  const ran = await world.run(
    ...["seed", "hello.wasm", "--memory", "128MiB", "--cpu", "2s"],
    ...["--isolation", "fresh", "--allow-host", "b.example"],
    ...["--allow-host", "*.A.example:8443"],
  );
  assert.equal(ran.code, 0, ran.err);
  assert.deepEqual(sent[0]?.request, {
    config: {},
    memoryBytes: 128 * 1024 * 1024,
    cpuMs: 2_000,
    isolation: "fresh",
    allowHosts: ["b.example", "*.A.example:8443"],
  });
});

Deno.test("pln seed --allow-host takes no range and 16 hosts at most", async () => {
  const { world, sent } = seedWorld();
  const seed = (hosts: readonly string[]) =>
    world.run(
      ...["seed", "hello.wasm"],
      ...hosts.flatMap((host) => ["--allow-host", host]),
    );
  for (const range of ["10.0.0.0/8", "fd00::/8", "[fd00::]/64"]) {
    const ran = await seed(["a.example", range]);
    assert.equal(ran.code, 2);
    assert.match(
      ran.err,
      /takes one host, and "[^"]+" is a range of addresses\n/,
    );
    assert.match(ran.err, /\n {2}Name each address/);
  }
  const hosts = Array.from({ length: 17 }, (_, at) => `h${at}.example`);
  const ran = await seed(hosts);
  assert.deepEqual([ran.code, sent.length], [2, 0]);
  assert.match(
    ran.err,
    /--allow-host takes 16 hosts at most, not 17\n {2}Allow/,
  );
  assert.equal((await seed([...hosts.slice(1), "H1.example"])).code, 0);
  assert.equal(sent[0]?.request.allowHosts?.length, 17);
});

const sizes: Readonly<Record<string, number>> = {
  "1048576": 1_048_576,
  "1048576B": 1_048_576,
  "2048KiB": 2_097_152,
  "64mib": 67_108_864,
  "64 MiB": 67_108_864,
  "1.5MiB": 1_572_864,
  "1GIB": 1_073_741_824,
  "1049kB": 1_049_000,
  "64MB": 64_000_000,
  "1gb": 1_000_000_000,
};

Deno.test("pln seed --memory takes sizes in each unit, exactly", async () => {
  const { world, sent } = seedWorld();
  for (const [text, memoryBytes] of Object.entries(sizes)) {
    const ran = await world.run("seed", "hello.wasm", "--memory", text);
    assert.equal(ran.code, 0, ran.err);
    assert.equal(sent.at(-1)?.request.memoryBytes, memoryBytes, text);
  }
});

Deno.test("pln seed --memory refuses what is no size within its range", async () => {
  const { world, sent } = seedWorld();
  const refused = async (text: string, says: RegExp) => {
    const ran = await world.run("seed", "hello.wasm", "--memory", text);
    assert.match(ran.err, says);
    assert.match(ran.err, /^[^\n]+\n {2}\S[^\n]* --memory 64MiB/, "and a hint");
    assert.equal(ran.code, 2, text);
  };
  const noSizes = [
    ...["", "MiB", "64M", "64Mi", "64 megabytes", "-64MiB", "+64MiB", "6 4MiB"],
    ...["64MiB ", "64  MiB", "0x40MiB", "1e6", ".5MiB", "64MiBs", "٦٤MiB"],
    ...["NaN", "Infinity", "64TiB"],
  ];
  for (const text of noSizes) {
    await refused(text, /--memory takes a size, not "/);
  }
  for (const text of ["0", "1MB", "1023KiB"]) {
    await refused(text, /" is too small: --memory takes 1\.0 MiB to 1\.0 GiB/);
  }
  const large = ["1025MiB", "2GiB", "9".repeat(12), `${"9".repeat(18)}GiB`];
  for (const text of [...large, "9".repeat(400)]) {
    await refused(text, /" is too large: --memory takes 1\.0 MiB to 1\.0 GiB/);
  }
  await refused("1.0000001MiB", /--memory takes a size/);
  await refused("1.3MiB", /"1\.3MiB" is no whole number of bytes/);
  assert.deepEqual(sent, []);
});

Deno.test("pln seed --cpu refuses what is no duration within its range", async () => {
  const { world, sent } = seedWorld();
  for (const cpu of ["0s", "2h", "0.1ms", "0.5ms", "0.0009s"]) {
    const ran = await world.run("seed", "hello.wasm", "--cpu", cpu);
    assert.match(ran.err, /--cpu takes 1ms to 1h\n {2}Such as --cpu 30s/);
    assert.equal(ran.code, 2, cpu);
  }
  for (const flag of ["--cpu", "--timeout"]) {
    for (const text of ["soon", "5", "", "9".repeat(400) + "s"]) {
      const ran = await world.run("seed", "hello.wasm", flag, text);
      assert.equal(ran.code, 2, text);
      const says = new RegExp(
        `^pln: ${flag} takes a duration, not "[^\n]{0,40}"\n`,
      );
      assert.match(ran.err, says);
      assert.match(ran.err, /\n {2}Write it as 300ms, 30s/);
    }
  }
  assert.deepEqual(sent, []);
});

Deno.test("pln seed --isolation knows three modes", async () => {
  const { world, sent } = seedWorld();
  const seed = (...words: string[]) =>
    world.run("seed", "hello.wasm", "--isolation", ...words);
  for (const mode of ["restore", "fresh", "reuse"]) {
    assert.equal((await seed(mode)).code, 0);
    assert.equal(sent.at(-1)?.request.isolation, mode);
  }
  sent.length = 0;
  const near = await seed("frehs");
  assert.match(near.err, /frehs[^\n]*\n {2}.*fresh/);
  for (const mode of ["frehs", "Fresh", "", "none"]) {
    assert.equal((await seed(mode)).code, 2, mode);
  }
  assert.deepEqual(sent, []);
});

const defaultTerms: SeedTerms = {
  limits: { timeoutMs: 30_000, memoryBytes: 67_108_864, cpuMs: 10_000 },
  isolation: { asked: "restore", inEffect: "restore" },
  allowHosts: [],
};

/** What `pln seed` prints below its first line when a daemon answers so. */
async function linesOf(
  terms: Partial<SeedTerms>,
): Promise<readonly string[]> {
  const { world } = seedWorld();
  world.serve({
    publishSeed: (name) =>
      Promise.resolve({
        name,
        digest: sampleDigest,
        sizeBytes: 8,
        functions: ["greet"],
        ...defaultTerms,
        ...terms,
      }),
  });
  const { out } = await world.run("seed", "hello.wasm");
  assert.ok(out.startsWith("hello  greet  sha256:d5d5d5d5d5d5  8 B\n"), out);
  return out.split("\n").slice(1, -1);
}

Deno.test("pln seed shows only what differs from the defaults", async () => {
  assert.deepEqual(await linesOf({}), []);
  assert.deepEqual(
    await linesOf({
      limits: { timeoutMs: 90_000, memoryBytes: 134_217_728, cpuMs: 500 },
      isolation: { asked: "reuse", inEffect: "reuse" },
      allowHosts: ["*.a.example", "b.example"],
    }),
    [
      "timeout 1m 30s; cpu 500ms; memory 128 MiB; isolation reuse; " +
      "may reach *.a.example, b.example",
    ],
  );
  const { limits } = defaultTerms;
  assert.deepEqual(await linesOf({ limits: { ...limits, cpuMs: 60_000 } }), [
    "cpu 1m",
  ]);
});

Deno.test("pln seed says when another isolation is in effect, and why", async () => {
  const reason = "it changes\ttables at run time";
  assert.deepEqual(
    await linesOf({
      isolation: { asked: "restore", inEffect: "fresh", reason },
    }),
    ["isolation fresh, not restore: it changes\ufffdtables at run time"],
  );
});

Deno.test("pln seed says which settings a new version changes", async () => {
  const { world } = seedWorld();
  const before = {
    limits: { timeoutMs: 30_000, memoryBytes: 134_217_728, cpuMs: 500 },
    isolation: { asked: "fresh" },
    allowHosts: ["a.example", "b.example", "c.example"],
    configKeys: ["greeting", "next", "token"],
  } as const;
  const published: SeedPublished = {
    name: "hello",
    digest: sampleDigest,
    sizeBytes: 8,
    functions: ["greet"],
    replaces: sampleDigest,
    ...defaultTerms,
    allowHosts: ["b.example", "d.example"],
    before,
  };
  world.serve({ publishSeed: () => Promise.resolve(published) });
  const seed = ["seed", "hello.wasm", "--config", "next=x"];
  const { out } = await world.run(...seed);
  assert.deepEqual(out.split("\n").slice(2), [
    "the module is unchanged",
    "changed: cpu 500ms -> 10s; memory 128 MiB -> 64 MiB; " +
    "isolation fresh -> restore; no longer may reach a.example, c.example; " +
    "now may reach d.example; no longer configured: greeting, token",
    "",
  ]);
  const json = await world.run(...seed, "--json");
  assert.deepEqual(JSON.parse(json.out).before, before);
  const same = { ...defaultTerms, configKeys: ["next"] };
  world.serve({
    publishSeed: () =>
      Promise.resolve({ ...published, ...defaultTerms, before: same }),
  });
  assert.doesNotMatch((await world.run(...seed)).out, /^changed/m);
});

Deno.test("pln seed reads standard input, which needs a name", async () => {
  const { world, sent } = seedWorld();
  world.input = moduleBytes;
  const nameless = await world.run("seed", "-");
  assert.equal(nameless.code, 2);
  assert.match(nameless.err, /no name\n {2}Give one: "pln seed/);
  assert.equal((await world.run("seed", "-", "piped")).code, 0);
  assert.deepEqual(sent.map(({ name }) => name), ["piped"]);
});

const wasmPath = "hello.wasm";
const refusals: readonly {
  readonly what: string;
  readonly file: WorldFile;
  readonly path?: string;
  readonly code: number;
  readonly says: RegExp;
}[] = [
  {
    what: "an empty file",
    file: new Uint8Array(0),
    code: 2,
    says: /hello\.wasm is empty\n {2}Build it again/,
  },
  {
    what: "text in a .wasm",
    file: utf8("hello, I am text"),
    code: 2,
    says: /no WASM module: it starts with 68656c6c6f2c2049\n {2}A module/,
  },
  {
    what: "another file",
    file: utf8("hello"),
    path: "notes.txt",
    code: 2,
    says: /notes\.txt is no WASM module\n {2}.*blobs.*0\.4/,
  },
  {
    what: "a header that was cut off",
    file: moduleBytes.slice(0, 6),
    code: 2,
    says: /ends after 6 bytes\n {2}It was cut off/,
  },
  {
    what: "a component (R13)",
    file: component,
    code: 2,
    says: /is a WASM component, not a module\n {2}Build it for/,
  },
  {
    what: "a version that does not exist",
    file: new Uint8Array([0, 0x61, 0x73, 0x6d, 2, 0, 0, 0]),
    code: 2,
    says: /WASM version 2, layer 0/,
  },
  {
    what: "a sparse file of 1 GiB (R13)",
    file: { sizeBytes: 2 ** 30, head: moduleBytes },
    code: 1,
    says: /hello\.wasm is over 64 MiB\n {2}Strip it/,
  },
  {
    what: "a sparse file of 1 GiB of zeros",
    file: { sizeBytes: 2 ** 30, head: new Uint8Array(8) },
    code: 2,
    says: /is no WASM module: it starts with 0000000000000000/,
  },
  {
    what: "a directory",
    file: "directory",
    path: "public",
    code: 2,
    says: /public is a directory\n {2}.*sites.*0\.5/,
  },
  {
    what: "a pipe",
    file: "other",
    path: "fifo",
    code: 2,
    says: /fifo is no regular file\n {2}Give a file/,
  },
];

for (const { what, file, path = wasmPath, code, says } of refusals) {
  Deno.test(`pln seed refuses ${what} before the daemon hears of it`, async () => {
    const { world, sent } = seedWorld(file, path);
    const ran = await world.run("seed", path);
    assert.match(ran.err, says);
    assert.equal(ran.code, code);
    assert.deepEqual([ran.out, sent], ["", []]);
  });
}

Deno.test("pln seed refuses the same on standard input", async () => {
  const { world, sent } = seedWorld();
  for (const input of [new Uint8Array(0), utf8("text"), component]) {
    world.input = input;
    const ran = await world.run("seed", "-", "piped");
    assert.equal(ran.code, 2);
    assert.match(ran.err, /^pln: Standard input /);
    assert.ok(!ran.err.includes("path"), ran.err);
  }
  assert.deepEqual(sent, []);
});

Deno.test("pln seed names a file that is not there", async () => {
  const { world } = seedWorld();
  const ran = await world.run("seed", "gone.wasm");
  assert.deepEqual(
    [ran.code, ran.err],
    [3, "pln: gone.wasm does not exist\n  Check the path\n"],
  );
  assert.equal((await world.run("seed", "")).code, 2);
  assert.equal((await world.run("seed", "a\0b", "name")).code, 2);
});

Deno.test("pln unseed takes a seed's address, of this node alone", async () => {
  const { world } = seedWorld();
  const names: string[] = [];
  world.serve({
    unpublishSeed: (name) => {
      names.push(name);
      return Promise.resolve();
    },
  });
  const own = `hello@${samplePeer.slice(0, 8)}`;
  assert.equal((await world.run("unseed", own)).out, "Took back hello\n");
  const ran = await world.run("unseed", "hello@00000000");
  assert.equal(ran.code, 3);
  assert.match(
    ran.err,
    /"hello@00000000" is no seed of this node\n {2}Only its/,
  );
  assert.deepEqual(names, ["hello"]);
});

Deno.test("names with NUL, slash, dots, 10 kB or nothing are refused (R05)", async () => {
  const { world, sent } = seedWorld();
  const names = [
    ...["a\0b", "a/b", "..", "a..b", "", "A", "a b", "-a", "hallø", "pln"],
    "x".repeat(10_000),
  ];
  for (const name of names) {
    for (
      const words of [
        ["seed", "hello.wasm", "--", name],
        ["unseed", "--", name],
        ["call", "--", name, "greet"],
      ]
    ) {
      const ran = await world.run(...words);
      assert.equal(ran.code, 2, JSON.stringify(words).slice(0, 80));
      assert.match(ran.err, /is no seed name: [^\n]*\n {2}Choose a name/);
      assert.ok(ran.err.length < 300, "the message stays short");
    }
  }
  assert.deepEqual(sent, []);
});

Deno.test("pln seed refuses configuration that is no list of pairs", async () => {
  const { world } = seedWorld();
  const seed = (...config: string[]) =>
    world.run(
      ...["seed", "hello.wasm"],
      ...config.flatMap((one) => ["--config", one]),
    );
  assert.match((await seed("a")).err, /--config takes key=value, not "a"/);
  assert.match((await seed("=a")).err, /--config takes key=value, not "=a"/);
  assert.match((await seed("a=1", "a=2")).err, /names "a" twice/);
  assert.equal((await seed(`a=${"x".repeat(5_000)}`)).code, 1);
  const many = Array.from({ length: 65 }, (_, index) => `k${index}=v`);
  assert.match((await seed(...many)).err, /takes 64 values at most/);
});

Deno.test("pln seed refuses a timeout out of its range", async () => {
  const { world } = seedWorld();
  for (const timeout of ["0s", "2h", "soon", "5", ""]) {
    const ran = await world.run("seed", "hello.wasm", "--timeout", timeout);
    assert.equal(ran.code, 2, timeout);
  }
});

Deno.test("pln seed --takeover asks for it, and says who still holds the name", async () => {
  const { world, sent } = seedWorld();
  const plain = await world.run("seed", "hello.wasm");
  assert.equal(sent[0]?.request.isTakeover, undefined);
  assert.doesNotMatch(plain.out, /still/);
  world.serve({
    publishSeed: (name, module, request) => {
      sent.push({ name, module, request });
      return Promise.resolve({
        ...{ name, digest: sampleDigest, sizeBytes: 5, functions: [] },
        heldBy: { peer: "b2".repeat(32), name: "bob" },
      });
    },
  });
  const taken = await world.run("seed", "hello.wasm", "--takeover");
  assert.equal(sent[1]?.request.isTakeover, true);
  assert.match(taken.out, /"hello" still means the seed of bob/);
  const json = await world.run("seed", "hello.wasm", "--takeover", "--json");
  assert.deepEqual(
    JSON.parse(json.out).heldBy,
    { peer: "b2".repeat(32), name: "bob" },
  );
});

Deno.test("pln seed says which version it takes the place of", async () => {
  const { world } = seedWorld();
  world.serve({
    publishSeed: (name, { length }) =>
      Promise.resolve({
        name,
        digest: sampleDigest,
        sizeBytes: length,
        functions: [],
        replaces: "ee".repeat(32),
      }),
  });
  const ran = await world.run("seed", "hello.wasm");
  assert.equal(
    ran.out,
    "hello  (no functions)  sha256:d5d5d5d5d5d5  8 B\n" +
      "in the place of sha256:eeeeeeeeeeee\n",
  );
});

Deno.test("pln seed of the same module again says that it is unchanged", async () => {
  const { world } = seedWorld();
  const functions = Array.from({ length: 3_000 }, (_, index) => `f${index}`);
  world.serve({
    publishSeed: (name, { length }) =>
      Promise.resolve({
        name,
        digest: sampleDigest,
        sizeBytes: length,
        functions,
        replaces: sampleDigest,
      }),
  });
  const ran = await world.run("seed", "hello.wasm");
  assert.equal(
    ran.out,
    "hello  f0,f1,f2,f3,f4,f5,f6,f7 and 2992 more  " +
      "sha256:d5d5d5d5d5d5  8 B\nthe module is unchanged\n",
  );
  const whole = await world.run("seed", "hello.wasm", "--json");
  assert.deepEqual(JSON.parse(whole.out).functions, functions);
});

Deno.test("pln unseed takes a seed back by its name", async () => {
  const { world } = seedWorld();
  const names: string[] = [];
  world.serve({
    unpublishSeed: (name) => {
      names.push(name);
      return Promise.resolve();
    },
  });
  assert.equal((await world.run("unseed", "hello")).out, "Took back hello\n");
  assert.deepEqual(names, ["hello"]);
});
