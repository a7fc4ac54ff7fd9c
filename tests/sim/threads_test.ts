// Seed threads that crash and hang, seeds that loop and that call each other, in
// virtual time: every caller is answered by its deadline, threads are replaced,
// other seeds go on. Real threads run the same program in tests/e2e.

import assert from "node:assert/strict";
import { limits } from "../../src/kernel/mod.ts";
import type { Node } from "../../src/node/mod.ts";
import {
  initSimNode,
  openSimMachine,
  type SimMachine,
  type SimProcess,
  type World,
} from "../../src/sim/mod.ts";
import { sampleModule, sampleTag } from "../fixtures/seeds/sample.ts";
import { callText, pause, scenario, signer, start } from "./lab.ts";

type Lab = {
  readonly world: World;
  readonly machine: SimMachine;
  readonly process: SimProcess;
  readonly node: Node;
  readonly random: ReturnType<World["random"]["fork"]>;
};

function threads(
  name: string,
  run: (lab: Lab) => Promise<void>,
  options: {
    readonly seeds?: readonly number[];
  } = {},
): void {
  scenario(name, async (world) => {
    const machine = openSimMachine(world, { name: "node", signer });
    await initSimNode(machine);
    const { process, node } = await start(machine);
    const random = world.random.fork("scenario");
    await run({ world, machine, process, node, random });
    await node[Symbol.asyncDispose]();
    assert.deepEqual(process.sandbox.threads(), []);
    process.end();
  }, options);
}

async function publish(
  node: Node,
  name: string,
  options: {
    readonly number?: number;
    readonly next?: string;
    readonly cpuMs?: number;
  } = {},
): Promise<void> {
  const { number = 0, next, cpuMs } = options;
  const config: Record<string, string> = next === undefined ? {} : { next };
  await node.publishSeed(name, sampleModule(number), { config, cpuMs });
}

/** What was answered, and how long it took. */
async function timed(
  { world }: Pick<Lab, "world">,
  call: Promise<string>,
): Promise<readonly [answer: string, tookMs: number]> {
  const startMs = world.nowMs;
  const answer = await call;
  return [answer, world.nowMs - startMs];
}

/** Beside a deadline: one tick of the watch. */
const slackMs = 30;

threads("each function of the sample seed does what it says", async (lab) => {
  const { node } = lab;
  await publish(node, "a", { number: 7, next: "pln://seed/b/echo" });
  await publish(node, "b");
  assert.equal(await callText(node, "a/tag"), sampleTag(7));
  assert.equal(await callText(node, "a/echo", { input: "in" }), "in");
  assert.equal(await callText(node, "a/echo"), "");
  assert.equal(await callText(node, "a/config"), "pln://seed/b/echo");
  assert.equal(await callText(node, "a/around", { input: "in" }), "in");
  assert.equal(await callText(node, "a/trap"), "PLN_SEED_TRAP");
  assert.equal(await callText(node, "a/fail", { input: "x" }), "PLN_SEED_SEED");
  assert.equal(await callText(node, "a/none"), "PLN_SEED_NO_FUNCTION");
  assert.equal(await callText(node, "none/tag"), "PLN_NOT_FOUND");
  const caller = JSON.parse(await callText(node, "a/caller"));
  assert.equal(caller.peerKey, node.identity.peer);
});

threads("S35: a seed that loops ends in time, alone", async (lab) => {
  const { node } = lab;
  await publish(node, "loops", { number: 1, cpuMs: 300 });
  await publish(node, "good", { number: 2 });
  const spin = (timeoutMs: number) =>
    timed(lab, callText(node, "loops/spin", { timeoutMs }));
  for (const timeoutMs of [100, 5_000]) {
    const spinning = spin(timeoutMs);
    const others = Array.from(
      { length: 20 },
      () => timed(lab, callText(node, "good/tag", { timeoutMs: 5_000 })),
    );
    const [answer, tookMs] = await spinning;
    assert.equal(answer, "PLN_SEED_TIMEOUT");
    assert.ok(tookMs <= Math.min(timeoutMs, 350) + slackMs, `${tookMs} ms`);
    for (const other of others) {
      const [text, otherMs] = await other;
      assert.equal(text, sampleTag(2));
      assert.ok(otherMs < 100, `${otherMs} ms`);
    }
    assert.equal(await callText(node, "loops/tag"), sampleTag(1));
  }
  assert.equal(node.threadCounts.lost, 0);
});

threads("S35: loops, crashes and hangs at random answer all", async (lab) => {
  const { node, process, random, world } = lab;
  await publish(node, "loops", { number: 1, cpuMs: 300 });
  await publish(node, "good", { number: 2 });
  const calls: Promise<readonly [string, number]>[] = [];
  let faults = 0;
  for (let step = 0; step < 60; step++) {
    const choice = random.integer(12);
    const target = choice === 0 ? "loops/spin" : "good/tag";
    calls.push(timed(lab, callText(node, target, { timeoutMs: 1_000 })));
    const { sandbox } = process;
    const all = sandbox.threads();
    const thread = all[random.integer(Math.max(1, all.length))];
    if (thread !== undefined && choice === 1) sandbox.crash(thread);
    if (thread !== undefined && choice === 2 && step < 20) {
      sandbox.wedge(thread);
    }
    if (choice === 1 || choice === 2) faults++;
    await pause(world, random.integer(100));
  }
  const known = new Set([
    sampleTag(2),
    "PLN_SEED_TIMEOUT",
    "PLN_SEED_LOST",
    "PLN_SATURATED",
  ]);
  for (const call of calls) {
    const [answer, tookMs] = await call;
    assert.ok(known.has(answer), answer);
    assert.ok(tookMs <= 1_000 + slackMs, `${tookMs} ms`);
  }
  await pause(world, 15_000);
  assert.equal(await callText(node, "good/tag"), sampleTag(2));
  assert.ok(node.threadCounts.lost <= faults);
});

threads("S07: a thread that crashes is replaced", async (lab) => {
  const { node, process } = lab;
  await publish(node, "good", { number: 2 });
  for (let round = 0; round < 5; round++) {
    const asked = callText(node, "good/nap", { input: "zzz" });
    await pause(lab.world, 100);
    for (const thread of process.sandbox.threads()) {
      process.sandbox.crash(thread);
    }
    assert.equal(await asked, "PLN_SEED_LOST");
    assert.equal(await callText(node, "good/tag"), sampleTag(2));
  }
});

threads("a seed that sleeps lets others run, and ends in time", async (lab) => {
  const { node } = lab;
  await publish(node, "a", { number: 3 });
  const naps = Array.from(
    { length: 40 },
    () => timed(lab, callText(node, "a/nap", { input: "zz" })),
  );
  const tag = await timed(lab, callText(node, "a/tag"));
  assert.deepEqual(tag[0], sampleTag(3));
  assert.ok(tag[1] < 100);
  for (const nap of naps) {
    const [answer, tookMs] = await nap;
    assert.equal(answer, "");
    assert.ok(tookMs >= 2_000 && tookMs < 2_100, `${tookMs} ms`);
  }
  const input = "z".repeat(60);
  const late = callText(node, "a/nap", { input, timeoutMs: 1_000 });
  const [answer, tookMs] = await timed(lab, late);
  assert.equal(answer, "PLN_SEED_TIMEOUT");
  assert.ok(tookMs <= 1_000 + slackMs);
});

threads(
  "S39: seeds that call each other in a circle are refused",
  async (lab) => {
    const { node, machine } = lab;
    await publish(node, "a", { next: "pln://seed/b/around" });
    await publish(node, "b", { next: "pln://seed/a/around" });
    await publish(node, "self", { next: "pln://seed/self/around" });
    for (const seed of ["a", "self"]) {
      const call = callText(node, `${seed}/around`, { timeoutMs: 5_000 });
      const [answer, tookMs] = await timed(lab, call);
      assert.equal(answer, "PLN_SEED_SEED");
      assert.ok(tookMs < 1_000, `${tookMs} ms`);
    }
    const chains = machine.log.records
      .filter(({ event }) => event === "seed.request_failed")
      .map(({ fields }) => String(fields["message"]));
    const circle = "circle: a/around -> b/around -> a/around";
    assert.ok(chains.some((text) => text.endsWith(circle)), chains.join("\n"));
  },
);

threads("S39: a chain of seeds ends at its limit, printed", async (lab) => {
  const { node } = lab;
  const count = limits.callHopsMax + 1;
  for (let hop = 0; hop < count; hop++) {
    const next = hop + 1 < count
      ? `pln://seed/hop-${hop + 1}/around`
      : "pln://seed/hop-0/tag";
    await publish(node, `hop-${hop}`, { next });
  }
  assert.equal(await callText(node, "hop-0/around"), "PLN_SEED_SEED");
  const short = `hop-${count - limits.callHopsMax + 1}/around`;
  assert.equal(await callText(node, short), sampleTag(0));
});

threads("S40: a busy node refuses what it cannot queue", async (lab) => {
  const { node } = lab;
  await publish(node, "a");
  const most = limits.callsQueuedMax + 5_000;
  const calls = Array.from(
    { length: most },
    () => callText(node, "a/nap", { input: "z" }),
  );
  const answers = new Map<string, number>();
  for (const call of calls) {
    const answer = await call;
    answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  assert.deepEqual([...answers.keys()].sort(), ["", "PLN_SATURATED"]);
  assert.ok((answers.get("") ?? 0) >= limits.callsQueuedMax);
}, { seeds: [1, 2] });
