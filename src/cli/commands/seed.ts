// `pln seed`: publishes a module under a name. A file or standard input comes
// in and is checked before the daemon gets it; what was published comes out.
// The daemon has acknowledged it durably when this command ends well.

import {
  InputError,
  LimitError,
  limits,
  nameFrom,
  parseName,
  utf8,
} from "../../kernel/mod.ts";
import type { SeedPublished } from "../../control/mod.ts";
import type { Run } from "../loaders.ts";
import { readModule } from "../module_file.ts";
import { parseTimeoutMs } from "../numbers.ts";
import { parsePairs } from "../pairs.ts";
import { digestText, printable, sizeText } from "../render.ts";

/** In text; JSON has all. */
const functionsShownMax = 8;

export const run: Run<"seed"> = async (invocation, { flags, args }) => {
  const [path = "", given] = args;
  const name = given === undefined ? nameOf(path) : parseName(given, "seed");
  const config = parseConfigPairs(flags.config ?? []);
  const timeoutMs = flags.timeout === undefined
    ? undefined
    : parseTimeoutMs(flags.timeout);
  const module = await readModule(invocation, path);
  const published = await invocation.ask((client) =>
    client.publishSeed(name, module, { config, timeoutMs })
  );
  await invocation.answer({ version: 1, ...published }, summary(published));
};

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

function summary(published: SeedPublished): string {
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
  const line = `${printable(parts.join("  "))}\n`;
  if (replaces === undefined) return line;
  if (replaces === digest) return `${line}the module is unchanged\n`;
  return line +
    `in the place of ${digestText(replaces, { isWide: false })}\n`;
}
