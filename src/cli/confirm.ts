// Asking before something that cannot be undone. A question comes in; only a
// plain yes goes on. Where nobody can be asked the command refuses, and says
// which flag answers for it.

import { InputError } from "../kernel/mod.ts";
import type { Invocation } from "./invocation.ts";

/**
 * @param question Ends with a question mark.
 * @param options.refusal What a no means: "Nothing was signed".
 * @throws {InputError} No, or nobody can be asked.
 */
export async function confirm(
  { terminal, isJson }: Invocation,
  question: string,
  options: { readonly refusal: string },
): Promise<void> {
  const { refusal } = options;
  if (!terminal.stdin.isTerminal || isJson) {
    throw new InputError(`${refusal}: nobody can be asked`, {
      hint: 'Add "--yes"',
    });
  }
  const answer = await terminal.stdin.readLine(`${question} [y/N] `);
  if (/^y(?:es)?$/i.test(answer?.trim() ?? "")) return;
  throw new InputError(refusal, { hint: 'Answer "y", or add "--yes"' });
}
