// Flags of the form key=value, such as --prop and --config. Texts come in, a
// record comes out; a key given twice is a mistake and never silently the last.
// What a key may be, the caller says.

import { InputError } from "../kernel/mod.ts";

/**
 * @param parseKey Checks one key; throws InputError.
 * @throws {InputError} Not key=value, or a key that stands twice.
 */
export function parsePairs(
  texts: readonly string[],
  flag: string,
  { parseKey }: { readonly parseKey: (key: string) => string },
): Readonly<Record<string, string>> {
  const pairs = new Map<string, string>();
  for (const text of texts) {
    const at = text.indexOf("=");
    if (at < 1) {
      const shown = JSON.stringify(text.slice(0, 40));
      throw new InputError(`${flag} takes key=value, not ${shown}`, {
        hint: `Write it as ${flag} zone=home`,
      });
    }
    const key = parseKey(text.slice(0, at));
    if (pairs.has(key)) {
      throw new InputError(`${flag} names "${key}" twice`, {
        hint: "Give each key once",
      });
    }
    pairs.set(key, text.slice(at + 1));
  }
  return Object.fromEntries(pairs);
}
