// The examples on real workers, and against the reference implementation of
// Extism's ABI: what it answers, this host answers.

import createPlugin, { type Plugin } from "@extism/extism";
import assert from "node:assert/strict";
import { type Bytes, utf8 } from "../../src/kernel/mod.ts";
import { loopingStartWasm, loopingWasm } from "../fixtures/seeds/looping.ts";
import {
  caller,
  endingOf,
  rejectsWith,
  textOf,
} from "../fixtures/seeds/seed_lab.ts";
import { guestWasm, text } from "../fixtures/seeds/wat.ts";
import { exampleModule, WorkerLab } from "../fixtures/seeds/worker_lab.ts";

const examples = ["hello", "shout", "upper", "vowels"] as const;
const goModule = await exampleModule("echo-go/echo.wasm");

async function openExamples(): Promise<WorkerLab> {
  const lab = new WorkerLab();
  for (const name of examples) {
    const module = await exampleModule(`${name}/${name}.wasm`);
    assert.ok(module, `examples/${name} is built and committed`);
    lab.add(name, module);
  }
  return lab;
}

async function say(
  lab: WorkerLab,
  [seed, fn]: readonly [string, string],
  input: string,
): Promise<string> {
  return textOf(await lab.call(seed, fn, { text: input }));
}

Deno.test("the examples answer on real workers", async () => {
  await using lab = await openExamples();
  assert.equal(
    await say(lab, ["hello", "greet"], '{"name":"world"}'),
    '{"greeting":"Hello, world!"}',
  );
  assert.equal(await say(lab, ["upper", "handle"], "abc \u00e9"), "ABC \u00c9");
  assert.equal(
    await say(lab, ["vowels", "count_vowels"], "Hello, world!"),
    '{"count":3}',
  );
  assert.equal(await say(lab, ["shout", "shout"], "hey"), "HEY!");
  assert.equal(await say(lab, ["shout", "relay"], "hey"), "HEY");
  const who = JSON.parse(await say(lab, ["shout", "whoami"], ""));
  assert.equal(who.peerKey, caller.peer);
  assert.deepEqual(lab.lines.map((line) => [line.seed, line.text]), [
    ["shout", "shout asks pln://seed/upper/handle"],
  ]);
  await rejectsWith(say(lab, ["hello", "greet"], "{}"), "seed");
});

Deno.test("a thousand calls at once get their own answers, nested ones too", async () => {
  await using lab = await openExamples();
  const calls = Array.from(
    { length: 1000 },
    (_, index) =>
      index % 3 === 0
        ? say(lab, ["shout", "shout"], `call ${index}`)
        : say(lab, ["upper", "handle"], `call ${index}`),
  );
  const answers = await Promise.all(calls);
  for (const [index, answer] of answers.entries()) {
    assert.equal(answer, `CALL ${index}${index % 3 === 0 ? "!" : ""}`);
  }
});

Deno.test("large inputs and outputs pass between real threads", async () => {
  await using lab = await openExamples();
  const sizeBytes = 4 * 1024 * 1024;
  const bytes = new Uint8Array(sizeBytes).fill(0x61);
  const output = await lab.call("upper", "handle", { bytes });
  assert.equal(output.length, sizeBytes);
  assert.equal(bytes.length, 0, "it was moved");
  assert.ok(output.every((byte) => byte === 0x41));
});

Deno.test({
  name: "a Go seed runs, with all three host functions of Pollen",
  ignore: goModule === undefined,
  async fn() {
    assert.ok(goModule);
    await using lab = await openExamples();
    lab.add("go", goModule);
    assert.equal(await say(lab, ["go", "echo"], "ping \u2603"), "ping \u2603");
    assert.equal(
      await say(lab, ["go", "ask"], "pln://seed/upper/handle\nabc"),
      "ABC",
    );
    const who = JSON.parse(await say(lab, ["go", "caller"], ""));
    assert.equal(who.peerKey, caller.peer);
    await say(lab, ["go", "log"], "a line");
    assert.deepEqual(lab.lines.map((line) => [line.level, line.text]), [
      ["info", "a line"],
    ]);
    const asking = say(lab, ["go", "ask"], "pln://seed/nobody/f\n");
    const error = await rejectsWith(asking, "seed");
    assert.match(error.hint ?? "", /There is no seed "nobody"/);
  },
});

Deno.test("a guest that traps again and again costs no thread", async () => {
  await using lab = new WorkerLab();
  const failed = text(64, "failed");
  lab.add(
    "bad",
    guestWasm(`${failed.data}
      (func (export "trap") (result i32) (unreachable))
      (func (export "fail") (result i32)
        (call $error_set ${failed.block}) (i32.const 1))`),
  );
  for (let round = 0; round < 4; round++) {
    const calls = Array.from({ length: 500 }, async (_, index) => {
      const fn = index % 2 === 0 ? "trap" : "fail";
      await rejectsWith(
        lab.call("bad", fn, { text: "" }),
        fn === "trap" ? "trap" : "seed",
      );
    });
    await Promise.all(calls);
  }
  assert.deepEqual(lab.pool.threadCounts, { running: 2, lost: 0 });
});

const user = {
  pollen_log: () => {},
  pollen_request: () => 0n,
  pollen_caller_info: () => 0n,
};

async function openOracle(module: Bytes): Promise<Plugin> {
  return await createPlugin({ wasm: [{ data: module }] }, {
    useWasi: true,
    functions: { "extism:host/user": user },
  });
}

const inputs = [
  ...["", "a", "{}", '{"name":"world"}', '{"name":"\u2603 \\"q\\""}', "[1,2"],
  ...['{"name":7}', "Hello, world!", "AEIOU aeiou \u00e4", "\0\x01\x7f"],
  ...["x".repeat(1000), "stra\u00dfe \u{1f600}", '{"a":{"name":1},"name":"n"}'],
];

Deno.test("this host answers as the reference implementation does", async () => {
  await using lab = await openExamples();
  const functions: (readonly [string, string])[] = [
    ["hello", "greet"],
    ["upper", "handle"],
    ["vowels", "count_vowels"],
  ];
  if (goModule !== undefined) {
    lab.add("go", goModule);
    functions.push(["go", "echo"]);
  }
  for (const [name, fn] of functions) {
    const module = name === "go"
      ? goModule
      : await exampleModule(`${name}/${name}.wasm`);
    assert.ok(module);
    const oracle = await openOracle(module);
    try {
      for (const input of inputs) {
        const ours = await lab.call(name, fn, { text: input })
          .then((bytes) => [...bytes], () => "failed");
        const theirs = await oracle.call(fn, utf8(input))
          .then((output) => [...(output?.bytes() ?? [])], () => "failed");
        assert.deepEqual(
          ours,
          theirs,
          `${name} ${fn} ${JSON.stringify(input)}`,
        );
      }
    } finally {
      await oracle.close();
    }
  }
});

Deno.test("S35: guests that never return end on real workers", async () => {
  await using lab = await openExamples();
  lab.add("bad", loopingWasm, { settings: { cpuMs: 300 } });
  const loops = Array.from(
    { length: 16 },
    () => endingOf(lab.call("bad", "loop", { text: "" })),
  );
  const asks = endingOf(lab.call("bad", "asks", { text: "", timeoutMs: 200 }));
  // Answered while they loop: a deadline of the loops would be no proof.
  const started = Promise.race(loops);
  const beside = await Promise.race([
    Promise.all(["a", "b"].map((one) => say(lab, ["upper", "handle"], one))),
    started,
  ]);
  assert.deepEqual(beside, ["A", "B"]);
  assert.equal(await asks, "timeout");
  assert.deepEqual(
    new Set(await Promise.all(loops)),
    new Set(["timeout"]),
  );
  assert.equal(await say(lab, ["upper", "handle"], "after"), "AFTER");
  assert.equal(await say(lab, ["bad", "fine"], "well"), "well");
  assert.deepEqual(lab.pool.threadCounts, { running: 2, lost: 0 });
});

Deno.test("S35: a start function that loops ends on real workers", async () => {
  await using lab = await openExamples();
  const starting = lab.add("starting", loopingStartWasm);
  const loading = endingOf(lab.pool.load(starting));
  assert.equal(await say(lab, ["upper", "handle"], "beside"), "BESIDE");
  lab.pool.unload(starting.key);
  assert.equal(await loading, "lost");
  assert.equal(await say(lab, ["upper", "handle"], "after"), "AFTER");
  assert.equal(lab.pool.threadCounts.lost, 0);
});
