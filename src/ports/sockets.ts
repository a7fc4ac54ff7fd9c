// Plain TCP and UDP on this machine, for services and their users. A TCP
// connection keeps its two halves apart: one side may end while the other
// still flows, and a reset is told apart from an end.

import type { NetworkAddress } from "./network.ts";

/** One reader and one writer; disposing drops what was not read. */
export interface TcpConnection extends AsyncDisposable {
  /** The other end, as this machine sees it. */
  readonly remote: NetworkAddress;
  /** The next bytes; undefined at the peer's end of stream. */
  read(): Promise<Uint8Array | undefined>;
  /** Resolves when the system took the bytes: await it for backpressure. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends our half; reading goes on. */
  closeWrite(): Promise<void>;
  /** Drops the connection; the peer sees a reset (RST). */
  reset(): void;
}

/** Disposing resets who still waits; connections taken live on. */
export interface TcpListener extends AsyncDisposable {
  /** With the port that the system chose. */
  readonly local: NetworkAddress;
  /** Ends when the listener is disposed. */
  incoming(): AsyncIterable<TcpConnection>;
}

/** Datagrams may be lost, doubled or out of order. */
export interface UdpSocket extends AsyncDisposable {
  /** With the port that the system chose. */
  readonly local: NetworkAddress;
  /**
   * Resolves when the system took it, which is no promise that it arrives.
   *
   * @throws {LimitError} Longer than a datagram may be.
   */
  send(bytes: Uint8Array, to: NetworkAddress): Promise<void>;
  /** Ends when the socket is disposed. */
  incoming(): AsyncIterable<
    { readonly bytes: Uint8Array; readonly from: NetworkAddress }
  >;
}

/** Reads and writes of every part throw {UnreachableError} after a reset. */
export interface Sockets {
  /** Port 0 lets the system choose. @throws {ConflictError} Port in use. */
  listenTcp(bind: NetworkAddress): Promise<TcpListener>;
  /**
   * One attempt, without a timeout of its own; safe to retry.
   *
   * @throws {UnreachableError} Refused, or no route.
   */
  connectTcp(to: NetworkAddress): Promise<TcpConnection>;
  /** Port 0 lets the system choose. @throws {ConflictError} Port in use. */
  bindUdp(bind: NetworkAddress): Promise<UdpSocket>;
}
