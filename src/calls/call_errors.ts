// How calls between nodes fail. A node's label and a cause come in; out goes an
// error that answers the two questions of whoever may call again: which node it
// is about, and whether the call may have run.

import {
  DeniedError,
  type ErrorCode,
  type Outcome,
  PlnError,
  ReportedError,
  UnreachableError,
} from "../kernel/mod.ts";

/** The call went out and no answer came back: part of it may have run. */
export class OutcomeUnknownError extends PlnError {
  /** Never one that is sent again by itself. */
  readonly code: ErrorCode = "PLN_OUTCOME_UNKNOWN";
  /** Of the node that may have run it. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";

  /** @param label Names the node: see `nodeLabel`. */
  constructor(label: string, why: string, options: ErrorOptions = {}) {
    super(`${label} ${why}: the call's outcome is unknown`, {
      ...options,
      hint: "Look whether it was done before you call again",
    });
  }
}

/** No room for a call: it did not run, and may be sent again. */
export class CallBusyError extends PlnError {
  /** The code of a full node. */
  readonly code: ErrorCode = "PLN_SATURATED";
  /** Of the node that would have run it. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";

  /** With the hint to try again. */
  constructor(message: string) {
    super(message, { hint: "Try again in a moment" });
  }
}

/** The node ends: it did not run, and may be sent to another one. */
export class CallStoppingError extends PlnError {
  /** As the control API says it. */
  readonly code: ErrorCode = "PLN_STOPPING";
  /** Of the node that would have run it. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";

  /** @param label Names the node: see `nodeLabel`. */
  constructor(label: string) {
    super(`${label} is stopping`, {
      hint: "Call again when it is up, or another node",
    });
  }
}

/** What becomes of a call that never left: safe to retry. */
export function didNotRun(
  label: string,
  why: string,
  options: ErrorOptions = {},
): UnreachableError {
  return new UnreachableError(`${label} ${why}: the call did not run`, {
    ...options,
    hint: 'See "pln status nodes"',
  });
}

/** As a seed's call ends on this node when its caller goes away. */
export function callCancelled(): PlnError {
  return new ReportedError({
    code: "PLN_SEED_CANCELLED",
    kind: "input",
    outcome: "error",
    message: "Its caller went away",
  });
}

/** All that the caller is told; why is in the log of who refused. */
export function callDenied(label: string): DeniedError {
  return new DeniedError(`${label} refuses this call`, {
    hint: 'Its operator sees the reason in "pln logs"',
  });
}
