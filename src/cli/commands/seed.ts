// `pln seed`: publishes a module under a name. A file or standard input comes
// in and is checked before the daemon gets it; what was published comes out.
// The daemon has acknowledged it durably when this command ends well.

import {
  formatDurationMs,
  InputError,
  LimitError,
  limits,
  nameFrom,
  parseName,
  utf8,
} from "../../kernel/mod.ts";
import type {
  SeedPublished,
  SeedRequest,
  SeedTerms,
} from "../../control/mod.ts";
import type { Run } from "../loaders.ts";
import { checkHosts } from "../allowed_hosts.ts";
import { readModule } from "../module_file.ts";
import { parseCallMs } from "../numbers.ts";
import { parsePairs } from "../pairs.ts";
import { digestText, printable, sizeText } from "../render.ts";
import { isDefaultIsolation, isolationText } from "../isolation.ts";
import { parseSizeBytes } from "../sizes.ts";
import { termChanges } from "../term_changes.ts";
import type { FlagsOf } from "../verbs.ts";

/** In text; JSON has all. */
const functionsShownMax = 8;

export const run: Run<"seed"> = async (invocation, { flags, args }) => {
  const [path = "", given] = args;
  const name = given === undefined ? nameOf(path) : parseName(given, "seed");
  const request = requestOf(flags);
  const module = await readModule(invocation, path);
  const published = await invocation.ask((client) =>
    client.publishSeed(name, module, request)
  );
  const changes = termChanges(published, Object.keys(request.config));
  await invocation.answer(
    { version: 1, ...published },
    summary(published, changes),
  );
};

/** What is not given is left to the daemon's defaults. */
function requestOf(flags: FlagsOf<"seed">): SeedRequest {
  const { timeout, cpu, memory, isolation } = flags;
  return {
    config: parseConfigPairs(flags.config ?? []),
    timeoutMs: ifGiven(timeout, (text) => parseCallMs(text, "--timeout")),
    cpuMs: ifGiven(cpu, (text) => parseCallMs(text, "--cpu")),
    memoryBytes: ifGiven(memory, parseMemoryBytes),
    isolation,
    allowHosts: ifGiven(flags["allow-host"], checkHosts),
    isTakeover: flags.takeover ? true : undefined,
  };
}

function ifGiven<Flag, T>(
  flag: Flag | undefined,
  parse: (flag: Flag) => T,
): T | undefined {
  return flag === undefined ? undefined : parse(flag);
}

function parseMemoryBytes(text: string): number {
  return parseSizeBytes(text, "--memory", {
    bytesMin: limits.guestMemoryBytesMin,
    bytesMax: limits.guestMemoryBytesMax,
  });
}

/** The name that a file gives its seed: "./Hello World.wasm", "hello-world". */
function nameOf(path: string): string {
  const file = path.replace(/\/+$/, "").split("/").at(-1) ?? "";
  const name = path === "-"
    ? undefined
    : nameFrom(file.replace(/\.wasm$/i, ""));
  if (name !== undefined) return name;
  throw new InputError(
    path === "-"
      ? "Standard input has no name"
      : `No name can be made of ${JSON.stringify(file.slice(0, 40))}`,
    { hint: 'Give one: "pln seed <path> my-seed"' },
  );
}

function parseConfigPairs(
  texts: readonly string[],
): Readonly<Record<string, string>> {
  const parseKey = (key: string) => key;
  const config = parsePairs(texts, "--config", { parseKey });
  const entriesMax = limits.seedConfigEntriesMax;
  const bytesMax = limits.seedConfigBytesMax;
  if (Object.keys(config).length > entriesMax) {
    throw new LimitError(`--config takes ${entriesMax} values at most`);
  }
  if (utf8(JSON.stringify(config)).length <= bytesMax) return config;
  throw new LimitError(`The values of --config are over ${sizeText(bytesMax)}`);
}

function summary(
  published: SeedPublished,
  changes: readonly string[],
): string {
  const { name, functions, digest, sizeBytes, replaces } = published;
  const shown = functions.slice(0, functionsShownMax).join(",");
  const more = functions.length - functionsShownMax;
  const parts = [
    name,
    (functions.length === 0 ? "(no functions)" : shown) +
    (more > 0 ? ` and ${more} more` : ""),
    digestText(digest, { isWide: false }),
    sizeText(sizeBytes),
  ];
  const lines = [parts.join("  "), ...specialTerms(published)];
  if (replaces === digest) lines.push("the module is unchanged");
  else if (replaces !== undefined) {
    lines.push(`in the place of ${digestText(replaces, { isWide: false })}`);
  }
  const { heldBy } = published;
  if (heldBy !== undefined) {
    const holder = heldBy.name ?? heldBy.peer.slice(0, 12);
    lines.push(`"${name}" still means the seed of ${holder}: an admin decides`);
  }
  if (changes.length > 0) lines.push(`changed: ${changes.join("; ")}`);
  return lines.map((line) => `${printable(line)}\n`).join("");
}

/** One line with what is not as it is by default; none when all is. */
function specialTerms(published: SeedPublished): readonly string[] {
  const { limits: own, isolation, allowHosts = [] } = published;
  const special = [
    ...own === undefined ? [] : specialLimits(own),
    ...isolation === undefined || isDefaultIsolation(isolation)
      ? []
      : [`isolation ${isolationText(isolation)}`],
    ...allowHosts.length === 0 ? [] : [`may reach ${allowHosts.join(", ")}`],
  ];
  return special.length === 0 ? [] : [special.join("; ")];
}

function specialLimits(
  { timeoutMs, cpuMs, memoryBytes }: SeedTerms["limits"],
): readonly string[] {
  const special: string[] = [];
  if (timeoutMs !== limits.callTimeoutMsDefault) {
    special.push(`timeout ${formatDurationMs(timeoutMs)}`);
  }
  if (cpuMs !== limits.callCpuMsDefault) {
    special.push(`cpu ${formatDurationMs(cpuMs)}`);
  }
  if (memoryBytes !== limits.guestMemoryBytesDefault) {
    special.push(`memory ${sizeText(memoryBytes)}`);
  }
  return special;
}
