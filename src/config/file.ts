// config.yaml of the directory: reads it, checks it whole, and changes one key
// of it. Texts come in, values go out; what is unknown or malformed is refused
// with its line. Editing keeps comments and order. It must never guess: a file
// with one fault configures nothing.

import {
  constructFromEvents,
  CORE_SCHEMA,
  type Event,
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  YAMLException,
} from "js-yaml";
import {
  asPlnError,
  canonicalJson,
  InputError,
  isNear,
  limits,
  shape as s,
  utf8,
  utf8Text,
  utf8TextLossy,
} from "../kernel/mod.ts";
import { type Disk, DiskError } from "../ports/mod.ts";
import {
  type ConfigFile,
  fileShape,
  isSettingKey,
  type SettingKey,
  settingKeys,
  type SettingValues,
} from "./settings.ts";

/** Where the file lies in the directory. */
export const configPath = "config.yaml";
/**
 * The text of the directory's config.yaml; empty when there is none.
 *
 * @throws {InputError} Not UTF-8 text, or too large.
 * @throws {DiskError} Unreadable.
 */
export async function readConfigText(disk: Disk): Promise<string> {
  try {
    const bytesMax = limits.configBytesMax;
    return configText(await disk.read(configPath, { bytesMax }));
  } catch (cause) {
    const reason = cause instanceof DiskError ? cause.fault : undefined;
    if (reason === "not-found") return "";
    throw reason === "too-large" ? tooLarge() : cause;
  }
}

/**
 * The encoding only; `parseConfig` checks what it says.
 *
 * @throws {InputError} Naming the first line that is not UTF-8 text.
 */
export function configText(bytes: Uint8Array): string {
  const text = utf8Text(bytes) ?? utf8TextLossy(bytes);
  const bad = utf8Text(bytes) === undefined
    ? text.search(/\uFFFD/)
    : text.indexOf("\0");
  if (bad < 0) return text;
  throw fault(lineAt(text, bad), "the file must be UTF-8 text without NUL");
}

/**
 * An empty text is valid and sets nothing.
 *
 * @throws {InputError} "config.yaml:LINE: what is wrong".
 */
export function parseConfig(text: string): ConfigFile {
  if (utf8(text).length > limits.configBytesMax) throw tooLarge();
  const { events, entries } = outline(text);
  for (const [index, entry] of entries.entries()) {
    if (!isSettingKey(entry.key)) throw unknownKey(entry);
    const first = entries.findIndex(({ key }) => key === entry.key);
    if (first === index) continue;
    const line = entries[first]?.line;
    throw fault(entry.line, `"${entry.key}" stands on line ${line} already`);
  }
  if (entries.length === 0) return {};
  const options = { source: text, schema: CORE_SCHEMA };
  const [value] = constructFromEvents([...events], options);
  const result = s.checkShape(fileShape, value);
  if ("value" in result) return result.value;
  const [first] = result.faults;
  const entry = entries.find(({ key }) => key === first?.path);
  throw fault(entry?.line ?? 1, `"${first?.path}" ${first?.message}`);
}

/**
 * The text with `key` set; comments and order stay.
 *
 * @throws {InputError} The text is no valid configuration, or its form does
 * not let one line be changed.
 */
export function setKey<Key extends SettingKey>(
  text: string,
  key: Key,
  { value }: { readonly value: SettingValues[Key] },
): string {
  const wanted = { ...parseConfig(text), [key]: value };
  const entry = outline(text).entries.find((one) => one.key === key);
  const written = typeof value === "string" ? scalarOf(value) : `${value}`;
  const newline = text.includes("\r\n") ? "\r\n" : "\n";
  const gap = text === "" || text.endsWith("\n") ? "" : newline;
  const made = entry === undefined
    ? `${text}${gap}${key}: ${written}${newline}`
    : text.slice(0, entry.start) + written + text.slice(entry.end);
  return verified(made, { key, wanted });
}

/** The text without `key`; otherwise as `setKey`. */
export function unsetKey(text: string, key: SettingKey): string {
  const { [key]: _, ...wanted } = parseConfig(text);
  const entry = outline(text).entries.find((one) => one.key === key);
  if (entry === undefined) return text;
  const from = text.lastIndexOf("\n", entry.keyStart) + 1;
  const next = text.indexOf("\n", entry.end - 1);
  const rest = next < 0 ? "" : text.slice(next + 1);
  return verified(text.slice(0, from) + rest, { key, wanted });
}

/** One key of the file, with where it and its value stand. */
type Entry = {
  readonly key: string;
  readonly line: number;
  readonly keyStart: number;
  readonly start: number;
  readonly end: number;
};

/** The file as one mapping of scalars; no anchors, aliases or tags. */
function outline(text: string) {
  const events = readEvents(text);
  for (const event of events) {
    if (!("anchorStart" in event)) continue;
    const tag = "tagStart" in event ? event.tagStart : -1;
    const at = Math.max(event.anchorStart, tag);
    if (at < 0) continue;
    throw fault(lineAt(text, at), "anchors, aliases and tags are not allowed");
  }
  const [, root, ...rest] = events;
  const entries: Entry[] = [];
  if (rest.some(({ type }) => type === EVENT_ID.DOCUMENT)) {
    throw fault(1, "the file must hold one document, not several");
  }
  const isEmpty = root?.type === EVENT_ID.SCALAR && root.valueStart < 0;
  if (root === undefined || isEmpty) return { events, entries };
  if (root.type !== EVENT_ID.MAPPING) {
    throw fault(1, 'the file must hold lines such as "http: 8080"');
  }
  for (let at = 0; rest[at]?.type !== EVENT_ID.POP; at += 2) {
    entries.push(entryOf(text, [rest[at], rest[at + 1]]));
  }
  return { events, entries };
}

type Pair = readonly [key: Event | undefined, value: Event | undefined];

function entryOf(text: string, [key, value]: Pair): Entry {
  if (key?.type !== EVENT_ID.SCALAR || key.valueStart < 0) {
    throw fault(1, "each key must be a word");
  }
  const line = lineAt(text, key.valueStart);
  const name = getScalarValue(text, key);
  if (value?.type !== EVENT_ID.SCALAR) {
    throw fault(line, `"${name.slice(0, 40)}" must have one value`);
  }
  const isQuoted = value.style === SCALAR_STYLE.SINGLE_QUOTED ||
    value.style === SCALAR_STYLE.DOUBLE_QUOTED;
  return {
    key: name,
    line,
    keyStart: key.valueStart,
    start: value.valueStart - (isQuoted ? 1 : 0),
    end: value.valueEnd + (isQuoted ? 1 : 0),
  };
}

function readEvents(text: string): readonly Event[] {
  try {
    return parseEvents(text, { maxDepth: 8 });
  } catch (cause) {
    if (!(cause instanceof YAMLException)) throw cause;
    throw fault((cause.mark?.line ?? 0) + 1, cause.reason);
  }
}

function scalarOf(value: string): string {
  const isPlain = /^(?!(?:true|false|null)$)[a-z][a-z0-9-]*$/.test(value);
  return isPlain ? value : JSON.stringify(value);
}

function verified(
  text: string,
  { key, wanted }: { readonly key: SettingKey; readonly wanted: ConfigFile },
): string {
  const hint = 'Write it as one "key: value" a line, or edit it by hand';
  const message = `${configPath}: cannot change "${key}" in this file`;
  try {
    if (canonicalJson(parseConfig(text)) === canonicalJson(wanted)) return text;
  } catch (cause) {
    throw new InputError(message, { cause: asPlnError(cause), hint });
  }
  throw new InputError(message, { hint });
}

function unknownKey({ key, line }: Entry): InputError {
  const plain = key.replaceAll(/([a-z])([A-Z])/g, "$1-$2").toLowerCase()
    .replaceAll("_", "-");
  const near = settingKeys.find((known) => isNear(plain, known, { edits: 2 }));
  const hint = near === undefined
    ? `The keys are ${settingKeys.join(", ")}`
    : `Did you mean "${near}"?`;
  const shown = JSON.stringify(key.slice(0, 40));
  return fault(line, `unknown key ${shown}`, { hint });
}

function fault(
  line: number,
  message: string,
  { hint = `Edit line ${line} of ${configPath}` } = {},
): InputError {
  return new InputError(`${configPath}:${line}: ${message}`, { hint });
}

function tooLarge(): InputError {
  const hint = `Shorten ${configPath}: comments count too`;
  return fault(1, `the file is over ${limits.configBytesMax} bytes`, { hint });
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split("\n").length;
}
