// Shapes of foreign values (valibot): configuration, control API, state values.
// A shape is the source and its type is derived from it. `parseShape` turns the
// first fault into one InputError that names the member; it never coerces.

import * as v from "valibot";
import { InputError } from "./errors.ts";

export {
  array,
  boolean,
  check,
  custom,
  integer,
  literal,
  maxLength,
  maxValue,
  minLength,
  minValue,
  nullable,
  number,
  object,
  optional,
  picklist,
  pipe,
  record,
  regex,
  strictObject,
  string,
  union,
  unknown,
} from "valibot";

/**
 * What a foreign value must be to be used as a T. Every shape is a schema of
 * valibot; a type of our own keeps valibot's out of public signatures.
 */
export interface Shape<T> {
  /** Only the builders above make one. */
  readonly kind: "schema";
  /** For the compiler; there is no such member at run time. */
  readonly "~types"?: { readonly output: T } | undefined;
}

/** One fault: which member, and what is wrong with it. */
export type ShapeFault = { readonly path: string; readonly message: string };

/** The value, or every fault found. */
export function checkShape<T>(
  shape: Shape<T>,
  value: unknown,
): { readonly value: T } | { readonly faults: readonly ShapeFault[] } {
  const result = v.safeParse(shape as v.GenericSchema<unknown, T>, value);
  if (result.success) return { value: result.output };
  return {
    faults: result.issues.map((issue) => ({
      path: v.getDotPath(issue) ?? "",
      message: issue.message,
    })),
  };
}

/**
 * The value as its shape types it; defaults are filled in.
 *
 * @param options.what What is parsed, for the message.
 * @throws {InputError} Naming the first member that does not fit.
 */
export function parseShape<T>(
  shape: Shape<T>,
  value: unknown,
  { what }: { readonly what: string },
): T {
  const result = checkShape(shape, value);
  if ("value" in result) return result.value;
  const fault = result.faults[0];
  const where = fault === undefined || fault.path === "" ? "" : `${fault.path}`;
  throw new InputError(
    `${what}${where === "" ? "" : ` member "${where}"`}: ` +
      `${fault?.message ?? "it does not fit"}`,
  );
}
