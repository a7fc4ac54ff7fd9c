// Makes the plan of a module from what it declares and what its code does: what
// the host must know to instantiate the rewritten bytes, and whether it can put
// an instance back to an earlier state.

import { limits } from "../kernel/mod.ts";
import { addedTypes } from "./additions.ts";
import type { RewrittenCode } from "./code.ts";
import { type FunctionType, typeAt } from "./declarations.ts";
import { malformed } from "./refusal.ts";
import type { ModuleOutline } from "./outline.ts";
import type { ModuleCaps, ModulePlan } from "./plan.ts";
import type { SideEffects } from "./side_effects.ts";
import type { Size } from "./storage.ts";
import { isNumericType } from "./value_types.ts";

export type PlanFacts = {
  readonly code: RewrittenCode;
  readonly caps: ModuleCaps;
  /** Of each own table, as `tableMaxima` gives them. */
  readonly tableMaxima: readonly number[];
};

/** The plan of a module that was rewritten with those facts. */
export function planOf(
  outline: ModuleOutline,
  { code, caps, tableMaxima }: PlanFacts,
): ModulePlan {
  const unrestorable = unrestorableReason(outline, code.effects);
  return {
    imports: outline.imports.map(({ module, name, type }) => ({
      module,
      name,
      signature: typeAt(outline.types, type).signature,
    })),
    exports: outline.exports
      .filter(({ kind }) => kind === "function")
      .map(({ name, index }) => ({
        name,
        signature: functionAt(outline, index).signature,
      })),
    memory: outline.memory && memoryOf(outline.memory, caps),
    types: outline.types.length + addedTypes.length,
    tableEntriesMax: tableMaxima.reduce((sum, one) => sum + one, 0),
    globals: unrestorable === undefined ? mutableGlobals(outline) : [],
    hasStart: outline.start !== undefined,
    unrestorable,
  };
}

function functionAt(
  { types, typeOf }: ModuleOutline,
  index: number,
): FunctionType {
  const type = typeOf[index];
  if (type === undefined) throw malformed(`it has no function ${index}`);
  return typeAt(types, type);
}

function memoryOf({ minimum, maximum }: Size, { memoryPagesMax }: ModuleCaps) {
  return {
    minPages: minimum,
    maxPages: Math.min(maximum ?? memoryPagesMax, memoryPagesMax),
  };
}

function mutableGlobals({ globals }: ModuleOutline): number[] {
  return globals.flatMap(({ isMutable }, index) => isMutable ? [index] : []);
}

function unrestorableReason(
  outline: ModuleOutline,
  { changesTables, dropsSegments }: SideEffects,
): string | undefined {
  if (changesTables) return "it changes tables";
  if (dropsSegments) return "it drops data or element segments";
  const mutable = outline.globals.filter(({ isMutable }) => isMutable);
  if (!mutable.every(({ type }) => isNumericType(type))) {
    return "it has mutable globals that hold references or vectors";
  }
  const max = limits.moduleRestoredGlobalsMax;
  if (mutable.length > max) return `it has more than ${max} mutable globals`;
  return undefined;
}

/**
 * How large each table may become. Their sum stays under the limit: tables that
 * may grow share evenly what the smallest sizes leave over.
 */
export function tableMaxima(
  { tables }: ModuleOutline,
  { effects }: RewrittenCode,
): number[] {
  const minima = tables.reduce((sum, { minimum }) => sum + minimum, 0);
  const left = effects.growsTables ? limits.moduleTableEntriesMax - minima : 0;
  const share = Math.floor(left / Math.max(tables.length, 1));
  return tables.map(({ minimum, maximum }) =>
    Math.min(maximum ?? minimum + share, minimum + share)
  );
}
