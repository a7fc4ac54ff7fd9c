// Numbers and durations as flags give them. Text comes in; a whole number
// within its range comes out, or an error that names the flag and the range.
// Nothing is rounded, cut or guessed.

import {
  formatDurationMs,
  InputError,
  limits,
  parseDurationMs,
} from "../kernel/mod.ts";

/** @throws {InputError} Not a whole number of `min`, or 0, to `max`. */
export function parseCount(
  text: string,
  flag: string,
  { min = 0, max }: { readonly min?: number; readonly max: number },
): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (value !== undefined && value >= min && value <= max) return value;
  const shown = JSON.stringify(text.slice(0, 40));
  throw new InputError(
    `${flag} takes a whole number from ${min} to ${max}, not ${shown}`,
    { hint: `Such as ${flag} ${Math.min(3, max)}` },
  );
}

/** Milliseconds of a limit of calls. @throws {InputError} */
export function parseCallMs(
  text: string,
  flag: "--timeout" | "--cpu",
): number {
  const durationMs = parseMs(text, flag);
  const max = limits.callTimeoutMsMax;
  if (durationMs >= 1 && durationMs <= max) return durationMs;
  throw new InputError(`${flag} takes 1ms to ${max / 3_600_000}h`, {
    hint: `Such as ${flag} 30s`,
  });
}

/** Milliseconds of a life. @throws {InputError} No duration, or over. */
export function parseLifeMs(
  text: string,
  flag: string,
  { maxMs }: { readonly maxMs: number },
): number {
  const durationMs = parseMs(text, flag);
  if (durationMs >= 1_000 && durationMs <= maxMs) return durationMs;
  throw new InputError(`${flag} takes 1s to ${formatDurationMs(maxMs)}`, {
    hint: `Such as ${flag} 5m`,
  });
}

/** The kernel does not know which flag was wrong. */
function parseMs(text: string, flag: string): number {
  try {
    return parseDurationMs(text);
  } catch (cause) {
    if (!(cause instanceof InputError)) throw cause;
    const shown = JSON.stringify(text.slice(0, 38));
    const { hint } = cause;
    throw new InputError(`${flag} takes a duration, not ${shown}`, {
      cause,
      hint,
    });
  }
}
