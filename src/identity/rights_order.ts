// Which of several entries about one subject counts. Entries go in, the order
// of DESIGN.md section 4 comes out: root-signed, higher number, deny over
// allow, lower tier, lowest writer id, value bytes. Every node must order alike,
// so nothing here may depend on time, locale or who holds a copy.

import type { Tier } from "./extension.ts";
import type { RightsWriter } from "./rights.ts";

/** What the order looks at. */
export type Competitor = {
  readonly by: RightsWriter;
  readonly number: number;
  readonly verdict?: "deny" | "allow";
  readonly tier?: Tier;
  /** The value's text; of a root statement the statement itself. */
  readonly text: string;
};

const tierRanks: Readonly<Record<Tier, number>> = {
  leaf: 0,
  publisher: 1,
  admin: 2,
};

/** By UTF-16 code units: no locale has a say. */
export function compareTexts(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function rankOf({ tier }: Competitor): number {
  return tier === undefined ? 0 : tierRanks[tier];
}

/**
 * Negative when `left` counts. Whoever carries a root statement does not
 * matter: its writer is the root.
 */
function compareRights(left: Competitor, right: Competitor): number {
  const isRoot = left.by === "root";
  if (isRoot !== (right.by === "root")) return isRoot ? -1 : 1;
  if (left.number !== right.number) return right.number - left.number;
  if (left.verdict !== right.verdict) return left.verdict === "deny" ? -1 : 1;
  return rankOf(left) - rankOf(right) || compareTexts(left.by, right.by) ||
    compareTexts(left.text, right.text);
}

/** The one that counts; undefined of none. */
export function bestOf<T extends Competitor>(
  competitors: Iterable<T>,
): T | undefined {
  let best: T | undefined;
  for (const one of competitors) {
    if (best === undefined || compareRights(one, best) < 0) best = one;
  }
  return best;
}
