// HTTP to other machines as a port: names become addresses, and a request goes
// to one address that the caller has checked, without a second look-up. It
// knows no policy: it follows no redirect, keeps no cookie, decodes no body and
// asks no proxy. What the answer may cost is the caller's choice, by limits.

import {
  type Bytes,
  type ErrorKind,
  type Outcome,
  PlnError,
  type PlnErrorOptions,
} from "../kernel/mod.ts";

/** What came before the body. */
export type OutboundHead = {
  /** 200 to 999: what came before the final status was passed over. */
  readonly status: number;
  /** Lower-case names; values of a repeated name are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
};

/** Empty body when the caller did not want it. */
export type OutboundResponse = OutboundHead & { readonly body: Bytes };

/** What a seed asks for, as it wrote it: nothing of it is checked. */
export type HttpAsk = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
};

/** Method, headers and body are the caller's to check. */
export type OutboundRequest = {
  /** http: or https:, without credentials; Host and TLS name come from it. */
  readonly url: URL;
  /** A literal, IPv6 without brackets: the only address connected to. */
  readonly address: string;
  /** A token (RFC 9110 section 5.6.2), but CONNECT. */
  readonly method: string;
  /** Without Host, Content-Length, and those of one connection. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Bytes;
  /** A connection is used again only by requests with the same text here. */
  readonly partition: string;
  /** Until TCP and TLS are there. */
  readonly connectMsMax: number;
  readonly headBytesMax: number;
  readonly bodyBytesMax: number;
  /** False leaves the body unread. All are read unless told. */
  isBodyWanted?(head: OutboundHead): boolean;
  /** Asked before so many more bytes of the body are held; false ends it. */
  mayKeep?(bytes: number): boolean;
  readonly signal: AbortSignal;
};

/** Only after "no-connection" did the other end see nothing of the request. */
export type OutboundFault =
  | "unknown-host" // no name server knows an address
  | "no-connection" // refused, no route, or nobody answered in time
  | "not-secure" // TLS failed, or the certificate is not to be trusted
  | "broken-off" // ended before the answer was complete
  | "malformed" // what came is not HTTP/1.1
  | "large-head" // over `headBytesMax`
  | "large-body" // over `bodyBytesMax`
  | "no-room" // `mayKeep` said no
  | "denied"; // this process lacks the right to connect there

const sentences: Readonly<Record<OutboundFault, (host: string) => string>> = {
  "unknown-host": (host) => `${host} does not resolve to an address`,
  "no-connection": (host) => `${host} accepts no connection`,
  "not-secure": (host) => `There is no secure connection to ${host}`,
  "broken-off": (host) => `${host} broke off before its answer was complete`,
  "malformed": (host) => `${host} does not answer in HTTP/1.1`,
  "large-head": (host) => `${host} answers with too large a header`,
  "large-body": (host) => `${host} answers with too large a body`,
  "no-room": (host) => `There is no room for the answer of ${host} now`,
  "denied": (host) => `This node has no right to connect to ${host}`,
};

const hints: Readonly<Record<OutboundFault, string>> = {
  "unknown-host": "Check the spelling, and whether this node is online",
  "no-connection": "Check the port, and whether the server runs",
  "not-secure": "Check the server's certificate: its name, dates and issuer",
  "broken-off": "Try again; the server's log may say why",
  "malformed": "Check the port, and whether it wants https",
  "large-head": "Ask the server for fewer or smaller headers",
  "large-body": "Ask for less at once, such as by a range",
  "no-room": "Try again in a moment: other answers are under way",
  "denied": "Nobody may reach the metadata service of a cloud machine",
};

/** No response came, or not all of it. */
export class OutboundError extends PlnError {
  /** One code for all: `fault` tells them apart. */
  readonly code = "PLN_OUTBOUND";
  /** "local" when it was our own right or room that was missing. */
  readonly kind: ErrorKind;
  /** Exit code 4 when denied, else 6. */
  override readonly outcome: Outcome;

  /**
   * Message and hint by the fault.
   *
   * @param options.detail Ends the message; foreign text is cut short.
   */
  constructor(
    readonly fault: OutboundFault,
    host: string,
    options: PlnErrorOptions & { readonly detail?: string } = {},
  ) {
    const { detail } = options;
    const tail = detail === undefined ? "" : `: ${detail.slice(0, 200)}`;
    super(sentences[fault](host) + tail, { hint: hints[fault], ...options });
    const isOwn = fault === "denied" || fault === "no-room";
    this.kind = isOwn ? "local" : "peer";
    this.outcome = fault === "denied" ? "permission" : "unreachable";
  }
}

/** Safe for any number of requests at once: it has no limit of its own. */
export interface Outbound {
  /**
   * All addresses of a DNS name, IPv4 first, as literals; at least one. No
   * partition takes all that look-ups may occupy.
   *
   * @throws {OutboundError} "unknown-host".
   * @throws The signal's reason when it aborts first.
   */
  resolve(
    host: string,
    options: { readonly partition: string; readonly signal: AbortSignal },
  ): Promise<readonly string[]>;
  /**
   * This machine's addresses and how much of each is its network's, as
   * "192.0.2.7/24"; half a minute old at most, and none if it may not know.
   */
  localNetworks(): readonly string[];
  /**
   * One exchange. A method that is safe to repeat (RFC 9110 section 9.2.2) may
   * reach the server twice, when a kept connection turns out to be dead.
   *
   * @throws {OutboundError} As its fault says.
   * @throws The signal's reason when it aborts first.
   */
  request(request: OutboundRequest): Promise<OutboundResponse>;
}
