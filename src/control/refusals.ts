// What the control API answers when it is no request's fault: there is no room
// for a call, or the node is not up. Each has a code of its own, so that a
// client knows whether anything ran.

import { type ErrorCode, type Outcome, PlnError } from "../kernel/mod.ts";

/** No room for a call: it did not run, and may be sent again. */
export class BusyError extends PlnError {
  /** The code that a full node answers with, too. */
  readonly code = "PLN_SATURATED";
  /** Of the node that would have run it. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";

  /** With the hint to try again. */
  constructor(message: string) {
    super(message, { hint: "Try again in a moment" });
  }
}

/** A node that cannot be asked: on its way up, or down. */
export type Absence = "starting" | "stopping";

const absences = {
  starting: {
    code: "PLN_STARTING",
    hint: "Wait a moment, then try again",
  },
  stopping: {
    code: "PLN_STOPPING",
    hint: 'Wait until it has ended, then start it with "pln up -d"',
  },
} as const satisfies Record<Absence, object>;

/** The request was not looked at: it may be sent again. */
export class AbsentError extends PlnError {
  /** PLN_STARTING or PLN_STOPPING. */
  readonly code: ErrorCode;
  /** Of the node that was asked. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";

  /** Names the process that somebody may have to look after. */
  constructor(absence: Absence, processId: number) {
    const { code, hint } = absences[absence];
    super(`The node is ${absence} (process ${processId})`, { hint });
    this.code = code;
  }
}

/** Whether a failure's code says that the node is starting or stopping. */
export function isAbsence({ code }: { readonly code: ErrorCode }): boolean {
  return Object.values(absences).some((absence) => absence.code === code);
}

/** A call that was cut off: part of it may have run. */
export class StoppedError extends PlnError {
  /** Never one that is sent again by itself. */
  readonly code = "PLN_STOPPED";
  /** Of the node that ran it. */
  readonly kind = "peer";
  /** Exit code 6. */
  override readonly outcome: Outcome = "unreachable";

  /** The same for every call. */
  constructor() {
    super("The node stopped before the call ended", {
      hint: "Call again when it is up",
    });
  }
}
