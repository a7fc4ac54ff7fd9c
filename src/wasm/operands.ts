// How many values a body holds on its operand stack, at each of its points. In
// go the effects of instructions and blocks, in the order of the code. The
// engine's compilers copy their picture of all values at every block, so that
// this decides what a body costs to compile (body_limits.ts). Where no path
// leads the count may be too small: nothing is compiled there.

import { limits } from "../kernel/mod.ts";

/** Values that a block takes and gives. */
export type BlockValues = {
  readonly parameters: number;
  readonly results: number;
};

const depthMax = limits.functionBlockDepthMax + 1; // and the body itself

export class Operands {
  height = 0;
  #depth = 0;
  /** Values below each block. */
  readonly #bases = new Int32Array(depthMax);
  readonly #parameters = new Int32Array(depthMax);
  readonly #results = new Int32Array(depthMax);

  /** Begins a body that gives so many values. */
  open(results: number): void {
    this.height = 0;
    this.#depth = 0;
    this.enter({ parameters: 0, results });
  }

  /** An instruction adds values, or takes some. */
  change(by: number): void {
    this.height = Math.max(this.height + by, this.#base);
  }

  enter({ parameters, results }: BlockValues): void {
    const base = this.height - parameters;
    const at = this.#depth++;
    this.#bases[at] = Math.max(base, 0);
    this.#parameters[at] = parameters;
    this.#results[at] = results;
  }

  /** The other arm of an `if` starts with the same values. */
  otherwise(): void {
    this.height = this.#base + (this.#parameters[this.#depth - 1] ?? 0);
  }

  /** A handler starts with the values of an exception. */
  handle(values: number): void {
    this.height = this.#base + values;
  }

  exit(): void {
    this.height = this.#base + (this.#results[this.#depth - 1] ?? 0);
    this.#depth--;
  }

  /** No path leads on from here. */
  leave(): void {
    this.height = this.#base;
  }

  get #base(): number {
    return this.#bases[this.#depth - 1] ?? 0;
  }
}
