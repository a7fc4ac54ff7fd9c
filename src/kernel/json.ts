// JSON from outside and canonical JSON (RFC 8785) for values that all nodes
// must hold byte for byte. Ill-formed UTF-16 is refused: it has no UTF-8 form
// and would differ between replicas.

import canonicalize from "canonicalize";
import { InputError } from "./errors.ts";
import { assert } from "./assert.ts";

/** Not yet checked for depth and well-formed text: see `jsonFault`. */
export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [key: string]: JsonValue };

/** The RFC 8785 text of `value`. Undefined members are left out. */
export function canonicalJson(value: unknown): string {
  const text = canonicalize(value);
  assert(typeof text === "string", "a canonical value is JSON");
  assert(text.isWellFormed(), "a canonical value is well-formed UTF-16");
  return text;
}

/**
 * Takes any size and depth: bound the text before, the value after.
 *
 * @param what What the text is, for the message.
 * @throws {InputError} Not JSON.
 */
export function parseJson(text: string, what: string): JsonValue {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new InputError(`${what} is not JSON`, { cause });
  }
}

/**
 * Why `value` is no JSON that every node holds alike, or undefined when it is:
 * ill-formed UTF-16, infinities, members of no JSON type, deep nesting.
 */
export function jsonFault(
  value: unknown,
  options: { readonly depthMax: number },
): string | undefined {
  if (options.depthMax < 0) return "it is nested too deep";
  if (value === null || typeof value === "boolean") return undefined;
  if (typeof value === "number") {
    return Number.isFinite(value) ? undefined : "it holds no finite number";
  }
  if (typeof value === "string") {
    return value.isWellFormed() ? undefined : "it holds ill-formed UTF-16";
  }
  if (typeof value !== "object") return "it holds what is no JSON";
  const prototype = Object.getPrototypeOf(value);
  const isPlain = Array.isArray(value) || prototype === Object.prototype ||
    prototype === null;
  if (!isPlain) return "it holds what is no JSON";
  const inner = { depthMax: options.depthMax - 1 };
  for (const [key, member] of Object.entries(value)) {
    if (!key.isWellFormed()) return "it holds ill-formed UTF-16";
    const fault = jsonFault(member, inner);
    if (fault !== undefined) return fault;
  }
  return undefined;
}
