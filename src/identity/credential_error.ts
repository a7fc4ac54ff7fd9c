// Why a credential is not believed: the error of the one verifier, apart from
// it so that whoever only reports or tests for it needs no checks. A check's
// name and a message come in. It must never carry key bytes.

import { PlnError } from "../kernel/mod.ts";

/** Which check refused; shown in status and by "why denied". */
export type CredentialCheck =
  | "cluster"
  | "signature"
  | "role"
  | "usage"
  | "path-length"
  | "name"
  | "scope"
  | "time"
  | "deadline";

/** A credential was read and may not be believed. */
export class CredentialError extends PlnError {
  /** Stable and documented. */
  readonly code = "PLN_CREDENTIAL";
  /** The credential's holder can do something about it. */
  readonly kind = "peer";
  /** Exit code 4. */
  override readonly outcome = "permission";

  /**
   * The message names what was refused; `check` is for programs.
   *
   * @param check Which check refused.
   */
  constructor(
    readonly check: CredentialCheck,
    message: string,
    options: { readonly hint?: string } = {},
  ) {
    super(message, options);
  }
}
