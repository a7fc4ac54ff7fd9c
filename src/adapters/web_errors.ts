// What Deno says when it cannot listen or fetch, as the errors of the web port.
// Addresses and causes come in; errors with a next step go out. A cause that is
// a bug of the caller stays what it is.

import {
  ConflictError,
  DeniedError,
  InputError,
  UnreachableError,
} from "../kernel/mod.ts";
import { ConnectionLostError, type WebAddress } from "../ports/mod.ts";
import { isDenied } from "./denied.ts";

/** As in a URL. */
export function hostOf(
  address: { readonly ip: string; readonly port: number },
) {
  const { ip, port } = address;
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

function labelOf(address: WebAddress): string {
  return address.type === "unix" ? address.path : hostOf(address);
}

export function listenError(address: WebAddress, cause: unknown): unknown {
  const where = labelOf(address);
  if (cause instanceof Deno.errors.AddrInUse) {
    return new ConflictError(`Address ${where} is in use`, {
      cause,
      hint: "Choose another port",
    });
  }
  if (cause instanceof Deno.errors.AddrNotAvailable) {
    return new InputError(`Address ${where} is not of this machine`, {
      cause,
      hint: "Choose 127.0.0.1 or one of this machine's addresses",
    });
  }
  if (isDenied(cause)) {
    return new DeniedError(`May not listen on ${where}`, {
      cause,
      hint: "Choose a port of 1024 or above",
    });
  }
  return cause;
}

/**
 * A kept connection whose server went away before it took the request: the
 * write failed, so that sending it again cannot do it twice.
 */
export function isStale(cause: unknown): boolean {
  return cause instanceof TypeError && cause.cause instanceof Error &&
    cause.cause.message.includes("Broken pipe");
}

export function requestError(address: WebAddress, cause: unknown): unknown {
  const where = labelOf(address);
  if (isDenied(cause)) {
    return new DeniedError(`May not connect to ${where}`, {
      cause,
      hint: "Check who owns the socket: ls -l",
    });
  }
  // The transport's failures: a TypeError with the reason as its cause. Other
  // TypeErrors (a body used twice) are the caller's bugs.
  if (!(cause instanceof TypeError) || !(cause.cause instanceof Error)) {
    return cause;
  }
  const reason = cause.cause.message;
  if (!reason.includes("(Connect)")) {
    return new ConnectionLostError(
      `${where} closed the connection before it answered`,
      { cause },
    );
  }
  if (reason.includes("os error 13")) {
    return new DeniedError(`May not connect to ${where}`, {
      cause,
      hint: "Check who owns the socket: ls -l",
    });
  }
  return new UnreachableError(`Nobody listens on ${where}`, {
    cause,
    hint: address.type === "unix" ? 'Start the node with "pln up"' : undefined,
  });
}
