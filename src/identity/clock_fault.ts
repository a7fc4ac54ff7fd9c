// What can be said about a machine's clock without asking anybody: that it is
// before this program was made. A wall time goes in, a sentence or nothing
// comes out. It must never read a clock itself.

import { buildTimeMs } from "../version.ts";

/** How far two clocks may be apart before validity is refused. */
export const clockToleranceMs = 3_600_000;

/**
 * What is wrong with a clock that says `wallMs`, milliseconds since 1970;
 * undefined when it may be right. This program's build time is the floor.
 */
export function clockFault(wallMs: number): string | undefined {
  // Written this way, a time that is no number is refused too.
  const isPossible = wallMs >= buildTimeMs - clockToleranceMs;
  if (isPossible) return undefined;
  return `This machine's clock says ${isoTime(wallMs)}, which is before ` +
    `this program was made (${isoTime(buildTimeMs)})`;
}

/** Also of times that no date can hold. */
export function isoTime(timeMs: number): string {
  const date = new Date(timeMs);
  return Number.isNaN(date.getTime()) ? `${timeMs}` : date.toISOString();
}
