// The mesh's wire as a port: authenticated-by-address QUIC endpoints, sessions,
// streams and datagrams. Authentication of members is the transport folder's
// work, above this. Its adapters, real and simulated, come with the mesh.

/** `ip` is a literal, never a host name; `port` is 0 to 65535. */
export type NetworkAddress = { readonly ip: string; readonly port: number };

/** Why a session ended: the peer's or our close, or silence. */
export type SessionEnd =
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "lost"; readonly cause: unknown };

/** A bidirectional byte stream. Truncation may look like a clean end. */
export interface SessionStream {
  /** Errors when the stream is reset or the session is lost. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Closing it ends our half only. */
  readonly writable: WritableStream<Uint8Array>;
}

/** One connection to one peer; disposing it ends all its streams. */
export interface Session extends AsyncDisposable {
  /** Readable right after accept or dial. */
  readonly protocol: string;
  /** Where its packets come from; proves nothing about who it is. */
  readonly remote: NetworkAddress;
  /** Settles once; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Waits while the peer's stream limit is reached. */
  openStream(signal: AbortSignal): Promise<SessionStream>;
  /** Streams the peer opens; ends with the session. */
  incomingStreams(): AsyncIterable<SessionStream>;
  /** Unreliable; false when it does not fit the current datagram size. */
  sendDatagram(bytes: Uint8Array): Promise<boolean>;
  /** Some may be lost or out of order; ends with the session. */
  incomingDatagrams(): AsyncIterable<Uint8Array>;
  /** Ends it at once; `code` and `reason` reach the peer at best. */
  close(code: number, reason: string): void;
}

/** PEM, the leaf certificate first. The key is a secret: never log it. */
export type TlsIdentity = {
  readonly certificatesPem: string;
  readonly privateKeyPem: string;
};

/** `protocols` are ALPN ids, the preferred one first. */
export type DialOptions = {
  /** The DNS name in the peer's certificate. */
  readonly serverName: string;
  /** PEM of the only anchor this dial trusts. */
  readonly anchorPem: string;
  readonly protocols: readonly string[];
};

/** Dials and listens on one UDP socket; disposing ends its sessions. */
export interface Endpoint extends AsyncDisposable {
  /** With the port that the system chose. */
  readonly local: NetworkAddress;
  /**
   * One attempt; safe to retry.
   *
   * @throws {UnreachableError} Nobody answers, or the anchor does not fit.
   */
  dial(to: NetworkAddress, options: DialOptions): Promise<Session>;
  /** Sessions peers open; a failed handshake of one never ends it. */
  incomingSessions(): AsyncIterable<Session>;
  /** Serves new handshakes with another certificate; sessions stay. */
  rotate(identity: TlsIdentity): void;
}

/** A process opens one endpoint: a closed one may keep its port busy. */
export interface Network {
  /** Port 0 lets the system choose; `protocols` are accepted from peers. */
  open(
    bind: NetworkAddress,
    identity: TlsIdentity,
    options: { readonly protocols: readonly string[] },
  ): Promise<Endpoint>;
}
