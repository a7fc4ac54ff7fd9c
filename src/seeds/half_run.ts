// A call that began here and could not go on elsewhere. The error of whoever
// refused it says that it did not run, which is true for the rest of the call
// only: out goes one that nobody takes for a reason to call again by itself.

import {
  type ErrorCode,
  type Outcome,
  PlnError,
  reportError,
} from "../kernel/mod.ts";

/** Part of a call ran, the rest was refused. */
export class HalfRunError extends PlnError {
  /** Never one that is sent again by itself. */
  readonly code: ErrorCode = "PLN_HALF_RUN";
  /** Of the node that could not go on with it. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";
}

/** The codes of errors that say "it did not run, call again". */
const retryable: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  "PLN_SATURATED",
  "PLN_UNREACHABLE",
  "PLN_STARTING",
  "PLN_STOPPING",
]);

/**
 * What a call fails with whose seed handed it over.
 *
 * @param from The seed that ran, `seed/function`.
 */
export function afterHandover(cause: unknown, from: string): unknown {
  const { code, message, hint } = reportError(cause);
  if (!retryable.has(code)) return cause;
  const text = `${from} ran and handed the call over, but then: ${message}`;
  return new HalfRunError(text, { cause, hint });
}
