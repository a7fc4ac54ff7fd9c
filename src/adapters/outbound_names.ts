// Addresses of DNS names, by Deno.resolveDns. It is asynchronous to the end and
// can be given up, while getaddrinfo blocks one of the few threads on which
// files are written too: a slow name server, which a seed may choose, must never
// hold those. Only where no name server may be asked does getaddrinfo do it.

import { OutboundError } from "../ports/mod.ts";
import { isDenied } from "./denied.ts";

export type NamesOptions = {
  /** The machine's own unless told. */
  readonly nameServer?: { readonly ipAddr: string; readonly port: number };
};

/** Of the 32 threads that Deno 2.9.6 has for all that blocks. */
const blockingMax = 4;

export class OutboundNames {
  readonly #options: NamesOptions;
  readonly #waiting: (() => Promise<void>)[] = [];
  #blocking = 0;

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  /** IPv4 first; at least one. Rejects with the signal's reason. */
  async resolve(host: string, signal: AbortSignal): Promise<readonly string[]> {
    signal.throwIfAborted();
    const answers = await Promise.allSettled([
      this.#ask(host, { record: "A", signal }),
      this.#ask(host, { record: "AAAA", signal }),
    ]);
    signal.throwIfAborted();
    const addresses: string[] = [];
    let cause: unknown;
    for (const answer of answers) {
      if (answer.status === "fulfilled") addresses.push(...answer.value);
      else cause = answer.reason;
    }
    if (addresses.length > 0) return addresses;
    if (isDenied(cause)) return await this.#askSystem(host, signal);
    throw new OutboundError("unknown-host", host, { cause });
  }

  async #ask(
    host: string,
    { record, signal }: { record: "A" | "AAAA"; signal: AbortSignal },
  ): Promise<string[]> {
    const { nameServer } = this.#options;
    // A final dot keeps the machine's search domains out of names in full.
    const name = host.includes(".") ? `${host}.` : host;
    return await Deno.resolveDns(name, record, { nameServer, signal });
  }

  /** A look-up that was given up goes on, and keeps its place. */
  async #askSystem(
    host: string,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<
      readonly string[]
    >();
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp);
    this.#waiting.push(async () => {
      if (!signal.aborted) await systemAddresses(host).then(resolve, reject);
    });
    this.#startNext();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  #startNext(): void {
    if (this.#blocking >= blockingMax) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    this.#blocking++;
    void next().finally(() => {
      this.#blocking--;
      this.#startNext();
    });
  }
}

async function systemAddresses(host: string): Promise<readonly string[]> {
  const { lookup } = await import("node:dns/promises");
  try {
    const found = await lookup(host, { all: true, order: "ipv4first" });
    return found.map(({ address }) => address);
  } catch (cause) {
    throw new OutboundError("unknown-host", host, { cause });
  }
}
