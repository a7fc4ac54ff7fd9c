// The error every part of Pollen speaks: what failed, about whom, and what to
// type next. Errors leave the daemon as an `ErrorReport` and come back in the
// CLI as a `ReportedError` with the same code, so that text, JSON and exit code
// agree everywhere. Never carries secrets, stacks or paths of other users.

/** How a failure ends a command; MISSION.md M24 maps it to an exit code. */
export type Outcome =
  | "error"
  | "usage"
  | "not-found"
  | "permission"
  | "ambiguous"
  | "unreachable";

/** Who can do something about it: the caller, another node, this machine. */
export type ErrorKind = "input" | "peer" | "local";

export type ErrorCode = `PLN_${string}`;

export type PlnErrorOptions = ErrorOptions & {
  /** What to type or change next, as one short sentence without a period. */
  readonly hint?: string | undefined;
};

/** Base of every expected failure. */
export abstract class PlnError extends Error {
  /** Stable and documented. */
  abstract readonly code: ErrorCode;
  abstract readonly kind: ErrorKind;
  readonly outcome: Outcome = "error";
  readonly hint: string | undefined;

  constructor(message: string, options: PlnErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** A value that a user or a peer gave is malformed. */
export class InputError extends PlnError {
  readonly code = "PLN_INPUT";
  readonly kind = "input";
  override readonly outcome = "usage";
}

/** A value is well formed but larger than a limit of `limits.ts`. */
export class LimitError extends PlnError {
  readonly code = "PLN_LIMIT";
  readonly kind = "input";
}

/** Something named does not exist here. */
export class NotFoundError extends PlnError {
  readonly code = "PLN_NOT_FOUND";
  readonly kind = "input";
  override readonly outcome = "not-found";
}

/** The caller may not do this. */
export class DeniedError extends PlnError {
  readonly code = "PLN_DENIED";
  readonly kind = "input";
  override readonly outcome = "permission";
}

/** A request contradicts what is there already. */
export class ConflictError extends PlnError {
  readonly code = "PLN_CONFLICT";
  readonly kind = "input";
}

/** Bytes that this node wrote do not read back as written. */
export class CorruptError extends PlnError {
  readonly code = "PLN_CORRUPT";
  readonly kind = "local";
}

/** Nobody answers where an answer was expected; safe to retry. */
export class UnreachableError extends PlnError {
  readonly code = "PLN_UNREACHABLE";
  readonly kind = "peer";
  override readonly outcome = "unreachable";
}

/** The part is closing or closed; nothing was done. */
export class ClosedError extends PlnError {
  readonly code = "PLN_CLOSED";
  readonly kind = "local";
  override readonly outcome = "unreachable";
}

/** An error as it crosses a process or a wire. */
export type ErrorReport = {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  readonly outcome: Outcome;
  readonly message: string;
  readonly hint?: string;
};

/** An error that another process reported. */
export class ReportedError extends PlnError {
  readonly code: ErrorCode;
  readonly kind: ErrorKind;
  override readonly outcome: Outcome;

  constructor(report: ErrorReport, options: ErrorOptions = {}) {
    super(report.message, { ...options, hint: report.hint });
    this.code = report.code;
    this.kind = report.kind;
    this.outcome = report.outcome;
  }
}

/** A failure nobody planned for: a bug, shown with its own text. */
export class InternalError extends PlnError {
  readonly code = "PLN_INTERNAL";
  readonly kind = "local";
}

/** Any thrown value as a PlnError; what is none becomes an InternalError. */
export function asPlnError(cause: unknown): PlnError {
  if (cause instanceof PlnError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new InternalError(`Internal error: ${text}`, {
    cause,
    hint: 'This is a bug; "pln logs" has the details',
  });
}

/** The wire form of any thrown value. */
export function reportError(cause: unknown): ErrorReport {
  const error = asPlnError(cause);
  return {
    code: error.code,
    kind: error.kind,
    outcome: error.outcome,
    message: error.message,
    ...(error.hint === undefined ? {} : { hint: error.hint }),
  };
}
