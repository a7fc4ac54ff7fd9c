// A simulated QUIC endpoint: it dials and is dialled on one port. In come
// attempts of other machines and of its owner; out come sessions, when the
// listener's certificate fits the dialler's anchor. As with UDP, nobody tells a
// dialler that nobody listens: it finds out by waiting.

import {
  ClosedError,
  InputError,
  isUnicast,
  LimitError,
  limits,
  parseAddress,
  UnreachableError,
} from "../kernel/mod.ts";
import type {
  Clock,
  DialOptions,
  Endpoint,
  IncomingSession,
  NetworkAddress,
  Session,
  Signer,
  TlsIdentity,
} from "../ports/mod.ts";
import type { Certificate } from "../identity/mod.ts";
import { Inbox } from "./inbox.ts";
import { leafFault, leafOf } from "./network_certificates.ts";
import { SimSession } from "./network_session.ts";
import { Wire } from "./network_wire.ts";
import type { Path, WireEnd } from "./network_wire.ts";

const initialEveryMs = 1_000; // RFC 9002: the first probe timeout
const attemptMsMax = 10_000; // the idle timeout: nothing was ever heard
const closeMs = 50;

/** What an endpoint asks of its process and of the world's network. */
export type EndpointHost = WireEnd & {
  readonly machine: string;
  readonly clock: Clock;
  readonly signer: Signer;
  /** From this machine to another. */
  path(to: string): Path;
  /** Who listens there, as this machine sees it. */
  find(to: NetworkAddress): SimEndpoint | undefined;
  /** Where packets to `to` seem to come from. */
  sourceIp(to: NetworkAddress): string;
  note(event: string, fields: Readonly<Record<string, string | number>>): void;
};

/** Who asks whom for a session. */
type Attempt = {
  readonly from: SimEndpoint;
  readonly to: NetworkAddress;
  readonly options: DialOptions;
  readonly result: PromiseWithResolvers<SimSession>;
  isOver: boolean;
};

/** One port of one process. */
export class SimEndpoint implements Endpoint {
  readonly local: NetworkAddress;
  readonly #host: EndpointHost;
  readonly #protocols: readonly string[];
  readonly #incoming = new Inbox<IncomingSession>();
  readonly #sessions = new Set<SimSession>();
  readonly #attempts = new Set<Attempt>();
  /** Attempts of others that wait, or were accepted. */
  readonly #known = new Set<Attempt>();
  #leaf: Certificate;
  #isClosed = false;

  constructor(
    host: EndpointHost,
    options: {
      readonly local: NetworkAddress;
      readonly identity: TlsIdentity;
      readonly protocols: readonly string[];
    },
  ) {
    this.#host = host;
    this.local = options.local;
    this.#protocols = options.protocols;
    this.#leaf = leafOf(host.signer, options.identity);
  }

  async dial(to: NetworkAddress, options: DialOptions): Promise<Session> {
    const { signal } = options;
    signal.throwIfAborted();
    if (this.#isClosed) throw this.#closedError();
    const target = this.#target(to);
    if (this.#attempts.size >= limits.dialsUnderWayMax) {
      throw new LimitError(`${this.#attempts.size} dials are under way`, {
        hint: "Try again in a few seconds",
      });
    }
    const attempt = this.#begin(target, options);
    const abort = () => attempt.result.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      const session = await attempt.result.promise;
      signal.throwIfAborted();
      return session;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  /** What is under way or open here. */
  get sessions(): Iterable<SimSession> {
    return this.#sessions;
  }

  incomingSessions(): AsyncIterable<IncomingSession> {
    return this.#incoming.items();
  }

  rotate(identity: TlsIdentity): void {
    this.#leaf = leafOf(this.#host.signer, identity);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const session of [...this.#sessions]) session.close(0, "");
    for (const attempt of [...this.#attempts]) {
      this.#fail(attempt, this.#closedError());
    }
    this.#incoming.close();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#host.clock.after(closeMs, resolve);
    await promise;
  }

  /** As the real one refuses them. */
  #target({ ip, port }: NetworkAddress): NetworkAddress {
    const address = parseAddress(ip);
    if (address === undefined) {
      throw new InputError(`"${ip}" is no IP address`);
    }
    const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
    if (!isPort || !isUnicast(address)) {
      throw new UnreachableError(`Nobody can listen on ${ip}:${port}`);
    }
    const own = this.local.ip;
    const isAway = isLoopback(own) && !isLoopback(address.text);
    const isOther = address.text.includes(":") ? !own.includes(":") : false;
    if (isAway || isOther) {
      throw new UnreachableError(`This endpoint cannot reach ${ip}:${port}`);
    }
    return { ip: address.text, port };
  }

  #begin(to: NetworkAddress, options: DialOptions): Attempt {
    const attempt: Attempt = {
      from: this,
      to,
      options,
      result: Promise.withResolvers<SimSession>(),
      isOver: false,
    };
    // Who waits may have gone, or come later.
    attempt.result.promise.catch(() => undefined);
    this.#attempts.add(attempt);
    this.#host.note("network.dial", {
      from: this.#host.machine,
      to: `${to.ip}:${to.port}`,
    });
    this.#knock(attempt, 0);
    return attempt;
  }

  /** Sends the first packet, again and again, until there is an answer. */
  #knock(attempt: Attempt, waitedMs: number): void {
    if (attempt.isOver) return;
    const { ip, port } = attempt.to;
    if (waitedMs >= attemptMsMax) {
      const failure = new UnreachableError(`Nobody answers at ${ip}:${port}`);
      return this.#fail(attempt, failure);
    }
    const target = this.#host.find(attempt.to);
    if (target !== undefined) {
      this.#wireTo(target).send(() => target.#receive(attempt));
    }
    this.#host.clock.after(
      initialEveryMs,
      () => this.#knock(attempt, waitedMs + initialEveryMs),
    );
  }

  #wireTo(target: SimEndpoint): Wire {
    const path = this.#host.path(target.#host.machine);
    return new Wire(path, { from: this.#host, to: target.#host });
  }

  #receive(attempt: Attempt): void {
    if (this.#isClosed || this.#known.has(attempt)) return;
    if (this.#incoming.size >= limits.pendingHandshakesMax) return;
    this.#known.add(attempt);
    let isUsed = false;
    this.#incoming.push({
      accept: () => {
        if (isUsed || this.#isClosed) return undefined;
        isUsed = true;
        return this.#accept(attempt);
      },
      ignore: () => {
        if (!isUsed) this.#known.delete(attempt);
        isUsed = true;
      },
    });
  }

  #accept(attempt: Attempt): SimSession | undefined {
    const { from, options, to } = attempt;
    const protocol = this.#protocols.find((one) =>
      options.protocols.includes(one)
    );
    if (protocol === undefined) {
      this.#wireTo(from).sendReliably(() =>
        from.#refuse(attempt, "it speaks none of our protocols")
      );
      return undefined;
    }
    const theirs = from.#openEnd("dialler", {
      protocol,
      other: this,
      at: () => to,
    });
    // Who dialled may move to another address meanwhile.
    const ours = this.#openEnd("acceptor", {
      protocol,
      other: from,
      at: () => ({ ip: from.#host.sourceIp(to), port: from.local.port }),
    });
    SimSession.join(ours, theirs);
    const leaf = this.#leaf;
    ours.sendHandshake(() => from.#finish(attempt, { session: theirs, leaf }));
    return ours;
  }

  #openEnd(
    side: "dialler" | "acceptor",
    options: {
      readonly protocol: string;
      readonly other: SimEndpoint;
      readonly at: () => NetworkAddress;
    },
  ): SimSession {
    const { protocol, other, at } = options;
    const { clock, machine } = this.#host;
    const session: SimSession = new SimSession({
      side,
      protocol,
      remote: at,
      clock,
      wire: this.#wireTo(other),
      onEnd: (end) => {
        this.#sessions.delete(session);
        const code = end.type === "closed" ? end.code : -1;
        this.#host.note("network.end", { at: machine, type: end.type, code });
      },
    });
    this.#sessions.add(session);
    return session;
  }

  /** The listener's answer with its certificate. */
  #finish(
    attempt: Attempt,
    answer: { readonly session: SimSession; readonly leaf: Certificate },
  ): void {
    const { session, leaf } = answer;
    const { serverName, anchorPem, signal } = attempt.options;
    if (attempt.isOver) return session.close(0, "");
    const wallMs = this.#host.clock.wallMs();
    const fault = leafFault(this.#host.signer, leaf, {
      serverName,
      anchorPem,
      wallMs,
    });
    if (fault !== undefined) {
      const why = `its certificate is refused: ${fault}`;
      session.lose(new UnreachableError(why));
      return this.#refuse(attempt, why);
    }
    session.establish();
    session.sendHandshake((peer) => peer.establish());
    this.#over(attempt);
    if (signal.aborted) session.close(0, "");
    else attempt.result.resolve(session);
  }

  #refuse(attempt: Attempt, why: string): void {
    const { ip, port } = attempt.to;
    this.#fail(attempt, new UnreachableError(`${ip}:${port}: ${why}`));
  }

  #fail(attempt: Attempt, failure: Error): void {
    this.#over(attempt);
    attempt.result.reject(failure);
  }

  #over(attempt: Attempt): void {
    attempt.isOver = true;
    this.#attempts.delete(attempt);
  }

  #closedError(): ClosedError {
    return new ClosedError("The endpoint is closed");
  }
}

function isLoopback(ip: string): boolean {
  return ip === "::1" || ip.startsWith("127.");
}
