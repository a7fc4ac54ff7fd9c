// The tier that flags name, and properties with an end of access: what an
// invite and a grant have in common on the command line. Flags come in, members
// of a request come out; two tiers at once are a mistake.

import { InputError, limits, parsePropertyKey } from "../kernel/mod.ts";
import type { Tier } from "../control/mod.ts";
import { parseLifeMs } from "./numbers.ts";
import { parsePairs } from "./pairs.ts";

const tiers = ["leaf", "publisher", "admin"] as const;

/** @throws {InputError} More than one of them. */
export function tierOf(
  flags: Readonly<Partial<Record<Tier, boolean>>>,
): Tier | undefined {
  const named = tiers.filter((tier) => flags[tier] === true);
  if (named.length <= 1) return named[0];
  throw new InputError(
    `${named.map((tier) => `--${tier}`).join(" and ")} exclude each other`,
    { hint: "Name one tier: an admin may publish too" },
  );
}

/** "a leaf", "an admin". */
export function tierText(tier: Tier): string {
  return tier === "admin" ? "an admin" : `a ${tier}`;
}

/** Undefined when none is given. @throws {InputError} */
export function propertiesOf(
  texts: readonly string[] | undefined,
): Readonly<Record<string, string>> | undefined {
  if (texts === undefined || texts.length === 0) return undefined;
  return parsePairs(texts, "--prop", { parseKey: parsePropertyKey });
}

/** "zone=home, gpu=1", in the order given. */
export function propertiesText(
  properties: Readonly<Record<string, string>>,
): string {
  return Object.entries(properties)
    .map(([key, value]) => `${key}=${value}`)
    .join(", ");
}

/** Milliseconds; undefined when not given. @throws {InputError} */
export function accessMsOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const maxMs = limits.inviteAccessMsMax;
  return parseLifeMs(text, "--expire-after", { maxMs });
}
