// An HTTP/1.1 server that writes what a test tells it, byte for byte: broken
// answers too. In come scripts; out go its port, the requests it saw and how
// many connections it had. It lets no connection outlive it.

import { createServer, type Server, type Socket } from "node:net";
import * as tls from "node:tls";
import type { Handle, Seen } from "./outbound_contract.ts";

/** Writes to the connection itself. */
export type WireHandle = (seen: Seen, socket: Socket) => void;

export type WireOptions = {
  /** Serves TLS with it. */
  readonly identity?: { readonly cert: string; readonly key: string };
  /** In the place of HTTP: called with whatever comes. */
  readonly onBytes?: (socket: Socket) => void;
};

export class WireServer implements AsyncDisposable {
  readonly address = "127.0.0.1";
  readonly port: number;
  readonly seen: Seen[] = [];
  connections = 0;
  /** Of TLS: whom clients expected, "" for none. */
  readonly serverNames: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  /** `server` listens. */
  private constructor(server: Server) {
    this.#server = server;
    const bound = server.address();
    this.port = typeof bound === "object" ? bound?.port ?? 0 : 0;
  }

  static async open(
    handle: WireHandle,
    { identity, onBytes }: WireOptions = {},
  ): Promise<WireServer> {
    const server: Server = identity === undefined
      ? createServer({ noDelay: true })
      : tls.createServer({ ...identity, noDelay: true });
    const { promise, resolve } = Promise.withResolvers<void>();
    server.listen({ host: "127.0.0.1", port: 0 }, resolve);
    await promise;
    const wire = new WireServer(server);
    const event = identity === undefined ? "connection" : "secureConnection";
    server.on(event, (socket: Socket) => {
      wire.#attend(socket);
      if (onBytes === undefined) wire.#readRequests(socket, handle);
      else socket.on("data", () => onBytes(socket));
    });
    server.on("tlsClientError", (_cause: Error, socket: Socket) => {
      socket.destroy();
    });
    return wire;
  }

  /** Closes the connections that it has now. */
  async hangUp(): Promise<void> {
    const closed = [...this.#sockets].map((socket) =>
      new Promise<void>((resolve) => {
        socket.once("close", () => resolve());
        socket.destroy();
      })
    );
    await Promise.all(closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    await this.hangUp();
    await closed;
  }

  #attend(socket: Socket): void {
    this.connections++;
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => socket.destroy());
    if (!(socket instanceof tls.TLSSocket)) return;
    const name: unknown = Reflect.get(socket, "servername");
    this.serverNames.push(typeof name === "string" ? name : "");
  }

  #readRequests(socket: Socket, handle: WireHandle): void {
    let unread = "";
    socket.on("data", (piece: Uint8Array) => {
      unread += new TextDecoder("latin1").decode(piece);
      for (;;) {
        const next = parseRequest(unread);
        if (next === undefined) return;
        unread = unread.slice(next.length);
        this.seen.push(next.seen);
        handle(next.seen, socket);
      }
    });
  }
}

/** Answers as a script of the contract says. */
export function answerBy(handle: Handle): WireHandle {
  return (seen, socket) => {
    const { status = 200, headers = [], body = "", end } = handle(seen);
    const bytes = typeof body === "string"
      ? new TextEncoder().encode(body)
      : body;
    const hasBody = seen.method !== "HEAD" && status !== 204 && status !== 304;
    const isGiven = headers.some(([name]) => name === "content-length");
    const length = bytes.length + (end === undefined ? 0 : 10);
    const lines = [
      `HTTP/1.1 ${status} Told So`,
      ...headers.map(([name, value]) => `${name}: ${value}`),
      ...(isGiven || !hasBody ? [] : [`content-length: ${length}`]),
    ];
    socket.write(lines.join("\r\n") + "\r\n\r\n");
    if (hasBody) socket.write(bytes);
    if (end === "broken-off") socket.end();
  };
}

function parseRequest(
  text: string,
): { readonly seen: Seen; readonly length: number } | undefined {
  const headLength = text.indexOf("\r\n\r\n");
  if (headLength < 0) return undefined;
  const [first = "", ...lines] = text.slice(0, headLength).split("\r\n");
  const [method = "", path = ""] = first.split(" ");
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    headers[name] = line.slice(colon + 1).trim();
  }
  const start = headLength + 4;
  const length = start + Number(headers["content-length"] ?? "0");
  if (text.length < length) return undefined;
  const raw = Uint8Array.from(
    text.slice(start, length),
    (character) => character.charCodeAt(0),
  );
  const body = new TextDecoder().decode(raw);
  return { seen: { method, path, headers, body }, length };
}
