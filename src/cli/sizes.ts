// Sizes as flags give them: 64MiB, 1.5GiB, 500kB, 1048576. Text comes in; whole
// bytes come out, or an error that says how to write a size. KiB and its kin
// count by 1024, kB and its kin by 1000; nothing is rounded or guessed.

import { InputError } from "../kernel/mod.ts";
import { sizeText } from "./render.ts";

const unitsBytes: Readonly<Record<string, number>> = {
  "": 1,
  "b": 1,
  "kib": 1024,
  "mib": 1024 ** 2,
  "gib": 1024 ** 3,
  "kb": 1000,
  "mb": 1000 ** 2,
  "gb": 1000 ** 3,
};

const form = /^(\d+(?:\.\d{1,6})?) ?([a-z]{0,3})$/;

/**
 * @param flag Names it in errors: "--memory".
 * @throws {InputError} No size, no whole number of bytes, or out of the range.
 */
export function parseSizeBytes(
  text: string,
  flag: string,
  range: { readonly bytesMin: number; readonly bytesMax: number },
): number {
  const [, figure, unit = ""] = form.exec(text.toLowerCase()) ?? [];
  const unitBytes = unitsBytes[unit];
  const shown = JSON.stringify(text.slice(0, 40));
  const hint = `Write it as ${flag} 64MiB; units are KiB, MiB, GiB, kB, MB, GB`;
  if (figure === undefined || unitBytes === undefined) {
    throw new InputError(`${flag} takes a size, not ${shown}`, { hint });
  }
  const bytes = Number(figure) * unitBytes;
  const { bytesMin, bytesMax } = range;
  if (bytes < bytesMin || bytes > bytesMax) {
    const how = bytes < bytesMin ? "small" : "large";
    throw new InputError(
      `${shown} is too ${how}: ${flag} takes ${sizeText(bytesMin)} to ` +
        sizeText(bytesMax),
      { hint: `Such as ${flag} 64MiB` },
    );
  }
  if (Number.isInteger(bytes)) return bytes;
  throw new InputError(`${flag} ${shown} is no whole number of bytes`, {
    hint,
  });
}
