// TCP by node:net and UDP by Deno.listenDatagram, on this machine's addresses.
// In come addresses; out go listeners, connections and sockets. node:net is
// used since Deno's own TCP closes both halves at one end of stream and cannot
// reset. A listener must never accept more than its consumer keeps up with.

import type { Server, Socket } from "node:net";
import {
  addressText,
  ClosedError,
  ConflictError,
  DeniedError,
  InputError,
  LimitError,
  limits,
  UnreachableError,
} from "../kernel/mod.ts";
import type {
  NetworkAddress,
  Sockets,
  TcpConnection,
  TcpListener,
  UdpSocket,
} from "../ports/mod.ts";
import { isDenied } from "./denied.ts";
import { openTcpConnection } from "./tcp_connection.ts";

export function openSockets(): Sockets {
  return { listenTcp, connectTcp, bindUdp };
}

/**
 * node:net throws outside of any stack when a right is missing (Deno 2.9.6):
 * ask before.
 */
async function checkRight(
  what: "listen on" | "connect to",
  at: NetworkAddress,
): Promise<void> {
  const host = addressText(at);
  const { state } = await Deno.permissions.query({ name: "net", host });
  if (state !== "granted") throw denial(what, at, undefined);
}

async function connectTcp(to: NetworkAddress): Promise<TcpConnection> {
  await checkRight("connect to", to);
  const { connect } = await import("node:net");
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({
    host: to.ip,
    port: to.port,
    allowHalfOpen: true,
    noDelay: true,
  });
  socket.once("connect", resolve);
  socket.once("error", reject);
  try {
    await promise;
  } catch (cause) {
    socket.destroy();
    if (isDenied(cause)) throw denial("connect to", to, cause);
    throw new UnreachableError(`Nobody listens on ${addressText(to)}`, {
      cause,
    });
  }
  socket.off("error", reject);
  return openTcpConnection(socket);
}

async function listenTcp(bind: NetworkAddress): Promise<TcpListener> {
  await checkRight("listen on", bind);
  const { createServer } = await import("node:net");
  const server = createServer({
    allowHalfOpen: true,
    pauseOnConnect: true,
    noDelay: true,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host: bind.ip, port: bind.port, exclusive: true }, resolve);
  try {
    await promise;
  } catch (cause) {
    throw bindError(bind, cause);
  }
  server.off("error", reject);
  return new NodeTcpListener(server, bind);
}

class NodeTcpListener implements TcpListener {
  readonly local: NetworkAddress;
  readonly #server: Server;
  /** Accepted and not yet taken; the oldest waits longest. */
  readonly #waiting: Socket[] = [];
  #wake: PromiseWithResolvers<void> | undefined;
  #failure: unknown;
  #closed: Promise<void> | undefined;

  constructor(server: Server, bind: NetworkAddress) {
    this.#server = server;
    const bound = server.address();
    const port = typeof bound === "object" ? bound?.port : undefined;
    this.local = { ip: bind.ip, port: port ?? bind.port };
    server.on("connection", (socket) => this.#accept(socket));
    server.on("error", (cause) => {
      this.#failure = cause;
      this.#signal();
    });
  }

  async *incoming(): AsyncGenerator<TcpConnection> {
    while (this.#closed === undefined) {
      const socket = this.#waiting.shift();
      if (socket !== undefined) {
        // One that died while it waited has nothing left to tell.
        if (!socket.destroyed) yield openTcpConnection(socket);
        continue;
      }
      if (this.#failure !== undefined) throw this.#failure;
      this.#wake ??= Promise.withResolvers();
      await this.#wake.promise;
    }
  }

  /** Connections already taken live on; those waiting are reset. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  #accept(socket: Socket): void {
    // While it waits its errors have no other listener; see incoming().
    socket.on("error", () => socket.destroy());
    if (
      this.#closed !== undefined ||
      this.#waiting.length >= limits.acceptQueueConnectionsMax
    ) {
      socket.resetAndDestroy();
      return;
    }
    this.#waiting.push(socket);
    this.#signal();
  }

  #signal(): void {
    this.#wake?.resolve();
    this.#wake = undefined;
  }

  #close(): Promise<void> {
    // Its callback waits for every connection: the port is free before that.
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.resetAndDestroy();
    this.#signal();
    return Promise.resolve();
  }
}

/** Larger than any UDP payload, so that none is cut. */
const datagramBytesMax = 65_536;

function bindUdp(bind: NetworkAddress): Promise<UdpSocket> {
  try {
    const socket = Deno.listenDatagram({
      transport: "udp",
      hostname: bind.ip,
      port: bind.port,
    });
    return Promise.resolve(new DenoUdpSocket(socket));
  } catch (cause) {
    return Promise.reject(bindError(bind, cause));
  }
}

class DenoUdpSocket implements UdpSocket {
  readonly local: NetworkAddress;
  readonly #socket: Deno.DatagramConn;
  #closed = false;

  constructor(socket: Deno.DatagramConn) {
    this.#socket = socket;
    this.local = networkAddress(socket.addr);
  }

  async send(bytes: Uint8Array, to: NetworkAddress): Promise<void> {
    if (this.#closed) throw this.#closedError();
    const address = {
      transport: "udp",
      hostname: to.ip,
      port: to.port,
    } as const;
    try {
      await this.#socket.send(bytes, address);
    } catch (cause) {
      if (this.#closed) throw this.#closedError();
      throw sendError(to, cause);
    }
  }

  async *incoming(): AsyncGenerator<
    { readonly bytes: Uint8Array; readonly from: NetworkAddress }
  > {
    const buffer = new Uint8Array(datagramBytesMax);
    while (!this.#closed) {
      let received: [Uint8Array, Deno.Addr];
      try {
        received = await this.#socket.receive(buffer);
      } catch (cause) {
        if (this.#closed) return;
        throw cause;
      }
      const [bytes, from] = received;
      yield { bytes: bytes.slice(), from: networkAddress(from) };
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closed) {
      this.#closed = true;
      this.#socket.close();
    }
    return Promise.resolve();
  }

  #closedError(): ClosedError {
    return new ClosedError(`UDP ${addressText(this.local)} is closed`);
  }
}

function networkAddress(address: Deno.Addr): NetworkAddress {
  const { hostname, port } = address as Deno.NetAddr;
  return { ip: hostname, port };
}

function sendError(to: NetworkAddress, cause: unknown): Error {
  if (isDenied(cause)) return denial("send to", to, cause);
  if (cause instanceof Error && cause.message.includes("too long")) {
    return new LimitError(`A datagram to ${addressText(to)} is too long`, {
      cause,
    });
  }
  return new UnreachableError(`No route to ${addressText(to)}`, { cause });
}

function bindError(bind: NetworkAddress, cause: unknown): unknown {
  const where = addressText(bind);
  const code = cause instanceof Error && "code" in cause ? cause.code : "";
  if (code === "EADDRINUSE" || cause instanceof Deno.errors.AddrInUse) {
    return new ConflictError(`Port ${where} is in use`, {
      cause,
      hint: "Choose another port",
    });
  }
  if (isDenied(cause)) return denial("listen on", bind, cause);
  if (
    code === "EADDRNOTAVAIL" || code === "EINVAL" ||
    cause instanceof Deno.errors.AddrNotAvailable
  ) {
    return new InputError(`Address ${where} is not of this machine`, {
      cause,
      hint: "Choose 127.0.0.1 or one of this machine's addresses",
    });
  }
  return cause;
}

function denial(
  what: "listen on" | "connect to" | "send to",
  at: NetworkAddress,
  cause: unknown,
): Error {
  return new DeniedError(`May not ${what} ${addressText(at)}`, {
    cause,
    hint: what === "listen on" ? "Choose a port of 1024 or above" : undefined,
  });
}
