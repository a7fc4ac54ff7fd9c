// What only real threads can show of the epoch: a guest that fills its thread
// still sees time pass, ends when its thread is terminated, and survives the
// deaths of the ticker; nothing ticks where no guest runs. In, the sandbox over
// Workers; out, words in shared memory.

import assert from "node:assert/strict";
import { openThreadCount } from "../../src/adapters/sandbox.ts";
import { entryUrl, openRealSandbox } from "./real_sandbox.ts";
import { Talk } from "./sandbox_contract.ts";

Deno.test("openSandbox() sets the word until it is acknowledged", async () => {
  await using subject = openRealSandbox();
  const thread = new Talk(subject.sandbox.spawn("busy"));
  const zeros = await thread.ask({ type: "ticks", count: 20 });
  assert.ok(typeof zeros === "number" && zeros > 0 && zeros <= 20);
});

Deno.test("openSandbox() ticks only where a guest runs", async () => {
  await using subject = openRealSandbox();
  const resting = new Talk(subject.sandbox.spawn("resting"));
  const busy = new Talk(subject.sandbox.spawn("busy"));
  await resting.ask({ type: "ticks", count: 1 });
  // A tick may come between the last acknowledgement and the guest's end.
  await resting.ask({ type: "acknowledge" });
  await busy.ask({ type: "ticks", count: 10 });
  assert.equal(await resting.ask({ type: "word" }), 0);
});

Deno.test("openSandbox() ends a guest that never returns", async () => {
  await using subject = openRealSandbox();
  const thread = subject.sandbox.spawn("spinning");
  const counter = new Int32Array(new SharedArrayBuffer(4));
  await new Talk(thread).ask({ type: "name" });
  thread.post({ type: "spin", counter });
  while (Atomics.load(counter, 0) === 0) await turn();
  thread.terminate();
  for (let before = -1; before !== Atomics.load(counter, 0);) {
    before = Atomics.load(counter, 0);
    await turn();
  }
});

Deno.test("openSandbox() ticks for threads that start later", async () => {
  await using subject = openRealSandbox();
  const first = new Talk(subject.sandbox.spawn("first"));
  await first.ask({ type: "ticks", count: 1 });
  const second = subject.sandbox.spawn("second");
  await new Talk(second).ask({ type: "ticks", count: 1 });
  second.terminate();
  await first.ask({ type: "ticks", count: 1 });
  const third = new Talk(subject.sandbox.spawn("third"));
  await third.ask({ type: "ticks", count: 1 });
});

Deno.test("openSandbox() starts a new ticker after its last thread", async () => {
  await using subject = openRealSandbox();
  for (let round = 0; round < 3; round++) {
    const thread = subject.sandbox.spawn("alone");
    await new Talk(thread).ask({ type: "ticks", count: 2 });
    thread.terminate();
    assert.equal(openThreadCount(), 0);
  }
});

Deno.test("openSandbox() replaces a ticker that died", async () => {
  const mainUrl = `${entryUrl("mortal_ticker.ts")}?deaths=2`;
  await using subject = openRealSandbox({ mainUrl });
  const thread = new Talk(subject.sandbox.spawn("watched"));
  await thread.ask({ type: "ticks", count: 5 });
  await thread.ask({ type: "ticks", count: 5 });
});

Deno.test("openSandbox() fails threads that nothing ticks", async () => {
  const mainUrl = `${entryUrl("mortal_ticker.ts")}?deaths=1000`;
  await using subject = openRealSandbox({ mainUrl });
  const failed = Promise.withResolvers<Error>();
  const thread = subject.sandbox.spawn("unwatched");
  thread.onFailure(failed.resolve);
  const { message, cause } = await failed.promise;
  assert.match(message, /ticker/);
  assert.match(String(cause), /had to die/);
  assert.equal(openThreadCount(), 0);
});

Deno.test({
  name: "openSandbox() uses no processor while no guest runs",
  // Other systems do not tell how often a thread wakes.
  ignore: Deno.build.os !== "linux",
  async fn() {
    const program = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", entryUrl("idle_ticker.ts")],
      stderr: "inherit",
      // It takes a second, or for ever.
      signal: AbortSignal.timeout(60_000),
    });
    const { success, stdout } = await program.output();
    assert.ok(success);
    const steps = new TextDecoder().decode(stdout).trim().split("\n");
    assert.deepEqual(steps, ["quiet", "ticking", "quiet", "ticked", "quiet"]);
  },
});

/** Long enough for any thread that runs to be given a processor. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50));
}
