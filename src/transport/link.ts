// A link: one authenticated connection to one member, as the folders above see
// it. They open streams of a protocol, take those the peer opens from the
// router, and hear how it ended. None of them sees the session below.

import type { Bytes, ErrorReport, PeerId } from "../kernel/mod.ts";
import type { NetworkAddress } from "../ports/mod.ts";
import type { Credential, MemberFacts } from "../identity/mod.ts";
import type { Protocol } from "./protocols.ts";

/** One message of a stream; `kind` is a number of its protocol. */
export type Frame = { readonly kind: number; readonly body: Bytes };

/** A stream of frames, each of bounded length. Disposing drops both halves. */
export interface FrameStream extends AsyncDisposable {
  /**
   * The next frame; undefined when the peer ended its half, which may also be
   * a truncation: messages whose absence matters carry an end of their own.
   *
   * A body may share memory with its neighbours: copy what is kept for long.
   *
   * @throws {LimitError} The peer announced a frame over the limit.
   * @throws {InputError} The peer announced a frame without a kind.
   * @throws {UnreachableError} The stream was reset or ended inside a frame, or
   * the link is gone.
   * @throws {ClosedError} It was disposed here.
   */
  read(): Promise<Frame | undefined>;
  /**
   * Resolves when the system took it. Frames written while another is under
   * way leave together with the next write: many small ones cost one. Leave
   * `body` as it is until then.
   *
   * @throws {LimitError} More than `frameWritesMax` writes wait.
   * @throws {UnreachableError} The stream was reset or the link is gone.
   */
  write(kind: number, body: Uint8Array): Promise<void>;
  /** Ends our half after what was written; no promise that it arrived. */
  end(): Promise<void>;
}

/** Who may open what to whom: newest knowledge, not that of the handshake. */
export type PeerHello = {
  /** For people; several nodes may have it. */
  readonly name: string;
  readonly version: string;
  /** Where it listens, as it believes; the best first. */
  readonly addresses: readonly NetworkAddress[];
  /**
   * Its authority's public key, certified or not; 32 bytes. Of a peer only one
   * that it has proven to be its own: else neither this nor the proof is here.
   */
  readonly authorityKey?: Bytes | undefined;
  /** Of that key, as `signAuthorityKey` makes it; 64 bytes. */
  readonly authorityProof?: Bytes | undefined;
};

/** How a link ended. */
export type LinkEnd =
  | { readonly type: "closed"; readonly code: number; readonly reason: string }
  | { readonly type: "lost"; readonly reason: string };

/** How far an admin's document reaches, as the handshake tells it. */
export type RightsHead = {
  readonly admin: PeerId;
  readonly generation: number;
  /** seq of its newest batch that touched rights; 0: none. */
  readonly rev: number;
};

/** One authenticated connection. */
export interface Link {
  /** Whose identity key was proven. */
  readonly peer: PeerId;
  /** Changes when the peer shows a renewed credential. */
  readonly credential: Credential;
  /** What that credential proves, as last judged. */
  readonly facts: MemberFacts;
  /** Hex of the client's signature: the name of this connection. */
  readonly id: string;
  /** Whether this node dialled. */
  readonly isDialer: boolean;
  /** Where its packets come from now. */
  readonly remote: NetworkAddress;
  /** Of the protocol, as both agreed. */
  readonly version: number;
  /** 16 bytes of the peer's process. */
  readonly bootId: Bytes;
  /**
   * What the peer knew of the admins when it was authenticated; none while it
   * is still to prove itself (see `Transport.earliest`).
   */
  readonly heads: readonly RightsHead[];
  /** Monotonic, of this machine. */
  readonly sinceMs: number;
  /** Undefined before the first pong. */
  readonly rttMs: number | undefined;
  /** Monotonic: its newest frame here; undefined: not known. */
  readonly heardMs?: number | undefined;
  /** True after 3 pings without an answer, until one comes. */
  readonly isSuspect: boolean;
  /** Undefined until the peer has said it. */
  readonly hello: PeerHello | undefined;
  /** Where the peer sees this node; undefined until it has said it. */
  readonly observed: NetworkAddress | undefined;
  /** Settles once; never rejects. */
  readonly ended: Promise<LinkEnd>;
  /**
   * Waits for room under the peer's stream limit.
   *
   * @throws {UnreachableError} The link has ended.
   */
  openStream(protocol: Protocol, signal: AbortSignal): Promise<FrameStream>;
  /** One round trip of the application. @throws {UnreachableError} */
  ping(signal: AbortSignal): Promise<number>;
  /** Harmless when it has ended. */
  close(code: number, reason: string): void;
}

/** Serves one stream that a peer opened; the stream ends with it. */
export type StreamHandler = (
  stream: FrameStream,
  context: { readonly link: Link; readonly signal: AbortSignal },
) => Promise<void>;

/** What the transport asks of whoever knows the cluster's rights. */
export interface Gatekeeper {
  /**
   * Whether who shows this credential may be here now.
   *
   * @throws {CredentialError | DeniedError} Why not: the peer is told.
   */
  admit(credential: Credential): MemberFacts;
  /** What this node knows of the admins, newest first, at most 64. */
  heads(): readonly RightsHead[];
  /**
   * Called once for each new link, before any stream that is not early is
   * served; the transport waits for it at most `settleMsMax`.
   */
  settle(link: Link, signal: AbortSignal): Promise<void>;
}

/** Counters and refusals of a transport, for status and metrics. */
export type TransportReport = {
  readonly links: number;
  readonly unauthenticated: number;
  readonly refusals: Readonly<Record<string, number>>;
  /** The newest few, with who and why. */
  readonly lastRefusals: readonly {
    readonly atMs: number;
    readonly from: NetworkAddress;
    readonly error: ErrorReport;
  }[];
};
