// Whom a change of rights may concern. Changes of admins' documents come in; out
// come the owners of whom rights may say something else, as far as the question
// is whether they are named and whether they are forgotten. Errs towards too
// many: whoever asks compares them all then.

import { isPeerId, type PeerId } from "../kernel/mod.ts";
import { isOwnAuthority } from "./admin_entries.ts";
import type { EntryChange } from "./changes.ts";

/** "all", or those whom a change names. */
export type RightsScope = "all" | ReadonlySet<PeerId>;

/** One for both. */
export function joinScopes(left: RightsScope, right: RightsScope): RightsScope {
  if (left === "all" || right === "all") return "all";
  return new Set([...left, ...right]);
}

/**
 * The scope of what changed in an admin's document.
 *
 * @param options.isAdmin Whether somebody is known as an admin: what decides
 * about an admin decides about all that it wrote.
 */
export function scopeOf(
  changes: readonly EntryChange[],
  { isAdmin }: { readonly isAdmin: (peer: string) => boolean },
): RightsScope {
  const owners = new Set<PeerId>();
  for (const change of changes) {
    const subject = subjectOf(change);
    if (subject === "all") return "all";
    if (subject === undefined) continue;
    if (isAdmin(subject)) return "all";
    if (isPeerId(subject)) owners.add(subject);
  }
  return owners;
}

/** Undefined: it concerns nobody here. */
function subjectOf(change: EntryChange): string | undefined {
  if (isOwnAuthority(change)) return "all";
  const { section, key, before, after } = change;
  switch (section) {
    case "grants":
    case "denies":
      // Who is an admin by the root decides whose invites have counted.
      return isOfRoot(before) || isOfRoot(after) ? "all" : key;
    case "forgets":
      return key;
    case "redemptions": // invite, then joiner
      return before === undefined ? key.slice(key.indexOf("/") + 1) : "all";
    default:
      return undefined;
  }
}

/** As a value of the root's statement begins; too many rather than too few. */
function isOfRoot(text: string | undefined): boolean {
  return text !== undefined && text.includes('"root":');
}
