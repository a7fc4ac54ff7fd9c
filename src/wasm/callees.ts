// What a call means for the account of its caller. In go the functions of a
// module and, as bodies are read, what each costs; out comes the price of one
// call instruction. What is unknown is taken for as bad as it can be.

import { type FunctionType, typeAt } from "./declarations.ts";
import type { InstructionReader } from "./instructions.ts";
import { form } from "./opcodes.ts";
import { malformed } from "./refusal.ts";

/** A function that costs more, or calls, checks when it is entered. */
export const uncheckedCostMax = 256;

/** In place of a cost. */
export const callee = {
  /** Imported, or called through a table. */
  unknown: -1,
  /** It checks before anything that takes time. */
  checked: -2,
} as const;

/** Functions by their indices, imported ones first. */
export type FunctionSpace = {
  readonly types: readonly FunctionType[];
  readonly typeOf: readonly number[];
  readonly importedCount: number;
};

export class Callees {
  readonly #functions: FunctionSpace;
  readonly #costs: Int32Array;

  constructor(functions: FunctionSpace) {
    this.#functions = functions;
    this.#costs = new Int32Array(functions.typeOf.length).fill(callee.unknown);
  }

  /** `callee`, or what the function costs that is defined as `index`-th. */
  learn(index: number, cost: number): void {
    this.#costs[this.#functions.importedCount + index] = cost;
  }

  /** Whether the function that is defined as `index`-th checks. */
  isChecked(index: number): boolean {
    return this.#costs[this.#functions.importedCount + index] ===
      callee.checked;
  }

  /** What the call or tail call costs that was read last. */
  costOf({ form: kind, index }: InstructionReader): number {
    if (isIndirect(kind)) return callee.unknown;
    return this.#costs[index] ?? callee.unknown;
  }

  /** What the call or tail call takes and gives that was read last. */
  typeOf({ form: kind, index }: InstructionReader): FunctionType {
    const { types, typeOf } = this.#functions;
    const type = isIndirect(kind) ? index : typeOf[index];
    if (type === undefined) throw malformed(`it has no function ${index}`);
    return typeAt(types, type);
  }
}

function isIndirect(kind: number): boolean {
  return kind === form.callIndirect || kind === form.returnCallIndirect;
}
