// The composed node over simulated ports: what it keeps in threads, what it
// removes from the store, and how it closes. Everything else about it is shown
// by the daemon's tests and by the simulator's scenarios.

import assert from "node:assert/strict";
import { openSigner } from "../../src/adapters/signer.ts";
import { openTurn } from "../../src/adapters/turn.ts";
import {
  type Bytes,
  canonicalJson,
  ClosedError,
  type JsonValue,
  type PlnError,
  utf8,
  utf8TextLossy,
} from "../../src/kernel/mod.ts";
import { ContentStore } from "../../src/blobs/mod.ts";
import type { Node } from "../../src/node/mod.ts";
import { serveSeedThread } from "../../src/guest/mod.ts";
import {
  initSimNode,
  openSimMachine,
  openSimNode,
  type SimMachine,
  type SimMachineOptions,
  type SimProcess,
  type ThreadProgram,
  type World,
} from "../../src/sim/mod.ts";
import { openWorld } from "../../src/sim/mod.ts";
import { noHash } from "../../src/state/batches.ts";
import { encodeJournalFile } from "../../src/state/journal_file.ts";
import { encodeSignedBatch, signBatch } from "../../src/state/mod.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";

const signer = openSigner();
const never = new AbortController().signal;

type Lab = {
  readonly world: World;
  readonly machine: SimMachine;
  readonly process: SimProcess;
  readonly node: Node;
};

type Options = Pick<SimMachineOptions, "program" | "disk">;

function test(
  name: string,
  run: (lab: Lab) => Promise<void>,
  options: Options = {},
): void {
  const fn = async () => {
    const world = openWorld(1, { turn: openTurn() });
    const machine = openSimMachine(world, { ...options, name: "n", signer });
    const scenario = async () => {
      await initSimNode(machine);
      const process = machine.boot();
      const node = await openSimNode(process);
      await run({ world, machine, process, node });
      await node[Symbol.asyncDispose]();
    };
    await world.complete(scenario());
  };
  Deno.test({ name, permissions: "none", fn });
}

const plain = { config: {} };

async function tagOf(node: Node, seed: string): Promise<string> {
  const call = { signal: never };
  const target = { seed, function: "tag" };
  return utf8TextLossy(await node.call(target, utf8(""), call));
}

/** Digests of stored modules. */
async function stored(machine: SimMachine): Promise<readonly string[]> {
  const disk = machine.disk.mount();
  const names: string[] = [];
  for (const prefix of await disk.list("store")) {
    const entries = await disk.list(`store/${prefix.name}`);
    names.push(...entries.map(({ name }) => name));
  }
  return names.sort();
}

/** The production thread; notes which messages it gets. */
function notingThread(seen: string[]): ThreadProgram {
  return (scope) =>
    serveSeedThread({
      ...scope,
      onMessage: (handle) =>
        scope.onMessage((message) => {
          for (const [tag] of message as readonly [string][]) {
            if (tag === "load" || tag === "unload") seen.push(tag);
          }
          handle(message);
        }),
    });
}

{
  const seen: string[] = [];
  test("Node.publishSeed() frees what it could not publish", async (lab) => {
    const { machine, node, process } = lab;
    await node.publishSeed("a", sampleModule(1), plain);
    using _full = machine.disk.fail("full");
    const failing = () => node.publishSeed("a", sampleModule(2), plain);
    await assert.rejects(failing, /Cannot /);
    // The same module again, with another timeout: it stays where it is.
    const again = { config: {}, timeoutMs: 5 };
    await assert.rejects(node.publishSeed("a", sampleModule(1), again));
    await process.clock.sleep(10, never);
    assert.deepEqual(seen, ["load", "load", "unload"]);
    assert.equal(await tagOf(node, "a"), sampleTag(1));
    assert.deepEqual(seen, ["load", "load", "unload"]);
  }, { program: notingThread(seen) });
}

test("Node.publishSeed() of one name at once: the last one stays", async (lab) => {
  const { machine, node } = lab;
  const numbers = [1, 2, 3, 4, 5, 6];
  const made = await Promise.all(
    numbers.map((number) => node.publishSeed("a", sampleModule(number), plain)),
  );
  const digests = made.map(({ digest }) => digest);
  const digest = node.view.seeds.get("a")?.spec.digest;
  assert.ok(digest !== undefined && digests.includes(digest));
  const number = numbers[digests.indexOf(digest)] ?? 0;
  assert.equal(await tagOf(node, "a"), sampleTag(number));
  assert.deepEqual(await stored(machine), [digest]);
  const replaced = made.map(({ replaces }) => replaces);
  assert.equal(new Set([...replaced, digest]).size, numbers.length + 1);
});

test("S35 R14 calls that wait while their seed is replaced are answered", async (lab) => {
  const { machine, node } = lab;
  const before = await node.publishSeed("a", sampleModule(1), plain);
  const calls = Array.from({ length: 300 }, () => tagOf(node, "a"));
  const next = await node.publishSeed("a", sampleModule(2), plain);
  assert.equal(next.replaces, before.digest);
  const tags = new Set(await Promise.all(calls));
  assert.deepEqual([...tags], [sampleTag(1)]);
  assert.equal(await tagOf(node, "a"), sampleTag(2));
  assert.deepEqual(await stored(machine), [next.digest]);
});

/** A call that sleeps a second for each character. */
function nap(node: Node, seed: string, input: string): Promise<Bytes> {
  const target = { seed, function: "nap" };
  return node.call(target, utf8(input), { signal: never });
}

test("Node.unpublishSeed() ends the seed's calls, running and waiting", async (lab) => {
  const { machine, node, process } = lab;
  for (const name of ["a", "b"]) {
    await node.publishSeed(name, sampleModule(1), plain);
  }
  const other = nap(node, "b", "zz");
  const calls = Array.from({ length: 300 }, () => nap(node, "a", "zzzzz"));
  const ended = Promise.allSettled(calls);
  await process.clock.sleep(50, never);
  const startMs = process.clock.nowMs();
  await node.publishSeed("a", sampleModule(2), plain);
  await node.unpublishSeed("a");
  for (const end of await ended) {
    assert.ok(end.status === "rejected");
    const { code, message } = end.reason as PlnError;
    assert.equal(code, "PLN_SEED_CANCELLED");
    assert.equal(message, 'Seed "a" was taken back');
  }
  assert.ok(process.clock.nowMs() - startMs < 1_000, "before their naps ended");
  await other;
  await process.clock.sleep(10, never);
  assert.equal((await stored(machine)).length, 1);
  await node.publishSeed("a", sampleModule(3), plain);
  assert.equal(await tagOf(node, "a"), sampleTag(3));
});

test("Node.seedReport() counts calls of a version that was replaced", async (lab) => {
  const { node, process } = lab;
  await node.publishSeed("a", sampleModule(1), plain);
  const call = nap(node, "a", "zz");
  await process.clock.sleep(50, never);
  await node.publishSeed("a", sampleModule(2), plain);
  assert.equal((await node.inspectSeed("a")).running, 1);
  const entry = node.view.seeds.get("a");
  assert.ok(entry !== undefined);
  assert.equal(node.seedReport(entry).running, 1);
  await call;
  assert.equal(node.seedReport(entry).running, 0);
});

test("Node keeps a module while one of two seeds names it", async (lab) => {
  const { machine, node } = lab;
  await node.publishSeed("a", sampleModule(1), plain);
  await node.publishSeed("b", sampleModule(1), { config: { next: "x" } });
  assert.equal((await stored(machine)).length, 1);
  await node.unpublishSeed("a");
  assert.equal((await stored(machine)).length, 1);
  assert.equal(await tagOf(node, "b"), sampleTag(1));
  await node.unpublishSeed("b");
  assert.deepEqual(await stored(machine), []);
});

test("S35: Node.publishSeed() while its seed is unpublished", async (lab) => {
  const { node } = lab;
  await node.publishSeed("a", sampleModule(1), plain);
  const results = await Promise.allSettled([
    node.unpublishSeed("a"),
    node.publishSeed("a", sampleModule(1), plain),
    node.unpublishSeed("a"),
    node.publishSeed("a", sampleModule(1), plain),
  ]);
  for (const result of results) {
    if (result.status === "fulfilled") continue;
    const { code } = result.reason as PlnError;
    assert.ok(["PLN_NOT_FOUND", "PLN_SEED_LOST"].includes(code), code);
  }
  await node.publishSeed("a", sampleModule(1), plain);
  assert.equal(await tagOf(node, "a"), sampleTag(1));
});

test(
  "Node disposal ends what is under way, then touches no disk",
  async (lab) => {
    const { node, process, world } = lab;
    await node.publishSeed("a", sampleModule(1), plain);
    const under = [
      node.publishSeed("b", sampleModule(2), plain),
      node.publishSeed("c", sampleModule(3), plain),
      node.unpublishSeed("a"),
      node.announce(),
    ];
    const settled = Promise.allSettled(under);
    await process.clock.sleep(6, never);
    await node[Symbol.asyncDispose]();
    const steps = () =>
      world.trace.lines.filter((line) => line.includes("disk.step")).length;
    const before = steps();
    for (const result of await settled) {
      if (result.status === "fulfilled") continue;
      const { code } = result.reason as PlnError;
      assert.ok(["PLN_CLOSED", "PLN_SEED_LOST"].includes(code), code);
    }
    const late = () => node.publishSeed("d", sampleModule(4), plain);
    await assert.rejects(late, ClosedError);
    await assert.rejects(node.unpublishSeed("a"), ClosedError);
    await assert.rejects(node.announce(), ClosedError);
    await process.clock.sleep(10_000, never);
    assert.equal(steps(), before);
    assert.deepEqual(process.sandbox.threads(), []);
    await node[Symbol.asyncDispose]();
  },
  { disk: { stepMsMax: 5 } },
);

/** Leaves a journal in which `entries` of `seeds` are all there is. */
async function writeJournal(
  { machine, node: { identity } }: Lab,
  entries: Readonly<Record<string, JsonValue>>,
): Promise<void> {
  const signed = signBatch({
    owner: identity.peer,
    generation: 9,
    session: new Uint8Array(16).fill(1),
    seq: 1,
    prev: noHash,
    base: true,
    rev: 1,
    operations: Object.entries(entries).map(([key, value]) => ({
      section: "seeds",
      key,
      text: canonicalJson(value),
    })),
    hlc: { wallMs: 1, counter: 0 },
  }, { signer, key: identity.key, cluster: identity.cluster });
  await machine.disk.mount().writeAtomic(
    "journal/00000099.log",
    encodeJournalFile({ number: 99, generation: 9 }, encodeSignedBatch(signed)),
  );
}

test("S17: Node removes nothing while an entry cannot be read", async (lab) => {
  const { machine, node } = lab;
  await node.publishSeed("a", sampleModule(1), plain);
  await node[Symbol.asyncDispose]();
  lab.process.end();
  const digest = "ab".repeat(32);
  const disk = machine.disk.mount();
  await disk.writeAtomic(`store/ab/${digest}`, utf8("of a later version"));
  await writeJournal(lab, { later: { digest, form: 2 } });
  const process = machine.boot();
  const next = await openSimNode(process);
  await next.announce();
  assert.deepEqual(
    next.stateReport().ignoredEntries.map(({ key }) => key),
    ["later"],
  );
  assert.ok((await stored(machine)).includes(digest));
  await next[Symbol.asyncDispose]();
  process.end();
});

test("S17: Node.inspectSeed() of what this version cannot run says why", async (lab) => {
  const { machine, node } = lab;
  await node[Symbol.asyncDispose]();
  lab.process.end();
  const object = utf8("of a later version");
  const disk = machine.disk.mount();
  const store = new ContentStore({ disk, signer });
  const digest = await store.put(object);
  const sizeBytes = object.length;
  await writeJournal(lab, { later: { digest, sizeBytes, publishedMs: 1 } });
  const process = machine.boot();
  const next = await openSimNode(process);
  const { entry, functions, refusal, usage } = await next.inspectSeed("later");
  assert.equal(entry.spec.digest, digest);
  assert.equal(functions, undefined);
  assert.match(refusal ?? "", /is no seed/);
  assert.deepEqual([usage.threads, usage.isolation], [0, undefined]);
  await next[Symbol.asyncDispose]();
  process.end();
});

test("Node.inspectSeed() of a seed that is replaced meanwhile", async ({ node }) => {
  await node.publishSeed("a", sampleModule(1), plain);
  const [before, made, after] = await Promise.all([
    node.inspectSeed("a"),
    node.publishSeed("a", sampleModule(2), { config: {}, cpuMs: 5 }),
    node.inspectSeed("a"),
  ]);
  assert.equal(before.entry.spec.digest, made.replaces);
  assert.equal(after.entry.spec.digest, made.replaces);
  const now = await node.inspectSeed("a");
  assert.deepEqual([now.entry.spec.digest, now.entry.spec.cpuMs], [
    made.digest,
    5,
  ]);
  assert.ok(now.functions?.includes("tag"));
});

test("Node.publishSeed() of the same module with other settings", async (lab) => {
  const { machine, node } = lab;
  const spin = () => {
    const target = { seed: "a", function: "spin" };
    return node.call(target, utf8(""), { signal: never });
  };
  for (const cpuMs of [5, 70]) {
    await node.publishSeed("a", sampleModule(1), { config: {}, cpuMs });
    await assert.rejects(spin(), new RegExp(`more than ${cpuMs} ms of proc`));
    assert.equal(node.view.seeds.get("a")?.spec.cpuMs, cpuMs);
  }
  assert.equal((await stored(machine)).length, 1);
});
