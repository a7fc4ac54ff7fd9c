// State values: canonical JSON (RFC 8785) texts. In come values of a publish
// or texts of a foreign batch; out go texts that every node holds byte for
// byte, or the reason why not. Never accepts what canonicalises differently on
// another node: ill-formed UTF-16, infinities, deep nesting.

import {
  canonicalJson,
  InputError,
  jsonFault,
  type JsonValue,
  LimitError,
  limits,
  parseJson,
  utf8,
} from "../kernel/mod.ts";
import { isPlainCanonicalJson } from "./canonical_text.ts";

/** The length of `text` in UTF-8: nearly every one is ASCII. */
export function utf8Length(text: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return utf8(text).length;
  }
  return text.length;
}

const depthMax = limits.stateValueDepthMax;

/**
 * The canonical text of a value that this node writes.
 *
 * @param what What the value is, for the message.
 * @throws {InputError} It is no JSON, or nested too deep.
 * @throws {LimitError} Over `stateValueBytesMax`.
 */
export function valueText(value: unknown, what: string): string {
  const fault = jsonFault(value, { depthMax });
  if (fault !== undefined) throw new InputError(`${what}: ${fault}`);
  const text = canonicalJson(value);
  const sizeBytes = utf8Length(text);
  if (sizeBytes > limits.stateValueBytesMax) {
    throw new LimitError(
      `${what} has ${sizeBytes} bytes, more than ${limits.stateValueBytesMax}`,
      { hint: "Make its configuration smaller, or put it into a blob" },
    );
  }
  return text;
}

/** How deep the brackets of a JSON text nest, without parsing it. */
function textDepth(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const character = text[i];
    if (isQuoted) {
      if (character === "\\") i++;
      else if (character === '"') isQuoted = false;
    } else if (character === '"') isQuoted = true;
    else if (character === "[" || character === "{") {
      depth++;
      if (depth > deepest) deepest = depth;
    } else if (character === "]" || character === "}") depth--;
  }
  return deepest;
}

/** Why a text from a batch is no state value; undefined when it is one. */
export function valueTextFault(text: string): string | undefined {
  if (
    text.length > limits.stateValueBytesMax ||
    utf8Length(text) > limits.stateValueBytesMax
  ) return `a value is over ${limits.stateValueBytesMax} bytes`;
  if (isPlainCanonicalJson(text, { depthMax })) return undefined;
  if (textDepth(text) > depthMax) {
    return `a value is nested deeper than ${depthMax}`;
  }
  let value: JsonValue;
  try {
    value = parseJson(text, "a value");
  } catch (cause) {
    if (cause instanceof InputError) return "a value is not JSON";
    throw cause;
  }
  const fault = jsonFault(value, { depthMax });
  if (fault !== undefined) return `a value: ${fault}`;
  return canonicalJson(value) === text
    ? undefined
    : "a value is not in canonical JSON";
}
