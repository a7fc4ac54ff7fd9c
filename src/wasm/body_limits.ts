// What one function body may cost the engine to compile. In go its loops,
// checks, blocks and calls as they come; out comes a refusal when there are too
// many. A function is compiled when it is first called, on the thread that runs
// guests, where nothing can stop it; the optimizing compiler has a thread of
// its own but takes memory.

import { limits } from "../kernel/mod.ts";
import type { BlockValues } from "./operands.ts";
import { excess } from "./refusal.ts";

// Measured with V8 15.0 on 2 cores: 10,000 blocks with 4,000 locals take 0.7 s
// and 1 GB (25 bytes for each local and operand of each block; 100,000 such
// blocks end the process); 100,000 branches among 4,000 locals take 3.7 GB in
// the optimizing compiler, 100,000 loops 66 s there, and 80,000 handlers of
// exceptions 5 s; 1,000 calls with 1,000 values each way take 2.3 s, with 100
// values 0.1 s. The limits keep a body under some 150 ms and 200 MB. What Ruby,
// DuckDB, esbuild, SQLite and Python have in one function lies below a quarter
// of each.
export class BodyLimits {
  #locals = 0;
  #loops = 0;
  #tries = 0;
  #movedValues = 0;
  #keptValues = 0;

  /** Begins a body; parameters are locals too. */
  open(locals: number): void {
    this.#locals = locals;
    this.#loops = 0;
    this.#tries = 0;
    this.#movedValues = 0;
    this.#keptValues = 0;
  }

  /** A loop begins, with a check. */
  loop(height: number, values: BlockValues): void {
    this.#loops++;
    checkLimit("loops in one function", {
      count: this.#loops,
      max: limits.functionLoopsMax,
    });
    checkLimit("loops times local variables in one function", {
      count: this.#loops * this.#locals,
      max: limits.functionLoopLocalsMax,
    });
    this.branch(height);
    this.block(height, values);
  }

  /** A block with handlers of exceptions begins. */
  try(): void {
    this.#tries++;
    checkLimit("blocks that catch exceptions in one function", {
      count: this.#tries,
      max: limits.functionTriesMax,
    });
  }

  /** A block begins above `height` operands, its parameters included. */
  block(height: number, { parameters, results }: BlockValues): void {
    this.branch(height);
    this.move(parameters + results);
  }

  /** A branch may be taken, with `height` operands. */
  branch(height: number): void {
    this.#keptValues += this.#locals + height;
    checkLimit("values alive at branches in one function", {
      count: this.#keptValues,
      max: limits.functionKeptValuesMax,
    });
  }

  /** A call, branch or exception carries so many values. */
  move(values: number): void {
    this.#movedValues += 1 + values;
    checkLimit("values carried by calls and branches in one function", {
      count: this.#movedValues,
      max: limits.functionMovedValuesMax,
    });
  }
}

/** @throws {ModuleRefusal} One function has more of `what` than `max`. */
export function checkLimit(
  what: string,
  { count, max }: { readonly count: number; readonly max: number },
): void {
  if (count > max) {
    throw excess({ what, count, max, hint: "Split its largest functions" });
  }
}
