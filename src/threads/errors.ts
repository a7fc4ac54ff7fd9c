// Why a seed's call failed, typed to its caller. The reason travels between
// the threads and, as the error's code, to the CLI. A seed's own text is kept
// apart from ours: only reason "seed" carries it.

import {
  type ErrorCode,
  type ErrorKind,
  type Outcome,
  PlnError,
  type PlnErrorOptions,
} from "../kernel/mod.ts";

/** The error's code is PLN_SEED_ and the reason in capitals. */
export type SeedReason =
  | "invalid" // no module, or not one this host runs
  | "link" // imports something this host does not offer
  | "no-function" // no export of that name that can be called
  | "trap" // WebAssembly trap, with function and offset
  | "stack" // recursion without end
  | "memory" // out of memory
  | "output" // larger than the limit
  | "variables" // larger than the limit
  | "exit" // called proc_exit with a code
  | "seed" // its own error text
  | "timeout" // past its deadline
  | "cancelled" // its caller went away
  | "cycle" // seeds calling each other in a circle, or too deep
  | "egress" // outbound HTTP without a grant
  | "lost"; // its thread ended under it

const hints: Readonly<Partial<Record<SeedReason, string>>> = {
  "no-function":
    "Check the name; the functions were printed when it was seeded",
  trap: "The seed has a bug; build it with names to see the function",
  stack: "The seed calls itself without end, or too deep",
  memory: 'Give it less input, or more memory with "--memory"',
  output: "Let the seed answer with less",
  exit: 'The seed ended itself; its log is in "pln logs" on its node',
  seed: 'The seed itself said so; its log is in "pln logs" on its node',
  timeout: 'Allow it more time with "--timeout"',
  lost: 'Call it again; "pln logs" on its node tells what ended the thread',
  egress: '"pln inspect" shows what the seed may reach',
  link: "Build it with an Extism PDK, for wasm32-wasip1 or without WASI",
};

/** As it crosses threads; `message` may hold the seed's own text. */
export type SeedFault = {
  readonly reason: SeedReason;
  readonly message: string;
  readonly hint?: string | undefined;
};

/** A call, or the module behind it, failed. Retry only "lost". */
export class SeedError extends PlnError {
  /** PLN_SEED_ and the reason in capitals: stable. */
  readonly code: ErrorCode;
  /** Whoever wrote the seed, or its input, can mend it. */
  readonly kind: ErrorKind = "input";
  /** Exit code 3 for "no-function", else 1. */
  override readonly outcome: Outcome;

  /** Hints by the reason unless `options` brings a hint. */
  constructor(
    readonly reason: SeedReason,
    message: string,
    options: PlnErrorOptions = {},
  ) {
    super(message, { hint: hints[reason], ...options });
    const name = reason.toUpperCase().replaceAll("-", "_");
    this.code = `PLN_SEED_${name}`;
    this.outcome = reason === "no-function" ? "not-found" : "error";
  }
}

/** What of an error crosses threads; an error of ours becomes "lost". */
export function faultOf(cause: unknown): SeedFault {
  if (cause instanceof SeedError) {
    const { reason, message, hint } = cause;
    return { reason, message, hint };
  }
  const text = cause instanceof Error ? cause.message : String(cause);
  return { reason: "lost", message: `The host failed: ${text}` };
}

/** The error that `faultOf` was made of. */
export function errorOfFault({ reason, message, hint }: SeedFault): SeedError {
  return new SeedError(reason, message, hint === undefined ? {} : { hint });
}

/** More work than the queue holds: refused before running, safe to retry. */
export class SaturatedError extends PlnError {
  /** The call never ran: retrying cannot do it twice. */
  readonly code = "PLN_SATURATED";
  /** Of the node that would have run it. */
  readonly kind: ErrorKind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";
}

/** What a call ends with when nobody waits for it any more. */
export function cancelled(): SeedError {
  return new SeedError("cancelled", "Its caller went away");
}

/** What a call or a module is refused with while there is no room. */
export function saturated(): SaturatedError {
  return new SaturatedError("This node has more work than it can queue", {
    hint: "Try again in a moment",
  });
}
