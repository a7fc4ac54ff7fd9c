// S07: kill -9 while a command writes. Whatever the moment, the next command
// finds a directory it can work with, and what was acknowledged before is
// there. The moments are spread over the whole run of each command.

import assert from "node:assert/strict";
import { example, Lab } from "./lab.ts";

const moments = 6;

/** Milliseconds that a whole run takes, from one run. */
async function lengthOf(run: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await run();
  return performance.now() - startMs;
}

/** Starts a command and kills it at a share of its usual length. */
async function killAt(
  lab: Lab,
  args: readonly string[],
  afterMs: number,
): Promise<void> {
  const child = lab.start(args);
  void child.stdout.cancel();
  const timer = setTimeout(() => tryKill(child), afterMs);
  await child.status;
  clearTimeout(timer);
}

function tryKill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL");
  } catch (cause) {
    // It has ended by itself.
    if (!(cause instanceof TypeError)) throw cause;
  }
}

function* spread(lengthMs: number): Generator<number> {
  for (let index = 1; index <= moments; index++) {
    yield lengthMs * index / (moments + 1);
  }
}

Deno.test("S07 pln init, killed at any moment, can be run again", async () => {
  await using measured = await Lab.open();
  const lengthMs = await lengthOf(() => measured.must(["init"]));
  for (const afterMs of spread(lengthMs)) {
    await using lab = await Lab.open();
    await killAt(lab, ["init"], afterMs);
    // Exit 1: it was done already, and says so.
    const { code, stderr } = await lab.run(["init"]);
    if (code !== 0) assert.match(stderr, /There is a node in/);
    await lab.must(["up", "-d"]);
    assert.match(await lab.must(["id"]), /^[0-9a-f]{64}\n$/);
    await lab.must(["down"]);
  }
});

Deno.test("S07 pln up, killed while it starts, starts the next time", async () => {
  await using lab = await Lab.open();
  await lab.must(["up", "-d"]);
  await lab.must(["seed", example("hello"), "kept"]);
  const id = await lab.must(["id"]);
  await lab.must(["down"]);
  const lengthMs = await lengthOf(() => lab.must(["up", "-d"]));
  await lab.must(["down"]);
  for (const afterMs of spread(lengthMs)) {
    await killAt(lab, ["up"], afterMs);
  }
  await lab.must(["up", "-d"]);
  assert.equal(await lab.must(["id"]), id);
  const { seeds, alarms } = await lab.client.status();
  assert.deepEqual(seeds.map(({ name }) => name), ["kept"]);
  assert.deepEqual(alarms, []);
  await lab.must(["call", "kept", "greet", '{"name":"x"}']);
});

Deno.test("S07 pln seed, killed at any moment, is whole or nothing", async () => {
  await using lab = await Lab.open();
  const daemon = await lab.startDaemon();
  const seed = (name: string) => ["seed", example("hello"), name];
  const lengthMs = await lengthOf(() => lab.must(seed("kept")));
  let index = 0;
  for (const afterMs of spread(lengthMs)) {
    await killAt(lab, seed(`s${index++}`), afterMs);
  }
  const before = (await lab.client.status()).seeds;
  assert.equal((await lab.client.status()).node.processId, daemon.pid);
  await lab.kill(daemon);
  await lab.startDaemon();
  const { seeds, alarms } = await lab.client.status();
  assert.deepEqual(alarms, []);
  const names = seeds.map(({ name }) => name);
  assert.deepEqual(names, before.map(({ name }) => name));
  assert.ok(names.includes("kept"));
  for (const name of names) {
    await lab.must(["call", name, "greet", '{"name":"x"}']);
  }
  for (const name of names) await lab.must(["unseed", name]);
});
