// argv in, exit code out. Runs one command line and prints every failure the
// same way: text, or JSON when --json stands on the line, on the error stream,
// with the exit codes of failure.ts. Never rejects and never ends the process.

import { InputError } from "../kernel/mod.ts";
import {
  exitCodeOf,
  exitOk,
  failureText,
  OutputClosedError,
} from "./failure.ts";
import type { Platform } from "./platform.ts";
import { runApplication } from "./app.ts";
import { flagSpecOf, verbWords } from "./words.ts";

/** Exit code of `args`, which leave out the program's own name. */
export async function runCli(
  args: readonly string[],
  platform: Platform,
): Promise<number> {
  const isJson = flagsOf(args).includes("--json");
  const { exitCode, failures } = await settle(args, platform);
  const [first] = failures;
  if (first === undefined) return exitCode ?? exitOk;
  if (first instanceof OutputClosedError) return exitOk;
  await platform.terminal.stderr.write(failureText(first, { isJson }));
  return exitCodeOf(first);
}

async function settle(args: readonly string[], platform: Platform) {
  try {
    refuseInherited(args);
    refuseSwitchValues(args);
    refuseMissingValue(args);
    return await runApplication(args, platform);
  } catch (cause) {
    return { exitCode: undefined, failures: [cause] };
  }
}

/** What stands before "--". */
function flagsOf(args: readonly string[]): readonly string[] {
  const end = args.indexOf("--");
  return end < 0 ? args : args.slice(0, end);
}

/** Names that every object has: "constructor", "toString". */
const inherited = Object.getOwnPropertyNames(Object.prototype)
  .map((name) => name.toLowerCase());

/** stricli looks words up in objects, and takes what they inherit for ours. */
function refuseInherited(args: readonly string[]): void {
  const words = flagsOf(args);
  const path = verbWords(words);
  for (const word of path) {
    if (!(word in Object.prototype)) continue;
    throw new InputError(`There is no command ${JSON.stringify(word)}`, {
      hint: '"pln help" lists the commands',
    });
  }
  for (const word of words) {
    // "--noConstructor" would be looked up as "constructor".
    const flag = word.match(/^--([^=]+)/)?.[1]?.toLowerCase();
    if (!inherited.some((name) => flag?.endsWith(name))) continue;
    throw new InputError(`No flag registered for --${flag}`, {
      hint: 'Add "--help" to see what the command takes',
    });
  }
}

/**
 * stricli takes "--detach=true", which the launcher, this file and a script
 * would each have to read the same way: a switch is there or it is not.
 */
function refuseSwitchValues(args: readonly string[]): void {
  const words = flagsOf(args);
  for (const word of words) {
    const [, flag] = word.match(/^(--?[^=]+)=/) ?? [];
    if (flagSpecOf(words, flag)?.type !== "switch") continue;
    throw new InputError(`The flag ${flag} takes no value`, {
      hint: `Give it alone, ${flag}, or leave it out`,
    });
  }
}

/** stricli would miss an argument first, and not say what is wrong. */
function refuseMissingValue(args: readonly string[]): void {
  const words = flagsOf(args);
  const last = words.at(-1);
  const spec = flagSpecOf(words, last);
  if (spec === undefined || spec.type === "switch") return;
  throw new InputError(`The flag ${last} needs a value`, {
    hint: `Give one: ${last} <${spec.value ?? "value"}>`,
  });
}
