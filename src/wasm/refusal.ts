// Why a module is not run: one sentence about the module, and what to do.
// The sentences that many places need are built here, so that they stay alike.
// A refusal never quotes more of a module's own text than a short name.

import { type ErrorCode, PlnError } from "../kernel/mod.ts";

/** The module is malformed, over a limit, or uses what is not run here. */
export class ModuleRefusal extends PlnError {
  /** As for every seed that is no valid module. */
  readonly code: ErrorCode = "PLN_SEED_INVALID";
  /** Whoever built the module can mend it. */
  readonly kind = "input";
}

/** The bytes do not have the form of a module. */
export function malformed(how: string): ModuleRefusal {
  return new ModuleRefusal(`The module is malformed: ${how}`, {
    hint: "The file may be damaged; build it again",
  });
}

/** `what` is a plural or a mass noun: "memory64", "shared memories". */
export function unsupported(what: string, hint: string): ModuleRefusal {
  return new ModuleRefusal(
    `The module uses ${what}, which Pollen does not run`,
    { hint },
  );
}

/** More than a limit allows. */
export type Excess = {
  /** As "The module has 12 tables": "tables". */
  readonly what: string;
  readonly count: number;
  readonly max: number;
  readonly hint: string;
};

/** `count` of `what` is over its limit. */
export function excess({ what, count, max, hint }: Excess): ModuleRefusal {
  return new ModuleRefusal(
    `The module has ${count} ${what}, more than ${max}`,
    { hint },
  );
}

/** Text of the module's own, quoted and short. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}...` : text);
}
