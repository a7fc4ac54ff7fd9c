// `pln inspect`: what it asks the daemon, how it reads before the first call
// and after errors, and what it says of names that mean nothing. The shape of
// its JSON is golden, with those of the other commands.

import assert from "node:assert/strict";
import type { SeedDetails } from "../../src/control/mod.ts";
import { NotFoundError } from "../../src/kernel/mod.ts";
import {
  CliWorld,
  sampleDetails,
  sampleMembers,
  samplePeerDetails,
} from "./cli_world.ts";

/** The lines of `pln inspect hello`, by what stands before each value. */
async function linesOf(
  details: Partial<SeedDetails>,
): Promise<ReadonlyMap<string, string>> {
  const world = new CliWorld();
  world.serve({
    inspectSeed: () => Promise.resolve({ ...sampleDetails, ...details }),
  });
  const ran = await world.run("inspect", "hello");
  assert.deepEqual([ran.code, ran.err], [0, ""]);
  return new Map(
    ran.out.trimEnd().split("\n").map((line) => {
      const [name = "", value = ""] = line.split(/ {2,}/);
      return [name, value];
    }),
  );
}

Deno.test("pln inspect asks for the seed by its name", async () => {
  const names: string[] = [];
  const world = new CliWorld();
  world.serve({
    inspectSeed: (name) => {
      names.push(name);
      return Promise.resolve({ ...sampleDetails, name });
    },
  });
  const ran = await world.run("inspect", "shout", "--json");
  assert.deepEqual(JSON.parse(ran.out), { ...sampleDetails, name: "shout" });
  assert.deepEqual(names, ["shout"]);
});

Deno.test("pln inspect of a seed that was never called reads so", async () => {
  const lines = await linesOf({
    calls: 0,
    errors: 0,
    errorsByReason: {},
    running: 0,
    p50Ms: undefined,
    p99Ms: undefined,
    configKeys: [],
    allowHosts: [],
    isolation: { asked: "restore", inEffect: "restore" },
    usage: { threads: 0, instances: 0, memoryBytes: 0, peakBytes: 0, cpuMs: 0 },
  });
  const expected = {
    "config": "none",
    "isolation": "restore",
    "hosts": "none",
    "calls": "0, 0 running",
    "errors": "0",
    "latency": "no call yet",
    "loaded": "0 instances, 0 threads",
    "memory used": "0 B now, 0 B at most in one instance",
    "cpu used": "0ms",
  };
  for (const [name, value] of Object.entries(expected)) {
    assert.equal(lines.get(name), value, name);
  }
});

Deno.test("pln inspect counts errors by their reason, most first", async () => {
  const errorsByReason = { "trap": 1, "no-function": 20, "seed": 3 };
  const lines = await linesOf({ errors: 24, errorsByReason });
  assert.equal(lines.get("errors"), "24: 20 no-function, 3 seed, 1 trap");
  const older = await linesOf({ errors: 24, errorsByReason: undefined });
  assert.equal(older.get("errors"), "24");
});

Deno.test("pln inspect of a seed that cannot be loaded says why", async () => {
  const lines = await linesOf({
    state: "refused",
    reason: "Object 00 is not in the store\n",
    functions: undefined,
    isolation: { asked: "fresh" },
  });
  assert.equal(
    lines.get("state"),
    "refused: Object 00 is not in the store\ufffd",
  );
  assert.equal(lines.get("functions"), "unknown");
  assert.equal(lines.get("isolation"), "fresh");
});

Deno.test("pln inspect keeps a list of many functions short", async () => {
  const functions = Array.from({ length: 10_000 }, (_, index) => `f${index}`);
  const shown = (await linesOf({ functions })).get("functions") ?? "";
  assert.match(shown, /^f0, f1, .*, f31 and 9968 more$/);
  assert.equal((await linesOf({ functions: [] })).get("functions"), "none");
});

Deno.test("pln inspect of a name that means nothing exits with 3", async () => {
  const world = new CliWorld();
  world.serve({
    inspectSeed: () =>
      Promise.reject(
        new NotFoundError('There is no seed "helo"', {
          hint: 'Did you mean "hello"?',
        }),
      ),
  });
  const ran = await world.run("inspect", "helo");
  assert.deepEqual(
    [ran.code, ran.out, ran.err],
    [
      3,
      "",
      'pln: There is no seed and no node "helo"\n  Did you mean "hello"?\n',
    ],
  );
  const seed = await world.run("inspect", "helo", "--seed");
  assert.deepEqual(
    [seed.code, seed.err],
    [3, 'pln: There is no seed "helo"\n  Did you mean "hello"?\n'],
  );
  const node = await world.run("inspect", "helo", "--node");
  assert.deepEqual(
    [node.code, node.err],
    [3, 'pln: There is no node "helo"\n  See "pln status nodes"\n'],
  );
});

const noSeeds = {
  inspectSeed: (name: string) =>
    Promise.reject(new NotFoundError(`There is no seed "${name}"`)),
};

function withoutSeeds(): CliWorld {
  const world = new CliWorld();
  world.serve(noSeeds);
  return world;
}

Deno.test("pln inspect of a node shows chain, link and decisions", async () => {
  for (const target of ["bob", "b2b2", "b2".repeat(32)]) {
    const ran = await withoutSeeds().run("inspect", target);
    assert.deepEqual([ran.code, ran.err], [0, ""]);
    assert.match(ran.out, /^node +bob$/m);
    assert.match(ran.out, /^tier +publisher, by grant; the root has to /m);
    assert.match(ran.out, /^state +connected for 2h 3m$/m);
    assert.match(ran.out, /^access ends +2026-10-10 /m);
    assert.match(ran.out, /^member +.* to .*, by authority of a1a1a1a1a1a1$/m);
    assert.match(ran.out, /^root +.*, by itself$/m);
    assert.match(ran.out, /^granted +.* by the root, as publisher$/m);
  }
  const json = await withoutSeeds().run("inspect", "bob", "--json");
  assert.deepEqual(
    JSON.parse(json.out),
    JSON.parse(JSON.stringify(samplePeerDetails)),
  );
});

Deno.test("pln inspect of a node that was denied says by whom and why", async () => {
  const world = withoutSeeds();
  const inspectPeer = () => ({
    ...samplePeerDetails,
    node: {
      ...samplePeerDetails.node,
      state: "denied" as const,
      reason: "by a1: lost",
    },
    chain: [],
    decisions: [{
      verdict: "deny" as const,
      by: "a1".repeat(32),
      atMs: 0,
      number: 1,
      reason: "lost \u001b[31mlaptop",
    }],
  });
  const members = { ...sampleMembers, inspectPeer };
  world.serve({ ...noSeeds, members });
  const { out } = await world.run("inspect", "bob");
  assert.match(out, /^state +denied for 2h 3m$/m);
  assert.match(out, /^certificates +none were seen here$/m);
  assert.match(
    out,
    /^denied +1970-01-01 00:00:00Z by a1a1a1a1a1a1: lost \ufffd\[/m,
  );
});

Deno.test("pln inspect of a name that is both asks which", async () => {
  const world = new CliWorld();
  world.serve();
  const both = await world.run("inspect", "bob");
  assert.deepEqual(
    [both.code, both.out, both.err],
    [5, "", 'pln: "bob" is a seed and a node\n  Add --seed or --node\n'],
  );
  assert.match((await world.run("inspect", "bob", "--seed")).out, /^seed /);
  assert.match((await world.run("inspect", "bob", "--node")).out, /^node /);
  const none = await world.run("inspect", "bob", "--seed", "--node");
  assert.deepEqual([none.code, none.out], [2, ""]);
  assert.match(none.err, /exclude each other/);
});

Deno.test("R05 pln inspect refuses bad names before the daemon hears", async () => {
  const world = new CliWorld();
  world.serve({ inspectSeed: () => Promise.reject(new Error("asked")) });
  for (const name of ["", "..", "a/b", "A", "a\0b", "x".repeat(10_000)]) {
    const ran = await world.run("inspect", "--", name);
    assert.equal(ran.code, 2);
    assert.match(ran.err, /is no name of a seed or a node\n {2}See "pln st/);
  }
  assert.equal((await world.run("inspect")).code, 2);
  assert.equal((await world.run("inspect", "a", "b")).code, 2);
});

Deno.test("pln inspect without a daemon says how to start one", async () => {
  const ran = await new CliWorld().run("inspect", "hello");
  assert.equal(ran.code, 6);
  assert.match(ran.err, /No daemon answers[^\n]*\n {2}Start it with/);
});
