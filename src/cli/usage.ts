// What is wrong with a command line, in sentences of ours. stricli's complaints
// come in; usage errors with a next step go out. Those that it words well, or
// that are new to us, keep its words.

import {
  EnumValidationError,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import { InputError, InternalError, isNear, PlnError } from "../kernel/mod.ts";

/** `corrections` are stricli's, in its quotes. */
export function unknownCommand(
  input: string,
  corrections: readonly string[],
): InputError {
  const near = corrections.join(" or ").replaceAll("`", '"');
  const shown = JSON.stringify(input.slice(0, 40));
  if (input.startsWith("-")) {
    return new InputError(`${shown} is no command`, {
      hint: "Flags come after the command: pln status --json",
    });
  }
  return new InputError(`There is no command ${shown}`, {
    hint: near === ""
      ? '"pln help" lists the commands'
      : `Did you mean ${near}?`,
  });
}

const noFlag = "This command has no flag ";

const help = 'Add "--help" to see what the command takes';

/** stricli's complaint about arguments, in our words. */
export function usageError(cause: unknown): PlnError {
  if (cause instanceof PlnError) return cause;
  if (!(cause instanceof Error)) {
    return new InternalError(`Arguments cannot be read: ${cause}`);
  }
  const known = argumentError(cause);
  if (known !== undefined) return known;
  const [text = "", near] = cause.message.split(", did you mean ");
  const message = text.replace(/^No (?:alias|flag) registered for /, noFlag);
  return new InputError(message.slice(0, 200), {
    cause,
    hint: near === undefined ? help : `Did you mean ${near}`,
  });
}

function argumentError(cause: Error): InputError | undefined {
  if (cause instanceof EnumValidationError) {
    const { externalFlagName, input, values } = cause;
    const flag = `--${externalFlagName}`;
    const near = values.find((value) =>
      isNear(value, input.toLowerCase(), { edits: 2 })
    );
    const shown = JSON.stringify(input.slice(0, 40));
    const list = `${values.slice(0, -1).join(", ")} or ${values.at(-1)}`;
    return new InputError(`${flag} takes ${list}, not ${shown}`, {
      cause,
      hint: near === undefined
        ? `Such as ${flag} ${values[0]}`
        : `Did you mean "${near}"?`,
    });
  }
  if (cause instanceof UnsatisfiedPositionalError) {
    const { placeholder } = cause;
    const message = `The argument <${placeholder}> is missing`;
    return new InputError(message, { cause, hint: help });
  }
  if (cause instanceof UnexpectedPositionalError) {
    const { expectedCount, input } = cause;
    if (/^--[a-z-]+=$/.test(input)) {
      const flag = input.slice(0, -1);
      return new InputError(`The flag ${flag} needs a value`, {
        cause,
        hint: help,
      });
    }
    const most = expectedCount === 0
      ? "no argument"
      : `${expectedCount} argument${expectedCount === 1 ? "" : "s"} at most`;
    const shown = JSON.stringify(input.slice(0, 40));
    const message = `The command takes ${most}: ${shown} is too many`;
    return new InputError(message, { cause, hint: help });
  }
  if (cause instanceof UnexpectedFlagError) {
    const flag = `--${cause.externalFlagName}`;
    return new InputError(`The flag ${flag} stands twice`, {
      cause,
      hint: "Give it once",
    });
  }
  return undefined;
}
