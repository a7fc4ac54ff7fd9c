// How a seed's calls are kept apart, put into words. What the daemon reports
// comes in; out goes the mode in effect and, when it is not the one that the
// owner asked for, why. It judges nothing.

import type { SeedTerms } from "../control/mod.ts";

type Isolation = SeedTerms["isolation"];

/** "restore", or "fresh, not restore: it changes its tables". */
export function isolationText(
  { asked, inEffect = asked, reason }: Isolation,
): string {
  if (inEffect === asked) return asked;
  const why = reason === undefined ? "" : `: ${reason}`;
  return `${inEffect}, not ${asked}${why}`;
}

/** Nobody asked for another mode, and none is in effect. */
export function isDefaultIsolation(
  { asked, inEffect = asked }: Isolation,
): boolean {
  return asked === "restore" && inEffect === "restore";
}
