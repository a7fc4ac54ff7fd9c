// Outbound HTTP of one machine in memory and in virtual time. In go scripts:
// which names have which addresses, and what is answered at which address; out
// come responses or the faults of the real thing. It keeps what was asked, and
// must never be kinder: limits hold, and a refused address stays refused.

import { emptyBytes, utf8 } from "../kernel/mod.ts";
import {
  type Clock,
  type Outbound,
  OutboundError,
  type OutboundHead,
  type OutboundRequest,
  type OutboundResponse,
} from "../ports/mod.ts";

/** `clock` times look-ups, requests and answers on their way. */
export type SimOutboundOptions = { readonly clock: Clock };

/** A text is a body in UTF-8; status 200 without headers unless told. */
export type SimAnswer = {
  readonly status?: number;
  /** A name may come twice. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
  readonly body?: string | Uint8Array;
  /** After the body: the connection breaks, or nothing ever comes. */
  readonly end?: "broken-off" | "never";
};

/** What it throws, the request throws. */
export type SimServer = (request: OutboundRequest) => SimAnswer;

/** A network of its own, where nobody is: fill it with `name` and `serve`. */
export function openSimOutbound(options: SimOutboundOptions): SimOutbound {
  return new SimOutbound(options);
}

/** What a test may script and look at. */
export class SimOutbound implements Outbound {
  /** Names in the order in which they were looked up; the newest 10,000. */
  readonly lookups: string[] = [];
  /** In the order in which they were sent; the newest 10,000. */
  readonly requests: OutboundRequest[] = [];
  /** What `localNetworks` tells; a machine with loopback alone unless told. */
  networks: readonly string[] = ["127.0.0.1/8", "::1/128"];
  readonly #clock: Clock;
  readonly #names = new Map<string, (readonly string[])[]>();
  readonly #servers = new Map<string, SimServer>();

  /** For `openSimOutbound`. */
  constructor({ clock }: SimOutboundOptions) {
    this.#clock = clock;
  }

  /**
   * Gives a name its addresses. Of several sets each look-up takes the next,
   * as a name server that rebinds would; the last one stays.
   */
  name(host: string, ...sets: readonly (readonly string[])[]): void {
    this.#names.set(host, [...sets]);
  }

  /** Answers at an address, on all ports. */
  serve(address: string, server: SimServer): void {
    this.#servers.set(address, server);
  }

  /** Takes name look-ups from the script. */
  async resolve(
    host: string,
    { signal }: { readonly partition: string; readonly signal: AbortSignal },
  ): Promise<readonly string[]> {
    await this.#turn(signal);
    keepNewest(this.lookups, host);
    const sets = this.#names.get(host) ?? [];
    const [addresses = []] = sets.length > 1 ? sets.splice(0, 1) : sets;
    if (addresses.length === 0) throw new OutboundError("unknown-host", host);
    return [...addresses];
  }

  /** As scripted. */
  localNetworks(): readonly string[] {
    return this.networks;
  }

  /** Asks the address's server; nobody there refuses. */
  async request(request: OutboundRequest): Promise<OutboundResponse> {
    const { url: { host }, signal } = request;
    await this.#turn(signal);
    const server = this.#servers.get(request.address);
    if (server === undefined) throw new OutboundError("no-connection", host);
    keepNewest(this.requests, request);
    const answer = server(request);
    const body = bodyOf(answer, request);
    const head = headOf(answer);
    await this.#turn(signal);
    const headBytes = utf8(JSON.stringify(answer.headers ?? [])).length;
    if (headBytes > request.headBytesMax) {
      throw new OutboundError("large-head", host);
    }
    if (request.isBodyWanted?.(head) === false) {
      return { ...head, body: emptyBytes };
    }
    if (body.length > request.bodyBytesMax) {
      const detail = `it has more than ${request.bodyBytesMax} bytes`;
      throw new OutboundError("large-body", host, { detail });
    }
    if (request.mayKeep?.(body.length) === false) {
      throw new OutboundError("no-room", host);
    }
    if (answer.end === "broken-off") {
      throw new OutboundError("broken-off", host);
    }
    if (answer.end === "never") await untilAborted(signal);
    return { ...head, body };
  }

  async #turn(signal: AbortSignal): Promise<void> {
    await this.#clock.sleep(0, signal);
  }
}

const keptMax = 10_000;

function keepNewest<T>(kept: T[], one: T): void {
  kept.push(one);
  if (kept.length > keptMax) kept.shift();
}

const bodiless: ReadonlySet<number> = new Set([204, 304]);

function bodyOf(answer: SimAnswer, { method }: OutboundRequest) {
  if (method === "HEAD" || bodiless.has(answer.status ?? 200)) {
    return emptyBytes;
  }
  const { body = "" } = answer;
  return typeof body === "string" ? utf8(body) : Uint8Array.from(body);
}

function headOf({ status = 200, headers = [] }: SimAnswer): OutboundHead {
  const values = new Map<string, string>();
  for (const [name, value] of headers) {
    const key = name.toLowerCase();
    const before = values.get(key);
    values.set(key, before === undefined ? value : `${before}, ${value}`);
  }
  return { status, headers: Object.fromEntries(values) };
}

function untilAborted(signal: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  signal.addEventListener("abort", abort, { once: true });
  return promise;
}
