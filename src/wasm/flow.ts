// How long a body may have run without a check, at each of its points, over all
// paths that lead there. In go blocks, branches and costs, in the order of the
// code; where paths meet, the worst of them counts. That takes one pass, since
// only loops lead backward and each loop begins with a check (metering.ts).
// Kept in arrays of fixed size: nothing is allocated per block.

import { limits } from "../kernel/mod.ts";
import { excess, malformed } from "./refusal.ts";

/** What a label means to a branch. */
export const blockKind = {
  body: 0,
  block: 1,
  if: 2,
  else: 3,
  try: 4,
  catch: 5,
  loop: 6,
} as const;

export type BlockKind = (typeof blockKind)[keyof typeof blockKind];

/** No call since the last check. */
const noCall = -1;
const depthMax = limits.functionBlockDepthMax + 1; // and the body itself

export class Flow {
  /** Cost since the last check; 0 where no path leads. */
  cost = 0;
  /**
   * Cost since the first call after the last check that may have been deep,
   * without that call; -1: there was none.
   */
  costAfterCall: number = noCall;
  depth = 0;
  readonly #kinds = new Uint8Array(depthMax);
  /** Values that a branch to the block carries. */
  readonly #values = new Int32Array(depthMax);
  /** The worst of all branches to a block's end. */
  readonly #endCosts = new Int32Array(depthMax);
  readonly #endCostsAfterCall = new Int32Array(depthMax);
  /** As it was before an `if`, for its other arm. */
  readonly #ifCosts = new Int32Array(depthMax);
  readonly #ifCostsAfterCall = new Int32Array(depthMax);

  /** Begins a body that has run for nothing. */
  open(results: number): void {
    this.depth = 0;
    this.checked();
    this.enter(blockKind.body, results);
  }

  /** A check ran. */
  checked(): void {
    this.cost = 0;
    this.costAfterCall = noCall;
  }

  /** No path leads on from here. */
  leave(): void {
    this.checked();
  }

  spend(cost: number): void {
    this.cost += cost;
    if (this.costAfterCall !== noCall) this.costAfterCall += cost;
  }

  /** A call has returned that may have been the top of a deep stack. */
  called(): void {
    if (this.costAfterCall === noCall) this.costAfterCall = 0;
  }

  enter(kind: BlockKind, values: number): void {
    const at = this.depth++;
    if (at >= depthMax) {
      throw excess({
        what: "blocks inside each other in one function",
        count: at,
        max: limits.functionBlockDepthMax,
        hint: "Split its largest functions",
      });
    }
    this.#kinds[at] = kind;
    this.#values[at] = values;
    this.#endCosts[at] = 0;
    this.#endCostsAfterCall[at] = noCall;
    this.#ifCosts[at] = this.cost;
    this.#ifCostsAfterCall[at] = this.costAfterCall;
  }

  /** Goes on in the other arm of the `if` that the innermost block is. */
  otherwise(): void {
    const at = this.#innermost(blockKind.if);
    this.#join(at);
    this.#kinds[at] = blockKind.else;
    this.cost = this.#ifCosts[at] ?? 0;
    this.costAfterCall = this.#ifCostsAfterCall[at] ?? noCall;
  }

  /** Goes on in a handler of the innermost `try`, where a check follows. */
  handle(): void {
    const at = this.depth - 1;
    if (this.#kinds[at] !== blockKind.catch) this.#innermost(blockKind.try);
    this.#join(at);
    this.#kinds[at] = blockKind.catch;
    this.checked();
  }

  /** Ends the innermost block, a `try` that hands its exceptions on. */
  delegate(): void {
    this.#innermost(blockKind.try);
    this.exit();
  }

  /** Ends the innermost block. */
  exit(): void {
    const at = --this.depth;
    if (this.#kinds[at] === blockKind.loop) return;
    this.#join(at);
    if (this.#kinds[at] === blockKind.if) this.#joinIf(at);
    this.cost = this.#endCosts[at] ?? 0;
    this.costAfterCall = this.#endCostsAfterCall[at] ?? noCall;
  }

  /** A branch from here to a label, 0 being the innermost block. */
  branch(label: number): void {
    const at = this.#blockOf(label);
    if (this.#kinds[at] !== blockKind.loop) this.#join(at);
  }

  /** Whether a branch to the label leaves the body. */
  returns(label: number): boolean {
    return this.#blockOf(label) === 0;
  }

  /** Values that a branch to the label carries. */
  values(label: number): number {
    return this.#values[this.#blockOf(label)] ?? 0;
  }

  #blockOf(label: number): number {
    if (label >= this.depth) throw malformed("it branches out of its blocks");
    return this.depth - 1 - label;
  }

  #innermost(kind: BlockKind): number {
    const at = this.depth - 1;
    if (this.#kinds[at] === kind) return at;
    throw malformed("its blocks do not match");
  }

  #join(at: number): void {
    this.#endCosts[at] = Math.max(this.#endCosts[at] ?? 0, this.cost);
    this.#endCostsAfterCall[at] = Math.max(
      this.#endCostsAfterCall[at] ?? noCall,
      this.costAfterCall,
    );
  }

  #joinIf(at: number): void {
    this.cost = this.#ifCosts[at] ?? 0;
    this.costAfterCall = this.#ifCostsAfterCall[at] ?? noCall;
    this.#join(at);
  }
}
