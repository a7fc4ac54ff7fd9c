// Connections for outbound HTTP: TCP to one address, TLS by the URL's name on
// top, kept for a moment after use. A route comes in; a socket whose other end
// is verified goes out to node:http. No name is resolved here, and nothing is
// written before the certificate was checked.

import type { Agent, ClientRequest } from "node:http";
import type { Socket } from "node:net";
import { addressText, assert, limits } from "../kernel/mod.ts";
import { OutboundError, type OutboundRequest } from "../ports/mod.ts";
import { IdleSockets } from "./outbound_idle_sockets.ts";

/** What node:http hands from a request to its connection. */
export type Route = {
  readonly request: OutboundRequest;
  readonly port: number;
  /** Of the request, or of disposal. */
  readonly signal: AbortSignal;
};

export type ConnectionsOptions = {
  /** PEM, trusted in the place of the system's roots. */
  readonly authoritiesPem?: string | undefined;
  /** Servers keep theirs for 5 s or longer; 4000 unless told. */
  readonly idleMsMax?: number | undefined;
};

type Modules = {
  readonly http: typeof import("node:http");
  readonly net: typeof import("node:net");
  readonly tls: typeof import("node:tls");
};

const idleMsMaxDefault = 4_000;
const idlePerRouteMax = 4;

/** Loads what it needs when it is first used. */
export class OutboundConnections implements AsyncDisposable {
  readonly #options: ConnectionsOptions;
  readonly #open = new Set<Socket>();
  /** Requests that got a connection somebody had used before. */
  readonly #reused = new WeakSet<ClientRequest>();
  readonly #idle: IdleSockets;
  #modules: Promise<Modules> | undefined;
  #keeping: Agent | undefined;

  constructor(options: ConnectionsOptions) {
    this.#options = options;
    this.#idle = new IdleSockets(options.idleMsMax ?? idleMsMaxDefault);
  }

  /** The agent that keeps connections, or one that opens a new one. */
  async agent({ isNew }: { readonly isNew: boolean }): Promise<Agent> {
    this.#modules ??= loadModules();
    const modules = await this.#modules;
    if (isNew) return this.#makeAgent(modules, { keepAlive: false });
    this.#keeping ??= this.#makeAgent(modules, { keepAlive: true });
    return this.#keeping;
  }

  /** Whether its connection may have been dead before it was sent. */
  isReused(request: ClientRequest): boolean {
    return this.#reused.has(request);
  }

  /** Ends all, also those in use, and waits until they are closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = [...this.#open].map((socket) =>
      new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.destroy();
      })
    );
    await Promise.all(closed);
  }

  #makeAgent(
    modules: Modules,
    { keepAlive }: { readonly keepAlive: boolean },
  ): Agent {
    const agent = new modules.http.Agent({
      keepAlive,
      maxFreeSockets: idlePerRouteMax,
      // Shorter when the server says so; any byte renews it.
      timeout: this.#options.idleMsMax ?? idleMsMaxDefault,
    });
    agent.getName = (options) => nameOf(routeOf(options));
    agent.createConnection = (options, done) => {
      const route = routeOf(options);
      this.#connect(modules, route).then(
        (socket) => done?.(null, socket),
        (cause) => {
          done?.(cause, undefined as never);
          forgetName(agent, nameOf(route));
        },
      );
      // Nothing to return yet: `done` gets it.
      return undefined as never;
    };
    const keepSocketAlive = agent.keepSocketAlive.bind(agent);
    agent.keepSocketAlive = (socket) => {
      const isKept = this.#idle.count < limits.outboundIdleConnectionsMax &&
        keepSocketAlive(socket);
      if (isKept) this.#idle.keep(socket);
      return isKept;
    };
    const reuseSocket = agent.reuseSocket.bind(agent);
    agent.reuseSocket = (socket, request) => {
      this.#idle.take(socket);
      reuseSocket(socket, request);
      // Deno 2.9.6 would send any request again, a POST too, when a reused
      // connection ends, even after it was received. The caller decides that.
      request.reusedSocket = false;
      this.#reused.add(request);
    };
    return agent;
  }

  async #connect({ net, tls }: Modules, route: Route): Promise<Socket> {
    const { request: { url, address, connectMsMax }, port, signal } = route;
    const host = url.hostname.replace(/^\[(.*)\]$/, "$1");
    const isSecure = url.protocol === "https:";
    signal.throwIfAborted();
    const to = { host: address, port, noDelay: true };
    const socket = isSecure
      ? tls.connect({
        ...to,
        // Only names go into the handshake; an address is still verified.
        servername: net.isIP(host) === 0 ? host : "",
        checkServerIdentity: (_name, certificate) =>
          tls.checkServerIdentity(host, certificate),
        ca: this.#options.authoritiesPem,
        ALPNProtocols: ["http/1.1"],
        rejectUnauthorized: true,
      })
      : net.connect(to);
    this.#open.add(socket);
    socket.once("close", () => this.#open.delete(socket));
    // Between two owners it has no other listener.
    socket.on("error", () => {});
    await this.#established(socket, { route, isSecure, connectMsMax });
    return socket;
  }

  async #established(
    socket: Socket,
    { route, isSecure, connectMsMax }: {
      readonly route: Route;
      readonly isSecure: boolean;
      readonly connectMsMax: number;
    },
  ): Promise<void> {
    const { request: { url, address }, port, signal } = route;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let isConnected = false;
    const fail = (detail: string | undefined, cause?: unknown) => {
      const fault = isConnected ? "not-secure" : "no-connection";
      const where = addressText({ ip: address, port });
      const why = isConnected ? detail : detail ?? `tried ${where}`;
      reject(new OutboundError(fault, url.host, { cause, detail: why }));
    };
    const onError = (cause: Error) =>
      fail(isConnected ? cause.message : undefined, cause);
    const onClose = () => fail(undefined);
    const onAbort = () => reject(signal.reason);
    socket.once("connect", () => {
      isConnected = true;
      if (!isSecure) resolve();
    });
    socket.once("secureConnect", resolve);
    socket.on("error", onError);
    socket.once("close", onClose);
    signal.addEventListener("abort", onAbort);
    const timer = setTimeout(
      () => fail(`nothing came back in ${connectMsMax} ms`),
      connectMsMax,
    );
    try {
      await promise;
    } catch (cause) {
      socket.destroy();
      throw cause;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener("abort", onAbort);
      socket.off("close", onClose);
      socket.off("error", onError);
    }
  }
}

async function loadModules(): Promise<Modules> {
  const [http, net, tls] = await Promise.all([
    import("node:http"),
    import("node:net"),
    import("node:tls"),
  ]);
  return { http, net, tls };
}

function routeOf(options: unknown): Route {
  assert(
    typeof options === "object" && options !== null && "route" in options,
    "each request of these agents has a route",
  );
  return options.route as Route;
}

/** Who may use the connection again. */
function nameOf({ request, port }: Route): string {
  const { url, address, partition } = request;
  return JSON.stringify([partition, url.protocol, url.hostname, port, address]);
}

/** Deno 2.9.6 remembers the name of each connection that failed. */
function forgetName(agent: Agent, name: string): void {
  const sockets = agent.sockets as Record<string, Socket[]>;
  if (sockets[name]?.length === 0) delete sockets[name];
}
