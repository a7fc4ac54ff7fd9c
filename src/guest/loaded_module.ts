// A module on a thread, ready to be instantiated any number of times. In comes
// its plan; out goes what the plan says in the form in which instances need it.
// Made once per load, read at every call, never changed.

import type { ModulePlan } from "../wasm/mod.ts";
import { callableFunctions } from "../threads/mod.ts";
import { initializersOf } from "./module.ts";

export type LoadedModule = {
  readonly module: WebAssembly.Module;
  readonly plan: ModulePlan;
  /** Names of imported functions by namespace. */
  readonly imports: ReadonlyMap<string, readonly string[]>;
  /** Functions that callers may name. */
  readonly callable: ReadonlySet<string>;
  /** Exports that run before the first call, in order. */
  readonly initializers: readonly string[];
};

export function loadedModule(
  module: WebAssembly.Module,
  plan: ModulePlan,
): LoadedModule {
  const groups = Map.groupBy(plan.imports, (item) => item.module);
  return {
    module,
    plan,
    imports: new Map(
      [...groups].map(([namespace, items]) => [
        namespace,
        items.map((item) => item.name),
      ]),
    ),
    callable: new Set(callableFunctions(plan)),
    initializers: initializersOf(plan),
  };
}
