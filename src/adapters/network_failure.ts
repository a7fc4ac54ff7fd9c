// What Deno throws when QUIC fails, as errors of ours. In comes whatever was
// thrown and the address it was about; out comes an error with what to do next.
// Deno gives these failures no codes: its texts are all there is to go by.

import {
  addressText,
  ClosedError,
  ConflictError,
  DeniedError,
  InputError,
  type PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import { isDenied } from "./denied.ts";

type Reason = {
  readonly text: RegExp;
  readonly says: (where: string) => string;
  readonly hint: string;
};

/** The first that fits counts. */
const reasons: readonly Reason[] = [
  {
    text: /certificate expired|not valid yet/,
    says: (where) => `The certificate of ${where} is not valid at this time`,
    hint: "Compare the clocks of both machines",
  },
  {
    text: /invalid peer certificate/,
    says: (where) => `Somebody else answers at ${where}`,
    hint: "The address may have gone to another machine",
  },
  {
    text: /known protocol/,
    says: (where) => `What answers at ${where} does not speak this protocol`,
    hint: "It may be another program, or a version that is too old",
  },
  {
    text: /invalid remote address/,
    says: (where) => `This endpoint cannot reach ${where}`,
    hint: "It is bound to addresses of another kind",
  },
  {
    text: /timed out/,
    says: (where) => `Nobody answers at ${where}`,
    hint: "Check that it runs, and that UDP gets through to it",
  },
];

/** Why a dial failed. */
export function dialFailure(to: NetworkAddress, cause: unknown): PlnError {
  const where = addressText(to);
  if (isDenied(cause)) {
    return new DeniedError(`May not dial ${where}`, { cause });
  }
  const text = cause instanceof Error ? cause.message : "";
  if (text.includes("endpoint stopping")) {
    return new ClosedError("The endpoint is closed", { cause });
  }
  const reason = reasons.find((one) => one.text.test(text));
  if (reason === undefined) {
    return new UnreachableError(`${where} broke the handshake off`, { cause });
  }
  const { says, hint } = reason;
  return new UnreachableError(says(where), { cause, hint });
}

/** Why a socket could not be bound; what is not known stays as it is. */
export function bindFailure(bind: NetworkAddress, cause: unknown): unknown {
  const where = `UDP port ${addressText(bind)}`;
  if (cause instanceof Deno.errors.AddrInUse) {
    return new ConflictError(`${where} is in use`, {
      cause,
      hint: "Choose another port, or end the program that uses it",
    });
  }
  if (isDenied(cause)) {
    return new DeniedError(`May not listen on ${where}`, {
      cause,
      hint: "Choose a port of 1024 or above",
    });
  }
  if (isMissingAddress(cause)) {
    return new InputError(`Address ${bind.ip} is not of this machine`, {
      cause,
      hint: 'Choose "::" or one of this machine\'s addresses',
    });
  }
  return cause;
}

/** The machine lacks the address, or its whole family. */
export function isMissingAddress(cause: unknown): boolean {
  if (cause instanceof Deno.errors.AddrNotAvailable) return true;
  const code = cause instanceof Error && "code" in cause ? cause.code : "";
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}
