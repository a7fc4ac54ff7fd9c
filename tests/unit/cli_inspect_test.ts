// `pln inspect`: what it asks the daemon, how it reads before the first call
// and after errors, and what it says of names that mean nothing. The shape of
// its JSON is golden, with those of the other commands.

import assert from "node:assert/strict";
import type { SeedDetails } from "../../src/control/mod.ts";
import { NotFoundError } from "../../src/kernel/mod.ts";
import { CliWorld, sampleDetails } from "./cli_world.ts";

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
    [3, "", 'pln: There is no seed "helo"\n  Did you mean "hello"?\n'],
  );
});

Deno.test("R05 pln inspect refuses bad names before the daemon hears", async () => {
  const world = new CliWorld();
  world.serve({ inspectSeed: () => Promise.reject(new Error("asked")) });
  for (const name of ["", "..", "a/b", "A", "a\0b", "x".repeat(10_000)]) {
    const ran = await world.run("inspect", "--", name);
    assert.equal(ran.code, 2);
    assert.match(ran.err, /is no seed name: [^\n]*\n {2}Choose a name/);
  }
  assert.equal((await world.run("inspect")).code, 2);
  assert.equal((await world.run("inspect", "a", "b")).code, 2);
});

Deno.test("pln inspect without a daemon says how to start one", async () => {
  const ran = await new CliWorld().run("inspect", "hello");
  assert.equal(ran.code, 6);
  assert.match(ran.err, /No daemon answers[^\n]*\n {2}Start it with/);
});
