// HTTP by Deno.serve and fetch. In come handlers and requests; out go servers
// and responses. It prints nothing, and no exception of a handler reaches a
// client: the client gets a bare 500, the caller's `onError` the cause.

import { limits } from "../kernel/mod.ts";
import type { Web, WebAddress, WebHandler, WebServer } from "../ports/mod.ts";
import { checkSocketPath, claimSocket } from "./unix_socket.ts";
import { hostOf, isStale, listenError, requestError } from "./web_errors.ts";

export type WebOptions = {
  /** Told what a handler, or a response body it made, threw. */
  readonly onError: (cause: unknown) => void;
};

type ServerParts = {
  readonly server: Deno.HttpServer<Deno.Addr>;
  readonly abort: AbortController;
  readonly underWay: Set<(response: Response) => void>;
};

/** A server on its address; the file is a unix socket's. */
type Opened = {
  readonly address: WebAddress;
  readonly parts: ServerParts;
  readonly removeFile: () => void;
};

/** Servers outlive it; disposing it closes its clients only. */
export function openWeb(options: WebOptions): Web & AsyncDisposable {
  return new DenoWeb(options);
}

class DenoWeb implements Web, AsyncDisposable {
  readonly #options: WebOptions;
  readonly #clients = new Map<string, Deno.HttpClient>();

  constructor(options: WebOptions) {
    this.#options = options;
  }

  async serve(address: WebAddress, handle: WebHandler): Promise<WebServer> {
    const opened = await this.#open(address, handle);
    return new DenoWebServer(opened, {
      reopen: () => this.#open(opened.address, handle),
      onError: this.#options.onError,
    });
  }

  async #open(address: WebAddress, handle: WebHandler): Promise<Opened> {
    if (address.type === "unix") {
      const { server: parts, file } = await claimSocket(address.path, {
        bind: (path) => this.#start({ path }, handle),
        close: async ({ server, abort }) => {
          abort.abort();
          await server.finished;
        },
      });
      return { address, parts, removeFile: () => file.remove() };
    }
    const { ip, port } = address;
    try {
      const parts = this.#start({ hostname: ip, port }, handle);
      const bound = parts.server.addr as Deno.NetAddr;
      return {
        address: { type: "tcp", ip: bound.hostname, port: bound.port },
        parts,
        removeFile: () => undefined,
      };
    } catch (cause) {
      throw listenError(address, cause);
    }
  }

  /** The URL's host gives way to the address; the Host header keeps it. */
  async request(address: WebAddress, request: Request): Promise<Response> {
    const sent = addressed(request, address);
    try {
      return await this.#fetch(address, sent);
    } catch (cause) {
      if (request.signal.aborted) throw request.signal.reason;
      if (!isStale(cause) || request.body !== null) {
        throw requestError(address, cause);
      }
    }
    try {
      this.#forget(address);
      return await this.#fetch(address, sent);
    } catch (cause) {
      if (request.signal.aborted) throw request.signal.reason;
      throw requestError(address, cause);
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
    return Promise.resolve();
  }

  async #fetch(address: WebAddress, request: Request): Promise<Response> {
    if (address.type === "tcp") {
      // Only a client that may set it keeps a Host header of its own.
      request.headers.delete("host");
      return await fetch(request);
    }
    return await fetch(request, { client: this.#client(address.path) });
  }

  /** Drops a client together with the connections it keeps. */
  #forget(address: WebAddress): void {
    if (address.type === "tcp") return;
    this.#clients.get(address.path)?.close();
    this.#clients.delete(address.path);
  }

  #start(
    where: { path: string } | { hostname: string; port: number },
    handle: WebHandler,
  ): ServerParts {
    const abort = new AbortController();
    const underWay: ServerParts["underWay"] = new Set();
    const quiet = {
      signal: abort.signal,
      onListen: () => undefined,
      onError: (cause: unknown) => {
        this.#options.onError(cause);
        return new Response(undefined, { status: 500 });
      },
    };
    // A promise of its own for each request: racing the handler against one
    // long-lived promise would keep every request's memory.
    const serve = (request: Request) =>
      new Promise<Response>((resolve, reject) => {
        underWay.add(resolve);
        const run = async () => {
          try {
            resolve(await handle(request));
          } catch (cause) {
            if (underWay.has(resolve)) reject(cause);
            else this.#options.onError(cause);
          } finally {
            underWay.delete(resolve);
          }
        };
        void run();
      });
    const server = "path" in where
      ? Deno.serve({ ...where, ...quiet }, serve)
      : Deno.serve({ ...where, ...quiet }, serve);
    return { server, abort, underWay };
  }

  #client(path: string): Deno.HttpClient {
    const known = this.#clients.get(path);
    if (known !== undefined) return known;
    checkSocketPath(path);
    for (const [oldest, client] of this.#clients) {
      if (this.#clients.size < limits.socketClientsMax) break;
      client.close();
      this.#clients.delete(oldest);
    }
    const client = Deno.createHttpClient({
      proxy: { transport: "unix", path },
      allowHost: true,
      poolMaxIdlePerHost: 64,
    });
    this.#clients.set(path, client);
    return client;
  }
}

/**
 * The request with the address in its URL. Deno 2.9.6 looks a name up even on
 * the way to a unix socket, on threads that file operations then wait for.
 */
function addressed(request: Request, address: WebAddress): Request {
  const host = address.type === "tcp" ? hostOf(address) : "127.0.0.1";
  if (request.url.startsWith(`http://${host}/`)) return request;
  const url = new URL(request.url);
  const named = request.headers.get("host") ?? url.host;
  url.protocol = "http:";
  url.host = host;
  const sent = new Request(url, request);
  sent.headers.set("host", named);
  return sent;
}

/** How long disposal waits, after a drain began, for bodies under way. */
const lastBodiesMs = 1_000;

/** How long a server that failed waits before it listens again. */
const reopenAfterMs = 250;

type ServerHooks = {
  /** Listens again at the same address. */
  readonly reopen: () => Promise<Opened>;
  readonly onError: (cause: unknown) => void;
};

class DenoWebServer implements WebServer {
  readonly address: WebAddress;
  readonly #hooks: ServerHooks;
  readonly #ending = new AbortController();
  #opened: Opened;
  #isServing = true;
  #drained: Promise<void> | undefined;
  #disposed: Promise<void> | undefined;

  constructor(opened: Opened, hooks: ServerHooks) {
    this.address = opened.address;
    this.#opened = opened;
    this.#hooks = hooks;
    void this.#keepServing();
  }

  drain(): Promise<void> {
    if (this.#drained === undefined) {
      this.#ending.abort();
      this.#opened.removeFile();
      this.#drained = this.#isServing
        ? this.#opened.parts.server.shutdown()
        : Promise.resolve();
    }
    return this.#drained;
  }

  /**
   * Deno 2.9.6 ends a whole server when one accept fails, for example when the
   * process has no file descriptor left: then it listens again.
   */
  async #keepServing(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      try {
        if (this.#isServing) await this.#opened.parts.server.finished;
        this.#isServing = false;
        if (signal.aborted) return;
        await new Promise((resolve) => setTimeout(resolve, reopenAfterMs));
        if (signal.aborted) return;
        this.#opened = await this.#hooks.reopen();
        this.#isServing = true;
        if (signal.aborted) await this.#cut();
      } catch (cause) {
        this.#isServing = false;
        if (!signal.aborted) this.#hooks.onError(cause);
      }
    }
  }

  /** Cuts the requests under way; ends within 1 s. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#close();
    return this.#disposed;
  }

  async #cut(): Promise<void> {
    const { server, abort } = this.#opened.parts;
    this.#opened.removeFile();
    abort.abort();
    await server.finished;
  }

  async #close(): Promise<void> {
    this.#ending.abort();
    const { underWay } = this.#opened.parts;
    this.#opened.removeFile();
    if (!this.#isServing) return;
    if (this.#drained === undefined) {
      this.#drained = this.#cut();
      return await this.#drained;
    }
    // Deno 2.9.6 throws outside of any stack when the signal aborts after
    // shutdown(): answer the handlers under way 503 instead.
    for (const answer of underWay) {
      answer(new Response(undefined, { status: 503 }));
    }
    underWay.clear();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, lastBodiesMs);
    await Promise.race([this.#drained, promise]);
    clearTimeout(timer);
  }
}
