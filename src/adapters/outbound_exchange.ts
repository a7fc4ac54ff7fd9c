// One HTTP exchange on one connection, by node:http. A route comes in; a whole
// response goes out, or why there is none and whether the connection may have
// been dead before. The answer is counted as it arrives, into one buffer: a
// body in a million pieces costs no more than in one.

import type { ClientRequest, IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { type Bytes, emptyBytes } from "../kernel/mod.ts";
import {
  OutboundError,
  type OutboundFault,
  type OutboundHead,
  type OutboundRequest,
  type OutboundResponse,
} from "../ports/mod.ts";
import type { OutboundConnections, Route } from "./outbound_connections.ts";

export type Outcome =
  | { readonly type: "answered"; readonly response: OutboundResponse }
  | {
    readonly type: "failed";
    readonly cause: unknown;
    /** A kept connection ended before anything came. */
    readonly isStale: boolean;
  };

export type ExchangeOptions = {
  readonly connections: OutboundConnections;
  /** On a connection of its own, which ends with it. */
  readonly isNew: boolean;
};

/** A server may send as many as it likes: more are no use to anybody. */
const informationMax = 16;

/**
 * Of what comes for one request in all. A body in chunks of 16 bytes fits, and
 * so do all headers that are passed over; chunk extensions without end do not.
 */
function wireBytesMax(
  { bodyBytesMax, headBytesMax }: OutboundRequest,
): number {
  return 2 * bodyBytesMax + (informationMax + 2) * headBytesMax;
}

/** Each costs this process some 4 us, however little is in it. */
const smallPiecesMax = 65_536;
const smallPieceBytes = 16;

export async function exchange(
  route: Route,
  { connections, isNew }: ExchangeOptions,
): Promise<Outcome> {
  const agent = await connections.agent({ isNew });
  const { request } = await import("node:http");
  const { url, method, body, headBytesMax } = route.request;
  const options = {
    agent,
    route,
    method,
    host: url.hostname,
    port: route.port,
    path: url.pathname + url.search,
    headers: headersOf(route),
    setHost: false,
    maxHeaderSize: headBytesMax,
  };
  if (route.signal.aborted) return failed(route.signal.reason);
  const sent = request(options);
  // node:http would leave out, unseen, what is over a thousand.
  sent.maxHeadersCount = 0;
  const reception = new Reception(sent, route);
  sent.end(body.length === 0 ? undefined : body);
  try {
    return { type: "answered", response: await reception.response };
  } catch (cause) {
    const isStale = connections.isReused(sent) && !reception.hasBegun;
    return { ...failed(cause), isStale: isStale && isBrokenOff(cause) };
  }
}

function failed(cause: unknown) {
  return { type: "failed", cause, isStale: false } as const;
}

function isBrokenOff(cause: unknown): boolean {
  return cause instanceof OutboundError && cause.fault === "broken-off";
}

/** These say that a body is missing when no length is given. */
const methodsWithBody: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH"]);

function headersOf({ request }: Route): Record<string, string> {
  const { url, method, headers, body } = request;
  const hasLength = body.length > 0 || methodsWithBody.has(method);
  return {
    host: url.host,
    ...headers,
    ...(hasLength ? { "content-length": String(body.length) } : {}),
  };
}

/** What comes back for one request. */
class Reception {
  readonly #request: ClientRequest;
  readonly #route: Route;
  readonly #done = Promise.withResolvers<OutboundResponse>();
  /** Of the body; twice as large whenever it is full. */
  #buffer: Bytes = new Uint8Array(0);
  #length = 0;
  #smallPieces = 0;
  #informationCount = 0;
  #hasBegun = false;
  #isOver = false;
  #socket: Socket | undefined;
  /** Of all that came, also what is no body. */
  #wireBytesLeft: number;

  constructor(request: ClientRequest, route: Route) {
    this.#request = request;
    this.#route = route;
    this.#wireBytesLeft = wireBytesMax(route.request);
    request.on("socket", (socket) => {
      if (this.#isOver) return;
      this.#socket = socket;
      socket.on("data", this.#onWire);
    });
    route.signal.addEventListener("abort", this.#onAbort);
    request.on("error", this.#onError);
    request.on("close", () => {
      if (!this.#hasBegun) this.#fail("broken-off");
    });
    request.on("information", () => {
      if (++this.#informationCount > informationMax) this.#fail("malformed");
    });
    request.on("upgrade", (_response, socket) => {
      socket.destroy();
      this.#fail("malformed");
    });
    request.on("response", (incoming) => this.#receive(incoming));
  }

  get response(): Promise<OutboundResponse> {
    return this.#done.promise;
  }

  /** The final status has come. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  #receive(incoming: IncomingMessage): void {
    this.#hasBegun = true;
    const head = headOf(incoming);
    incoming.on("error", this.#onError);
    incoming.on("data", (piece: Uint8Array) => this.#keep(piece));
    incoming.on("end", () => {
      if (!incoming.complete) return this.#fail("broken-off");
      const body = this.#buffer.buffer.transfer(this.#length);
      this.#succeed({ ...head, body: new Uint8Array(body) });
    });
    incoming.on("close", () => this.#fail("broken-off"));
    const isWanted = this.#route.request.isBodyWanted?.(head) ?? true;
    if (isWanted) return;
    this.#succeed({ ...head, body: emptyBytes });
    this.#request.destroy();
  }

  #keep(piece: Uint8Array): void {
    const { bodyBytesMax } = this.#route.request;
    const length = this.#length + piece.length;
    if (this.#isOver) return;
    if (length > bodyBytesMax) {
      const detail = `it has more than ${bodyBytesMax} bytes`;
      return this.#fail("large-body", { detail });
    }
    if (
      piece.length < smallPieceBytes && ++this.#smallPieces > smallPiecesMax
    ) {
      return this.#fail("malformed", { detail: "it sends crumbs" });
    }
    if (!this.#makeRoom(length)) return this.#fail("no-room");
    this.#buffer.set(piece, this.#length);
    this.#length = length;
  }

  /** Whether so many bytes may be held. */
  #makeRoom(length: number): boolean {
    const { request } = this.#route;
    const before = this.#buffer.length;
    if (length <= before) return true;
    const size = Math.min(Math.max(length, 2 * before), request.bodyBytesMax);
    if (request.mayKeep?.(size - before) === false) return false;
    const larger = new Uint8Array(size);
    larger.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = larger;
    return true;
  }

  /** node:http hands nothing on of what is around a body, and limits none. */
  readonly #onWire = (piece: Uint8Array): void => {
    this.#wireBytesLeft -= piece.length;
    if (this.#wireBytesLeft >= 0) return;
    this.#fail("malformed", { detail: "it sends too much around its body" });
  };

  readonly #onAbort = (): void => this.#end(this.#route.signal.reason);

  readonly #onError = (cause: Error & { readonly code?: unknown }): void => {
    if (cause instanceof OutboundError) return this.#end(cause);
    const code = String(cause.code ?? "");
    if (code === "HPE_HEADER_OVERFLOW") this.#fail("large-head", { cause });
    else if (code.startsWith("HPE_")) this.#fail("malformed", { cause });
    else this.#fail("broken-off", { cause });
  };

  #fail(
    fault: OutboundFault,
    options: { readonly cause?: unknown; readonly detail?: string } = {},
  ): void {
    if (this.#isOver) return;
    const { host } = this.#route.request.url;
    this.#end(new OutboundError(fault, host, options));
  }

  /** After the end the connection may be somebody else's: touch it no more. */
  #end(cause: unknown): void {
    if (this.#isOver) return;
    this.#close();
    this.#done.reject(cause);
    this.#request.destroy();
  }

  #succeed(response: OutboundResponse): void {
    if (this.#isOver) return;
    this.#close();
    this.#done.resolve(response);
  }

  #close(): void {
    this.#isOver = true;
    this.#route.signal.removeEventListener("abort", this.#onAbort);
    this.#socket?.off("data", this.#onWire);
  }
}

/** As many as came: what repeats is joined in its order. */
function headOf({ statusCode = 0, rawHeaders }: IncomingMessage): OutboundHead {
  const values = new Map<string, string[]>();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    const name = (rawHeaders[at] ?? "").toLowerCase();
    const value = rawHeaders[at + 1] ?? "";
    const others = values.get(name);
    if (others === undefined) values.set(name, [value]);
    else others.push(value);
  }
  const headers = Object.fromEntries(
    [...values].map(([name, all]) => [name, all.join(", ")]),
  );
  return { status: statusCode, headers };
}
