// How often a peer sent what no node of ours sends, over any protocol. In comes
// each such frame's link; a peer that does it again and again loses it. One
// frame alone ends no more than its stream: programs have faults too.

import type { Link } from "./link.ts";
import { closeCodes } from "./protocols.ts";

const faultsMax = 3;
const faults = new WeakMap<Link, number>();

/** Counts one more, of frames of `what`; the last one closes the link. */
export function noteFault(link: Link, what: string): void {
  const count = (faults.get(link) ?? 0) + 1;
  faults.set(link, count);
  if (count < faultsMax) return;
  link.close(closeCodes.quota, `its frames of ${what} make no sense`);
}
