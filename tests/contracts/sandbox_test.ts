// The Sandbox contract for Workers and for simulated threads; how Workers fail;
// what only the simulator can do. Every test ends with no thread open, since
// the sanitizers do not see leaked Workers.

import assert from "node:assert/strict";
import { openSandbox, openThreadCount } from "../../src/adapters/sandbox.ts";
import { openSigner } from "../../src/adapters/signer.ts";
import {
  openThreadScope,
  threadRole,
} from "../../src/adapters/thread_scope.ts";
import { AssertionError } from "../../src/kernel/mod.ts";
import type { Random } from "../../src/ports/mod.ts";
import { openSimSandbox, type SimSandbox } from "../../src/sim/sandbox.ts";
import { runEchoThread } from "./fixtures/echo_thread.ts";
import { entryUrl, openRealSandbox } from "./real_sandbox.ts";
import { type SandboxSubject, Talk, testSandbox } from "./sandbox_contract.ts";
import { SteppedClock } from "./stepped_clock.ts";

type SimSubject = SandboxSubject & {
  readonly sandbox: SimSandbox;
  readonly clock: SteppedClock;
};

function openSimulated(): SimSubject {
  const clock = new SteppedClock();
  const sandbox = openSimSandbox({
    clock,
    random: countingRandom(),
    program: runEchoThread,
    signer: openSigner(),
  });
  return {
    clock,
    sandbox,
    async [Symbol.asyncDispose]() {
      for (const thread of sandbox.threads()) thread.terminate();
      await clock.idle();
    },
  };
}

function countingRandom(): Random {
  let next = 0;
  return {
    bytes: (length) => new Uint8Array(length).map(() => next++),
    integer: (below) => next++ % below,
    fork: countingRandom,
  };
}

testSandbox("Sandbox (Deno)", () => Promise.resolve(openRealSandbox()));
testSandbox("Sandbox (simulated)", () => Promise.resolve(openSimulated()));

Deno.test("openSandbox() tells of an entry file that is missing", async () => {
  await using subject = openRealSandbox({
    mainUrl: entryUrl("no_such_thread.ts"),
  });
  const thread = subject.sandbox.spawn("missing");
  const failed = Promise.withResolvers<Error>();
  thread.onFailure(failed.resolve);
  thread.post({ type: "name" });
  assert.match((await failed.promise).message, /missing/);
});

Deno.test("openSandbox() tells a failure also to a late handler", async () => {
  await using subject = openRealSandbox();
  const thread = subject.sandbox.spawn("dying");
  thread.post({ type: "throw", text: "early" });
  // A dead thread is not counted any more: ask another one until it is dead.
  const fence = new Talk(subject.sandbox.spawn("fence"));
  while (openThreadCount() > 1) await fence.ask({ type: "name" });
  const failed = Promise.withResolvers<Error>();
  thread.onFailure(failed.resolve);
  assert.match((await failed.promise).message, /early/);
});

Deno.test("openSandbox() takes the number of cores it is told", () => {
  const mainUrl = entryUrl("echo_entry.ts");
  assert.equal(openSandbox({ mainUrl, cores: 3 }).cores, 3);
  assert.equal(openSandbox({ mainUrl, cores: 0 }).cores, 1);
});

Deno.test("threadRole() is undefined in the main thread", () => {
  assert.equal(threadRole(), undefined);
  assert.throws(() => openThreadScope(), AssertionError);
});

Deno.test("openSimSandbox() crashes a thread on demand", async () => {
  await using subject = openSimulated();
  const { sandbox, clock } = subject;
  const thread = sandbox.spawn("victim");
  const failures: Error[] = [];
  thread.onFailure((cause) => failures.push(cause));
  sandbox.crash(thread);
  sandbox.crash(thread);
  await clock.idle();
  assert.equal(failures.length, 1);
  assert.match(failures[0]?.message ?? "", /victim.*crash/);
  assert.deepEqual(sandbox.threads(), []);
});

Deno.test("openSimSandbox() wedges a thread as a loop would", async () => {
  await using subject = openSimulated();
  const { sandbox, clock } = subject;
  const thread = sandbox.spawn("wedged");
  const heard: unknown[] = [];
  thread.onMessage((message) => heard.push(message));
  thread.onFailure((cause) => heard.push(cause));
  thread.post({ type: "echo", value: 1 });
  thread.post({ type: "later", delaysMs: [500] });
  await clock.idle();
  assert.deepEqual(heard, [1, 500]);
  thread.post({ type: "later", delaysMs: [10] });
  sandbox.wedge(thread);
  thread.post({ type: "throw", text: "never handled" });
  await clock.idle();
  assert.deepEqual(heard, [1, 500]);
  assert.deepEqual(sandbox.threads(), [thread]);
  thread.terminate();
  assert.deepEqual(sandbox.threads(), []);
});
