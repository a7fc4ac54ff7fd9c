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

/** Stable across versions: scripts may match it. */
export type ErrorCode = `PLN_${string}`;

/** A cause stays in this process: reports leave it out. */
export type PlnErrorOptions = ErrorOptions & {
  /** What to type or change next, as one short sentence without a period. */
  readonly hint?: string | undefined;
};

/** Base of every expected failure. */
export abstract class PlnError extends Error {
  /** Stable and documented. */
  abstract readonly code: ErrorCode;
  /** Reported, but decides nothing: the exit code follows `outcome`. */
  abstract readonly kind: ErrorKind;
  /** Exit code 1 unless a subclass says otherwise. */
  readonly outcome: Outcome = "error";
  /** Undefined when there is nothing useful to type. */
  readonly hint: string | undefined;

  /** The message says what failed and about what, without a period. */
  constructor(message: string, options: PlnErrorOptions = {}) {
    super(message, options);
    this.name = new.target.name;
    this.hint = options.hint;
  }
}

/** A value that a user or a peer gave is malformed. */
export class InputError extends PlnError {
  /** Retrying with the same value fails again. */
  readonly code = "PLN_INPUT";
  /** Whoever gave the value can mend it. */
  readonly kind = "input";
  /** Exit code 2. */
  override readonly outcome = "usage";
}

/** A value is well formed but larger than a limit of `limits.ts`. */
export class LimitError extends PlnError {
  /** Retry with less, or with less at once. */
  readonly code = "PLN_LIMIT";
  /** Whoever asked for that much can ask for less. */
  readonly kind = "input";
}

/** Something named does not exist here. */
export class NotFoundError extends PlnError {
  /** Retrying helps only after it was made. */
  readonly code = "PLN_NOT_FOUND";
  /** Whoever named it can name another. */
  readonly kind = "input";
  /** Exit code 3. */
  override readonly outcome = "not-found";
}

/** What somebody typed fits more than one thing. */
export class AmbiguousError extends PlnError {
  /** Retrying with more of the name or the id helps. */
  readonly code = "PLN_AMBIGUOUS";
  /** Whoever named it can name it more exactly. */
  readonly kind = "input";
  /** Exit code 5. */
  override readonly outcome = "ambiguous";
}

/** The caller may not do this. */
export class DeniedError extends PlnError {
  /** Retrying helps only after rights have changed. */
  readonly code = "PLN_DENIED";
  /** Whoever asked lacks the right. */
  readonly kind = "input";
  /** Exit code 4. */
  override readonly outcome = "permission";
}

/** A request contradicts what is there already. */
export class ConflictError extends PlnError {
  /** Retry when what is in the way has gone. */
  readonly code = "PLN_CONFLICT";
  /** Whoever asked can ask for something else. */
  readonly kind = "input";
}

/** Bytes that this node wrote do not read back as written. */
export class CorruptError extends PlnError {
  /** Retrying reads the same bytes again. */
  readonly code = "PLN_CORRUPT";
  /** To be mended here: the disk, then a new copy. */
  readonly kind = "local";
}

/** Nobody answers where an answer was expected; safe to retry. */
export class UnreachableError extends PlnError {
  /** Covers refused, silent and broken off alike. */
  readonly code = "PLN_UNREACHABLE";
  /** The other end, or the way to it. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome = "unreachable";
}

/** The part is closing or closed; nothing was done. */
export class ClosedError extends PlnError {
  /** Retry on what is opened next, never on this part. */
  readonly code = "PLN_CLOSED";
  /** This process closed it. */
  readonly kind = "local";
  /** Exit code 6: to the CLI the daemon is gone. */
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
  /** As the reporter gave it, also one this version does not know. */
  readonly code: ErrorCode;
  /** As the reporter saw it: its "local" is the other process. */
  readonly kind: ErrorKind;
  /** As the reporter gave it: the exit code is the same on both sides. */
  override readonly outcome: Outcome;

  /** Keeps message and hint word for word. */
  constructor(report: ErrorReport, options: ErrorOptions = {}) {
    super(report.message, { ...options, hint: report.hint });
    this.code = report.code;
    this.kind = report.kind;
    this.outcome = report.outcome;
  }
}

/** A failure nobody planned for: a bug, shown with its own text. */
export class InternalError extends PlnError {
  /** Not worth a retry; worth a bug report. */
  readonly code = "PLN_INTERNAL";
  /** Of this program, whoever called it. */
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
