// What people type for a seed: its name, or its name and the first digits of its
// owner's id. In come the text and who has that name, out goes one owner's
// seed, or an error that says what there is instead.

import {
  AmbiguousError,
  isName,
  isNear,
  NotFoundError,
  type PeerId,
} from "../kernel/mod.ts";
import type { SeedEntry } from "./views.ts";

const prefixDigitsMin = 4;
const digitsShown = 12;
const ownersShownMax = 5;
const namesLookedAtMax = 1_000;
const namesShownMax = 5;

/** What an address is looked up in. */
export type SeedBook = {
  /** Of a name, who holds it first. */
  readonly holding: (name: string) => readonly SeedEntry[];
  /** For suggestions. */
  readonly names: () => Iterable<string>;
};

/** @throws {NotFoundError | AmbiguousError} As `View.seed`. */
export function seedAt(book: SeedBook, text: string): SeedEntry {
  const at = text.indexOf("@");
  const name = at < 0 ? text : text.slice(0, at);
  const found = isName(name) ? book.holding(name) : [];
  const [first] = found;
  if (first === undefined) throw noSeed(book.names(), name);
  if (at < 0) return first;
  const digits = text.slice(at + 1).toLowerCase();
  const isPrefix = /^[0-9a-f]{4,64}$/.test(digits);
  const fitting = isPrefix
    ? found.filter(({ owner }) => owner.startsWith(digits))
    : [];
  const [only, ...more] = fitting;
  if (only === undefined) throw noOwner(found, text);
  if (more.length === 0) return only;
  throw new AmbiguousError(
    `${quoted(text)} may be of ${ownersText(fitting)}`,
    { hint: "Give more digits of its owner's id" },
  );
}

/** Nobody has a seed of that name; `names` are those there are. */
export function noSeed(
  names: Iterable<string>,
  name: string,
): NotFoundError {
  const shown = name.slice(0, 80);
  const edits = name.length <= 3 ? 1 : 2;
  const seen: string[] = [];
  for (const known of names) {
    seen.push(known);
    const isAlike = shown === name && isNear(known, name, { edits });
    if (isAlike) return missing(shown, `Did you mean "${known}"?`);
    if (seen.length > namesLookedAtMax) break;
  }
  return missing(shown, namesHint(seen));
}

function missing(shown: string, hint: string): NotFoundError {
  return new NotFoundError(`There is no seed ${quoted(shown)}`, { hint });
}

function namesHint(names: readonly string[]): string {
  if (names.length === 0) return "Publish one: pln seed ./module.wasm";
  return names.length <= namesShownMax
    ? `There is: ${names.toSorted().join(", ")}`
    : 'See "pln status seeds"';
}

function noOwner(found: readonly SeedEntry[], text: string): NotFoundError {
  return new NotFoundError(`There is no seed ${quoted(text)}`, {
    hint: `Its owners: ${ownersText(found)}; give at least ` +
      `${prefixDigitsMin} digits after the @`,
  });
}

function ownersText(found: readonly { readonly owner: PeerId }[]): string {
  const shown = found.slice(0, ownersShownMax)
    .map(({ owner }) => owner.slice(0, digitsShown));
  const rest = found.length - shown.length;
  return shown.join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 80));
}
