// A sandbox of real Workers for tests. In comes the entry file of its threads,
// the echo program unless told; out goes a sandbox that ends every thread it
// started, and proves it by the adapter's own count.

import assert from "node:assert/strict";
import {
  openSandbox,
  openThreadCount,
  type SandboxOptions,
} from "../../src/adapters/sandbox.ts";
import type { SandboxThread } from "../../src/ports/mod.ts";
import type { SandboxSubject } from "./sandbox_contract.ts";

/** Of a file in fixtures/. */
export const entryUrl = (name: string) =>
  new URL(`./fixtures/${name}`, import.meta.url).href;

export function openRealSandbox(
  options: Partial<SandboxOptions> = {},
): SandboxSubject {
  const mainUrl = entryUrl("echo_entry.ts");
  const sandbox = openSandbox({ mainUrl, ...options });
  const threads: SandboxThread[] = [];
  return {
    sandbox: {
      ...sandbox,
      spawn(name) {
        const thread = sandbox.spawn(name);
        threads.push(thread);
        return thread;
      },
    },
    [Symbol.asyncDispose]() {
      for (const thread of threads) thread.terminate();
      assert.equal(openThreadCount(), 0);
      return Promise.resolve();
    },
  };
}
