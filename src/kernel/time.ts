// Durations as people write and read them: 300ms, 5m, 1h30m, 7d. Inside the
// program a duration is always a number of milliseconds and says so in its
// name; nothing here reads a clock.

import { InputError } from "./errors.ts";

const unitsMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * Whole milliseconds of a duration; a bare number is not accepted.
 *
 * @throws {InputError} Malformed, or not a safe integer of milliseconds.
 */
export function parseDurationMs(text: string): number {
  const fault = new InputError(`${JSON.stringify(text)} is no duration`, {
    hint: "Write it as 300ms, 30s, 5m, 1h30m or 7d",
  });
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+$/.test(text)) throw fault;
  let totalMs = 0;
  for (const part of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    totalMs += Number(part[1]) * (unitsMs[part[2] ?? ""] ?? 0);
  }
  // What is under a millisecond is never taken for a whole one.
  totalMs = totalMs < 1 ? 0 : Math.round(totalMs);
  if (!Number.isSafeInteger(totalMs)) throw fault;
  return totalMs;
}

/** The two largest units of a duration: "2d 3h", "450ms", "1.5s". */
export function formatDurationMs(durationMs: number): string {
  if (durationMs < 1_000) return `${Math.round(durationMs)}ms`;
  if (durationMs < 10_000) return `${Math.round(durationMs / 100) / 10}s`;
  const seconds = Math.round(durationMs / 1_000);
  const parts: [number, string][] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([count]) => count > 0);
  return parts.slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}
