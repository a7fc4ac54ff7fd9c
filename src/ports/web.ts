// HTTP as a port: servers on a TCP port or on a unix socket, and requests to a
// unix socket. Requests and responses are the Fetch standard's, so a handler
// is one function that tests and the simulator call directly.

import { UnreachableError } from "../kernel/mod.ts";

/** The other end took the request and went away: it may have acted on it. */
export class ConnectionLostError extends UnreachableError {}

/** `ip` is a literal; TCP port 0 lets the system choose. */
export type WebAddress =
  | { readonly type: "tcp"; readonly ip: string; readonly port: number }
  | { readonly type: "unix"; readonly path: string };

/** What it throws is logged and becomes a bare 500. */
export type WebHandler = (request: Request) => Promise<Response>;

/** Disposing cuts requests under way off: `drain` first. */
export interface WebServer extends AsyncDisposable {
  /** With the port that the system chose. */
  readonly address: WebAddress;
  /** Stops accepting; resolves when the requests under way have ended. */
  drain(): Promise<void>;
}

/** Knows no limits of size: handlers and callers count bytes. */
export interface Web {
  /**
   * Serves `handle`; a unix socket gets mode 0600 before it accepts.
   *
   * @throws {ConflictError} Address in use by a live server; a stale unix
   * socket is replaced.
   */
  serve(address: WebAddress, handle: WebHandler): Promise<WebServer>;
  /**
   * `request.signal` aborts it; then its reason is thrown.
   *
   * @throws {ConnectionLostError} The server went away before it answered.
   * @throws {UnreachableError} Nobody listens there.
   */
  request(address: WebAddress, request: Request): Promise<Response>;
}
