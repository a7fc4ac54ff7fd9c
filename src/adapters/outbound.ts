// Outbound HTTP by node:http over connections of our own: to a given address,
// without a look-up, with the URL's name in Host and TLS. In come requests; out
// go whole responses, counted while they arrive. It follows nothing, decodes
// nothing, asks no proxy, and leaves no connection open when disposed. Deno's TLS
// reads DENO_TLS_CA_STORE and SSLKEYLOGFILE by itself: the launcher sets both.

import { addressText, ClosedError } from "../kernel/mod.ts";
import {
  type Outbound,
  OutboundError,
  type OutboundRequest,
  type OutboundResponse,
} from "../ports/mod.ts";
import {
  type ConnectionsOptions,
  OutboundConnections,
} from "./outbound_connections.ts";
import { exchange } from "./outbound_exchange.ts";
import {
  type LookupOptions,
  type NamesOptions,
  OutboundNames,
} from "./outbound_names.ts";
import { LocalNetworks } from "./outbound_networks.ts";

/** Of the machine unless told otherwise, as tests do. */
export type OutboundOptions = ConnectionsOptions & NamesOptions;

/** Disposing ends what is under way with a ClosedError. */
export function openOutbound(
  options: OutboundOptions = {},
): Outbound & AsyncDisposable {
  return new NodeOutbound(options);
}

/** Sent twice they do what they do once (RFC 9110 section 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set([
  ...["GET", "HEAD", "OPTIONS", "PUT", "DELETE"],
]);

class NodeOutbound implements Outbound, AsyncDisposable {
  readonly #connections: OutboundConnections;
  readonly #names: OutboundNames;
  readonly #networks = new LocalNetworks();
  readonly #closing = new AbortController();

  constructor(options: OutboundOptions) {
    this.#connections = new OutboundConnections(options);
    this.#names = new OutboundNames(options);
  }

  async resolve(
    host: string,
    { partition, signal: given }: LookupOptions,
  ): Promise<readonly string[]> {
    using either = new EitherSignal(given, this.#closing.signal);
    const { signal } = either;
    return await this.#names.resolve(host, { partition, signal });
  }

  localNetworks(): readonly string[] {
    return this.#networks.get();
  }

  async request(request: OutboundRequest): Promise<OutboundResponse> {
    const { url, address, method } = request;
    using either = new EitherSignal(request.signal, this.#closing.signal);
    const { signal } = either;
    signal.throwIfAborted();
    const port = Number(url.port) || (url.protocol === "https:" ? 443 : 80);
    await checkRight({ ip: address, port }, url.host);
    const route = { request, port, signal };
    const connections = this.#connections;
    const first = await exchange(route, { connections, isNew: false });
    if (first.type === "answered") return first.response;
    // It may have died while nobody used it: that says nothing of the server.
    if (first.isStale && idempotentMethods.has(method)) {
      const second = await exchange(route, { connections, isNew: true });
      if (second.type === "answered") return second.response;
      throw second.cause;
    }
    throw first.cause;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new ClosedError("Outbound HTTP is closed"));
    await this.#connections[Symbol.asyncDispose]();
  }
}

/** Aborts with the first of two, and leaves nothing on the longer-lived. */
class EitherSignal implements Disposable {
  readonly #abort = new AbortController();
  readonly #scope = new DisposableStack();

  constructor(...signals: readonly AbortSignal[]) {
    for (const one of signals) {
      const abort = () => this.#abort.abort(one.reason);
      if (one.aborted) abort();
      one.addEventListener("abort", abort);
      this.#scope.defer(() => one.removeEventListener("abort", abort));
    }
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  [Symbol.dispose](): void {
    this.#scope.dispose();
  }
}

/** node:net throws outside of any stack when a right is missing: ask first. */
async function checkRight(
  at: { readonly ip: string; readonly port: number },
  host: string,
): Promise<void> {
  const { state } = await Deno.permissions.query({
    name: "net",
    host: addressText(at),
  });
  if (state !== "granted") throw new OutboundError("denied", host);
}
