// What every Sandbox must do, as tests around one echo program: messages in
// order and by value, transfers, clocks, randomness, deaths and ends. In comes
// a way to open one. Nothing here may know whether threads are simulated.

import assert from "node:assert/strict";
import { toHex, utf8 } from "../../src/kernel/mod.ts";
import type {
  Sandbox,
  SandboxThread,
  ThreadMessage,
} from "../../src/ports/mod.ts";
import { type EchoCommand, lateName } from "./fixtures/echo_thread.ts";

export interface SandboxSubject extends AsyncDisposable {
  /** Threads that a test leaves running end with the subject. */
  readonly sandbox: Sandbox;
}

export type OpenSandboxSubject = () => Promise<SandboxSubject>;

type Test = (name: string, run: (sandbox: Sandbox) => Promise<void>) => void;

export function testSandbox(label: string, open: OpenSandboxSubject): void {
  const test: Test = (name, run) =>
    Deno.test(`${label} ${name}`, async () => {
      await using subject = await open();
      await run(subject.sandbox);
    });
  testMessages(test);
  testScope(test);
  testTime(test);
  testEnds(test);
}

function testMessages(test: Test): void {
  test("has at least one core", (sandbox) => {
    assert.ok(Number.isSafeInteger(sandbox.cores) && sandbox.cores >= 1);
    return Promise.resolve();
  });
  test("gives a thread its name", async (sandbox) => {
    for (const name of ["one", "two"]) {
      const thread = new Talk(sandbox.spawn(name));
      assert.equal(await thread.ask({ type: "name" }), name);
    }
  });
  test("delivers messages in order, also before it runs", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("order"));
    const values = Array.from({ length: 200 }, (_, index) => index);
    for (const value of values) thread.post({ type: "echo", value });
    assert.deepEqual(await thread.take(values.length), values);
  });
  test("keeps what comes before the thread listens", async (sandbox) => {
    const thread = new Talk(sandbox.spawn(lateName));
    const moved = Uint8Array.of(1, 2, 3);
    thread.post({ type: "echo", value: "first" });
    thread.post({ type: "echo", value: moved }, [moved.buffer]);
    assert.equal(moved.length, 0);
    const [first, second] = await thread.take(2);
    assert.equal(first, "first");
    assert.deepEqual(second, Uint8Array.of(1, 2, 3));
  });
  test("passes messages by value", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("value"));
    const value = { list: [1, 2], map: new Map([["a", 1n]]), at: undefined };
    const answer = thread.ask({ type: "echo", value });
    value.list.push(3);
    assert.deepEqual(await answer, { ...value, list: [1, 2] });
  });
  test("refuses what cannot be cloned", (sandbox) => {
    const thread = sandbox.spawn("functions");
    assert.throws(() => thread.post(() => undefined), {
      name: "DataCloneError",
    });
    return Promise.resolve();
  });
  test("moves transferred buffers both ways", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("transfer"));
    await thread.ask({ type: "name" });
    const bytes = new Uint8Array(100_000).fill(7);
    const answer = thread.ask({ type: "echo", value: bytes }, [bytes.buffer]);
    assert.equal(bytes.length, 0);
    assert.deepEqual(await answer, new Uint8Array(100_000).fill(7));
  });
  test("carries compiled modules and shared memory", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("modules"));
    const header = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);
    const module = new WebAssembly.Module(header);
    const answer = await thread.ask({ type: "echo", value: module });
    assert.ok(answer instanceof WebAssembly.Module);
    assert.deepEqual(WebAssembly.Module.exports(answer), []);
    const word = new Int32Array(new SharedArrayBuffer(4));
    const echoed = await thread.ask({ type: "echo", value: word });
    assert.ok(echoed instanceof Int32Array);
    echoed[0] = 42;
    assert.equal(word[0], 42);
  });
}

function testScope(test: Test): void {
  test("fills any number of bytes at random", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("random"));
    for (const length of [0, 32, 200_000]) {
      const bytes = await thread.ask({ type: "random", length });
      assert.ok(bytes instanceof Uint8Array && bytes.length === length);
      // Also the tail is filled: 32 zero bytes come once in 2^256.
      assert.equal(bytes.slice(-32).some((byte) => byte !== 0), length > 0);
    }
  });
  test("has clocks, and the monotonic one never goes back", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("clocks"));
    const before = await thread.ask({ type: "clocks" });
    const after = await thread.ask({ type: "clocks" });
    assert.ok(isPair(before) && isPair(after));
    assert.ok(after[0] >= before[0]);
    assert.ok(after[1] > Date.UTC(2023, 0));
  });
  test("runs timers once, by their deadlines", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("timers"));
    thread.post({ type: "later", delaysMs: [60, 0, 30] });
    assert.deepEqual(await thread.take(3), [0, 30, 60]);
    assert.equal(await thread.ask({ type: "name" }), "timers");
  });
  test("hashes as FIPS 180-4 says", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("hash"));
    const answers = [
      await thread.ask({ type: "hash", bytes: new Uint8Array() }),
      await thread.ask({ type: "hash", bytes: utf8("abc") }),
    ].map((hash) => hash instanceof Uint8Array && toHex(hash));
    assert.deepEqual(answers, [
      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    ]);
  });
}

function testTime(test: Test): void {
  test("runs soon() after the messages that wait", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("soon"));
    await thread.ask({ type: "name" });
    const gate = new Int32Array(new SharedArrayBuffer(4));
    const values = Array.from({ length: 50 }, (_, index) => index);
    thread.post({ type: "soon", gate });
    for (const value of values) thread.post({ type: "echo", value });
    Atomics.store(gate, 0, 1);
    assert.deepEqual(await thread.take(51), [...values, "soon"]);
  });
  test("lets a guest see that time passes while it runs", async (sandbox) => {
    const threads = ["one", "two"].map((name) => new Talk(sandbox.spawn(name)));
    for (let round = 0; round < 2; round++) {
      const answers = threads.map((thread) =>
        thread.ask({ type: "ticks", count: 5 })
      );
      for (const answer of answers) {
        assert.equal(typeof await answer, "number");
      }
    }
  });
  test("spends time while a guest runs", async (sandbox) => {
    const thread = new Talk(sandbox.spawn("clocks"));
    const before = await thread.ask({ type: "clocks" });
    thread.post({ type: "ticks", count: 5 });
    thread.post({ type: "clocks" });
    const [, after] = await thread.take(2);
    assert.ok(isPair(before) && isPair(after));
    assert.ok(after[0] > before[0]);
  });
}

function testEnds(test: Test): void {
  for (const type of ["throw", "reject"] as const) {
    test(`tells once that a thread died by a ${type}`, async (sandbox) => {
      const thread = sandbox.spawn("dying");
      const failures: Error[] = [];
      const failed = Promise.withResolvers<void>();
      const heard: ThreadMessage[] = [];
      thread.onMessage((message) => heard.push(message));
      thread.onFailure((cause) => {
        failures.push(cause);
        failed.resolve();
      });
      thread.post({ type, text: "out of luck" });
      thread.post({ type, text: "again" });
      await failed.promise;
      await new Talk(sandbox.spawn("fence")).ask({ type: "name" });
      thread.post({ type: "echo", value: "ignored" });
      thread.terminate();
      await new Talk(sandbox.spawn("fence")).ask({ type: "name" });
      assert.deepEqual(heard, []);
      assert.equal(failures.length, 1);
      assert.match(failures[0]?.message ?? "", /dying.*out of luck/);
    });
  }
  test("delivers nothing after terminate()", async (sandbox) => {
    const thread = sandbox.spawn("ended");
    const heard: ThreadMessage[] = [];
    thread.onMessage((message) => heard.push(message));
    thread.onFailure((cause) => heard.push(cause));
    thread.post({ type: "echo", value: 1 });
    thread.terminate();
    thread.terminate();
    thread.post({ type: "throw", text: "unheard" });
    const fence = new Talk(sandbox.spawn("fence"));
    for (let turn = 0; turn < 20; turn++) await fence.ask({ type: "name" });
    assert.deepEqual(heard, []);
  });
  test("keeps threads apart", async (sandbox) => {
    const failed = Promise.withResolvers<Error>();
    const dying = sandbox.spawn("dying");
    dying.onFailure(failed.resolve);
    const living = new Talk(sandbox.spawn("living"));
    dying.post({ type: "throw", text: "alone" });
    await failed.promise;
    assert.equal(await living.ask({ type: "name" }), "living");
  });
}

function isPair(value: unknown): value is [number, number] {
  return Array.isArray(value) && value.length === 2 &&
    value.every((item) => typeof item === "number");
}

/** Commands to an echo thread, and its answers in order. */
export class Talk {
  readonly #thread: SandboxThread;
  readonly #answers: ThreadMessage[] = [];
  #wake: PromiseWithResolvers<void> | undefined;

  constructor(thread: SandboxThread) {
    this.#thread = thread;
    thread.onMessage((message) => {
      this.#answers.push(message);
      this.#wake?.resolve();
    });
    thread.onFailure((cause) => this.#wake?.reject(cause));
  }

  post(command: EchoCommand, transfer?: readonly ArrayBuffer[]): void {
    this.#thread.post(command, transfer);
  }

  async ask(
    command: EchoCommand,
    transfer?: readonly ArrayBuffer[],
  ): Promise<ThreadMessage> {
    this.post(command, transfer);
    const [answer] = await this.take(1);
    return answer;
  }

  async take(count: number): Promise<readonly ThreadMessage[]> {
    while (this.#answers.length < count) {
      this.#wake = Promise.withResolvers();
      await this.#wake.promise;
    }
    return this.#answers.splice(0, count);
  }
}
