// One TCP connection of node:net as a TcpConnection. In come a connected
// socket's events; out go reads, writes and their errors. It keeps the halves
// apart, which Deno's own TcpConn.readable does not (DESIGN.md section 13), and
// never holds more unread bytes than one event brought.

import type { Socket } from "node:net";
import {
  addressText,
  asPlnError,
  ClosedError,
  type PlnError,
  UnreachableError,
} from "../kernel/mod.ts";
import type { NetworkAddress, TcpConnection } from "../ports/mod.ts";

/** `socket` is connected and allows half-open connections. */
export function openTcpConnection(socket: Socket): TcpConnection {
  return new NodeTcpConnection(socket);
}

class NodeTcpConnection implements TcpConnection {
  readonly remote: NetworkAddress;
  readonly #socket: Socket;
  readonly #unread: Uint8Array[] = [];
  /** Of writes under way: a destroyed socket may forget their callbacks. */
  readonly #waiters = new Set<() => void>();
  readonly #closed = Promise.withResolvers<void>();
  #reader: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  #failure: PlnError | undefined;
  #peerEnded = false;
  #weEnded: Promise<void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.remote = {
      ip: socket.remoteAddress ?? "",
      port: socket.remotePort ?? 0,
    };
    socket.pause();
    socket.on("data", (chunk) => this.#receive(chunk));
    socket.on("end", () => {
      this.#peerEnded = true;
      this.#reader?.resolve(undefined);
      this.#reader = undefined;
    });
    socket.on("error", (cause) => this.#fail(this.#lost(cause)));
    socket.on("close", () => {
      this.#fail(this.#lost(undefined));
      for (const wake of this.#waiters) wake();
      this.#waiters.clear();
      this.#closed.resolve();
    });
  }

  read(): Promise<Uint8Array | undefined> {
    const chunk = this.#unread.shift();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#peerEnded) return Promise.resolve(undefined);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    // Concurrent reads share the next bytes' promise; one reader is the rule.
    this.#reader ??= Promise.withResolvers();
    this.#socket.resume();
    return this.#reader.promise;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#weEnded !== undefined) {
      throw new ClosedError(`Our half to ${this.#label} has ended`);
    }
    if (bytes.length === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    this.#socket.write(bytes, (cause) => {
      if (cause instanceof Error) this.#fail(this.#lost(cause));
      resolve();
    });
    await promise;
    this.#waiters.delete(resolve);
    if (this.#failure !== undefined) throw this.#failure;
  }

  closeWrite(): Promise<void> {
    this.#weEnded ??= this.#endOurHalf();
    return this.#weEnded;
  }

  reset(): void {
    this.#fail(
      new UnreachableError(`The connection to ${this.#label} was reset`),
    );
    this.#unread.length = 0;
    this.#socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#fail(new ClosedError(`The connection to ${this.#label} is closed`));
    this.#unread.length = 0;
    this.#socket.destroy();
    await this.#closed.promise;
  }

  get #label(): string {
    return addressText(this.remote);
  }

  async #endOurHalf(): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiters.add(resolve);
    this.#socket.end(resolve);
    await promise;
    this.#waiters.delete(resolve);
    if (!this.#socket.writableFinished && this.#failure !== undefined) {
      throw this.#failure;
    }
  }

  #receive(chunk: Uint8Array): void {
    const reader = this.#reader;
    this.#reader = undefined;
    this.#socket.pause();
    const bytes = new Uint8Array(
      chunk.buffer,
      chunk.byteOffset,
      chunk.byteLength,
    );
    if (reader === undefined) this.#unread.push(bytes);
    else reader.resolve(bytes);
  }

  #fail(failure: PlnError): void {
    if (this.#failure !== undefined) return;
    this.#failure = failure;
    this.#reader?.reject(failure);
    this.#reader = undefined;
  }

  #lost(cause: unknown): PlnError {
    if (cause instanceof Error && cause.name === "NotCapable") {
      return asPlnError(cause);
    }
    return new UnreachableError(`The connection to ${this.#label} was lost`, {
      cause,
    });
  }
}
