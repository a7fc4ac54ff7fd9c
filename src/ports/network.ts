// The mesh's wire as a port: QUIC endpoints, sessions, streams and datagrams.
// A session proves at most that the server holds the key behind the anchor it
// was dialled with: who is a member is the transport folder's work, above this.

/** `ip` is a literal, never a host name; `port` is 0 to 65535. */
export type NetworkAddress = { readonly ip: string; readonly port: number };

/** Why a session ended: the peer's or our close, or silence. */
export type SessionEnd =
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "lost"; readonly cause: unknown };

/** A bidirectional byte stream. Truncation may look like a clean end. */
export interface SessionStream {
  /** A byte stream; errors when it is reset or the session is lost. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Closing it ends our half only. Await each write: the queue is unbounded. */
  readonly writable: WritableStream<Uint8Array>;
}

/** One connection to one peer; disposing it ends all its streams. */
export interface Session extends AsyncDisposable {
  /** The ALPN id; readable right after accept or dial. */
  readonly protocol: string;
  /** Where its packets come from; proves nothing about who it is. */
  readonly remote: NetworkAddress;
  /**
   * True when the TLS handshake is over, and with it the peer's address is
   * proven; false when the session ended before. Never rejects.
   */
  readonly established: Promise<boolean>;
  /** Settles once; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /**
   * Waits while the peer's stream limit is reached; room comes in steps of an
   * eighth of it. The peer sees the stream with its first bytes. The acceptor
   * may open streams before the handshake is over (0.5-RTT): nobody is proven
   * then.
   *
   * @throws The signal's reason when it aborts first.
   * @throws {UnreachableError} The session has ended.
   */
  openStream(signal: AbortSignal): Promise<SessionStream>;
  /** Streams the peer opens; ends with the session. Iterate it once. */
  incomingStreams(): AsyncIterable<SessionStream>;
  /** Unreliable; false when it does not fit the current datagram size. */
  sendDatagram(bytes: Uint8Array): Promise<boolean>;
  /** Some may be lost or out of order; ends with the session. */
  incomingDatagrams(): AsyncIterable<Uint8Array>;
  /** Ends it at once; `code` and `reason` reach the peer at best. */
  close(code: number, reason: string): void;
}

/** A session somebody asks for. One of the two must be called, once. */
export interface IncomingSession {
  /** Undefined when it failed meanwhile. */
  accept(): Session | undefined;
  /** Drops it without an answer. */
  ignore(): void;
}

/** PEM, the leaf certificate first. The key is a secret: never log it. */
export type TlsIdentity = {
  readonly certificatesPem: string;
  readonly privateKeyPem: string;
};

/** What a dial asks for. */
export type DialOptions = {
  /** The DNS name in the peer's certificate. */
  readonly serverName: string;
  /** PEM of the only anchor this dial trusts. */
  readonly anchorPem: string;
  /** ALPN ids; of several that the peer speaks too, the peer chooses. */
  readonly protocols: readonly string[];
  /** Gives up waiting; the attempt itself may go on for 10 s, unseen. */
  readonly signal: AbortSignal;
};

/** Dials and listens on one UDP socket; disposing ends its sessions. */
export interface Endpoint extends AsyncDisposable {
  /** With the port that the system chose. */
  readonly local: NetworkAddress;
  /**
   * One attempt, which takes 10 s when nobody answers; safe to retry.
   *
   * @throws The signal's reason when it aborts first.
   * @throws {UnreachableError} Nobody answers, the anchor does not fit, or no
   * one machine can have this address.
   * @throws {LimitError} Too many are under way, those given up included.
   * @throws {InputError} `to` holds no IP literal.
   * @throws {ClosedError} The endpoint is closed.
   */
  dial(to: NetworkAddress, options: DialOptions): Promise<Session>;
  /**
   * Sessions peers ask for, until disposal; a failed handshake of one never
   * ends it. Iterate it once.
   */
  incomingSessions(): AsyncIterable<IncomingSession>;
  /** Serves new handshakes with another certificate; sessions stay. */
  rotate(identity: TlsIdentity): void;
}

/** A process opens one endpoint: a closed one may keep its port busy. */
export interface Network {
  /**
   * Port 0 lets the system choose; `protocols` are accepted from peers, the
   * preferred one first. An ip
   * of "::" also takes IPv4 where the system has both, and becomes "0.0.0.0"
   * where it has no IPv6.
   *
   * @throws {ConflictError} The port is in use.
   * @throws {InputError} The address is not of this machine, or the identity
   * is no certificate with its key.
   */
  open(
    bind: NetworkAddress,
    options: {
      readonly identity: TlsIdentity;
      readonly protocols: readonly string[];
    },
  ): Promise<Endpoint>;
  /** Addresses of this machine's interfaces, loopback last; IP literals. */
  localIps(): readonly string[];
}
