// What an owner's document holds: sections of entries, and the shapes of their
// values. Writers are strict, readers lenient (SCENARIOS.md R05): members and
// sections of a newer version stay stored, and an entry that does not fit is
// left out of the view by key. Never fatal for a reader.

import {
  type Digest,
  InputError,
  isDigest,
  isHostPattern,
  isName,
  type JsonValue,
  LimitError,
  limits,
  parseDigest,
  parseName,
  type Shape,
  shape,
} from "../kernel/mod.ts";
import { rightsEntryShape, rightsSectionNames } from "../identity/mod.ts";
import {
  leftReader,
  type LeftRecord,
  nodeEntryShape,
  nodeReader,
  type NodeRecord,
} from "./node_entries.ts";
import { utf8Length, valueText } from "./values.ts";

/** The sections this version knows; others are kept, not read. */
export const sections = [
  "node",
  "services",
  "seeds",
  "sites",
  "blobs",
  "claims",
  ...rightsSectionNames,
] as const;

/** What this version publishes; peers may hold others. */
export type Section = typeof sections[number];

/**
 * Sections of the admins' documents that decide rights (DESIGN.md section 4):
 * a batch's `rev` is the number of the newest batch that touched one of them.
 */
export const rightsSections: ReadonlySet<string> = new Set(rightsSectionNames);

const sectionForm = /^[a-z][a-z0-9-]*$/;
const keyForm = /^[\x21-\x7e]+$/;

/** Why this is no place for an entry; undefined when it is one. */
export function placeFault(section: string, key: string): string | undefined {
  if (
    section.length > limits.stateSectionCharactersMax ||
    !sectionForm.test(section)
  ) return "a section has 1 to 32 characters: a-z, 0-9 and -";
  if (key.length > limits.stateKeyCharactersMax || !keyForm.test(key)) {
    return `a key has 1 to ${limits.stateKeyCharactersMax} printable ASCII ` +
      "characters";
  }
  return undefined;
}

const wholeNumber = shape.pipe(
  shape.number(),
  shape.integer(),
  shape.minValue(0),
  shape.maxValue(limits.stateIntegerMax),
);

/** Names that object literals treat specially; no record may hold them. */
const specialKeys = ["__proto__", "constructor", "prototype"];

function hasOrdinaryKeys(value: unknown): boolean {
  const keys = Object.keys(Object(value));
  return specialKeys.every((key) => !keys.includes(key));
}

function fitsConfigLimits(config: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(config);
  if (entries.length > limits.seedConfigEntriesMax) return false;
  const sizeBytes = entries
    .map(([key, value]) => utf8Length(key) + utf8Length(value))
    .reduce((total, size) => total + size, 0);
  return sizeBytes <= limits.seedConfigBytesMax;
}

const seedConfig = shape.pipe(
  shape.unknown(),
  shape.check(hasOrdinaryKeys, `It may not hold ${specialKeys.join(", ")}`),
  shape.record(
    shape.pipe(shape.string(), shape.regex(keyForm, "A key is printable")),
    shape.string(),
  ),
  shape.check(
    fitsConfigLimits,
    `It may hold ${limits.seedConfigEntriesMax} entries and ` +
      `${limits.seedConfigBytesMax} bytes`,
  ),
);

const seedMembers = {
  digest: shape.pipe(
    shape.string(),
    shape.check(isDigest, "A digest has 64 lower-case hex digits"),
  ),
  sizeBytes: shape.pipe(wholeNumber, shape.maxValue(limits.moduleBytesMax)),
  config: shape.optional(seedConfig, {}),
  timeoutMs: shape.optional(
    shape.pipe(
      wholeNumber,
      shape.minValue(1),
      shape.maxValue(limits.callTimeoutMsMax),
    ),
    limits.callTimeoutMsDefault,
  ),
  memoryBytes: shape.optional(
    shape.pipe(
      wholeNumber,
      shape.minValue(limits.guestMemoryBytesMin),
      shape.maxValue(limits.guestMemoryBytesMax),
    ),
    limits.guestMemoryBytesDefault,
  ),
  cpuMs: shape.optional(
    shape.pipe(
      wholeNumber,
      shape.minValue(1),
      shape.maxValue(limits.callTimeoutMsMax),
    ),
    limits.callCpuMsDefault,
  ),
  isolation: shape.optional(
    shape.picklist(["restore", "fresh", "reuse"]),
    "restore",
  ),
  allowHosts: shape.optional(
    shape.pipe(
      shape.array(
        shape.pipe(
          shape.string(),
          shape.check(isHostPattern, "It is no host"),
        ),
      ),
      shape.maxLength(limits.seedHostsMax),
    ),
    [],
  ),
  publishedMs: wholeNumber,
};

/** A published seed. Times in milliseconds, wall clock for `publishedMs`. */
export type SeedSpec = {
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Handed to every instance; empty unless given. */
  readonly config: Readonly<Record<string, string>>;
  /** Of a whole call, 1 to `callTimeoutMsMax`. */
  readonly timeoutMs: number;
  /** That one instance may have, `guestMemoryBytesMin` to `...Max`. */
  readonly memoryBytes: number;
  /** On a processor, of one call without those it makes; as `timeoutMs`. */
  readonly cpuMs: number;
  /** What its owner asked for; a module may make it "fresh". */
  readonly isolation: "restore" | "fresh" | "reuse";
  /** Patterns of hosts that it may send requests to; empty: none. */
  readonly allowHosts: readonly string[];
  readonly publishedMs: number;
};

type StoredSeed = Omit<SeedSpec, "digest"> & { readonly digest: string };

const seedReader: Shape<StoredSeed> = shape.object(seedMembers);

/**
 * The strict shape of what a publish may write under a key.
 *
 * @throws {InputError} The section has no such key.
 */
type Writer = (key: string, value: JsonValue) => Shape<JsonValue>;

function writeNode(key: string): Shape<JsonValue> {
  const entry = nodeEntryShape(key);
  if (entry !== undefined) return entry;
  throw new InputError(`A node says nothing about itself under "${key}"`);
}

const writers: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  ["seeds", (key) => {
    parseName(key, "seed");
    return shape.strictObject(seedMembers);
  }],
  ["node", writeNode],
  ...rightsSectionNames.map((section): [string, Writer] => [
    section,
    (key, value) => rightsEntryShape(section, key, { value }),
  ]),
]);

/** One change of a publish; without a value the entry is deleted. */
export type Change = {
  readonly section: Section;
  readonly key: string;
  readonly value: JsonValue | undefined;
};

/** A change in stored form: a canonical text, or undefined for a deletion. */
export type Operation = {
  readonly section: string;
  readonly key: string;
  readonly text: string | undefined;
};

/**
 * The stored form of a change.
 *
 * @throws {InputError} The place or the value does not fit.
 * @throws {LimitError} The value is over `stateValueBytesMax`.
 */
export function parseChange(change: Change): Operation {
  const { section, key, value } = change;
  const fault = placeFault(section, key);
  if (fault !== undefined) {
    throw new InputError(`Cannot publish to "${section}": ${fault}`);
  }
  if (value === undefined) return { section, key, text: undefined };
  const writer = writers.get(section);
  if (writer === undefined) {
    throw new InputError(`This version publishes nothing in "${section}"`);
  }
  const what = `Entry "${key}" of "${section}"`;
  valueText(value, what); // refuses what is no JSON before its shape is read
  const fitting = shape.parseShape(writer(key, value), value, { what });
  const text = valueText(fitting, what);
  return { section, key, text };
}

/** A value as a reader takes it, or why the entry is ignored. */
export type Reading<T> = { readonly value: T } | { readonly reason: string };

function firstFault(faults: readonly shape.ShapeFault[]): string {
  const fault = faults[0];
  if (fault === undefined) return "it does not fit";
  return fault.path === "" ? fault.message : `${fault.path}: ${fault.message}`;
}

/** Reads an entry of `seeds`; unknown members are left out. */
export function readSeed(key: string, value: JsonValue): Reading<SeedSpec> {
  if (!isName(key)) return { reason: "its key is no name" };
  const result = shape.checkShape(seedReader, value);
  if (!("value" in result)) return { reason: firstFault(result.faults) };
  return {
    value: { ...result.value, digest: parseDigest(result.value.digest) },
  };
}

/** Reads the record under `nodeRecordKey`; unknown members are left out. */
export function readNodeRecord(value: JsonValue): Reading<NodeRecord> {
  const result = shape.checkShape(nodeReader, value);
  if ("value" in result) return { value: result.value };
  return { reason: firstFault(result.faults) };
}

/** Reads the record under `leftKey`; unknown members are left out. */
export function readLeft(value: JsonValue): Reading<LeftRecord> {
  const result = shape.checkShape(leftReader, value);
  if ("value" in result) return { value: result.value };
  return { reason: firstFault(result.faults) };
}

/** Refuses more changes than one batch may hold. */
export function checkChangeCount(count: number): void {
  if (count <= limits.stateBatchOperationsMax) return;
  throw new LimitError(
    `${count} changes at once are more than ${limits.stateBatchOperationsMax}`,
    { hint: "Publish them in several steps" },
  );
}
