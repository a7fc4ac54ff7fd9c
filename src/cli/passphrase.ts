// Passphrases as files give them: one line of UTF-8, bounded. A path comes in,
// the text comes out. It is never shown or kept, and a file that holds none is
// refused.

import { InputError, limits, utf8Text } from "../kernel/mod.ts";
import type { Invocation } from "./invocation.ts";

/** @throws {InputError} It holds none. */
export async function readPassphraseFile(
  invocation: Invocation,
  path: string,
): Promise<string> {
  const bytes = await invocation.terminal.readFile(invocation.resolve(path), {
    bytesMax: limits.passphraseBytesMax + 2,
  });
  const text = utf8Text(bytes)?.replace(/\r?\n$/, "");
  if (text !== undefined && text !== "") return text;
  throw new InputError(`${path} holds no passphrase`, {
    hint: "Write it as one line of UTF-8 text",
  });
}
