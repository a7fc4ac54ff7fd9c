// Addresses of DNS names, by Deno.resolveDns. It is asynchronous to the end and
// can be given up, while getaddrinfo blocks one of the few threads on which
// files are written too: a slow name server, which a seed may choose, must never
// hold those. Only where no name server may be asked does getaddrinfo do it.

import { limits } from "../kernel/mod.ts";
import { OutboundError } from "../ports/mod.ts";
import { isDenied } from "./denied.ts";

export type NamesOptions = {
  /** The machine's own unless told. */
  readonly nameServer?: { readonly ipAddr: string; readonly port: number };
  /** In the place of getaddrinfo. */
  readonly askSystem?: (host: string) => Promise<readonly string[]>;
};

/** Who asks, and until when. */
export type LookupOptions = {
  /** Has a few of the places where look-ups block a thread, never all. */
  readonly partition: string;
  readonly signal: AbortSignal;
};

type Waiting = {
  readonly partition: string;
  readonly run: () => Promise<void>;
};

/** Of the 32 threads that Deno 2.9.6 has for all that blocks. */
const blockingMax = 4;

export class OutboundNames {
  readonly #options: NamesOptions;
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>();
  /** By partition. */
  readonly #blocking = new Map<string, number>();
  #blockingTotal = 0;

  constructor(options: NamesOptions) {
    this.#options = options;
  }

  /** IPv4 first; at least one. Rejects with the signal's reason. */
  async resolve(
    host: string,
    options: LookupOptions,
  ): Promise<readonly string[]> {
    const { signal } = options;
    signal.throwIfAborted();
    const answers = await Promise.allSettled([
      this.#ask(host, { record: "A", signal }),
      this.#ask(host, { record: "AAAA", signal }),
    ]);
    signal.throwIfAborted();
    const addresses: string[] = [];
    const reasons: unknown[] = [];
    for (const answer of answers) {
      if (answer.status === "fulfilled") addresses.push(...answer.value);
      else reasons.push(answer.reason);
    }
    if (addresses.length > 0) return addresses;
    if (reasons.some(isDenied)) return await this.#askSystem(host, options);
    throw new OutboundError("unknown-host", host, { cause: reasons[0] });
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
    { partition, signal }: LookupOptions,
  ): Promise<readonly string[]> {
    const { promise, resolve, reject } = Promise.withResolvers<
      readonly string[]
    >();
    const { askSystem = systemAddresses } = this.#options;
    const entry: Waiting = {
      partition,
      run: () => askSystem(host).then(resolve, reject),
    };
    const giveUp = () => {
      this.#waiting.delete(entry);
      reject(signal.reason);
    };
    signal.throwIfAborted();
    signal.addEventListener("abort", giveUp);
    this.#waiting.add(entry);
    this.#startNext();
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
  }

  #startNext(): void {
    for (const entry of this.#waiting) {
      if (this.#blockingTotal >= blockingMax) return;
      const { partition, run } = entry;
      const own = this.#blocking.get(partition) ?? 0;
      if (own >= limits.outboundLookupsPerPartitionMax) continue;
      this.#waiting.delete(entry);
      this.#blocking.set(partition, own + 1);
      this.#blockingTotal++;
      void run().finally(() => {
        this.#leave(partition);
        this.#startNext();
      });
    }
  }

  #leave(partition: string): void {
    const others = (this.#blocking.get(partition) ?? 0) - 1;
    this.#blockingTotal--;
    if (others > 0) this.#blocking.set(partition, others);
    else this.#blocking.delete(partition);
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
