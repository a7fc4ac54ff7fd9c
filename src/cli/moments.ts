// Moments as people type and read them: "10m ago", "2026-01-31T08:15:00", and
// back as local time with how long ago that is. Text and the present come in;
// milliseconds of the wall clock come out, or an error that names the flag.
// JSON never goes through here: it has exact milliseconds.

import {
  formatDurationMs,
  InputError,
  parseDurationMs,
} from "../kernel/mod.ts";

const examples = "10m, 2d or 2026-01-31T08:15:00";
const isoForm =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?$/i;

/**
 * Milliseconds of the wall clock; a time without a zone is local.
 *
 * @throws {InputError} No moment, or one that is yet to come.
 */
export function parseMoment(
  text: string,
  flag: string,
  { nowMs }: { readonly nowMs: number },
): number {
  const atMs = agoMs(text, nowMs) ?? isoMs(text.trim());
  if (atMs === undefined) {
    const shown = JSON.stringify(text.slice(0, 40));
    throw new InputError(`${flag} takes a moment, not ${shown}`, {
      hint: `Such as ${flag} ${examples}`,
    });
  }
  if (atMs > nowMs) throw yetToCome(text, flag);
  if (atMs >= 0) return Math.floor(atMs);
  throw new InputError(`${flag} ${text.slice(0, 40)} is before 1970`, {
    hint: `Such as ${flag} ${examples}`,
  });
}

function yetToCome(text: string, flag: string): InputError {
  return new InputError(`${flag} ${text.slice(0, 40)} is yet to come`, {
    hint: `Such as ${flag} ${examples}; a time without a zone is local`,
  });
}

/** Undefined: it is no duration. */
function agoMs(text: string, nowMs: number): number | undefined {
  const span = text.trim().replace(/\s+ago$/, "").replaceAll(" ", "");
  try {
    return nowMs - parseDurationMs(span);
  } catch (cause) {
    if (cause instanceof InputError) return undefined;
    throw cause;
  }
}

/** Undefined: it is no moment, such as the 30th of February. */
function isoMs(text: string): number | undefined {
  const match = isoForm.exec(text) ?? undefined;
  if (match === undefined) return undefined;
  const [, year = "", month = "", day = "", hour, , , zone] = match;
  const days = new Date(Date.UTC(+year, +month - 1, +day));
  if (days.getUTCMonth() !== +month - 1 || days.getUTCDate() !== +day) return;
  // A date alone would be read as UTC.
  const whole = hour === undefined
    ? `${text}T00:00:00`
    : text.replace(" ", "T").replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
  const ms = Date.parse(zone === undefined ? whole : whole.toUpperCase());
  return Number.isNaN(ms) ? undefined : ms;
}

/** Local, to the second: "2026-01-31T08:15:00+01:00". */
export function localText(wallMs: number): string {
  const date = new Date(wallMs);
  const offset = -date.getTimezoneOffset();
  const two = (value: number) =>
    String(Math.trunc(Math.abs(value))).padStart(2, "0");
  const local = new Date(wallMs + offset * 60_000).toISOString().slice(0, 19);
  const sign = offset < 0 ? "-" : "+";
  return `${local}${sign}${two(offset / 60)}:${two(offset % 60)}`;
}

/** "3m ago"; "now" within a second, and for what a clock shows too early. */
export function ageText(wallMs: number, nowMs: number): string {
  const ageMs = nowMs - wallMs;
  return ageMs < 1_000 ? "now" : `${formatDurationMs(ageMs)} ago`;
}
