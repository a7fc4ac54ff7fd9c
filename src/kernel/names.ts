// Names people give to seeds, nodes and properties. One rule for writers and
// readers (SCENARIOS.md R05): lower-case ASCII letters, digits, dash, dot and
// underscore, so that no name can mimic another, escape a path or split a URI.

import { InputError } from "./errors.ts";
import { limits } from "./limits.ts";

const name = /^[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?$/;
const reserved = new Set(["pln", "localhost", "seed", "service", "internal"]);

/** Why `text` is no name, or undefined when it is one. */
function nameFault(text: string): string | undefined {
  if (text.length === 0) return "it is empty";
  if (text.length > limits.nameCharactersMax) {
    return `it has ${text.length} characters, more than ` +
      `${limits.nameCharactersMax}`;
  }
  if (!name.test(text)) {
    return "it may hold only a-z, 0-9, and . _ - between them";
  }
  if (text.includes("..")) return 'it holds ".."';
  if (reserved.has(text)) return "it is reserved";
  return undefined;
}

/** Whether `parseName` would take it. */
export function isName(text: string): boolean {
  return nameFault(text) === undefined;
}

/**
 * The name unchanged: nothing is trimmed or lower-cased.
 *
 * @param what What is named, for the message: "seed", "node".
 * @throws {InputError} With the rule that `text` breaks.
 */
export function parseName(text: string, what: string): string {
  const fault = nameFault(text);
  if (fault === undefined) return text;
  const shown = text.length > 40 ? `${text.slice(0, 40)}...` : text;
  throw new InputError(
    `${JSON.stringify(shown)} is no ${what} name: ${fault}`,
    { hint: `Choose a name such as "my-${what}"` },
  );
}

/** A name made of `text`, for example of a file name; undefined if none fits. */
export function nameFrom(text: string): string | undefined {
  const made = text.toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-")
    .replaceAll(/\.{2,}/g, ".")
    .replaceAll(/^[._-]+|[._-]+$/g, "")
    .slice(0, limits.nameCharactersMax);
  return isName(made) ? made : undefined;
}

/** A property key, as `--prop k=v` gives it; `pln.` is reserved. */
export function parsePropertyKey(text: string): string {
  const key = parseName(text, "property");
  if (!key.startsWith("pln.")) return key;
  throw new InputError(`Property "${key}" is reserved`, {
    hint: 'Choose a key that does not start with "pln."',
  });
}

/** Exports have free names; here none holds "/" or what nobody can see. */
export function isFunctionName(text: string | undefined): text is string {
  return text !== undefined && /^[^/\p{C}\p{Zl}\p{Zp}]+$/u.test(text) &&
    text.length <= limits.functionNameCharactersMax;
}
