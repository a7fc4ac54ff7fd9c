// How a failure ends a command: its exit code and how it reads, as text for
// people or as one line of JSON. Any thrown value comes in; nothing about it
// may be lost but stacks, which only the log keeps.

import {
  asPlnError,
  ClosedError,
  type Outcome,
  PlnError,
  reportError,
} from "../kernel/mod.ts";
import { printable } from "./render.ts";

/** MISSION.md M24; the same for every command. */
const exitCodes = {
  "error": 1,
  "usage": 2,
  "not-found": 3,
  "permission": 4,
  "ambiguous": 5,
  "unreachable": 6,
} as const satisfies Record<Outcome, number>;

export const exitOk = 0;

/** Of a command that could not do what it was asked for, and said why. */
export const exitPermission = exitCodes.permission;

/** As a shell shows a process that SIGINT ended. */
export const exitInterrupted = 130;

/** The reader of our output has seen enough: `pln logs | head`. */
export class OutputClosedError extends ClosedError {}

/** The user ended the command while it waited. */
export class InterruptedError extends PlnError {
  readonly code = "PLN_INTERRUPTED";
  readonly kind = "input";
}

/** A daemon that was started and ended before it was ready. */
export class StartError extends PlnError {
  readonly code = "PLN_START";
  readonly kind = "local";
  readonly exitCode: number;

  constructor(
    message: string,
    options: ErrorOptions & {
      readonly exitCode: number;
      readonly hint?: string | undefined;
    },
  ) {
    super(message, options);
    this.exitCode = options.exitCode;
  }
}

export function exitCodeOf(cause: unknown): number {
  if (cause instanceof StartError) return cause.exitCode;
  const { code, outcome } = asPlnError(cause);
  // Ctrl-C, at a question too.
  return code === "PLN_INTERRUPTED" ? exitInterrupted : exitCodes[outcome];
}

/** Lines for the error stream, with their end of line. */
export function failureText(
  cause: unknown,
  options: { readonly isJson: boolean },
): string {
  if (options.isJson) {
    return `${JSON.stringify({ error: reportError(cause) })}\n`;
  }
  // A seed's own words may hold what a terminal would obey.
  const { message, hint } = asPlnError(cause);
  const next = hint === undefined ? "" : `  ${printable(hint)}\n`;
  return `pln: ${printable(message)}\n${next}`;
}
