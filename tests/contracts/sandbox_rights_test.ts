// That a seed's thread has no right at all: each kind of permission is asked
// for and tried, and the same trial finds every one of them in a Worker that
// was made without the adapter. Without the second half the first would prove
// nothing.

import assert from "node:assert/strict";
import type { SandboxThread, ThreadMessage } from "../../src/ports/mod.ts";
import { escapees, rights } from "./fixtures/rights.ts";
import { entryUrl, openRealSandbox } from "./real_sandbox.ts";
import { Talk } from "./sandbox_contract.ts";

/** What a thread of the echo program may do. */
async function rightsOf(thread: SandboxThread): Promise<readonly string[]> {
  const talk = new Talk(thread);
  const held: string[] = [];
  for (const right of rights) {
    const refused = await talk.ask({ type: "refused", right });
    assert.equal(typeof refused, "boolean");
    if (!refused) held.push(right);
  }
  return held;
}

Deno.test("openSandbox() gives its threads no right", async () => {
  await using subject = openRealSandbox();
  assert.deepEqual(await rightsOf(subject.sandbox.spawn("seed")), []);
});

Deno.test("openSandbox() narrows what a Worker would inherit", async () => {
  await using thread = await InheritingThread.open();
  assert.deepEqual(await rightsOf(thread), rights);
});

/** A Worker as anybody makes one who leaves its permissions out. */
class InheritingThread implements SandboxThread {
  readonly #worker: Worker;

  private constructor(worker: Worker) {
    this.#worker = worker;
  }

  static async open(): Promise<InheritingThread> {
    const url = entryUrl("echo_entry.ts");
    const worker = new Worker(url, { type: "module", name: "inheriting" });
    const { promise, resolve } = Promise.withResolvers<unknown>();
    worker.onmessage = resolve;
    await promise;
    // The place of the ticker's bell; no guest will run here.
    worker.postMessage(undefined);
    return new InheritingThread(worker);
  }

  post(message: ThreadMessage): void {
    this.#worker.postMessage(message);
  }

  onMessage(handle: (message: ThreadMessage) => void): void {
    this.#worker.onmessage = (event) => handle(event.data);
  }

  onFailure(): void {}

  soon(run: () => void): void {
    run();
  }

  terminate(): void {
    this.#worker.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.terminate();
    for (const path of escapees) await Deno.remove(path, { recursive: true });
  }
}
