// TCP and UDP of one machine in memory and in virtual time. In come addresses;
// out go connections with bounded buffers and sockets that may lose datagrams.
// Everything crosses by a timer of the clock, in order per connection. It must
// never be kinder than a system: a full buffer blocks, a reset loses bytes.

import {
  ClosedError,
  LimitError,
  limits,
  UnreachableError,
} from "../kernel/mod.ts";
import type {
  Clock,
  NetworkAddress,
  Random,
  Sockets,
  TcpConnection,
  TcpListener,
  UdpSocket,
} from "../ports/mod.ts";
import { Inbox } from "./inbox.ts";
import { PortTable } from "./port_table.ts";
import { connectPair } from "./tcp_pair.ts";

/** `clock` times every byte and datagram on its way. */
export type SimSocketsOptions = {
  readonly clock: Clock;
  /** Needed when datagrams are dropped. */
  readonly random?: Random | undefined;
  /** Of every 100 datagrams, how many get lost; 0 unless told. */
  readonly dropPercent?: number | undefined;
};

/** One address space: sockets of two calls do not see each other. */
export function openSimSockets(options: SimSocketsOptions): Sockets {
  return new SimulatedSockets(options);
}

const ephemeralPortMin = 49_152; // RFC 6335 section 6
const udpPayloadBytesMax = 65_507; // 65535 - 20 (IPv4) - 8 (UDP)
const udpQueueDatagramsMax = 256;

class SimulatedSockets implements Sockets {
  readonly #options: SimSocketsOptions;
  readonly #listeners = new PortTable<SimTcpListener>();
  readonly #sockets = new PortTable<SimUdpSocket>();
  #nextClientPort = ephemeralPortMin;

  constructor(options: SimSocketsOptions) {
    this.#options = options;
  }

  // Async, so that a refusal rejects.
  async listenTcp(bind: NetworkAddress): Promise<TcpListener> {
    await Promise.resolve();
    return this.#listeners.claim(
      bind,
      (local, release) => new SimTcpListener(local, release),
    );
  }

  async connectTcp(to: NetworkAddress): Promise<TcpConnection> {
    await this.#turn();
    const listener = this.#listeners.find(to);
    if (listener === undefined || listener.isFull) {
      throw new UnreachableError(`Nobody listens on ${keyOf(to)}`);
    }
    const from = { ip: to.ip, port: this.#clientPort() };
    const [ours, theirs] = connectPair(this.#options.clock, { from, to });
    listener.accept(theirs);
    return ours;
  }

  async bindUdp(bind: NetworkAddress): Promise<UdpSocket> {
    await Promise.resolve();
    const send = (bytes: Uint8Array, route: Route) => this.#send(bytes, route);
    return this.#sockets.claim(
      bind,
      (local, release) => new SimUdpSocket(local, { release, send }),
    );
  }

  async #send(bytes: Uint8Array, { from, to }: Route): Promise<void> {
    if (bytes.length > udpPayloadBytesMax) {
      throw new LimitError(`A datagram to ${keyOf(to)} is too long`);
    }
    const copy = bytes.slice();
    const { random, dropPercent = 0 } = this.#options;
    const isLost = random !== undefined && random.integer(100) < dropPercent;
    if (!isLost) {
      this.#options.clock.after(0, () => {
        this.#sockets.find(to)?.receive({ bytes: copy, from });
      });
    }
    await this.#turn();
  }

  #turn(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#options.clock.after(0, resolve);
    return promise;
  }

  #clientPort(): number {
    const port = this.#nextClientPort;
    this.#nextClientPort = port === 65_535 ? ephemeralPortMin : port + 1;
    return port;
  }
}

type Route = { readonly from: NetworkAddress; readonly to: NetworkAddress };

function keyOf({ ip, port }: NetworkAddress): string {
  return `${ip}:${port}`;
}

class SimTcpListener implements TcpListener {
  readonly local: NetworkAddress;
  readonly #release: () => void;
  readonly #inbox = new Inbox<TcpConnection>();

  constructor(local: NetworkAddress, release: () => void) {
    this.local = local;
    this.#release = release;
  }

  get isFull(): boolean {
    return this.#inbox.size >= limits.acceptQueueConnectionsMax;
  }

  accept(connection: TcpConnection): void {
    this.#inbox.push(connection);
  }

  incoming(): AsyncIterable<TcpConnection> {
    return this.#inbox.items();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#release();
    for (const connection of this.#inbox.close()) connection.reset();
    return Promise.resolve();
  }
}

type Datagram = { readonly bytes: Uint8Array; readonly from: NetworkAddress };

class SimUdpSocket implements UdpSocket {
  readonly local: NetworkAddress;
  readonly #release: () => void;
  readonly #send: (bytes: Uint8Array, route: Route) => Promise<void>;
  readonly #inbox = new Inbox<Datagram>();
  #closed = false;

  constructor(
    local: NetworkAddress,
    options: {
      readonly release: () => void;
      readonly send: (bytes: Uint8Array, route: Route) => Promise<void>;
    },
  ) {
    this.local = local;
    this.#release = options.release;
    this.#send = options.send;
  }

  async send(bytes: Uint8Array, to: NetworkAddress): Promise<void> {
    if (this.#closed) {
      throw new ClosedError(`UDP ${keyOf(this.local)} is closed`);
    }
    await this.#send(bytes, { from: this.local, to });
  }

  incoming(): AsyncIterable<Datagram> {
    return this.#inbox.items();
  }

  /** Drops what finds the queue full, as a system does. */
  receive(datagram: Datagram): void {
    if (this.#inbox.size < udpQueueDatagramsMax) this.#inbox.push(datagram);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    this.#release();
    this.#inbox.close();
    return Promise.resolve();
  }
}
