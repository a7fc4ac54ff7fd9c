// A real daemon among hostile seeds, driven by the CLI alone: beside sixteen
// calls that never end it answers, shows bounded memory, and outlives a mix of
// bombs; what must not run is refused when it is seeded. SCENARIOS.md R13, S35,
// S36.

import assert from "node:assert/strict";
import { evilCases, isRefused } from "../fixtures/evil/corpus.ts";
import type { EvilCase } from "../fixtures/evil/evil_case.ts";
import { example, Lab } from "./lab.ts";

const MiB = 1024 * 1024;
/** An idle daemon has some 100; sixteen guests of a few pages add little. */
const residentBytesMax = 512 * MiB;

const greet = ["call", "hello", "greet", '{"name":"x"}', "--timeout", "30s"];
const greeting = '{"greeting":"Hello, x!"}';

type Status = {
  readonly node: { readonly residentBytes: number };
  readonly seeds: readonly {
    readonly name: string;
    readonly running: number;
  }[];
  readonly threads: { readonly lost: number };
  readonly alarms: readonly unknown[];
};

async function statusOf(lab: Lab): Promise<Status> {
  return JSON.parse(await lab.must(["status", "--json"]));
}

function caseNamed(name: string): EvilCase {
  const found = evilCases.find((one) => one.name === name);
  assert.ok(found, `the corpus has "${name}"`);
  return found;
}

/** Publishes hostile modules as evil0, evil1, ...; their names as seeds. */
async function seedAll(
  lab: Lab,
  names: readonly string[],
  { flags }: { readonly flags: readonly string[] },
): Promise<readonly string[]> {
  const seeds: string[] = [];
  for (const [index, name] of names.entries()) {
    const seed = `evil${index}`;
    const path = lab.path(`${seed}.wasm`);
    await Deno.writeFile(path, caseNamed(name).bytes());
    await lab.must(["seed", path, seed, ...flags]);
    seeds.push(seed);
  }
  return seeds;
}

async function assertUnhurt(lab: Lab): Promise<void> {
  assert.equal(await lab.must(greet), greeting);
  const { node, threads, alarms } = await statusOf(lab);
  assert.deepEqual([threads.lost, alarms], [0, []]);
  const { residentBytes } = node;
  assert.ok(residentBytes < residentBytesMax, `${residentBytes / MiB} MiB`);
}

Deno.test("S35 S36 with 16 looping calls running, pln call answers", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  const seeds = await seedAll(lab, [
    "nested loops",
    "a loop that catches what is thrown into it",
    "tail calls of leaves through a table",
    "a loop of memory.grow by nothing",
  ], { flags: ["--cpu", "1h", "--memory", "1MiB"] });
  const callers = seeds.flatMap((seed) =>
    Array.from(
      { length: 4 },
      () => lab.start(["call", seed, "f", "--timeout", "1h"]),
    )
  );
  const runningOf = ({ seeds }: Status) =>
    seeds.reduce((sum, { running }) => sum + running, 0);
  await lab.until(async () => runningOf(await statusOf(lab)) === 16);
  await assertUnhurt(lab);
  assert.match(await lab.must(["status"]), /memory +\d/);
  for (const caller of callers) {
    await lab.kill(caller);
    await caller.stdout.cancel();
  }
  await lab.until(async () => runningOf(await statusOf(lab)) === 0);
  await assertUnhurt(lab);
});

const bombs = [
  "a memory that grows and is written all over",
  "a hundred tables that all grow",
  "calls of itself with a thousand locals",
  "fills of the whole memory",
  "log lines of 16 MiB",
  "a megabyte of line ends on stderr",
  "allocations until there are no more",
  "a thousand requests",
  "a sleep for ever",
];

Deno.test("S36 bombs of all kinds at once leave a daemon as it was", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  const flags = ["--cpu", "300ms", "--timeout", "3s", "--memory", "64MiB"];
  const seeds = await seedAll(lab, bombs, { flags });
  const calls = await Promise.all(
    seeds.map((seed) => lab.run(["call", seed, "f"])),
  );
  for (const { code, stderr } of calls) assert.ok(code <= 1, stderr);
  await assertUnhurt(lab);
  await lab.must(["down"]);
  assert.equal((await daemon.status).code, 0);
});

const refusals = [
  "a loop that makes structs",
  "a shared memory",
  "a memory that starts with 4 GiB",
  "an imported memory",
  "a load from memory 1",
  "an export named like the hooks",
  "ifs above ten thousand values",
  "ten million values on the operand stack",
  "a million functions of 50,000 locals",
  "a module cut after 40 bytes",
];

Deno.test("R13 what must not run is refused by pln seed, with a hint", async () => {
  await using lab = await Lab.open();
  await lab.startDaemon();
  await lab.must(["seed", example("hello")]);
  for (const name of refusals) {
    const one = caseNamed(name);
    assert.ok(isRefused(one), name);
    await Deno.writeFile(lab.path("evil.wasm"), one.bytes());
    await lab.refused(["seed", lab.path("evil.wasm")], {
      code: 1,
      says: one.fate.refused,
      next: /\S/,
    });
  }
  await assertUnhurt(lab);
  const { seeds } = await statusOf(lab);
  assert.deepEqual(seeds.map(({ name }) => name), ["hello"]);
});
