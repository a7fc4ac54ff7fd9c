// What the rewriter makes of a module, as data that crosses threads: how to
// instantiate the result and how to put an instance back. Also the names under
// which rewritten modules find their hidden imports and exports; a module that
// exports such a name itself is refused.

import type { Bytes } from "../kernel/mod.ts";

/** A function that the module imports. */
export type ImportedFunction = {
  readonly module: string;
  readonly name: string;
  /** "iI:i": takes an i32 and an i64, gives an i32. */
  readonly signature: string;
};

/** A function that the module exports under a name of its own. */
export type ExportedFunction = {
  readonly name: string;
  readonly signature: string;
};

/** Structured clone keeps it whole; JSON too. */
export type ModulePlan = {
  readonly imports: readonly ImportedFunction[];
  readonly exports: readonly ExportedFunction[];
  /** Pages of 64 KiB; the host makes this memory. Undefined: it has none. */
  readonly memory:
    | { readonly minPages: number; readonly maxPages: number }
    | undefined;
  /** Function types that it declares, added ones included. */
  readonly types: number;
  /** Entries that all tables of one instance may come to hold. */
  readonly tableEntriesMax: number;
  /** Its mutable globals, for `hidden.global`; none if it is unrestorable. */
  readonly globals: readonly number[];
  /** Its start function is exported as `hidden.start`. */
  readonly hasStart: boolean;
  /** Why no instance can be put back to an earlier state, if so. */
  readonly unrestorable: string | undefined;
};

/** `bytes` validate if the module they were made of did. */
export type RewrittenModule = {
  readonly bytes: Bytes;
  readonly plan: ModulePlan;
};

/** What may differ between two rewritings of the same module. */
export type ModuleCaps = {
  /** Pages of 64 KiB that its memory may grow to. */
  readonly memoryPagesMax: number;
};

/** First character of every hidden name; no toolchain makes such names. */
const mark = "\u0001";

/**
 * Names in rewritten modules. The guest calls the host through the table
 * `hooks`: entry 0 is the yield function, () -> (); entry 1 grows the memory,
 * (pages: i32) -> (pages before: i32, -1 if refused).
 */
export const hidden = {
  mark,
  /** Of both imported memories. */
  namespace: `${mark}pln`,
  /** Import: the guest's memory, index 0, if it has one. */
  memory: "memory",
  /** Import: one shared page; its first i32 is not 0 when time is up. */
  epoch: "epoch",
  /** Export: a table of two function references, for the host to fill. */
  hooks: `${mark}hooks`,
  /** Export: mutable i32, the pages that the guest believes to have. */
  pages: `${mark}pages`,
  /** Export: what was the start function. */
  start: `${mark}start`,
  /** Export: one of `ModulePlan.globals`. */
  global: (index: number) => `${mark}g${index}`,
} as const;

/**
 * Entries of `hidden.hooks`. Yield ends a call by a trap of WebAssembly's own:
 * whatever JavaScript throws, a guest may catch.
 */
export const hooks = { yield: 0, grow: 1 } as const;
