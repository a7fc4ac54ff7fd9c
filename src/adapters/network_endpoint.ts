// One QUIC endpoint of Deno's: it dials and is dialled on one UDP socket. In
// come addresses with anchors, and whoever knocks; out come sessions. Deno's
// endpoint has traps that would stop it silently: each is named where it is
// handled, and the contract suite proves what it can.

import {
  addressText,
  assert,
  ClosedError,
  InputError,
  isUnicast,
  LimitError,
  limits,
  parseAddress,
  UnreachableError,
} from "../kernel/mod.ts";
import type {
  DialOptions,
  Endpoint,
  IncomingSession,
  NetworkAddress,
  Session,
  TlsIdentity,
} from "../ports/mod.ts";
import { countOpen } from "./network_counts.ts";
import { dialFailure } from "./network_failure.ts";
import { type DenoSession, openSession } from "./network_session.ts";

/**
 * What both ends of a session agree to; the shorter timeout counts. Whoever
 * blocks this thread for longer loses every session.
 */
const transportOptions: Deno.QuicTransportOptions = {
  maxIdleTimeout: 10_000,
  keepAliveInterval: 3_000,
  maxConcurrentBidirectionalStreams: limits.sessionStreamsMax,
  maxConcurrentUnidirectionalStreams: 0,
  // "low-latency" moves 0.1 GB/s where this moves 0.4 (Deno 2.9.6).
  congestionControl: "default",
};

/** For the packets that tell the peers, who else notice after 10 s. */
const closeMs = 50;
const acceptFailuresMax = 16;

/** Over a socket that is bound already. */
export class DenoEndpoint implements Endpoint {
  readonly local: NetworkAddress;
  readonly #endpoint: Deno.QuicEndpoint;
  readonly #protocols: readonly string[];
  /**
   * Every listener there ever was: one that is collected, or stopped, silently
   * stops the whole endpoint from accepting.
   */
  readonly #listeners: Deno.QuicListener[] = [];
  readonly #sessions = new Set<DenoSession>();
  readonly #scope = new DisposableStack();
  /** Given up or not: they end with the endpoint at the latest. */
  readonly #dials = new Set<Promise<unknown>>();
  #closing: Promise<void> | undefined;

  constructor(
    endpoint: Deno.QuicEndpoint,
    options: {
      readonly identity: TlsIdentity;
      readonly protocols: readonly string[];
    },
  ) {
    const { hostname, port } = endpoint.addr;
    this.local = { ip: hostname, port };
    this.#endpoint = endpoint;
    this.#protocols = options.protocols;
    this.rotate(options.identity);
    this.#scope.defer(countOpen("endpoints"));
  }

  /**
   * The newest listener's certificate serves every new handshake, also those
   * that the first listener's accept loop takes: it alone goes on.
   */
  rotate(identity: TlsIdentity): void {
    if (this.#closing !== undefined) throw closedError();
    const listener = this.#endpoint.listen({
      cert: identity.certificatesPem,
      key: identity.privateKeyPem,
      alpnProtocols: [...this.#protocols],
      ...transportOptions,
    });
    this.#listeners.push(listener);
    this.#scope.defer(countOpen("listeners"));
  }

  async dial(to: NetworkAddress, options: DialOptions): Promise<Session> {
    const { signal } = options;
    signal.throwIfAborted();
    if (this.#closing !== undefined) throw closedError();
    const target = this.#target(to);
    // A dial that nobody answers lasts 10 s whatever its caller does, since
    // Deno cannot cancel it: those given up count until they have ended.
    if (this.#dials.size >= limits.dialsUnderWayMax) {
      throw new LimitError(`${this.#dials.size} dials are under way already`, {
        hint: "Try again in a few seconds",
      });
    }
    const attempt = this.#attempt(target, options);
    this.#dials.add(attempt);
    const end = () => this.#dials.delete(attempt);
    attempt.then(end, end);
    const given = Promise.withResolvers<never>();
    const abort = () => given.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      return await Promise.race([attempt, given.promise]);
    } catch (cause) {
      // Nobody waits for what comes after all.
      attempt.then((session) => session.close(0, ""), () => undefined);
      throw cause;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  async *incomingSessions(): AsyncGenerator<IncomingSession> {
    const [listener] = this.#listeners;
    assert(listener !== undefined, "an endpoint has a listener");
    let failures = 0;
    while (this.#closing === undefined) {
      let incoming: Deno.QuicIncoming;
      try {
        // Not accept() nor its iterator: they reject when a client fails its
        // handshake, which would end the loop (S43).
        incoming = await listener.incoming();
      } catch (cause) {
        if (this.#closing !== undefined) return;
        // Another failure is not known; a loop that spins must not be.
        if (++failures < acceptFailuresMax) continue;
        const where = addressText(this.local);
        throw new UnreachableError(`Nobody can reach ${where} any more`, {
          cause,
        });
      }
      failures = 0;
      yield this.#incoming(incoming);
    }
  }

  /** Ends within 0.1 s, unless sessions take longer to say that they ended. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    const sessions = [...this.#sessions];
    for (const session of sessions) session.close(0, "");
    this.#endpoint.close({ closeCode: 0, reason: "" });
    await Promise.all(sessions.map(({ ended }) => ended));
    await new Promise((resolve) => setTimeout(resolve, closeMs));
    // A closed endpoint ends its dials at once: one turn for each.
    await Promise.allSettled(this.#dials);
    this.#scope.dispose();
  }

  #incoming(incoming: Deno.QuicIncoming): IncomingSession {
    return {
      accept: () => {
        let connection: Deno.QuicConn;
        try {
          // Accept first, then look at the connection: reading the address of
          // what is incoming makes its accept fail. zeroRtt lets us send
          // before the handshake is over, and gives the connection at once.
          connection = incoming.accept({ zeroRtt: true });
        } catch {
          return undefined; // it speaks none of our protocols, or went away
        }
        return this.#open(connection, { isDialler: false });
      },
      ignore: () => incoming.ignore(),
    };
  }

  async #attempt(
    to: NetworkAddress,
    options: DialOptions,
  ): Promise<DenoSession> {
    const { serverName, anchorPem, protocols } = options;
    const uncount = countOpen("dials");
    try {
      const connection = await Deno.connectQuic({
        endpoint: this.#endpoint,
        hostname: to.ip,
        port: to.port,
        serverName,
        // Added to the process's trust store, not instead of it: whoever is in
        // that store passes too. The transport tests for this at its start.
        caCerts: [anchorPem],
        alpnProtocols: [...protocols],
        ...transportOptions,
      });
      const session = this.#open(connection, { isDialler: true });
      if (this.#closing === undefined) return session;
      session.close(0, "");
      throw closedError();
    } catch (cause) {
      if (this.#closing !== undefined) throw closedError();
      throw dialFailure(to, cause);
    } finally {
      uncount();
    }
  }

  #open(
    connection: Deno.QuicConn,
    { isDialler }: { readonly isDialler: boolean },
  ): DenoSession {
    return openSession(connection, { isDialler, holders: this.#sessions });
  }

  /**
   * Deno resolves host names on the thread that runs us, and would send to
   * addresses of many: only literals of one machine pass. IPv4 targets need no
   * mapping on a socket bound to "::".
   */
  #target({ ip, port }: NetworkAddress): NetworkAddress {
    const address = parseAddress(ip);
    if (address === undefined) {
      throw new InputError(`"${ip}" is no IP address`, {
        hint: "Resolve names before dialling",
      });
    }
    const to = { ip: address.text, port };
    const isPort = Number.isInteger(port) && port > 0 && port < 65_536;
    if (!isPort || !isUnicast(address)) {
      throw new UnreachableError(`Nobody can listen on ${addressText(to)}`);
    }
    // The system refuses such packets, and quinn then gives up sending many at
    // once for as long as the endpoint lives.
    const isAway = isLoopback(this.local.ip) && !isLoopback(to.ip);
    if (isAway) throw dialFailure(to, new Error("invalid remote address"));
    return to;
  }
}

function isLoopback(ip: string): boolean {
  return ip === "::1" || ip.startsWith("127.");
}

function closedError(): ClosedError {
  return new ClosedError("The endpoint is closed");
}
