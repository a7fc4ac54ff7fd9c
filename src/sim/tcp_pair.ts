// The two ends of a TCP connection in memory. In come bytes of one end; out
// they go at the other, in order, through a buffer of 64 KiB in each direction:
// a write waits until its last byte is in the buffer. A reset loses what the
// buffers hold. The halves end apart.

import { ClosedError, type PlnError, UnreachableError } from "../kernel/mod.ts";
import type { Clock, NetworkAddress, TcpConnection } from "../ports/mod.ts";

const bufferBytesMax = 64 * 1024;

/** The ends of a connection from `from` to `to`: the dialler's, the other. */
export function connectPair(
  clock: Clock,
  route: { readonly from: NetworkAddress; readonly to: NetworkAddress },
): readonly [TcpConnection, TcpConnection] {
  const there = new Half(clock);
  const back = new Half(clock);
  const ours = new SimConnection(route.to, { reads: back, writes: there });
  const theirs = new SimConnection(route.from, { reads: there, writes: back });
  return [ours, theirs];
}

type PendingWrite = {
  bytes: Uint8Array;
  readonly done: PromiseWithResolvers<void>;
};

/** One direction. */
class Half {
  readonly #clock: Clock;
  /** Bytes taken from the writer, on their way or waiting for a read. */
  #heldBytes = 0;
  readonly #arrived: Uint8Array[] = [];
  readonly #writes: PendingWrite[] = [];
  #reader: PromiseWithResolvers<Uint8Array | undefined> | undefined;
  #isEnding = false;
  #hasEnded = false;
  #readFailure: PlnError | undefined;
  #writeFailure: PlnError | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#readFailure !== undefined) {
      return Promise.reject(this.#readFailure);
    }
    this.#reader ??= Promise.withResolvers();
    const { promise } = this.#reader;
    this.#serveReader();
    return promise;
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.#writeFailure !== undefined) {
      return Promise.reject(this.#writeFailure);
    }
    if (this.#isEnding) {
      return Promise.reject(new ClosedError("Our half has ended"));
    }
    const done = Promise.withResolvers<void>();
    this.#writes.push({ bytes: bytes.slice(), done });
    this.#pump();
    return done.promise;
  }

  /** The end follows all bytes. */
  end(): Promise<void> {
    if (this.#isEnding) return Promise.resolve();
    if (this.#writeFailure !== undefined) {
      return Promise.reject(this.#writeFailure);
    }
    this.#isEnding = true;
    this.#pump();
    return Promise.resolve();
  }

  /** Gives up what is not in the buffer yet, and ends. */
  abandon(failure: PlnError): void {
    this.#isEnding = true;
    this.failWrites(failure);
    this.#pump();
  }

  failReads(failure: PlnError): void {
    this.#readFailure ??= failure;
    this.#heldBytes = 0;
    this.#arrived.length = 0;
    this.#reader?.reject(this.#readFailure);
    this.#reader = undefined;
  }

  failWrites(failure: PlnError): void {
    this.#writeFailure ??= failure;
    for (const { done } of this.#writes.splice(0)) {
      done.reject(this.#writeFailure);
    }
  }

  /** Moves what fits from the writer's side; then the end, when it is due. */
  #pump(): void {
    let write = this.#writes[0];
    while (write !== undefined) {
      const space = bufferBytesMax - this.#heldBytes;
      if (space === 0 && write.bytes.length > 0) return;
      this.#deliver(write.bytes.subarray(0, space));
      write.bytes = write.bytes.subarray(space);
      if (write.bytes.length > 0) return;
      this.#clock.after(0, write.done.resolve);
      this.#writes.shift();
      write = this.#writes[0];
    }
    if (!this.#isEnding) return;
    this.#clock.after(0, () => {
      this.#hasEnded = true;
      this.#serveReader();
    });
  }

  #deliver(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#heldBytes += bytes.length;
    this.#clock.after(0, () => {
      if (this.#readFailure !== undefined) return;
      this.#arrived.push(bytes);
      this.#serveReader();
    });
  }

  #serveReader(): void {
    const reader = this.#reader;
    if (reader === undefined) return;
    const chunk = this.#arrived.shift();
    if (chunk === undefined && !this.#hasEnded) return;
    this.#reader = undefined;
    reader.resolve(chunk);
    if (chunk === undefined) return;
    this.#heldBytes -= chunk.length;
    this.#pump();
  }
}

type Halves = { readonly reads: Half; readonly writes: Half };

class SimConnection implements TcpConnection {
  readonly remote: NetworkAddress;
  readonly #halves: Halves;
  #isDisposed = false;

  constructor(remote: NetworkAddress, halves: Halves) {
    this.remote = remote;
    this.#halves = halves;
  }

  read(): Promise<Uint8Array | undefined> {
    return this.#halves.reads.read();
  }

  write(bytes: Uint8Array): Promise<void> {
    return this.#halves.writes.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#halves.writes.end();
  }

  reset(): void {
    const failure = this.#lost("was reset");
    for (const half of [this.#halves.reads, this.#halves.writes]) {
      half.failReads(failure);
      half.failWrites(failure);
    }
  }

  /** The peer sees an end; what it writes from now on is lost. */
  [Symbol.asyncDispose](): Promise<void> {
    if (this.#isDisposed) return Promise.resolve();
    this.#isDisposed = true;
    const { ip, port } = this.remote;
    const closed = new ClosedError(`The connection to ${ip}:${port} is closed`);
    this.#halves.writes.abandon(closed);
    this.#halves.reads.failReads(closed);
    this.#halves.reads.failWrites(this.#lost("was lost"));
    return Promise.resolve();
  }

  #lost(how: string): UnreachableError {
    const { ip, port } = this.remote;
    return new UnreachableError(`The connection to ${ip}:${port} ${how}`);
  }
}
