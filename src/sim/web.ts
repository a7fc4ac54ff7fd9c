// HTTP in memory and in virtual time: one registry of addresses for one
// machine. In come handlers and requests; out go their responses, each way by
// a timer of the clock. An exception of a handler becomes a bare 500, as in
// production, and never reaches the client.

import { ConflictError, UnreachableError } from "../kernel/mod.ts";
import {
  type Clock,
  ConnectionLostError,
  type Web,
  type WebAddress,
  type WebHandler,
  type WebServer,
} from "../ports/mod.ts";

/** `clock` times requests and responses on their way. */
export type SimWebOptions = {
  readonly clock: Clock;
  /** Told what a handler, or a response body it made, threw. */
  readonly onError: (cause: unknown) => void;
};

/** One registry of addresses: two of them do not see each other. */
export function openSimWeb(options: SimWebOptions): Web {
  return new SimulatedWeb(options);
}

const ephemeralPortMin = 49_152; // RFC 6335 section 6

class SimulatedWeb implements Web {
  readonly #options: SimWebOptions;
  readonly #servers = new Map<string, SimWebServer>();
  #nextPort = ephemeralPortMin;

  constructor(options: SimWebOptions) {
    this.#options = options;
  }

  async serve(address: WebAddress, handle: WebHandler): Promise<WebServer> {
    await this.#turn();
    const bound = address.type === "tcp" && address.port === 0
      ? { ...address, port: this.#nextPort++ }
      : address;
    const key = labelOf(bound);
    if (this.#servers.has(key)) {
      throw new ConflictError(`Address ${key} is in use`);
    }
    const server: SimWebServer = new SimWebServer(bound, {
      handle,
      onError: this.#options.onError,
      release: () => {
        if (this.#servers.get(key) === server) this.#servers.delete(key);
      },
    });
    this.#servers.set(key, server);
    return server;
  }

  async request(address: WebAddress, request: Request): Promise<Response> {
    await this.#turn();
    const server = this.#servers.get(labelOf(address));
    if (server === undefined) {
      throw new UnreachableError(`Nobody listens on ${labelOf(address)}`);
    }
    const response = await server.answer(request);
    await this.#turn();
    return response;
  }

  #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#options.clock.after(0, resolve);
    return promise;
  }
}

function labelOf(address: WebAddress): string {
  return address.type === "unix"
    ? address.path
    : `${address.ip}:${address.port}`;
}

type ServerParts = {
  readonly handle: WebHandler;
  readonly onError: (cause: unknown) => void;
  readonly release: () => void;
};

/** A request from its arrival to the last byte of its response. */
class Exchange {
  readonly #cut = Promise.withResolvers<never>();
  readonly #ended = Promise.withResolvers<void>();
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor() {
    // It rejects although nobody may race it any more.
    this.#cut.promise.catch(() => this.end());
  }

  get cutOff(): Promise<never> {
    return this.#cut.promise;
  }

  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  end(): void {
    this.#ended.resolve();
  }

  cut(cause: Error): void {
    this.#body?.error(cause);
    this.#cut.reject(cause);
  }

  /** `response` with a body that reports its own end. */
  watch(response: Response, onError: (cause: unknown) => void): Response {
    const reader = response.body?.getReader();
    if (reader === undefined) {
      this.end();
      return response;
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#body = controller;
      },
      pull: async (controller) => {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          controller.close();
        } catch (cause) {
          onError(cause);
          controller.error(new TypeError("The body broke off", { cause }));
        }
        this.end();
      },
      cancel: async (cause) => {
        this.end();
        await reader.cancel(cause);
      },
    });
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  }
}

class SimWebServer implements WebServer {
  readonly address: WebAddress;
  readonly #parts: ServerParts;
  readonly #exchanges = new Set<Exchange>();

  constructor(address: WebAddress, parts: ServerParts) {
    this.address = address;
    this.#parts = parts;
  }

  async answer(request: Request): Promise<Response> {
    const { signal } = request;
    signal.throwIfAborted();
    const exchange = new Exchange();
    const abort = () => exchange.cut(signal.reason);
    signal.addEventListener("abort", abort);
    this.#exchanges.add(exchange);
    void exchange.ended.then(() => {
      signal.removeEventListener("abort", abort);
      this.#exchanges.delete(exchange);
    });
    return await Promise.race([
      this.#run(request, exchange),
      exchange.cutOff,
    ]);
  }

  async #run(request: Request, exchange: Exchange): Promise<Response> {
    const { handle, onError } = this.#parts;
    try {
      const received = new Request(request.url, request);
      return exchange.watch(await handle(received), onError);
    } catch (cause) {
      onError(cause);
      exchange.end();
      return new Response(undefined, { status: 500 });
    }
  }

  async drain(): Promise<void> {
    this.#parts.release();
    await Promise.all([...this.#exchanges].map(({ ended }) => ended));
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#parts.release();
    const cause = new ConnectionLostError(
      `${labelOf(this.address)} closed the connection before it answered`,
    );
    for (const exchange of this.#exchanges) exchange.cut(cause);
    return Promise.resolve();
  }
}
