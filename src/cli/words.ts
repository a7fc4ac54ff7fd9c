// What the words of a command line are to their command, by the table of verbs:
// its name, its flags, its arguments. Words come in as they were typed; nothing
// is checked here, and no word is changed.

import type { FlagSpec, VerbSpec } from "./verb_spec.ts";
import { globalFlags, isVerb, verbs } from "./verbs.ts";

/** The words that name the command: "config show" has two. */
export function verbWords(words: readonly string[]): readonly string[] {
  return words.slice(0, isVerb(words.slice(0, 2).join(" ")) ? 2 : 1);
}

/** What `flag`, "--name" or "-alias", is to the command of `words`. */
export function flagSpecOf(
  words: readonly string[],
  flag: string | undefined,
): FlagSpec | undefined {
  const verb = verbWords(words).join(" ");
  const own: VerbSpec["flags"] = isVerb(verb) ? verbs[verb].flags : {};
  const found = Object.entries<FlagSpec>({ ...own, ...globalFlags })
    .find(([name, { alias }]) =>
      flag === `--${name}` || alias !== undefined && flag === `-${alias}`
    );
  return found?.[1];
}

/** The command's arguments, without flags and their values. */
export function argumentsOf(words: readonly string[]): readonly string[] {
  const found: string[] = [];
  const rest = words.slice(verbWords(words).length);
  for (let at = 0; at < rest.length; at++) {
    const word = rest[at] ?? "";
    if (word === "--") return [...found, ...rest.slice(at + 1)];
    if (!word.startsWith("-") || word === "-") {
      found.push(word);
      continue;
    }
    const spec = flagSpecOf(words, word);
    if (spec !== undefined && spec.type !== "switch") at++;
  }
  return found;
}
