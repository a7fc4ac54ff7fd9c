// The ticker of a sandbox as its threads see it: which bell they ring. The
// ticker's own worker is a stub; what a real one does, contracts say.

import assert from "node:assert/strict";
import {
  SandboxTicker,
  type TickedThread,
} from "../../src/adapters/sandbox_ticker.ts";
import type { Watch } from "../../src/adapters/ticker.ts";

class Lab {
  /** What each ticker was told first. */
  readonly watches: Watch[] = [];
  readonly ticker: SandboxTicker;
  #fail: ((cause: Error) => void) | undefined;

  constructor() {
    this.ticker = new SandboxTicker(({ onListening }) => {
      this.watches.push(onListening());
      return {
        post: () => {},
        soon: () => {},
        onMessage: () => {},
        onFailure: (handle) => this.#fail = handle,
        terminate: () => {},
      };
    });
  }

  add(): TickedThread {
    const thread = { fail: () => {} };
    this.ticker.add(thread, new SharedArrayBuffer(256));
    return thread;
  }

  die(): void {
    this.#fail?.(new Error("it died"));
  }
}

Deno.test("SandboxTicker gives a new ticker another bell than the one that ends", () => {
  const lab = new Lab();
  const first = lab.add();
  const { bell } = lab.ticker;
  assert.equal(lab.watches[0]?.bell, bell);
  lab.ticker.remove(first);
  lab.add();
  assert.notEqual(lab.ticker.bell, bell);
  assert.equal(lab.watches[1]?.bell, lab.ticker.bell);
});

Deno.test("SandboxTicker keeps its bell while any thread has it", () => {
  const lab = new Lab();
  const first = lab.add();
  const { bell } = lab.ticker;
  lab.add();
  lab.ticker.remove(first);
  lab.die();
  assert.equal(lab.ticker.bell, bell);
  assert.deepEqual(lab.watches.map((watch) => watch.bell === bell), [
    true,
    true,
  ]);
});
