// One line of text that a command takes as it was typed, from a file or from
// standard input: tokens, requests, statements. Bounded, and without the blanks
// around it that mails and editors add. A line that is a secret is not shown
// while it is typed.

import { InputError, LimitError, utf8Text } from "../kernel/mod.ts";
import type { Invocation } from "./invocation.ts";

export type LineOptions = {
  readonly charactersMax: number;
  /** For messages: "invite token". */
  readonly what: string;
};

/** Spaces and ends of lines around it, which are dropped. */
const blanksMax = 64;

/**
 * The text of standard input.
 *
 * @throws {InputError} None, too much, or not one line.
 */
export async function readStdinLine(
  { terminal }: Invocation,
  options: LineOptions,
): Promise<string> {
  const { charactersMax, what } = options;
  const { stdin } = terminal;
  const bytesMax = charactersMax + blanksMax;
  try {
    const text = stdin.isTerminal
      // Shown, Linux would cut it at 4095 bytes.
      ? await stdin.readLine(`Paste the ${what} (it is not shown): `, {
        secret: true,
        bytesMax,
      })
      : utf8Text(await stdin.read(bytesMax));
    return lineOf(text, options);
  } catch (cause) {
    if (!(cause instanceof LimitError)) throw cause;
    throw new InputError(`This is no ${what}: it is too long`, {
      cause,
      hint: "Give that line alone",
    });
  }
}

/**
 * The line that `source` is, if it begins with `prefix`; else that of standard
 * input for "-", or of the file.
 *
 * @throws {InputError} None, too much, or not one line.
 * @throws {NotFoundError} There is no such file.
 */
export async function readLineFrom(
  invocation: Invocation,
  source: string,
  options: LineOptions & { readonly prefix: string },
): Promise<string> {
  if (source.startsWith(options.prefix)) return lineOf(source, options);
  if (source === "-") return await readStdinLine(invocation, options);
  const path = invocation.resolve(source);
  const bytesMax = options.charactersMax + blanksMax;
  try {
    const bytes = await invocation.terminal.readFile(path, { bytesMax });
    return lineOf(utf8Text(bytes), options);
  } catch (cause) {
    if (!(cause instanceof LimitError)) throw cause;
    throw new InputError(`${path} holds no ${options.what}: it is too long`, {
      cause,
      hint: "Write that line alone into a file",
    });
  }
}

function lineOf(
  read: string | undefined,
  { charactersMax, what }: LineOptions,
): string {
  const text = read?.trim() ?? "";
  const isLine = text.length <= charactersMax && !/\s/.test(text);
  if (text !== "" && isLine) return text;
  const message = text === ""
    ? `There is no ${what}: nothing was given`
    : `This is no ${what}: it is not one line`;
  throw new InputError(message, {
    hint: "Copy the whole line, without line breaks",
  });
}
