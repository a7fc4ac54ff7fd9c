// The mesh's wire as a port: authenticated-by-address QUIC endpoints, sessions,
// streams and datagrams. Authentication of members is the transport folder's
// work, above this. Its adapters, real and simulated, come with the mesh.

export type NetworkAddress = { readonly ip: string; readonly port: number };

/** Why a session ended: the peer's or our close, or silence. */
export type SessionEnd =
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "lost"; readonly cause: unknown };

/** A bidirectional byte stream. Truncation may look like a clean end. */
export interface SessionStream {
  readonly readable: ReadableStream<Uint8Array>;
  readonly writable: WritableStream<Uint8Array>;
}

export interface Session extends AsyncDisposable {
  /** Readable right after accept or dial. */
  readonly protocol: string;
  readonly remote: NetworkAddress;
  /** Settles once; never rejects. */
  readonly ended: Promise<SessionEnd>;
  /** Waits while the peer's stream limit is reached. */
  openStream(signal: AbortSignal): Promise<SessionStream>;
  /** Streams the peer opens; ends with the session. */
  incomingStreams(): AsyncIterable<SessionStream>;
  /** Unreliable; false when it does not fit the current datagram size. */
  sendDatagram(bytes: Uint8Array): Promise<boolean>;
  incomingDatagrams(): AsyncIterable<Uint8Array>;
  close(code: number, reason: string): void;
}

export type TlsIdentity = {
  readonly certificatesPem: string;
  readonly privateKeyPem: string;
};

export type DialOptions = {
  /** The DNS name in the peer's certificate. */
  readonly serverName: string;
  /** PEM of the only anchor this dial trusts. */
  readonly anchorPem: string;
  readonly protocols: readonly string[];
};

export interface Endpoint extends AsyncDisposable {
  readonly local: NetworkAddress;
  /** @throws {UnreachableError} Nobody answers, or the anchor does not fit. */
  dial(to: NetworkAddress, options: DialOptions): Promise<Session>;
  /** Sessions peers open; a failed handshake of one never ends it. */
  incomingSessions(): AsyncIterable<Session>;
  /** Serves new handshakes with another certificate; sessions stay. */
  rotate(identity: TlsIdentity): void;
}

export interface Network {
  open(
    bind: NetworkAddress,
    identity: TlsIdentity,
    options: { readonly protocols: readonly string[] },
  ): Promise<Endpoint>;
}
