// Runs rewritten modules with the smallest host there can be: a memory, an
// epoch word, and hooks that count. In go modules; out come their exports and
// what the host saw. The original of the same module runs beside it.

import assert from "node:assert/strict";
import type { Bytes } from "../../src/kernel/mod.ts";
import {
  hidden,
  hooks,
  type ModulePlan,
  prepareModule,
} from "../../src/wasm/mod.ts";
import { wasm } from "../fixtures/seeds/wat.ts";

/** Functions in a table must be WebAssembly's own, so JavaScript is wrapped. */
const wrapper = new WebAssembly.Module(wasm(`(module
  (import "host" "yield" (func $yield))
  (import "host" "grow" (func $grow (param i32) (result i32)))
  (func (export "yield") (call $yield))
  (func (export "grow") (param i32) (result i32)
    (call $grow (local.get 0))))`));

export type LabOptions = {
  /** Pages that the memory may grow to; default 16. */
  readonly pagesMax?: number;
  readonly imports?: WebAssembly.Imports;
  /** What the epoch word holds from the start; default 0. */
  readonly epoch?: number;
  readonly onYield?: () => void;
};

export type Call = (...values: unknown[]) => unknown;

/** An instance of a rewritten module. */
export class RewrittenGuest {
  readonly plan: ModulePlan;
  readonly bytes: Bytes;
  readonly exports: WebAssembly.Exports;
  readonly memory: WebAssembly.Memory | undefined;
  yields = 0;
  /** How far the memory may grow; the host may change its mind. */
  pagesMax: number;
  readonly #epoch: Int32Array;

  constructor(original: Bytes, options: LabOptions = {}) {
    this.pagesMax = options.pagesMax ?? 16;
    const caps = { memoryPagesMax: this.pagesMax };
    const { bytes, plan } = prepareModule(original, caps);
    this.bytes = bytes;
    this.plan = plan;
    this.memory = plan.memory && new WebAssembly.Memory({
      initial: plan.memory.minPages,
      maximum: plan.memory.maxPages,
    });
    const epoch = new WebAssembly.Memory({
      initial: 1,
      maximum: 1,
      shared: true,
    });
    this.#epoch = new Int32Array(epoch.buffer);
    this.epoch = options.epoch ?? 0;
    const { exports } = new WebAssembly.Instance(
      new WebAssembly.Module(bytes),
      {
        ...options.imports,
        [hidden.namespace]: {
          [hidden.epoch]: epoch,
          ...this.memory && { [hidden.memory]: this.memory },
        },
      },
    );
    this.exports = exports;
    this.#hook(options);
  }

  #hook({ onYield }: LabOptions): void {
    const { exports } = new WebAssembly.Instance(wrapper, {
      host: {
        yield: () => {
          this.yields++;
          onYield?.();
        },
        grow: (pages: number) => this.#grow(pages >>> 0),
      },
    });
    const table = this.exports[hidden.hooks] as WebAssembly.Table;
    table.set(hooks.yield, exports["yield"] as Call);
    table.set(hooks.grow, exports["grow"] as Call);
  }

  set epoch(word: number) {
    this.#epoch[0] = word;
  }

  /** Pages that the guest believes to have. */
  get pages(): WebAssembly.Global {
    return this.exports[hidden.pages] as WebAssembly.Global;
  }

  call(name: string, ...values: unknown[]): unknown {
    return (this.exports[name] as Call)(...values);
  }

  #grow(more: number): number {
    const before = this.pages.value as number;
    if (this.memory === undefined || before + more > this.pagesMax) return -1;
    const real = this.memory.buffer.byteLength / 65_536;
    try {
      this.memory.grow(Math.max(0, before + more - real));
    } catch {
      return -1;
    }
    this.pages.value = before + more;
    return before;
  }
}

/** How a call ends, comparable: its value, or the kind of its error. */
export function endingOf(run: () => unknown): string {
  try {
    const value = run();
    return `gives ${typeof value} ${String(value)}`;
  } catch (cause) {
    // An exception of WebAssembly's own is no Error.
    if (!(cause instanceof Error)) return "throws an exception";
    return `throws ${cause.name}: ${cause.message}`;
  }
}

/** Calls of the same functions in the same order, original and rewritten. */
export function assertSame(
  original: Bytes,
  calls: readonly (readonly [name: string, ...values: unknown[]])[],
  options: LabOptions = {},
): void {
  const rewritten = new RewrittenGuest(original, options);
  const { exports } = new WebAssembly.Instance(
    new WebAssembly.Module(original),
    options.imports ?? {},
  );
  if (rewritten.plan.hasStart) rewritten.call(hidden.start);
  for (const [name, ...values] of calls) {
    assert.equal(
      endingOf(() => rewritten.call(name, ...values)),
      endingOf(() => (exports[name] as Call)(...values)),
      `${name}(${values.join(", ")})`,
    );
  }
}

/** Rewrites text; the caps allow 16 pages. */
export function prepared(text: string, pagesMax = 16) {
  return prepareModule(wasm(text), { memoryPagesMax: pagesMax });
}
