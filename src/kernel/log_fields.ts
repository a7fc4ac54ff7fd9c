// Log fields as JSON: whatever a caller hands in becomes a small, finite tree.
// Errors keep name, code, message and cause; bytes become hex; cycles, depth,
// long texts and sheer number are cut and say so. Never throws, not even when
// a getter does, and never lets a text break its line or steer a terminal.

import { toHex } from "./bytes.ts";
import { PlnError } from "./errors.ts";
import type { JsonValue } from "./json.ts";
import { limits } from "./limits.ts";

type Budget = {
  charactersLeft: number;
  valuesLeft: number;
  readonly ancestors: object[];
  readonly stacks: boolean;
};

const bytesShownMax = 64;
const keyCharactersMax = 128;

/**
 * The fields as JSON, within the limits of one log record.
 *
 * @param options.stacks Adds the stack of errors that are no PlnError: bugs.
 */
export function plainFields(
  fields: Readonly<Record<string, unknown>>,
  options: { readonly stacks: boolean },
): Record<string, JsonValue> {
  const budget: Budget = {
    charactersLeft: limits.logRecordCharactersMax,
    valuesLeft: limits.logRecordValuesMax,
    ancestors: [],
    stacks: options.stacks,
  };
  try {
    return plainMembers(fields, budget);
  } catch (cause) {
    // Only a proxy can refuse to name its keys.
    return { fields: unreadable(cause) };
  }
}

/** One line of JSON without characters that a terminal would obey. */
export function jsonLine(value: JsonValue): string {
  return JSON.stringify(value).replaceAll(
    // C1 controls, line separators and direction marks: JSON lets them pass.
    /[\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function plain(value: unknown, budget: Budget): JsonValue {
  if (budget.valuesLeft-- <= 0) return "[cut]";
  switch (typeof value) {
    case "string":
      return plainText(value, budget);
    case "number":
      return Number.isFinite(value) ? value : String(value);
    case "boolean":
      return value;
    case "bigint":
      return plainText(String(value), budget);
    case "undefined":
      return null;
    case "symbol":
      return plainText(String(value), budget);
    case "function":
      return plainText(`[function ${value.name}]`, budget);
    case "object":
      return value === null ? null : plainObject(value, budget);
  }
}

function plainText(text: string, budget: Budget): string {
  const room = Math.max(
    0,
    Math.min(limits.logLineCharactersMax, budget.charactersLeft),
  );
  budget.charactersLeft -= Math.min(text.length, room);
  if (text.length <= room) return text.toWellFormed();
  const shown = text.slice(0, room).toWellFormed();
  return `${shown}... (${text.length} characters)`;
}

function plainObject(value: object, budget: Budget): JsonValue {
  if (budget.ancestors.includes(value)) return "[circular]";
  if (budget.ancestors.length >= limits.logNestingMax) return "[deep]";
  budget.ancestors.push(value);
  try {
    return plainKind(value, budget);
  } catch (cause) {
    // A getter or a proxy of foreign make threw; the record goes on.
    return unreadable(cause);
  } finally {
    budget.ancestors.pop();
  }
}

function unreadable(cause: unknown): string {
  return `[unreadable: ${cause instanceof Error ? cause.name : "thrown"}]`;
}

function plainKind(value: object, budget: Budget): JsonValue {
  if (value instanceof Error) return plainError(value, budget);
  if (value instanceof Uint8Array) return plainBytes(value, budget);
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) {
    return `[${value.constructor.name} of ${value.byteLength} bytes]`;
  }
  if (value instanceof Map) {
    return plain(Object.fromEntries(value), budget);
  }
  if (value instanceof Set || Array.isArray(value)) {
    return plainList(value, budget);
  }
  if ("toJSON" in value && typeof value.toJSON === "function") {
    return plain(value.toJSON(), budget);
  }
  return plainMembers(value, budget);
}

function plainBytes(bytes: Uint8Array, budget: Budget): string {
  const shown = plainText(toHex(bytes.subarray(0, bytesShownMax)), budget);
  return bytes.length <= bytesShownMax
    ? shown
    : `${shown}... (${bytes.length} bytes)`;
}

function plainList(values: Iterable<unknown>, budget: Budget): JsonValue {
  const list: JsonValue[] = [];
  for (const value of values) {
    if (budget.valuesLeft <= 0) {
      list.push("[cut]");
      break;
    }
    list.push(plain(value, budget));
  }
  return list;
}

function plainMembers(
  object: object,
  budget: Budget,
): Record<string, JsonValue> {
  const members: [string, JsonValue][] = [];
  for (const key of Object.keys(object)) {
    if (budget.valuesLeft <= 0) {
      members.push(["cut", true]);
      break;
    }
    const value = plainMember(object, { key, budget });
    if (value !== undefined) members.push([plainKey(key), value]);
  }
  // fromEntries defines members, so that "__proto__" is a key like any other.
  return Object.fromEntries(members);
}

/** Keys stay even when the budget of texts is spent: they tell them apart. */
function plainKey(key: string): string {
  return key.slice(0, keyCharactersMax).toWellFormed();
}

function plainMember(
  object: object,
  at: { readonly key: string; readonly budget: Budget },
): JsonValue | undefined {
  try {
    const value: unknown = Reflect.get(object, at.key);
    return value === undefined ? undefined : plain(value, at.budget);
  } catch (cause) {
    return unreadable(cause);
  }
}

function plainError(error: Error, budget: Budget): JsonValue {
  const code: unknown = Reflect.get(error, "code");
  const isBug = !(error instanceof PlnError);
  return plainMembers({
    name: error.name,
    code: typeof code === "string" ? code : undefined,
    message: error.message,
    cause: error.cause,
    stack: isBug && budget.stacks ? error.stack : undefined,
  }, budget);
}
