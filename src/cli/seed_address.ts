// What people type for a seed: its name, or its name, "@" and the first digits
// of its owner's id. Text comes in; the same text goes out, or an error that says
// what is wrong with it. Which seed it means is for the daemon to say.

import { InputError, parseName } from "../kernel/mod.ts";

const digits = /^[0-9a-f]{4,64}$/;

/** @throws {InputError} It can mean no seed. */
export function parseSeedAddress(text: string): string {
  const at = text.indexOf("@");
  if (at < 0) return parseName(text, "seed");
  const name = parseName(text.slice(0, at), "seed");
  const owner = text.slice(at + 1);
  if (digits.test(owner)) return text;
  throw new InputError(
    `${JSON.stringify(owner.slice(0, 80))} is not the start of an id`,
    { hint: `Give 4 digits or more of its owner's id: ${name}@1a2b` },
  );
}

/** Whether `parseSeedAddress` would take it, an owner included. */
export function isOwnedSeed(text: string): boolean {
  const [name = "", owner = "", ...more] = text.split("@");
  return name !== "" && digits.test(owner) && more.length === 0;
}
