// What people type for a node: its id, the first digits of it, or its name. In
// come the text and everybody known, out goes one peer id. Nodes name
// themselves, so a name that two have is never guessed between.

import {
  AmbiguousError,
  isNear,
  NotFoundError,
  parsePeerId,
  type PeerId,
} from "../kernel/mod.ts";

/** Somebody who can be named. */
export type Named = {
  readonly peer: PeerId;
  readonly name: string | undefined;
  /** Who has left is meant only when nobody else can be. */
  readonly hasLeft?: boolean | undefined;
};

const prefixDigitsMin = 4;
const candidatesShownMax = 5;
const idDigitsShown = 12;
const shownCharactersMax = 80;

/**
 * The one peer that `text` means. A whole id is taken as it is, known or not.
 *
 * @throws {NotFoundError} Nobody; the hint has the nearest name.
 * @throws {AmbiguousError} Several; the text lists five of them.
 */
export function resolvePeer(text: string, known: Iterable<Named>): PeerId {
  const typed = text.trim();
  const digits = typed.toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return parsePeerId(digits);
  const isPrefix = /^[0-9a-f]+$/.test(digits) &&
    digits.length >= prefixDigitsMin;
  const all = [...known];
  const fitting = all.filter(({ peer, name }) =>
    name === typed || (isPrefix && peer.startsWith(digits))
  );
  const staying = fitting.filter(({ hasLeft }) => hasLeft !== true);
  const found = staying.length > 0 ? staying : fitting;
  const [first, ...more] = found;
  if (first === undefined) throw notFound(typed, all);
  if (more.length > 0) throw ambiguous(typed, found);
  return first.peer;
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, shownCharactersMax));
}

function notFound(typed: string, all: readonly Named[]): NotFoundError {
  const near = typed.length > shownCharactersMax ? undefined : all
    .find(({ name }) =>
      name !== undefined && isNear(name, typed, { edits: editsOf(typed) })
    );
  const isShort = /^[0-9a-f]{1,3}$/i.test(typed);
  const hint = near?.name !== undefined
    ? `Did you mean "${near.name}"?`
    : isShort
    ? `Give at least ${prefixDigitsMin} digits of its id`
    : 'See "pln status nodes"';
  return new NotFoundError(`There is no node ${quoted(typed)}`, { hint });
}

/** Two letters off in a name of three fits everything. */
function editsOf(typed: string): number {
  return typed.length <= 3 ? 1 : 2;
}

function ambiguous(typed: string, found: readonly Named[]): AmbiguousError {
  // Always more than what was typed.
  const digits = Math.max(idDigitsShown, typed.length + prefixDigitsMin);
  const shown = [...found]
    .sort((a, b) => a.peer < b.peer ? -1 : 1)
    .slice(0, candidatesShownMax)
    .map(({ peer, name }) => `${name ?? "unnamed"} (${peer.slice(0, digits)})`);
  const rest = found.length - shown.length;
  const more = rest > 0 ? `, and ${rest} more` : "";
  return new AmbiguousError(
    `${quoted(typed)} fits ${found.length} nodes: ${shown.join(", ")}${more}`,
    { hint: "Give more digits of the id" },
  );
}
